import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runRecord } from '../../test/runs/run-record.ts';
import { SILENT_LOGGER } from '../contracts/logger.ts';
import { openStorage, type Storage } from '../storage/storage.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { insertJournal } from './journal-rows.ts';
import { Retention } from './retention.ts';
import { insertEvent, insertRun, toEventRow, toRunRow } from './run-rows.ts';

const DAY = 24 * 60 * 60_000;
const MINUTE = 60_000;
let clock: FakeClock;
let storage: Storage;
beforeEach(() => {
  clock = new FakeClock();
  storage = openStorage({ path: ':memory:', log: SILENT_LOGGER, clock });
});
afterEach(() => storage.close());

function fill(count: number, ageMs: number, prefix: string, firstEvent = 1): void {
  const at = clock.now() - ageMs;
  const step = {
    parent: null,
    kind: 'call',
    name: 'a',
    model: 'a',
    backend: null,
    reason: null,
    status: 'completed' as const,
    endedAt: at,
    firstTokenMs: null,
    usage: null,
    costUsd: null,
    confidence: null,
    error: null,
  };
  storage.write((db) => {
    for (let i = 0; i < count; i++) {
      const steps = [{ ...step, path: 'root', startedAt: at }];
      insertRun(db, toRunRow(runRecord({ id: `${prefix}${String(i).padStart(5, '0')}`, startedAt: at + i, steps }), 0));
      const event = {
        id: firstEvent + i,
        type: 'model.changed',
        at,
        runId: null,
        principal: null,
        data: { model: 'a' },
      } as const;
      insertEvent(db, toEventRow(event));
    }
  });
}
const count = (table: string): number =>
  storage.read((db) => db.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}`))?.n ?? -1;
const begin = (limits: Partial<{ days: number; maxRuns: number; maxEvents: number }>): Retention =>
  new Retention({ storage, clock, log: SILENT_LOGGER, limits: { days: 30, maxRuns: 1e6, maxEvents: 1e6, ...limits } });

describe('retention', () => {
  it('removes runs, their models and events that are too old, and no others', () => {
    fill(50, 31 * DAY, 'old');
    fill(20, 29 * DAY, 'new', 51);
    using _ = begin({});
    clock.advance(MINUTE);
    expect([count('runs'), count('run_models'), count('events')]).toEqual([20, 20, 20]);
  });

  it('removes journals with their runs, and conversations by their last change', () => {
    fill(1, 31 * DAY, 'old');
    fill(1, 29 * DAY, 'new', 2);
    storage.write((db) => {
      for (const id of ['old00000', 'new00000']) insertJournal(db, id, { question: 'why?', journal: '{}' });
      for (const days of [29, 31])
        db.run(
          'INSERT INTO conversations (id, principal, changed_at, state) VALUES (?, ?, ?, ?)',
          `c${days}`,
          'local',
          clock.now() - days * DAY,
          '{}',
        );
    });
    using _ = begin({});
    clock.advance(MINUTE);
    expect(storage.read((db) => db.all('SELECT run_id FROM journals'))).toEqual([{ run_id: 'new00000' }]);
    expect(storage.read((db) => db.all('SELECT id FROM conversations'))).toEqual([{ id: 'c29' }]);
  });

  it('keeps no more conversations than runs', () => {
    storage.write((db) => {
      for (let i = 0; i < 500; i++)
        db.run(
          'INSERT INTO conversations (id, principal, changed_at, state) VALUES (?, ?, ?, ?)',
          `c${i}`,
          'local',
          clock.now() + i,
          '{}',
        );
    });
    using _ = begin({ maxRuns: 30 });
    clock.advance(MINUTE);
    expect(count('conversations')).toBe(300);
    clock.advance(1000);
    expect(storage.read((db) => db.get('SELECT count(*) AS n, min(changed_at) AS at FROM conversations'))).toEqual({
      n: 30,
      at: clock.now() - MINUTE - 1000 + 470,
    });
  });

  it('removes the oldest of too many, in pieces with pauses between them', () => {
    fill(1000, DAY, 'run');
    using _ = begin({ maxRuns: 300 });
    clock.advance(MINUTE);
    expect(count('runs')).toBe(800);
    clock.advance(50);
    expect(count('runs')).toBe(600);
    clock.advance(1000);
    expect(count('runs')).toBe(300);
    expect(storage.read((db) => db.get('SELECT min(id) AS id FROM runs'))).toEqual({ id: 'run00700' });
  });

  it('keeps about so many events as it was told to', () => {
    fill(2500, DAY, 'run');
    using _ = begin({ maxEvents: 100 });
    clock.advance(MINUTE + 1000);
    expect(storage.read((db) => db.get('SELECT min(id) AS first, max(id) AS last FROM events'))).toEqual({
      first: 2401,
      last: 2500,
    });
  });

  it('looks again every ten minutes, also after the database could not be written', () => {
    using _ = begin({ maxRuns: 10 });
    clock.advance(MINUTE);
    fill(15, DAY, 'run');
    storage.read((db) => db.exec('PRAGMA query_only = TRUE'));
    clock.advance(10 * MINUTE);
    expect(count('runs')).toBe(15);
    storage.read((db) => db.exec('PRAGMA query_only = FALSE'));
    clock.advance(10 * MINUTE);
    expect(count('runs')).toBe(10);
  });

  it('stops when disposed of', () => {
    begin({})[Symbol.dispose]();
    expect(clock.pendingTimers).toBe(0);
  });
});
