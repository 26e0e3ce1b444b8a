/** How much a member's vote counts, from how often it was right. */

/** What is assumed of a member of whom nothing is known: right as often as not. */
export const NEUTRAL_RELIABILITY = 0.5;

/** No record is so good or so bad that one vote should count without limit: reliabilities are held inside 0.02..0.98. */
const EXTREME = 0.02;

/**
 * How many different wrong answers an open question tempts to, when its options are not known, and how sharply the weight
 * falls off for members that do not do better than guessing among them. Chosen on recorded answers of ten models to two sets
 * of mathematics questions, over all panels of three to seven: with 3 and 4 no panel fell more than 0.7 points below its best
 * member. With 1 (plain log-odds) weak panels lost up to 9, because everyone below one half lost their voice; with 7 up to 2.8,
 * because weak members that erred alike outvoted a strong one; with a fixed least weight in place of the fall-off up to 6,
 * because among members that mostly err those who agree are not right for it, and the best of them should be followed.
 */
export const OPEN_ALTERNATIVES = 3;
const SHARPNESS = 4;

/**
 * The weight of a vote: the log-odds of a member's reliability against that of one who guesses,
 * L = ln(p · alternatives / (1 − p)), kept above 0 smoothly: ln(1 + e^4L) / 4.
 *
 * With independent errors spread evenly over `alternatives` wrong answers, the answer with the largest sum of L is the most
 * probable one (naive Bayes). So weak members outvote a strong one exactly when their odds together say so: at three
 * alternatives a member of 0.9 counts 3.3, of 0.6 1.5, of 0.4 0.7, of 0.25 0.2, of 0.1 next to nothing.
 *
 * @param reliability 0..1; null or undefined: unknown, taken as 0.5
 * @param alternatives wrong answers there are to choose from: options − 1 for a question with options, else 3
 */
export function voteWeight(reliability: number | null | undefined, alternatives: number = OPEN_ALTERNATIVES): number {
  const known = reliability ?? NEUTRAL_RELIABILITY;
  const p = Math.min(1 - EXTREME, Math.max(EXTREME, Number.isFinite(known) ? known : NEUTRAL_RELIABILITY));
  const odds = Math.log((p * Math.max(1, alternatives)) / (1 - p));
  return Math.log1p(Math.exp(SHARPNESS * odds)) / SHARPNESS;
}

/** A record of a member: how often it was right, of how many. */
export interface MemberRecord {
  readonly right: number;
  readonly total: number;
}

/** Reliability from a record, with one right and one wrong added (Laplace): a short record says little, an empty one 0.5. */
export function reliabilityOf({ right, total }: MemberRecord): number {
  return (right + 1) / (total + 2);
}

/**
 * For each item, every member's reliability on all *other* items: what may be used to judge a vote on that item.
 *
 * @param outcomes a row for each item, with a column for each member: was it right?
 */
export function leaveOneOut(outcomes: readonly (readonly boolean[])[]): number[][] {
  const members = outcomes[0]?.length ?? 0;
  const right = Array.from({ length: members }, (_, m) => outcomes.filter((row) => row[m] === true).length);
  return outcomes.map((row) =>
    right.map((count, m) => reliabilityOf({ right: count - (row[m] === true ? 1 : 0), total: outcomes.length - 1 })),
  );
}
