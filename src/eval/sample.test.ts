import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sample } from './sample.ts';

describe('sample', () => {
  it('gives so many, each once, in their order, and the same for the same seed', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(80), fc.nat(), (count, limit, seed) => {
        const items = Array.from({ length: count }, (_, i) => i);
        const chosen = sample(items, { limit, seed });
        expect(chosen).toHaveLength(Math.min(count, limit));
        expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b));
        expect(sample(items, { limit, seed })).toEqual(chosen);
      }),
    );
  });

  it('gives all without a limit, and others for another seed', () => {
    const items = Array.from({ length: 100 }, (_, i) => i);
    expect(sample(items, { seed: 1 })).toEqual(items);
    expect(sample(items, { limit: 10, seed: 1 })).not.toEqual(sample(items, { limit: 10, seed: 2 }));
  });

  it('leaves every item the same chance', () => {
    const items = Array.from({ length: 10 }, (_, i) => i);
    const times = Array.from({ length: 10 }, () => 0);
    for (let seed = 0; seed < 2000; seed++) for (const item of sample(items, { limit: 3, seed })) times[item]! += 1; // an item
    for (const count of times) expect(Math.abs(count - 600)).toBeLessThan(90); // four standard deviations
  });
});
