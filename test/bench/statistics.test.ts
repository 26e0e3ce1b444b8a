import { describe, expect, it } from 'vitest';
import { interleave, ratios, summarize } from '../../bench/harness/statistics.ts';

describe('what the benchmarks make of their measurements', () => {
  it('gives the middle value of an odd number and the mean of the two in the middle of an even one', () => {
    expect(summarize([9, 1, 4])).toEqual({ min: 1, median: 4, max: 9, count: 3 });
    expect(summarize([8, 2, 4, 100])).toEqual({ min: 2, median: 6, max: 100, count: 4 });
  });

  it('refuses to summarize nothing', () => {
    expect(() => summarize([])).toThrow(RangeError);
  });

  it('takes turns between ours and the peer', async () => {
    const order: string[] = [];
    const measure = (who: string) => (round: number) => Promise.resolve(order.push(`${who}${round}`));
    await interleave(3, measure('a'), measure('b'));
    expect(order).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2']);
  });

  it('compares within each pair, so that a slow moment that meets both changes nothing', () => {
    const pairs = [
      { ours: 80, peer: 100 },
      { ours: 8, peer: 10 },
      { ours: 45, peer: 50 },
    ];
    expect(ratios(pairs, (value) => value)).toMatchObject({ min: 0.8, median: 0.8, max: 0.9 });
  });
});
