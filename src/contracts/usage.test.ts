import { describe, expect, it } from 'vitest';
import { addUsage, costOf, NO_USAGE } from './usage.ts';

describe('the cost of a call', () => {
  const price = { inputPerMtok: 1, cachedInputPerMtok: 0.1, outputPerMtok: 4 };

  it.each([
    ['tokens at their prices', { inputTokens: 1e6, outputTokens: 500_000 }, price, 3],
    ['cached input at its own price', { inputTokens: 1e6, cachedInputTokens: 500_000, outputTokens: 0 }, price, 0.55],
    [
      'cached input at the input price when no discount is named',
      { inputTokens: 1e6, cachedInputTokens: 1e6, outputTokens: 0 },
      { inputPerMtok: 1 },
      1,
    ],
    ['no more cached tokens than there were', { inputTokens: 1e6, cachedInputTokens: 9e6, outputTokens: 0 }, price, 0.1],
    ['nothing for a free model', { inputTokens: 10, outputTokens: 10 }, { inputPerMtok: 0, outputPerMtok: 0 }, 0],
    ['no output price needed without output', { inputTokens: 1e6, outputTokens: 0 }, { inputPerMtok: 2 }, 2],
    [
      'images, seconds and a fee for the call',
      { inputTokens: 0, outputTokens: 0, images: 2, seconds: 3 },
      { perImage: 0.5, perSecond: 1, perCall: 0.25 },
      4.25,
    ],
  ])('has %s', (_, usage, at, cost) => {
    expect(costOf(usage, at)).toBeCloseTo(cost, 12);
  });

  it.each([
    ['there is no price', { inputTokens: 1, outputTokens: 1 }, undefined],
    ['the price says nothing', { inputTokens: 0, outputTokens: 0 }, {}],
    ['output was made and only input has a price', { inputTokens: 1, outputTokens: 1 }, { inputPerMtok: 1 }],
    [
      'images were made and only tokens have a price',
      { inputTokens: 1, outputTokens: 1, images: 1 },
      { inputPerMtok: 1, outputPerMtok: 1 },
    ],
  ])('is unknown when %s', (_, usage, at) => {
    expect(costOf(usage, at)).toBeNull();
  });
});

describe('the sum of usages', () => {
  it('leaves absent what neither reported', () => {
    expect(addUsage({ inputTokens: 1, outputTokens: 2 }, NO_USAGE)).toEqual({ inputTokens: 1, outputTokens: 2 });
  });

  it('adds every field and stays estimated', () => {
    const a = { inputTokens: 1, outputTokens: 2, cachedInputTokens: 1, images: 1 };
    const b = { inputTokens: 3, outputTokens: 4, reasoningTokens: 2, seconds: 1.5, estimated: true };
    expect(addUsage(a, b)).toEqual({
      inputTokens: 4,
      outputTokens: 6,
      cachedInputTokens: 1,
      reasoningTokens: 2,
      images: 1,
      seconds: 1.5,
      estimated: true,
    });
  });
});
