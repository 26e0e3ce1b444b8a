/** Whom to unload. Pure. */
import { entries, isNone, shortfall, subtract, type Amounts, type Resource } from './memory-budget.ts';
import type { ModelId } from '../contracts/vocabulary.ts';

export interface Candidate {
  readonly id: ModelId;
  /** What becomes free when it goes. */
  readonly holds: Amounts;
}

/**
 * The models that must go so that `need` fits: least recently used first, only such as hold what is short, and none
 * that need not go. null when all of them together are not enough.
 *
 * @param candidates those that may go, in the order in which they should: least recently used first
 */
export function chooseVictims(options: {
  readonly limits: Amounts;
  readonly used: Amounts;
  readonly need: Amounts;
  readonly candidates: readonly Candidate[];
}): Candidate[] | null {
  const { limits, used, need } = options;
  let short = shortfall(limits, used, need);
  const victims: Candidate[] = [];
  for (const candidate of options.candidates) {
    if (isNone(short)) break;
    if (!entries(short).some(([resource]) => (candidate.holds[resource] ?? 0) > 0)) continue;
    victims.push(candidate);
    short = reduce(short, candidate.holds);
  }
  if (!isNone(short)) return null;
  return withoutNeedless(victims, (kept) => fits(limits, used, need, kept));
}

/** A large model that had to go may have made smaller ones before it needless. The more recently used are spared first. */
function withoutNeedless(victims: Candidate[], enough: (kept: readonly Candidate[]) => boolean): Candidate[] {
  let kept = victims;
  for (const victim of victims.toReversed()) {
    const rest = kept.filter((other) => other !== victim);
    if (enough(rest)) kept = rest;
  }
  return kept;
}

function fits(limits: Amounts, used: Amounts, need: Amounts, gone: readonly Candidate[]): boolean {
  const left = gone.reduce((amounts, victim) => subtract(amounts, victim.holds), used);
  return isNone(shortfall(limits, left, need));
}

function reduce(short: Amounts, holds: Amounts): Amounts {
  const rest: Partial<Record<Resource, number>> = {};
  for (const [resource, amount] of entries(short)) {
    const left = amount - (holds[resource] ?? 0);
    if (left > 0) rest[resource] = left;
  }
  return rest;
}

/** Least recently used first, until what `measure` says of the rest is at most `target`. May end above it. */
export function leastRecentlyUsedUntil<T>(
  target: number,
  used: number,
  candidates: readonly T[],
  measure: (candidate: T) => number,
): T[] {
  const victims: T[] = [];
  let left = used;
  for (const candidate of candidates) {
    if (left <= target) break;
    const freed = measure(candidate);
    if (freed <= 0) continue;
    victims.push(candidate);
    left -= freed;
  }
  return victims;
}
