import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairedDifference, wilson } from './intervals.ts';

describe('wilson', () => {
  // Newcombe (1998), table I: the score method without continuity correction.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('of %i in %i is as published', (right, items, low, high) => {
    const interval = wilson(right, items);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it('holds the share and stays inside 0..1', () => {
    fc.assert(
      fc.property(fc.nat(400), fc.integer({ min: 1, max: 400 }), (right, items) => {
        fc.pre(right <= items);
        const { low, high } = wilson(right, items);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low <= right / items && right / items <= high).toBe(true);
      }),
    );
    expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
  });
});

describe('pairedDifference', () => {
  const pairs = (both: number, ours: number, theirs: number, neither: number): [boolean[], boolean[]] => [
    [...Array<boolean>(both + ours).fill(true), ...Array<boolean>(theirs + neither).fill(false)],
    [
      ...Array<boolean>(both).fill(true),
      ...Array<boolean>(ours).fill(false),
      ...Array<boolean>(theirs).fill(true),
      ...Array<boolean>(neither).fill(false),
    ],
  ];

  it('counts only the items on which the two differ', () => {
    const found = pairedDifference(...pairs(794, 150, 86, 570));
    expect(found).toMatchObject({ onlyOurs: 150, onlyTheirs: 86 });
    // Agresti and Min's adjusted Wald interval for the approval ratings of Agresti (2002, table 10.1), by hand.
    expect(found.difference).toBeCloseTo(0.04, 4);
    expect(found.low).toBeCloseTo(0.0212, 3);
    expect(found.high).toBeCloseTo(0.0587, 3);
  });

  it('is narrower than what two separate shares would give, where both meet the same items', () => {
    const { low, high } = pairedDifference(...pairs(380, 15, 5, 100));
    expect(high - low).toBeLessThan(2 * (wilson(395, 500).high - wilson(395, 500).low) * 0.6);
    expect(low).toBeGreaterThan(0);
  });

  it('holds the difference and turns round when the two change places', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1 }), (items) => {
        const [ours, theirs] = [items.map(([a]) => a), items.map(([, b]) => b)];
        const there = pairedDifference(ours, theirs);
        const back = pairedDifference(theirs, ours);
        expect(there.low <= there.difference && there.difference <= there.high).toBe(true);
        expect(there.low).toBeCloseTo(-back.high, 12);
        expect(there.difference).toBeCloseTo(-back.difference, 12);
      }),
    );
  });

  it('refuses lists of different lengths', () => {
    expect(() => pairedDifference([true], [])).toThrow(/same items/);
  });
});
