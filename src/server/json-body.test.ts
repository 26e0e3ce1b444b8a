import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJsonError, parseJsonBody } from './json-body.ts';

const parse = (text: string) => parseJsonBody(Buffer.from(text));

describe('a JSON body', () => {
  it('is parsed, with or without a byte order mark', () => {
    expect(parse('{"a":[1,"é"]}')).toEqual({ a: [1, 'é'] });
    expect(parse('\uFEFF{"a":1}')).toEqual({ a: 1 });
  });

  it('may be empty', () => {
    expect(parse('')).toBeUndefined();
    expect(parse(' \n')).toBeUndefined();
  });

  it.each([
    ['{"a": x}', 6],
    ['{"a": 1', 7],
    ['{"a" 1}', 5],
    ['[1,]', 3],
    ['{"a":1,}', 7],
    ['{"a":"b\n"}', 7],
    ['nul', 0],
    ['{"a":1}}', 7],
    ['{a:1}', 1],
    ['{"a":"\\q"}', 6],
    ['[01]', 2],
    ['{"a":[1,2}', 9],
    ["{'a':1}", 1],
    ['"abc', 4],
  ])('%j is refused at character %i', (text, position) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: 'invalid_json', details: expect.objectContaining({ position }) }),
    );
  });

  it('names line and column', () => {
    expect(() => parse('{\n  "a": 1\n  "b": 2\n}')).toThrow(/line 3, column 3 there is/);
    expect(() => parse('[')).toThrow(/line 1, column 2 the body ends/);
  });

  it('has no error to find where it is valid, and one inside the text or at its end where it was cut', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (text, n) => {
        expect(findJsonError(text)).toBe(text.length);
        expect(findJsonError(`${text}}`)).toBe(text.length);
        const cut = text.slice(0, n % text.length);
        expect(findJsonError(cut)).toBeLessThanOrEqual(cut.length);
      }),
    );
  });

  it('may not be nested without end', () => {
    expect(() => parse(`${'['.repeat(256)}${']'.repeat(256)}`)).not.toThrow();
    expect(() => parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toThrow(/256 levels/);
  });

  it('survives strings of megabytes', () => {
    for (const piece of ['a', '\\n', 'a\\u00e9']) {
      const text = `{"a":"${piece.repeat(10_000_000 / piece.length)}" x}`;
      expect(findJsonError(text)).toBe(text.length - 2);
    }
  });

  it('survives deep nesting', () => {
    expect(findJsonError('['.repeat(200_000))).toBe(200_000);
  });
});
