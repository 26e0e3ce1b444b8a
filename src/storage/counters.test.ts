import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SILENT_LOGGER } from '../contracts/logger.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { giveBack, reserve } from './counters.ts';
import { openStorage } from './storage.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-counters-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const clock = new FakeClock();
const begin = (): ReturnType<typeof openStorage> => openStorage({ path: join(folder, 'tutti.db'), log: SILENT_LOGGER, clock });

describe('reserved numbers', () => {
  it('begin at 1 and follow each other, for each name', () => {
    using storage = begin();
    expect(reserve(storage, clock, { name: 'a', count: 10, above: 0 })).toEqual({ first: 1, last: 10 });
    expect(reserve(storage, clock, { name: 'a', count: 5, above: 0 })).toEqual({ first: 11, last: 15 });
    expect(reserve(storage, clock, { name: 'b', count: 5, above: 0 })).toEqual({ first: 1, last: 5 });
  });

  it('are above what the caller has used without the database', () => {
    using storage = begin();
    expect(reserve(storage, clock, { name: 'a', count: 10, above: 500 })).toEqual({ first: 501, last: 510 });
  });

  it('are never given to two processes', () => {
    using one = begin();
    using two = begin();
    expect(reserve(one, clock, { name: 'a', count: 10, above: 0 })).toEqual({ first: 1, last: 10 });
    expect(reserve(two, clock, { name: 'a', count: 10, above: 0 })).toEqual({ first: 11, last: 20 });
    giveBack(one, 'a', { used: 3, last: 10 }); // too late: others follow
    expect(reserve(one, clock, { name: 'a', count: 10, above: 0 })).toEqual({ first: 21, last: 30 });
  });

  it('go on without a gap when the unused ones were given back', () => {
    using storage = begin();
    const { last } = reserve(storage, clock, { name: 'a', count: 10, above: 0 });
    giveBack(storage, 'a', { used: 4, last });
    expect(reserve(storage, clock, { name: 'a', count: 10, above: 0 }).first).toBe(5);
  });

  it('go on from the clock when the database was corrupt', () => {
    const storage = begin();
    reserve(storage, clock, { name: 'a', count: 10, above: 0 });
    storage.close();
    const path = join(folder, 'tutti.db');
    writeFileSync(path, readFileSync(path).fill(7));
    using fresh = begin();
    expect(reserve(fresh, clock, { name: 'a', count: 10, above: 0 }).first).toBe(clock.now() + 1);
    expect(reserve(fresh, clock, { name: 'a', count: 10, above: 0 }).first).toBe(clock.now() + 11);
  });
});
