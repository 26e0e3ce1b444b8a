import { z } from 'zod';
import { ANSWER_KINDS } from '../../answers/answer.ts';
import { memberConfig } from '../../contracts/member.ts';
import { CAPABILITY_PATTERN } from '../../contracts/vocabulary.ts';

/** Members where only a capability is given. */
export const NUM_MODELS = 3;
/** Samples of one model differ only when it does not always take the likeliest word. */
const SAMPLE_TEMPERATURE = 0.7;

/** What `strategy: consensus` takes. */
export const consensusConfig = z
  .strictObject({
    strategy: z.literal('consensus'),
    members: z.array(memberConfig).min(1, 'a consensus needs at least one member').optional(),
    /** In place of members: the best models for it, `num_models` (3) of them. Ratings for it are the weights, too. */
    capability: z.string().regex(CAPABILITY_PATTERN, 'a capability is a snake_case word').optional(),
    num_models: z.int().min(1, 'num_models is at least 1').optional(),
    /** How often each member is asked, with different seeds. More than 1 with a single member is self-consistency. */
    samples: z.int().min(1, 'samples is at least 1').max(64, 'samples is at most 64').default(1),
    /** Of samples, for members without their own. */
    sample_temperature: z.number().min(0).max(2).default(SAMPLE_TEMPERATURE),
    voting: z.enum(['majority', 'weighted', 'unanimous', 'judge']).default('majority'),
    /**
     * What a `weighted` vote goes by. `reliability`: how often the member is right. `confidence`: the mean of that and the
     * member's calibrated confidence in this very answer, where there is one. On 700 questions to panels of embedded models
     * the mean was better than either alone (76.4 % of right answers against 75.0 % and 76.1 %, with a weak member 73.7 %
     * against 70.7 % and 73.3 %).
     */
    weigh_by: z.enum(['confidence', 'reliability']).default('confidence'),
    /** How answers are compared. `auto`: by the question and the answers. */
    answer: z.enum(['auto', ...ANSWER_KINDS]).default('auto'),
    /** At least so many votes must hold an answer. Default 1; with `unanimous` all. */
    quorum: z.int().min(1, 'a quorum is at least 1').optional(),
    judge: memberConfig.optional(),
    /** How often a member is right, 0..1, by its name or model: in place of what was measured or set for the model. */
    reliability: z.record(z.string(), z.number().min(0).max(1)).optional(),
    /**
     * What gives the answer when the vote does not: the earliest member, the most reliable ones, the judge, or nothing (the
     * error `no_consensus`). Default `best`; with `unanimous` `abstain`.
     */
    tie: z.enum(['first', 'best', 'judge', 'abstain']).optional(),
    /** Kind `semantic`: texts at least so alike are the same answer. Default 0.85 by an embedding model, 0.6 by words without one. */
    similarity: z.number().gt(0).max(1).optional(),
    /** For each member. Default: no limit of its own. */
    timeout_seconds: z.number().positive().optional(),
  })
  .superRefine((value, issues) => {
    const problem = (key: string, message: string): void => issues.addIssue({ code: 'custom', path: [key], message });
    const { members, capability, num_models, samples, quorum, judge, voting, tie, reliability = {} } = value;
    if (members === undefined && capability === undefined)
      problem('members', 'a consensus needs `members`, or a `capability` to find them by');
    if (members !== undefined && num_models !== undefined)
      problem('num_models', '`num_models` goes with `capability`; `members` say themselves how many they are');
    const votes = (members?.length ?? num_models ?? NUM_MODELS) * samples;
    if (quorum !== undefined && quorum > votes)
      problem(
        'quorum',
        `a quorum of ${quorum} cannot be reached: there ${votes === 1 ? 'is only one vote' : `are only ${votes} votes`}`,
      );
    if (judge === undefined && voting === 'judge') problem('judge', '`voting: judge` needs a `judge`');
    if (judge === undefined && tie === 'judge') problem('judge', '`tie: judge` needs a `judge`');
    if (members === undefined) return;
    const names = members.flatMap(({ model, name }) => (name === undefined ? [model] : [name, model]));
    for (const name of Object.keys(reliability)) {
      if (!names.includes(name)) problem('reliability', `no member is called ${name}; there are: ${names.join(', ')}`);
    }
  });
export type ConsensusConfig = z.infer<typeof consensusConfig>;
