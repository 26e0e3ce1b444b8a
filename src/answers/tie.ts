/** Choosing among groups when the vote itself gives no winner. */
import type { AnswerGroup, Ballot } from './group.ts';

/** Which group goes first: that of the first ballot, or the best one. */
export type TieRule = 'first' | 'best';

/**
 * The group that a rule chooses.
 *
 * - `first`: the one with the earliest ballot of the list
 * - `best`: the one whose members are the most reliable together (the sum of `weights`), then the most confident on average,
 *   then the earliest
 *
 * @param groups at least one
 * @param weights by ballot, as `voteWeight` gives them
 */
export function breakTie(
  groups: readonly [AnswerGroup, ...AnswerGroup[]],
  rule: TieRule,
  ballots: readonly Ballot[],
  weights: readonly number[],
): AnswerGroup {
  const earliest = (group: AnswerGroup): number => Math.min(...group.ballots);
  const reliability = (group: AnswerGroup): number =>
    group.ballots
      .map((at) => weights[at] ?? 0)
      .sort((a, b) => a - b)
      .reduce((sum, weight) => sum + weight, 0);
  const confidence = (group: AnswerGroup): number => {
    const known = group.ballots.flatMap((at) => ballots[at]?.confidence ?? []);
    return known.length === 0 ? 0 : known.reduce((sum, score) => sum + score, 0) / known.length;
  };
  const better = (a: AnswerGroup, b: AnswerGroup): number => {
    const byReliability = reliability(b) - reliability(a);
    if (Math.abs(byReliability) > 1e-9) return byReliability;
    return confidence(b) - confidence(a) || earliest(a) - earliest(b);
  };
  const order = rule === 'first' ? (a: AnswerGroup, b: AnswerGroup) => earliest(a) - earliest(b) : better;
  return groups.toSorted(order)[0] ?? groups[0];
}
