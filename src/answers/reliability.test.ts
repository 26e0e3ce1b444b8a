import { describe, expect, test } from 'vitest';
import { leaveOneOut, reliabilityOf, voteWeight } from './reliability.ts';

describe('the weight of a vote', () => {
  test('is the log-odds against guessing among the wrong answers', () => {
    expect(voteWeight(0.9)).toBeCloseTo(Math.log(27), 4);
    expect(voteWeight(0.9, 1)).toBeCloseTo(Math.log(9), 4);
    expect(voteWeight(0.5)).toBeCloseTo(Math.log(3), 2);
  });

  test('falls off for who does no better than guessing, but still orders them', () => {
    expect(voteWeight(0.25)).toBeLessThan(0.2);
    expect(voteWeight(0.1)).toBeLessThan(0.005);
    expect(voteWeight(0.1)).toBeGreaterThan(voteWeight(0.05));
    expect(voteWeight(0.05)).toBeGreaterThan(0);
  });

  test('is limited at both ends: nobody is certain', () => {
    expect(voteWeight(1)).toBe(voteWeight(0.98));
    expect(voteWeight(0)).toBe(voteWeight(0.02));
  });

  test('of a member of whom nothing is known is that of one half', () => {
    expect(voteWeight(null)).toBe(voteWeight(0.5));
    expect(voteWeight(undefined)).toBe(voteWeight(0.5));
    expect(voteWeight(Number.NaN)).toBe(voteWeight(0.5));
  });

  test('two weak members that agree do not outvote a strong one, two decent ones do', () => {
    expect(2 * voteWeight(0.35)).toBeLessThan(voteWeight(0.8));
    expect(2 * voteWeight(0.6)).toBeGreaterThan(voteWeight(0.8));
  });
});

test('a short record says little', () => {
  expect(reliabilityOf({ right: 0, total: 0 })).toBe(0.5);
  expect(reliabilityOf({ right: 2, total: 2 })).toBe(0.75);
  expect(reliabilityOf({ right: 90, total: 100 })).toBeCloseTo(0.892, 3);
});

test('an item is judged with reliabilities that know nothing of it', () => {
  const rows = leaveOneOut([
    [true, false],
    [true, true],
    [false, true],
  ]);
  expect(rows[0]).toEqual([reliabilityOf({ right: 1, total: 2 }), reliabilityOf({ right: 2, total: 2 })]);
  expect(rows[2]).toEqual([reliabilityOf({ right: 2, total: 2 }), reliabilityOf({ right: 1, total: 2 })]);
  expect(leaveOneOut([])).toEqual([]);
});
