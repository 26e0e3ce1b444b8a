import { z } from 'zod';
import { memberConfig } from '../../contracts/member.ts';

/** What `strategy: ensemble` takes. */
export const ensembleConfig = z
  .strictObject({
    strategy: z.literal('ensemble'),
    members: z.array(memberConfig).min(1, 'an ensemble needs at least one member'),
    aggregator: memberConfig.optional(),
    /**
     * What becomes of the answers. `synthesize`: the aggregator writes one of them all; `select`: it chooses one; `concat`: all, under their
     * members' names; `best`: the one that most members give, each counting as much as it is sure. Default `synthesize` with an
     * aggregator, else `best`.
     */
    mode: z.enum(['synthesize', 'select', 'concat', 'best']).optional(),
    /** From the second on each member sees what the others said in the one before. Ends early when all say the same. */
    rounds: z.int().min(1, 'rounds is at least 1').max(8, 'rounds is at most 8').default(1),
    /** With fewer answers the ensemble fails. */
    min_answers: z.int().min(1, 'min_answers is at least 1').default(1),
    /** For each member, in each round. Default: no limit of its own. */
    timeout_seconds: z.number().positive().optional(),
  })
  .superRefine((value, issues) => {
    const problem = (key: string, message: string): void => issues.addIssue({ code: 'custom', path: [key], message });
    const { members, aggregator, min_answers } = value;
    const mode = modeOf(value);
    const isAsked = mode === 'synthesize' || mode === 'select';
    if (isAsked && aggregator === undefined) problem('aggregator', `\`mode: ${mode}\` needs an \`aggregator\``);
    if (!isAsked && aggregator !== undefined)
      problem('aggregator', `\`mode: ${mode}\` asks no \`aggregator\`: leave one of them out`);
    if (min_answers > members.length)
      problem(
        'min_answers',
        `${min_answers} answers cannot come of ${members.length} ${members.length === 1 ? 'member' : 'members'}`,
      );
  });
export type EnsembleConfig = z.infer<typeof ensembleConfig>;

export function modeOf({ mode, aggregator }: Pick<EnsembleConfig, 'mode' | 'aggregator'>): NonNullable<EnsembleConfig['mode']> {
  return mode ?? (aggregator === undefined ? 'best' : 'synthesize');
}
