import { z } from 'zod';
import { memberConfig } from '../../contracts/member.ts';
import { CAPABILITY_PATTERN } from '../../contracts/vocabulary.ts';

/** Strictly below it the answer is handed over. */
const THRESHOLD = 0.7;

const RANGE = 'a confidence threshold is a number between 0 and 1, or a list of them, one for each member';
const threshold = z.number(RANGE).min(0, RANGE).max(1, RANGE);

/** What `strategy: handoff` takes. */
export const handoffConfig = z
  .strictObject({
    strategy: z.literal('handoff'),
    /** The cheapest first. */
    members: z.array(memberConfig).min(1, 'a handoff needs at least one member'),
    /** After the members: the best models for it, so that `num_models` (3) take part. */
    capability: z.string().regex(CAPABILITY_PATTERN, 'a capability is a snake_case word').optional(),
    num_models: z.int().min(2, 'num_models is at least 2: one hands over to another').optional(),
    /** One for all, or a list: one for each member (the last member's may be left out, since its answer stands). */
    confidence_threshold: z.union([threshold, z.array(threshold).min(1, RANGE)], RANGE).default(THRESHOLD),
    /**
     * Where the confidence comes from. `auto`: whatever the answer has; `logprobs`: token probabilities alone; `self_report`: the
     * member is asked how sure it is; `verifier`: another model is asked whether the answer is right; `agreement`: two members
     * must say the same, whatever the threshold.
     */
    confidence: z.enum(['auto', 'logprobs', 'self_report', 'agreement', 'verifier']).default('auto'),
    /** The same as `confidence: agreement`. */
    agreement: z.boolean().default(false),
    verifier: memberConfig.optional(),
    /** Whether the next member is shown the answer of the one before. Small models can be misled by it. */
    carry_draft: z.boolean().default(true),
    /** Whose answer is given when nobody is sure enough: the last member's, which then streams, or the surest one of all. */
    prefer: z.enum(['last', 'surest']).default('last'),
    /** For each member. Default: no limit of its own. */
    timeout_seconds: z.number().positive().optional(),
  })
  .superRefine((value, issues) => {
    const problem = (key: string, message: string): void => issues.addIssue({ code: 'custom', path: [key], message });
    const { members, capability, num_models, confidence_threshold: given, confidence, agreement, verifier } = value;
    if (num_models !== undefined && capability === undefined)
      problem('num_models', '`num_models` goes with `capability`; `members` say themselves how many they are');
    if (num_models !== undefined && num_models < members.length)
      problem('num_models', `num_models is ${num_models}, but ${members.length} members are named already`);
    const missing = Array.isArray(given) ? members.length - given.length : 0;
    if (capability === undefined && missing !== 0 && missing !== 1)
      problem('confidence_threshold', `give one threshold for each of the ${members.length} members, or one for all`);
    if (confidence === 'verifier' && verifier === undefined) problem('verifier', '`confidence: verifier` needs a `verifier`');
    if (confidence !== 'verifier' && verifier !== undefined) problem('verifier', 'a `verifier` goes with `confidence: verifier`');
    if (agreement && confidence !== 'auto' && confidence !== 'agreement')
      problem('agreement', `\`agreement: true\` and \`confidence: ${confidence}\` say different things: leave one out`);
    if ((agreement || confidence === 'agreement') && members.length < 2 && capability === undefined)
      problem('members', 'agreement takes at least two members');
  });
export type HandoffConfig = z.infer<typeof handoffConfig>;

/** Whether answers are accepted because members agree, not because one is sure. */
export function isByAgreement({ agreement, confidence }: HandoffConfig): boolean {
  return agreement || confidence === 'agreement';
}
