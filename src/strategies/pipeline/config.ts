import { z } from 'zod';
import type { Member } from '../../contracts/member.ts';
import { memberKeys, memberSettings } from '../../contracts/member.ts';
import { isKnownCapability, operationOf, type Capability } from '../../contracts/vocabulary.ts';
import { expectation, type Expectation } from './expectation.ts';
import { inputFor } from './operations.ts';
import { checkTemplate } from './template.ts';

const stageEntry = memberSettings
  .extend({
    /** Who does it; with a `capability` alone, the best model for that. */
    model: z.string().min(1).optional(),
    capability: z.string().min(1).optional(),
    instructions: z.string().min(1).optional(),
    /** By which later stages mean its output. Default: the capability, else the model. */
    name: z
      .string()
      .regex(/^[A-Za-z0-9_-]+$/, 'a stage’s name has letters, digits, dashes and underscores')
      .optional(),
    consult: z.array(z.string().min(1)).min(1).optional(),
    /** What it is asked: `{input}` is the output of the stage before, `{question}` the caller’s, `{stages.<name>}` any earlier output. */
    prompt: z.string().min(1).optional(),
    expect: expectation.optional(),
    /** What is done when the call fails or its output is not as expected. */
    on_fail: z.enum(['retry', 'fail']).default('retry'),
    retries: z.int().min(1, 'retries is at least 1; `on_fail: fail` makes none').max(10, 'retries is at most 10').default(1),
  })
  .strict()
  .refine(({ model, capability }) => model !== undefined || capability !== undefined, 'a stage has a `model` or a `capability`');

const stageConfig = z.union([z.string().min(1), stageEntry]).transform((given) => {
  if (typeof given !== 'string') return given;
  const who = isKnownCapability(given) ? { capability: given } : { model: given };
  return stageEntry.parse(who);
});

/** What `strategy: pipeline` takes. */
export const pipelineConfig = z
  .strictObject({
    strategy: z.literal('pipeline'),
    /** In their order; each gets the output of the one before. */
    stages: z.array(stageConfig).min(1, 'a pipeline needs at least one stage'),
  })
  .superRefine(({ stages }, issues) => {
    const problem = (path: readonly PropertyKey[], message: string): void =>
      issues.addIssue({ code: 'custom', path: ['stages', ...path], message });
    const names: string[] = [];
    for (const [i, stage] of stages.entries()) {
      for (const message of checkTemplate(stage.prompt ?? '', names)) problem([i, 'prompt'], message);
      const operation = operationOf(stage.capability ?? '');
      const makesInput = inputFor(operation) !== null;
      if (!makesInput) problem([i, 'capability'], `a stage cannot do ${stage.capability}: it does not take text`);
      else if (operation !== 'chat' && i < stages.length - 1)
        problem([i, 'capability'], `${stage.capability} gives no text for the next stage: only the last stage can do it`);
      const name = nameOf(stage);
      if (stage.name !== undefined && names.includes(name)) problem([i, 'name'], `two stages are called ${name}`);
      names.push(name);
    }
  });
export type PipelineConfig = z.infer<typeof pipelineConfig>;
type StageConfig = PipelineConfig['stages'][number];

/** One stage of a pipeline. */
export interface Stage {
  /** The name of its step. */
  readonly key: string;
  readonly name: string;
  readonly member: Member;
  readonly capability: Capability | undefined;
  readonly prompt: string;
  readonly expect: Expectation;
  /** Calls that it may take. */
  readonly tries: number;
}

/** What stages are told that have a capability and nothing else. */
const DEFAULT_INSTRUCTIONS: Readonly<Record<string, string>> = {
  summarization: 'Summarize the text.',
  translation: 'Translate the text into the language that is asked for; into English when none is named.',
};

export function stagesOf({ stages }: PipelineConfig): Stage[] {
  const keys = memberKeys(stages.map((stage) => ({ model: nameOf(stage) })));
  return stages.map((stage, i) => {
    const { capability, prompt, expect, on_fail, retries, model = capability ?? '', name: _name, ...settings } = stage;
    const untold = settings.instructions === undefined && prompt === undefined;
    const instructions = untold ? DEFAULT_INSTRUCTIONS[capability ?? ''] : settings.instructions;
    return {
      key: keys[i]!, // one key a stage
      name: nameOf(stage),
      member: memberOf({ ...settings, model, ...(instructions !== undefined && { instructions }) }),
      capability,
      prompt: prompt ?? '{input}',
      expect: expect ?? { not_empty: true },
      tries: on_fail === 'retry' ? 1 + retries : 1,
    };
  });
}

/** Without what is not set: optional is not undefined. */
function memberOf(settings: Record<string, unknown> & { model: string }): Member {
  const set = Object.entries(settings).filter(([, value]) => value !== undefined);
  return { ...(Object.fromEntries(set) as Partial<Member>), model: settings.model };
}

function nameOf({ name, capability, model }: StageConfig): string {
  return name ?? capability ?? model ?? '';
}
