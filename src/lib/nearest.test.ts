import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from './nearest.ts';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['port', 'prot', 1],
    ['model', 'modle', 1],
    ['kitten', 'sitting', 3],
    ['abc', '', 3],
  ])('%s → %s is %i', (a, b, distance) => expect(editDistance(a, b)).toBe(distance));

  it('is symmetric, and stops above the limit', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), fc.nat(6), (a, b, limit) => {
        const whole = editDistance(a, b);
        expect(editDistance(b, a)).toBe(whole);
        expect(editDistance(a, b, limit)).toBe(whole <= limit ? whole : limit + 1);
      }),
    );
  });
});

describe('nearest', () => {
  it('puts a name that contains the word before one that merely resembles it', () => {
    expect(nearest('base', ['embedded:base', 'bass', 'embedded:nano'])).toEqual(['embedded:base', 'bass']);
  });
  it('says nothing when nothing is near', () => {
    expect(nearest('qwen', ['embedded:mini-a', 'openai:gpt-4o'])).toEqual([]);
  });
});
