import { expect, test } from 'vitest';
import { matchesInTime } from './bounded-match.ts';

test('a pattern matches or not', () => {
  expect(matchesInTime(/^\d+$/, '42')).toBe(true);
  expect(matchesInTime(/^\d+$/, 'x')).toBe(false);
});

test('a global pattern has no memory', () => {
  const pattern = /a/g;
  expect([matchesInTime(pattern, 'a'), matchesInTime(pattern, 'a')]).toEqual([true, true]);
});

test('one that would not end is broken off', () => {
  expect(matchesInTime(/^(a+)+$/, `${'a'.repeat(60)}!`)).toBeNull();
  expect(matchesInTime(/a/, 'a')).toBe(true);
});
