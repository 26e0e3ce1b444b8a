import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { estimateTokens } from './estimate.ts';

describe('an estimate of tokens', () => {
  // Counted with the o200k vocabulary.
  it.each([
    ['', 0],
    ['Hello', 1],
    ['The quick brown fox jumps over the lazy dog.', 10],
    ['1234567', 3],
    ['const total = items.reduce((sum, item) => sum + item.price, 0);', 18],
    ['Die Katze sitzt auf der Matte.', 8],
    ['今天天气很好', 4],
  ])('of %j is near %i', (text, counted) => {
    expect(Math.abs(estimateTokens(text) - counted)).toBeLessThanOrEqual(Math.max(2, counted * 0.35));
  });

  it('is a whole number, positive for any text, and no smaller for a longer one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' }), (text, more) => {
        const tokens = estimateTokens(text);
        expect(Number.isInteger(tokens)).toBe(true);
        expect(tokens).toBeGreaterThanOrEqual(text.trim() === '' ? 0 : 1);
        expect(estimateTokens(`${text}\n${more}`)).toBeGreaterThanOrEqual(tokens);
      }),
    );
  });

  it('takes time in proportion to the text', () => {
    expect(estimateTokens('word '.repeat(200_000))).toBe(200_000);
  });
});
