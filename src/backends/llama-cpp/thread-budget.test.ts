import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareThreads, ThreadBudget } from './thread-budget.ts';

describe('sharing threads', () => {
  it.each([
    [[8], 7, [7]],
    [[8, 8], 7, [4, 3]],
    [[1, 8], 7, [1, 6]],
    [[8, 8, 8], 1, [1, 1, 1]],
    [[2, 2], 7, [2, 2]],
    [[], 7, []],
  ])('between %j of %i threads gives %j', (most, total, shares) => {
    expect(
      shareThreads(
        most.map((m) => ({ most: m })),
        total,
      ),
    ).toEqual(shares);
  });

  it('gives everyone one, nobody more than it can use, and all together no more than there are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 8 }), fc.integer({ min: 1, max: 32 }), (most, total) => {
        const shares = shareThreads(
          most.map((m) => ({ most: m })),
          total,
        );
        const sum = shares.reduce((a, b) => a + b, 0);
        expect(sum).toBeLessThanOrEqual(Math.max(total, most.length));
        for (const [i, share] of shares.entries()) {
          expect(share).toBeGreaterThanOrEqual(1);
          expect(share).toBeLessThanOrEqual(most[i] ?? 0);
        }
      }),
    );
  });
});

describe('a thread budget', () => {
  it('leaves one core free, and tells holders when their share changes', () => {
    const budget = new ThreadBudget(8);
    expect(budget.total).toBe(7);
    const told: number[] = [];
    const first = budget.claim({ most: 8 }, (threads) => told.push(threads));
    expect(first.threads).toBe(7);
    const second = budget.claim({ most: 8 }, () => {});
    expect([first.threads, second.threads]).toEqual([4, 3]);
    second[Symbol.dispose]();
    second[Symbol.dispose]();
    expect(told).toEqual([4, 7]);
  });

  it('is one thread on a machine of one core', () => {
    expect(new ThreadBudget(1).total).toBe(1);
  });
});
