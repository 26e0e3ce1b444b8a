import { z } from 'zod';
import { memberConfig, memberSettings, type Member } from '../../contracts/member.ts';
import { isKnownCapability, type Capability } from '../../contracts/vocabulary.ts';

/** Seconds that each phase may take. */
const TIMEOUTS = { context: 30, reasoning: 60, verification: 20 } as const;

const sourceEntry = memberSettings
  .extend({
    model: z.string().min(1).optional(),
    /** What it is asked for: `vision` looks at the images, `web_search` at the query; everything else gets the question. */
    capability: z.string().min(1).optional(),
    instructions: z.string().min(1).optional(),
    name: z.string().min(1).optional(),
  })
  .strict()
  .refine(
    ({ model, capability }) => model !== undefined || capability !== undefined,
    'a source of context has a `model` or a `capability`',
  );

/** Where context comes from: a capability, a model, or both: this model for that capability. */
const contextSource = z.union([z.string().min(1), sourceEntry]).transform((given): Source => {
  if (typeof given === 'string')
    return isKnownCapability(given) ? { model: given, capability: given, name: given } : { model: given };
  const { model = given.capability ?? '', capability, name = capability, ...rest } = given;
  return { ...rest, model, ...(capability !== undefined && { capability }), ...(name !== undefined && { name }) };
});

/** A source of context: a member that may stand for a capability. */
export type Source = Member & { readonly capability?: Capability };

const reasoning = z.union([z.array(memberConfig).min(1, 'the reasoning needs at least one model'), memberConfig]);
const seconds = z.number().positive('a time limit is more than 0 seconds');

/** What `strategy: phased` takes. */
export const phasedConfig = z
  .strictObject({
    strategy: z.literal('phased'),
    /** Asked at once, before the reasoning: model ids and capabilities. One that has nothing to look at is left out. */
    context: z.array(contextSource).default([]),
    /** A model, or several: the next is asked when one fails. */
    reasoning: reasoning.transform((given): readonly Member[] => (Array.isArray(given) ? given : [given])),
    /** The model that checks the answer. Without one nothing is checked. */
    verification: memberConfig.optional(),
    /** In place of the usual question to the verifier: `{question}` and `{answer}` are put in. */
    verification_prompt: z
      .string()
      .refine((text) => text.includes('{question}') && text.includes('{answer}'), 'the prompt needs {question} and {answer}')
      .optional(),
    /**
     * What comes of an answer that the verifier rejects. `keep`: it is given all the same; so it need not wait for the verdict. `correct` (also
     * when the verifier is uncertain): the verifier's own answer takes its place, if it has one and is at least as sure of it as the author of
     * its own. Where the author says how sure it is, the verifier is asked for that answer (step `correction`), else what it says with its
     * verdict counts. `revise`: the author is asked again, with the objection, and the verifier once more.
     */
    on_reject: z.enum(['keep', 'correct', 'revise']).default('correct'),
    /** Seconds, each for a whole phase: for all sources together, for all attempts at reasoning, for all that the verifier is asked. */
    timeouts: z
      .strictObject({
        context: seconds.default(TIMEOUTS.context),
        reasoning: seconds.default(TIMEOUTS.reasoning),
        verification: seconds.default(TIMEOUTS.verification),
      })
      .prefault({}),
    /**
     * Who says which phase comes next, after the context and after the reasoning: their order, or the arbiter, which may have a phase done
     * again, leave the verification out, or end. Its choice has the time of a verification. Nothing streams then.
     */
    next: z.enum(['phases', 'arbiter']).default('phases'),
    arbiter: memberConfig.optional(),
    /** `next: arbiter`: how many turns the phases have together. Default: two for each phase that there is. */
    max_turns: z.int().min(1, 'max_turns is at least 1').max(100, 'max_turns is at most 100').optional(),
  })
  .superRefine(({ next, arbiter, max_turns }, issues) => {
    const problem = (key: string, message: string): void => issues.addIssue({ code: 'custom', path: [key], message });
    if (next === 'arbiter' && arbiter === undefined) problem('arbiter', '`next: arbiter` needs an `arbiter`');
    if (next === 'phases' && arbiter !== undefined) problem('arbiter', 'an `arbiter` goes with `next: arbiter`');
    if (next === 'phases' && max_turns !== undefined) problem('max_turns', '`max_turns` goes with `next: arbiter`');
  });
export type PhasedConfig = z.infer<typeof phasedConfig>;
export type Phase = keyof PhasedConfig['timeouts'];
