import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choosePlan, simulate, type Try } from '../../bench/quality/thresholds.ts';

/** `+9` right with 0.9, `-2` wrong with 0.2. */
const tries = (words: string, compute: number): Try[] =>
  words.split(' ').map((word) => ({ right: word.startsWith('+'), score: Number(word[1]) / 10, compute }));

describe('simulate', () => {
  const [cheap, dear] = [tries('+9 -2 +4 -8', 1), tries('+9 +9 -9 +9', 10)];

  it('asks the next member strictly below the threshold, and counts all who were asked', () => {
    expect(simulate([cheap, dear], [0.4])).toEqual({ thresholds: [0.4], accuracy: 0.75, compute: 14 });
    expect(simulate([cheap, dear], [0.5])).toEqual({ thresholds: [0.5], accuracy: 0.5, compute: 24 });
  });

  it('always keeps the first at 0', () => {
    expect(simulate([cheap, dear], [0])).toMatchObject({ accuracy: 0.5, compute: 4 });
  });
});

describe('choosePlan', () => {
  it('finds the thresholds that lose nothing within the compute that is allowed', () => {
    const cheap = tries('+9 +9 +8 +9 -1 -2 -1 +9', 1);
    const dear = tries('+9 +9 +9 +9 +9 +9 +9 +9', 10);
    const plan = choosePlan([cheap, dear], { loss: 0, share: 0.5 });
    expect(plan).toMatchObject({ accuracy: 1, compute: 8 + 30 });
  });

  it('gives up right answers rather than compute when it cannot have both', () => {
    const cheap = tries('-9 -9 +9 +9', 1);
    const dear = tries('+9 +9 +9 +9', 10);
    const plan = choosePlan([cheap, dear], { loss: 0, share: 0.5 });
    expect(plan).toMatchObject({ accuracy: 0.5, compute: 4 });
  });

  it('never takes more than it may where any plan does not', () => {
    const one = fc.record({ right: fc.boolean(), score: fc.double({ min: 0, max: 1, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(fc.tuple(one, one, one), { minLength: 1, maxLength: 12 }), (questions) => {
        const members = [0, 1, 2].map((m) => questions.map((all): Try => ({ ...all[m]!, compute: [1, 5, 10][m]! }))); // three members
        const plan = choosePlan(members, { loss: 0.1, share: 0.5 });
        expect(plan.compute).toBeLessThanOrEqual(5 * questions.length);
        expect(simulate(members, plan.thresholds)).toEqual(plan);
      }),
    );
  });
});
