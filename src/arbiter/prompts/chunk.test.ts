import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { chunkPrompt } from './chunk.ts';
import { estimateTokens } from './estimate.ts';

const letters = (text: string): number => text.length;
const words = (text: string): number => text.match(/\S+/g)?.length ?? 0;
const ink = (text: string): string => text.replaceAll(/\s+/g, '');

describe('a prompt in chunks', () => {
  it.each([
    ['parts share a turn while they fit', ['one', 'two', 'three'], 8, ['one\n\ntwo', 'three']],
    ['a part that fits is never cut', ['aaaa', 'bb cc dd', 'ee'], 8, ['aaaa', 'bb cc dd', 'ee']],
    ['a large part is cut between paragraphs', ['one two\n\nthree four'], 12, ['one two', 'three four']],
    ['else between lines', ['one two\nthree four'], 12, ['one two', 'three four']],
    ['else between sentences', ['One two. Three four.'], 12, ['One two.', 'Three four.']],
    ['else between words', ['one two three'], 8, ['one two', 'three']],
    ['else between letters', ['abcdefgh'], 3, ['abc', 'def', 'gh']],
    ['never inside a letter of several code points', ['👨‍👩‍👧👨‍👩‍👧'], 9, ['👨‍👩‍👧', '👨‍👩‍👧']],
    ['a letter over the limit stands alone', ['👨‍👩‍👧a'], 2, ['👨‍👩‍👧', 'a']],
    ['parts without text are left out', ['', ' \n', 'x'], 5, ['x']],
    ['no text gives no turns', [''], 5, []],
  ])('%s', (_, parts, maxPromptTokens, expected) => {
    expect(chunkPrompt(parts, { maxPromptTokens, countTokens: letters })).toEqual(expected);
  });

  it('keeps a block of code whole when it fits', () => {
    const code = '```ts\nconst a = 1;\n\nconst b = 2;\n```';
    expect(
      chunkPrompt([`Some words before it.\n\n${code}\n\nAnd after.`], { maxPromptTokens: 40, countTokens: letters }),
    ).toEqual(['Some words before it.', code, 'And after.']);
  });

  it('fences every piece of a block of code that has to be cut', () => {
    const code = '```ts\nconst a = 1;\nconst b = 2;\n  const c = 3;\n```';
    expect(chunkPrompt([code], { maxPromptTokens: 36, countTokens: letters })).toEqual([
      '```ts\nconst a = 1;\nconst b = 2;\n```',
      '```ts\n  const c = 3;\n```',
    ]);
  });

  it('does without fences when they alone are over the limit', () => {
    expect(chunkPrompt(['```typescript\nab\n```'], { maxPromptTokens: 6, countTokens: letters }).join('')).toContain('ab');
  });

  it.each([0, -1, Number.NaN])('refuses the limit %s', (maxPromptTokens) => {
    expect(() => chunkPrompt(['x'], { maxPromptTokens })).toThrow('at least 1');
  });

  it('counts a large text only as often as its pieces need', () => {
    let counted = 0;
    const text = Array.from({ length: 20_000 }, (_, i) => `line ${i}`).join('\n');
    const turns = chunkPrompt([text], { maxPromptTokens: 4000, countTokens: (one) => ((counted += one.length), words(one)) });
    expect(turns).toHaveLength(10);
    expect(counted).toBeLessThan(text.length * 40);
  });
});

const fragment = fc.oneof(
  fc.lorem({ maxCount: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.constantFrom('\n\n', '\n', '```§\nlet a;\n\nlet b;\n```', '```\n', '~~~\nx\n~~~', 'A sentence. Another one! '),
);
const part = fc.array(fragment, { maxLength: 8 }).map((pieces) => pieces.join('\n'));
const parts = fc.array(part, { maxLength: 6 });
const counter = fc.constantFrom(letters, words, estimateTokens);

describe('the turns of any prompt', () => {
  it('each fit, except for a single letter', () => {
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 60 }), counter, (texts, maxPromptTokens, countTokens) => {
        for (const turn of chunkPrompt(texts, { maxPromptTokens, countTokens })) {
          const isOneLetter = [...new Intl.Segmenter().segment(turn)].length === 1;
          if (!isOneLetter) expect(countTokens(turn)).toBeLessThanOrEqual(maxPromptTokens);
        }
      }),
    );
  });

  it('say all of it together, in order', () => {
    const fenceless = parts.map((texts) => texts.map((text) => text.replaceAll(/[`~]/g, '')));
    fc.assert(
      fc.property(fenceless, fc.integer({ min: 1, max: 60 }), counter, (texts, maxPromptTokens, countTokens) => {
        expect(ink(chunkPrompt(texts, { maxPromptTokens, countTokens }).join(''))).toBe(ink(texts.join('')));
      }),
    );
  });

  it('say all of it when code is cut, apart from the fences', () => {
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 60 }), counter, (texts, maxPromptTokens, countTokens) => {
        const plain = (all: readonly string[]): string => ink(all.join('\n')).replaceAll(/[`~§]/g, '');
        expect(plain(chunkPrompt(texts, { maxPromptTokens, countTokens }))).toBe(plain(texts));
      }),
    );
  });
});
