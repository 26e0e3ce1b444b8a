import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Logger } from '../contracts/logger.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { NEWEST, StoredConversations, type NewestQuery } from './conversations.ts';
import { openStorage, type Storage } from './storage.ts';

let clock: FakeClock;
let storage: Storage;
let logged: string[];
let stored: StoredConversations;
beforeEach(() => {
  clock = new FakeClock();
  logged = [];
  const note = (_: object, message = ''): void => void logged.push(message);
  const log: Logger = { debug: note, info: note, warn: note, error: note };
  storage = openStorage({ path: ':memory:', log, clock });
  stored = new StoredConversations({ storage, clock, log });
});
afterEach(() => {
  stored.close();
  storage.close();
  expect(clock.pendingTimers).toBe(0);
});

const change = (id: string, text = id, principal = 'local'): void =>
  stored.changed({ id, principal, changedAt: clock.now(), summary: () => `about ${text}`, text: () => text });
const ids = (query: NewestQuery): string[] => stored.newest(query).map(({ id }) => id);
const rows = (): unknown[] => storage.read((db) => db.all('SELECT id, state FROM conversations ORDER BY id'));
const breakWrites = (): (() => void) => {
  storage.read((db) => db.exec('PRAGMA query_only = TRUE'));
  return () => storage.read((db) => db.exec('PRAGMA query_only = FALSE'));
};

describe('stored conversations', () => {
  it('are written a moment after the change, several changes as one', () => {
    let said = 'first';
    const conversation = { id: 'a', principal: 'app', summary: () => '', text: () => said };
    stored.changed({ ...conversation, changedAt: 1 });
    expect(rows()).toEqual([]);
    expect(stored.get('a')).toEqual({ principal: 'app', changedAt: 1, text: 'first' });
    said = 'second';
    stored.changed({ ...conversation, changedAt: 2 });
    clock.advance(250);
    expect(rows()).toEqual([{ id: 'a', state: 'second' }]);
    change('a', 'third');
    const changedAt = clock.now();
    clock.advance(250);
    expect(rows()).toEqual([{ id: 'a', state: 'third' }]);
    expect(stored.get('a')).toEqual({ principal: 'local', changedAt, text: 'third' });
    expect(stored.get('b')).toBeUndefined();
  });

  it('are listed by their last change, of one principal or of all', () => {
    for (const [id, principal] of [
      ['a', 'one'],
      ['b', 'two'],
      ['c', 'one'],
      ['a', 'one'],
    ] as const) {
      change(id, id, principal);
      clock.advance(250);
    }
    expect(ids({ limit: 10 })).toEqual(['a', 'c', 'b']);
    expect(ids({ limit: 2 })).toEqual(['a', 'c']);
    expect(ids({ limit: 10, principal: 'one' })).toEqual(['a', 'c']);
    const [first, second] = stored.newest({ limit: 2 });
    expect(first).toEqual({ id: 'a', changedAt: clock.now() - 250, summary: 'about a' });
    expect(ids({ limit: 10, after: { at: second?.changedAt ?? 0, id: 'c' } })).toEqual(['b']);
  });

  it('are listed without a look at what was said in them', () => {
    const plan = storage.read((db) => db.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${NEWEST}`, 1, '', null, 1));
    expect(plan.map(({ detail }) => detail)).toEqual([expect.stringContaining('USING COVERING INDEX conversations_by_time')]);
  });

  it('are all written when it is closed, more than a batch of them, and nothing after', () => {
    for (let i = 0; i < 200; i++) change(`c${i}`);
    stored.close();
    change('late');
    stored.close();
    expect(rows()).toHaveLength(200);
  });

  it('wait while the database cannot be written, and are seen meanwhile', () => {
    const mend = breakWrites();
    change('a', 'kept');
    clock.advance(250);
    expect(stored.get('a')?.text).toBe('kept');
    mend();
    clock.advance(1000);
    expect(rows()).toEqual([{ id: 'a', state: 'kept' }]);
  });

  it('are lost, with a word in the log, when the database cannot be written to the end', () => {
    breakWrites();
    change('a');
    stored.close();
    expect(logged).toContain('the database cannot be written: changes of conversations are lost');
  });

  it('are not read where there is no database, which is no error', () => {
    storage.close();
    expect([stored.get('a'), stored.newest({ limit: 10 })]).toEqual([undefined, []]);
  });

  it('that cannot be made a text do not keep others from being written', () => {
    stored.changed({
      id: 'bad',
      principal: 'local',
      changedAt: 0,
      summary: () => '',
      text: () => {
        throw new RangeError('too long');
      },
    });
    change('good');
    clock.advance(250);
    expect(rows()).toEqual([{ id: 'good', state: 'good' }]);
    expect(logged).toEqual(['a conversation cannot be written as JSON: it is not stored']);
  });
});
