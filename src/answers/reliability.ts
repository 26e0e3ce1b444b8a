/** How much a member's vote counts, from how often it was right. */

/** What is assumed of a member of whom nothing is known: right as often as not. */
export const NEUTRAL_RELIABILITY = 0.5;

/** No record is so good or so bad that one vote should count without limit: reliabilities are held inside 0.02..0.98. */
const EXTREME = 0.02;

/** What a member counts that is right no more often than by chance: enough to break a tie, too little to outvote anyone. */
const LEAST_WEIGHT = 0.01;

/**
 * How many different wrong answers an open question tempts to, when its options are not known. Chosen on recorded answers of
 * ten models to two sets of mathematics questions, over all panels of three to five: with 3 no panel fell more than 0.6
 * points below its best member; with 1 (plain log-odds) weak panels lost up to 9, because everyone below one half lost their
 * voice, and with 7 or more up to 2.8, because weak members that erred alike outvoted a strong one.
 */
export const OPEN_ALTERNATIVES = 3;

/**
 * The weight of a vote: the log-odds of a member's reliability against that of one who guesses,
 * ln(p · alternatives / (1 − p)), at least 0.01.
 *
 * With independent errors spread evenly over `alternatives` wrong answers, the answer with the largest sum of these weights
 * is the most probable one (naive Bayes). So weak members outvote a strong one exactly when their odds together say so: at
 * three alternatives a member of 0.9 counts 3.3, of 0.6 1.5, of 0.25 or less next to nothing.
 *
 * @param reliability 0..1; null or undefined: unknown, taken as 0.5
 * @param alternatives wrong answers there are to choose from: options − 1 for a question with options, else 3
 */
export function voteWeight(reliability: number | null | undefined, alternatives: number = OPEN_ALTERNATIVES): number {
  const known = reliability ?? NEUTRAL_RELIABILITY;
  const p = Math.min(1 - EXTREME, Math.max(EXTREME, Number.isFinite(known) ? known : NEUTRAL_RELIABILITY));
  return Math.max(LEAST_WEIGHT, Math.log((p * Math.max(1, alternatives)) / (1 - p)));
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
