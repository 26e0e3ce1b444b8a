import { expect, it } from 'vitest';
import { parseChanges } from './changes.ts';

it.each([
  ['numbers', ['quality.vision=0.8'], { quality: { vision: 0.8 } }],
  ['booleans', ['pinned=true', 'preload=false'], { pinned: true, preload: false }],
  ['null, which takes a value back', ['speed=null'], { speed: null }],
  ['lists separated by commas', ['fallbacks=a, b,,c'], { fallbacks: ['a', 'b', 'c'] }],
  ['an empty list', ['fallbacks='], { fallbacks: [] }],
  ['lists in brackets', ['capabilities=[vision, ocr]'], { capabilities: ['vision', 'ocr'] }],
  [
    'texts with colons and equals signs',
    ['load.device=gpu:0', 'metadata.note=a=b'],
    { load: { device: 'gpu:0' }, metadata: { note: 'a=b' } },
  ],
  ['several keys of one map', ['quality.vision=1', 'quality.ocr=0'], { quality: { vision: 1, ocr: 0 } }],
  ['what is no YAML as text', ['metadata.note=[oops'], { metadata: { note: '[oops' } }],
])('reads %s', (_what, words, changes) => {
  expect(parseChanges(words)).toEqual(changes);
});

it.each(['quality', '=1', ''])('refuses %j', (word) => {
  expect(() => parseChanges([word])).toThrow(`\`${word}\` is not key=value.`);
});

it.each([[['quality=0.5', 'quality.vision=1']], [['quality.=1']], [['a..b=1']]])('refuses %j, which fits no key', (words) => {
  expect(() => parseChanges(words)).toThrow(/is not key=value|is given a value and keys/);
});

it('takes a key named like a part of every object for what it is', () => {
  expect(Object.entries(parseChanges(['metadata.__proto__=1'])['metadata'] as object)).toEqual([['__proto__', 1]]);
  expect(({} as Record<string, unknown>)['1']).toBeUndefined();
});
