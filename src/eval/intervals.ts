/** How sure a measured share is, and a difference between two that were measured on the same items. */
import { TuttiError } from '../errors/error.ts';

/** The middle 95 % of the standard normal distribution. */
const Z = 1.959964;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The 95 % interval of Wilson (1927) for a share: unlike the textbook one it stays inside 0..1 and holds for few items. */
export function wilson(right: number, items: number): Interval {
  if (items === 0) return { low: 0, high: 1 };
  const share = right / items;
  const spread = (Z / (1 + Z ** 2 / items)) * Math.sqrt((share * (1 - share)) / items + Z ** 2 / (4 * items ** 2));
  const middle = (share + Z ** 2 / (2 * items)) / (1 + Z ** 2 / items);
  // Rounding alone could leave the share outside.
  return { low: Math.max(0, Math.min(share, middle - spread)), high: Math.min(1, Math.max(share, middle + spread)) };
}

export interface Difference extends Interval {
  /** Share of `ours` less that of `theirs`: -1..1. */
  readonly difference: number;
  /** Items that only the one, only the other got right. All that a paired comparison can tell by. */
  readonly onlyOurs: number;
  readonly onlyTheirs: number;
}

/**
 * The paired difference of two shares on the same items, with the 95 % interval of Agresti and Min (2005): Wald's, after half
 * an item was added to each of the four cells, which keeps its promise where few items differ. Only items that one of
 * them got right and the other did not say anything, as in McNemar's test.
 */
export function pairedDifference(ours: readonly boolean[], theirs: readonly boolean[]): Difference {
  if (ours.length !== theirs.length) throw new TuttiError('internal_error', 'Paired figures need the same items.');
  let onlyOurs = 0;
  let onlyTheirs = 0;
  for (const [i, right] of ours.entries()) {
    if (right && theirs[i] !== true) onlyOurs++;
    if (!right && theirs[i] === true) onlyTheirs++;
  }
  const items = ours.length;
  if (items === 0) return { difference: 0, low: -1, high: 1, onlyOurs, onlyTheirs };
  const difference = (onlyOurs - onlyTheirs) / items;
  // One who is compared with itself, or never differs, has no doubt to speak of: the interval stays honest all the same.
  const [b, c, n] = [onlyOurs + 0.5, onlyTheirs + 0.5, items + 2];
  const middle = (b - c) / n;
  const spread = (Z * Math.sqrt(b + c - (b - c) ** 2 / n)) / n;
  return {
    difference,
    low: Math.max(-1, Math.min(difference, middle - spread)),
    high: Math.min(1, Math.max(difference, middle + spread)),
    onlyOurs,
    onlyTheirs,
  };
}
