import { expect, it } from 'vitest';
import { CrashLog, backoffMs } from './backoff.ts';

it('waits not at all after the first crash, then 1, 2, 4 … up to 30 seconds', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8, 60].map(backoffMs)).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
});

it('starts with a clean sheet after a minute without a crash', () => {
  const log = new CrashLog();
  expect(log.notBefore('a')).toBe(0);
  log.record('a', 0, 100);
  log.record('a', 59_999, 100);
  log.record('a', 59_999, 100);
  expect(log.notBefore('a')).toBe(2100);
  expect(log.notBefore('b')).toBe(0);
  log.record('a', 60_000, 200);
  expect(log.notBefore('a')).toBe(200);
});
