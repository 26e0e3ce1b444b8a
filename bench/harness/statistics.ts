/** What many measurements of one thing say together. */

export interface Summary {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  /** How many measurements. */
  readonly count: number;
}

/** The median of an even number is the mean of the two in the middle. Throws a RangeError for no values. */
export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (min === undefined || max === undefined || lower === undefined || upper === undefined)
    throw new RangeError('No values to summarize.');
  return { min, median: (lower + upper) / 2, max, count: sorted.length };
}

export interface Pair<T> {
  readonly ours: T;
  readonly peer: T;
}

/** `A B A B …`: what else the machine does meets both alike. */
export async function interleave<T>(
  pairs: number,
  ours: (round: number) => Promise<T>,
  peer: (round: number) => Promise<T>,
): Promise<Pair<T>[]> {
  const done: Pair<T>[] = [];
  for (let round = 0; round < pairs; round++) done.push({ ours: await ours(round), peer: await peer(round) });
  return done;
}

/** The ratio of each pair, ours to the peer's, by what `value` reads off a measurement. */
export function ratios<T>(pairs: readonly Pair<T>[], value: (measured: T) => number): Summary {
  return summarize(pairs.map(({ ours, peer }) => value(ours) / value(peer)));
}
