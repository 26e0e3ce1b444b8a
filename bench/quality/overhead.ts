/** What an orchestration costs beside its members: its own time for each child call, and waiting beyond the slowest branch. */
import { collectAnswer } from '../../src/composition/answer.ts';
import type { InlineOrchestration } from '../../src/contracts/library.ts';
import { FakeBackend, createFakeUpstream } from '../../src/testing/index.ts';
import type { Figure } from '../harness/report.ts';
import { summarize } from '../harness/statistics.ts';
import { withTutti } from './with-tutti.ts';

/** Runs before anything is measured, for the compiler. */
const WARM_UP = 150;
const ROUNDS = 15;
const RUNS_A_ROUND = 40;
/** Members of the small and of the large panel: what the one more than the other takes is the calls'. */
const FEW = 1;
const MANY = 9;

/**
 * Milliseconds of this process for each child call of members that answer at once: everything that stands between the
 * strategy and its member, and the member's own instant answer. Processor time: what else the machine does is not in it.
 */
export async function timePerCall(): Promise<Figure> {
  const backend = new FakeBackend({ models: { instant: { answer: '42' } } });
  return withTutti({ backends: [backend] }, async (tutti) => {
    const panel = (count: number): InlineOrchestration => ({
      strategy: 'consensus',
      voting: 'unanimous',
      answer: 'exact',
      members: Array.from({ length: count }, (_, i) => ({ model: 'fake:instant', name: `m${i}` })),
    });
    const ask = (count: number): Promise<unknown> => tutti.orchestrate({ ...panel(count), input: 'What is 6 x 7?' });
    for (let i = 0; i < WARM_UP; i++) await ask(i % 2 === 0 ? FEW : MANY);
    const rounds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const few = await cpuMsOf(() => ask(FEW));
      const many = await cpuMsOf(() => ask(MANY));
      rounds.push((many - few) / (MANY - FEW));
    }
    return { name: 'own time of a child call', unit: 'ms', target: { atMost: 0.2 }, ...summarize(rounds) };
  });
}

/** Milliseconds of processor time for one run. */
async function cpuMsOf(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < RUNS_A_ROUND; i++) await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / RUNS_A_ROUND;
}

/** Milliseconds after which each upstream answers. */
const UPSTREAM_MS = 200;
const BRANCHES = ['one', 'two', 'three'];

/** How long the first phase of `phased` takes, for its slowest branch, with upstreams that answer after 200 ms. */
export async function phaseToSlowestBranch(): Promise<Figure> {
  await using upstream = await createFakeUpstream({
    models: Object.fromEntries([...BRANCHES, 'thinker'].map((name) => [name, { answer: { text: name, delayMs: UPSTREAM_MS } }])),
  });
  const up = { type: 'openai-compatible', base_url: `${upstream.url}/v1` };
  return await withTutti({ backends: { up } }, async (tutti) => {
    await tutti.settled();
    const careful = { strategy: 'phased', context: BRANCHES.map((name) => `up:${name}`), reasoning: ['up:thinker'] };
    const ratios: number[] = [];
    for (let round = -1; round < ROUNDS; round++) {
      const execution = tutti.execute({
        operation: 'chat',
        orchestration: careful,
        input: { messages: [{ role: 'user', content: 'Who are you?' }] },
        commit: 'finish',
      });
      await collectAnswer(execution);
      const branches = execution.record().steps.filter(({ kind, path }) => kind === 'member' && path.includes('context'));
      const spans = branches.map(({ startedAt, endedAt }) => ({ from: startedAt, to: endedAt ?? startedAt }));
      if (spans.length !== BRANCHES.length) throw new Error(`The phase had ${spans.length} branches.`);
      const phase = Math.max(...spans.map(({ to }) => to)) - Math.min(...spans.map(({ from }) => from));
      // The first round opens the connections.
      if (round >= 0) ratios.push(phase / Math.max(...spans.map(({ from, to }) => to - from)));
    }
    return { name: 'phase to its slowest branch', unit: 'ratio', target: { atMost: 1.05 }, ...summarize(ratios) };
  });
}
