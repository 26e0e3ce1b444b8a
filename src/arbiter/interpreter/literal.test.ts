import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Expression, readLiteral, WrittenCall } from './literal.ts';

const valueOf = (text: string): unknown => readLiteral(text)?.value;

test.each<[string, unknown]>([
  ['{"a": [1, 2.5, -3e2], "b": null}', { a: [1, 2.5, -300], b: null }],
  ["{'a': True, 'b': None, 'c': (1, 2)}", { a: true, b: null, c: [1, 2] }],
  ['{a: 1, b: "x",}', { a: 1, b: 'x' }],
  ["{1: 'one'}", { 1: 'one' }],
  ["{'red', 'blue'}", ['red', 'blue']],
  ['(5)', 5],
  ['(5,)', [5]],
  ['dict(a=1)', { a: 1 }],
  ['list((1, 2))', [1, 2]],
  ['1_000', 1000],
  ['2 * 10**3 + 1', 2001],
  ['2**3**2', 512],
  ['-(1 - 4) / 2', 1.5],
  ["'a' 'b' + \"c\"", 'abc'],
  ["'It\\'s'", "It's"],
  ["'It's here'", "It's here"],
  ['"a \\u00e9 \\n"', 'a é \n'],
  ["r'x'", 'x'],
  ['“curly”', 'curly'],
  ['[1, # one\n 2]', [1, 2]],
  ['["a" "b", 2, ]', ['ab', 2]],
])('%s is read', (text, value) => {
  expect(valueOf(text)).toEqual(value);
});

test.each(['x', 'a.b', 'x[0]', 'x + 1', '5km', '2021-12-31', 'f(1) + 2', "'a' * 3"])(
  '%s is no value but an expression',
  (text) => {
    expect(valueOf(text)).toEqual(new Expression(text));
  },
);

test.each(['', ')', '"open', '[1, 2', '{"a": ', '-2**2', '@'])('in “%s” there is no value', (text) => {
  expect(readLiteral(text)).toBeNull();
});

test('a call keeps its name, positions and keys', () => {
  expect(valueOf('a.b(1, x=g(y=2), **{"z": 3})')).toEqual(
    new WrittenCall(
      'a.b',
      [1],
      new Map<string, unknown>([
        ['x', new WrittenCall('g', [], new Map([['y', 2]]))],
        ['z', 3],
      ]),
    ),
  );
});

test('brackets that are missing are supplied where nothing can have been cut off', () => {
  expect(readLiteral('{"a": [1, 2}')).toMatchObject({ value: { a: [1, 2] }, mended: true });
  expect(readLiteral('{"a": {"b": "x"}')).toMatchObject({ value: { a: { b: 'x' } }, mended: true });
  expect(readLiteral('{"a": 12')).toBeNull();
});

test('a key named __proto__ is a key', () => {
  const value = valueOf('{"__proto__": {"x": 1}}') as object;
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(value)).toEqual(['__proto__']);
});

test('every JSON value is read as JSON.parse reads it, to its end', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(0, 2), (value, indent) => {
      const json = JSON.stringify(value, null, indent);
      expect(readLiteral(json)).toEqual({ value: JSON.parse(json) as unknown, end: json.length, mended: false });
    }),
    { numRuns: 300 },
  );
});

test('no text makes it throw or read beyond its end', () => {
  const pieces = fc.constantFrom(
    '[',
    ']',
    '{',
    '}',
    '(',
    ')',
    '"',
    "'",
    ',',
    ':',
    '=',
    'a',
    '1',
    '-',
    '.',
    '\\',
    '\n',
    '**',
    ' ',
    '#',
    'é',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const text = parts.join('');
      expect(readLiteral(text)?.end ?? 0).toBeLessThanOrEqual(text.length);
    }),
    { numRuns: 500 },
  );
});
