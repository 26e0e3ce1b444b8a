import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseVictims, leastRecentlyUsedUntil, type Candidate } from './eviction.ts';
import { isNone, shortfall, subtract, type Amounts } from './memory-budget.ts';

const candidate = (id: string, holds: Amounts): Candidate => ({ id, holds });
const ids = (victims: readonly Candidate[] | null): string[] | null => victims && victims.map(({ id }) => id);

describe('victims', () => {
  const limits: Amounts = { cpu: 100, 'gpu:0': 50, models: 3 };

  it.each([
    ['are none when there is room', { cpu: 50 }, { cpu: 50 }, [candidate('a', { cpu: 50 })], []],
    [
      'are the least recently used first',
      { cpu: 100 },
      { cpu: 30 },
      [candidate('old', { cpu: 50 }), candidate('new', { cpu: 50 })],
      ['old'],
    ],
    [
      'are as many as it takes',
      { cpu: 100 },
      { cpu: 60 },
      [candidate('old', { cpu: 50 }), candidate('new', { cpu: 50 })],
      ['old', 'new'],
    ],
    [
      'are only such as hold what is short',
      { 'gpu:0': 50, cpu: 20 },
      { 'gpu:0': 10 },
      [candidate('cpu', { cpu: 20 }), candidate('gpu', { 'gpu:0': 50 })],
      ['gpu'],
    ],
    [
      'go for a place, too',
      { models: 3 },
      { models: 1 },
      [candidate('free', { cpu: 1 }), candidate('counted', { cpu: 1, models: 1 })],
      ['counted'],
    ],
    [
      'are not those that a later one makes needless',
      { cpu: 100 },
      { cpu: 50 },
      [candidate('small', { cpu: 10 }), candidate('large', { cpu: 60 })],
      ['large'],
    ],
    [
      'free several resources at once',
      { cpu: 100, 'gpu:0': 50 },
      { cpu: 1, 'gpu:0': 1 },
      [candidate('c', { cpu: 9 }), candidate('both', { cpu: 9, 'gpu:0': 9 })],
      ['both'],
    ],
    ['are not to be had when all together are not enough', { cpu: 100 }, { cpu: 60 }, [candidate('a', { cpu: 50 })], null],
    ['are not to be had for more than the limit', {}, { cpu: 101 }, [], null],
  ])('%s', (_, used, need, candidates, expected) => {
    expect(ids(chooseVictims({ limits, used, need, candidates }))).toEqual(expected);
  });

  const amounts = fc.record({ cpu: fc.nat(20), 'gpu:0': fc.nat(20), models: fc.nat(1) });

  it('make room, need each of them, and are missing only when there is no way', () => {
    fc.assert(
      fc.property(fc.array(amounts, { maxLength: 8 }), amounts, amounts, (holdings, need, rest) => {
        const candidates = holdings.map((holds, i) => candidate(String(i), holds));
        const used = candidates.reduce<Amounts>((sum, { holds }) => subtract(sum, negative(holds)), rest);
        const fits = (gone: readonly Candidate[]): boolean =>
          isNone(
            shortfall(
              { cpu: 40, 'gpu:0': 30, models: 4 },
              gone.reduce((left, { holds }) => subtract(left, holds), used),
              need,
            ),
          );
        const victims = chooseVictims({ limits: { cpu: 40, 'gpu:0': 30, models: 4 }, used, need, candidates });
        if (victims === null) {
          expect(fits(candidates)).toBe(false);
          return;
        }
        expect(fits(victims)).toBe(true);
        for (const one of victims) expect(fits(victims.filter((other) => other !== one))).toBe(false);
      }),
    );
  });
});

function negative(amounts: Amounts): Amounts {
  return subtract({}, amounts);
}

describe('going down to a target', () => {
  const size = (bytes: number): number => bytes;
  it.each([
    ['nothing when the use is at the target', 10, 10, [5, 5], []],
    ['the first few', 10, 25, [5, 10, 10], [5, 10]],
    ['all when it cannot be reached', 0, 25, [5, 10], [5, 10]],
    ['not those that hold nothing', 0, 5, [0, 5], [5]],
  ])('takes %s', (_, target, used, candidates, expected) => {
    expect(leastRecentlyUsedUntil(target, used, candidates, size)).toEqual(expected);
  });
});
