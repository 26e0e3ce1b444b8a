/** Whether an arbiter sends each request to the specialist that it is for. Whom there is to choose from differs from request to request. */
import { z } from 'zod';
import { collectAnswer } from '../../src/composition/answer.ts';
import type { BackendDefinition } from '../../src/contracts/backend.ts';
import type { InlineOrchestration } from '../../src/contracts/library.ts';
import type { EvalItem } from '../../src/eval/items.ts';
import { FakeBackend } from '../../src/testing/index.ts';
import { TuttiError } from '../../src/errors/error.ts';
import { progress, single, type Figure } from '../harness/report.ts';
import { Stage } from './stage.ts';

const ARBITER = 'embedded:tools';
const CONSULT = /^consult_/;

/** The share of requests whose first consultation is the right one. */
export async function rightSpecialist(items: readonly EvalItem[], { weights }: { readonly weights: string }): Promise<Figure> {
  const specialist = deskBackend(new Set(items.flatMap((item) => specialistsOf(item).map(({ name }) => name))));
  await using stage = await Stage.open({ weights, others: { specialist } });
  let right = 0;
  for (const item of items) {
    const wanted = item.calls?.[0]?.function.name.replace(CONSULT, '');
    const consulted = await firstConsulted(stage, item);
    if (consulted === wanted) right++;
    else progress(`${item.id}: ${consulted ?? 'nobody'} instead of ${wanted ?? 'nobody'}`);
  }
  return {
    ...single('requests sent to the right specialist', '%', (100 * right) / Math.max(1, items.length)),
    target: { atLeast: 95 },
  };
}

async function firstConsulted({ tutti }: Stage, item: EvalItem): Promise<string | null> {
  const execution = tutti.execute({
    orchestration: arbiterOver(item),
    operation: 'chat',
    input: { messages: [...item.messages] },
    commit: 'finish',
  });
  try {
    await collectAnswer(execution);
  } catch (error) {
    // An arbiter that asks nobody may fail in its own way; it has sent the request to nobody.
    if (!TuttiError.isInstance(error)) throw error;
  }
  const step = execution.record().steps.find(({ backend }) => backend === 'specialist');
  return step?.model?.slice('specialist:'.length) ?? null;
}

function arbiterOver(item: EvalItem): InlineOrchestration {
  const specialists = specialistsOf(item).map(({ name, description }) => [name, { model: `specialist:${name}`, description }]);
  return { strategy: 'arbiter', arbiter: ARBITER, style: 'route', tools: [], specialists: Object.fromEntries(specialists) };
}

function specialistsOf({ tools }: EvalItem): { name: string; description: string }[] {
  return tools
    .filter((tool) => CONSULT.test(tool.function.name))
    .map((tool) => ({ name: tool.function.name.replace(CONSULT, ''), description: tool.function.description ?? '' }));
}

const config = z.strictObject({});

/** The kind of backend `desk`: a model for each specialist, which answers at once. */
function deskBackend(names: ReadonlySet<string>): BackendDefinition<z.infer<typeof config>> {
  return {
    type: 'desk',
    config,
    create: async (_config, { id }) =>
      new FakeBackend({ id, models: Object.fromEntries([...names].map((name) => [name, { answer: 'Done.' }])) }),
  };
}
