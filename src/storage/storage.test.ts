import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Logger } from '../contracts/logger.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Connection } from './connection.ts';
import { migrate, MIGRATIONS } from './migrations.ts';
import { openStorage, type Storage, type StorageStatus } from './storage.ts';

let folder: string;
let path: string;
let clock: FakeClock;
let logged: string[];
let log: Logger;
let open: Storage[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-storage-'));
  path = join(folder, 'data', 'tutti.db');
  clock = new FakeClock();
  logged = [];
  const note = (_: object, message = ''): void => void logged.push(message);
  log = { debug: note, info: note, warn: note, error: note };
  open = [];
});
afterEach(() => {
  for (const storage of open) storage.close();
  rmSync(folder, { recursive: true, force: true });
});

function begin(): Storage {
  const storage = openStorage({ path, log, clock });
  open.push(storage);
  return storage;
}
const put = (storage: Storage, name: string): void =>
  void storage.write((db) => db.run('INSERT INTO counters (name, value) VALUES (?, 1)', name));
const names = (storage: Storage): string[] =>
  storage.read((db) => db.all<{ name: string }>('SELECT name FROM counters ORDER BY name')).map(({ name }) => name);
const unavailable = expect.objectContaining({ code: 'storage_unavailable' });

describe('the database', () => {
  it('is made with its folder, keeps what was written, and is found again', () => {
    const storage = begin();
    put(storage, 'a');
    storage.close();
    const again = begin();
    expect(names(again)).toEqual(['a']);
    expect(again.status).toEqual({ ok: true, message: `History is kept in ${path}.`, path, movedAside: [] });
    expect(again.check()).toEqual({ ok: true, message: 'ok' });
  });

  it('takes several statements all or not at all, and passes on what the work throws', () => {
    const storage = begin();
    const mine = new RangeError('mine');
    expect(() =>
      storage.write((db) => {
        db.run("INSERT INTO counters VALUES ('a', 1)");
        throw mine;
      }),
    ).toThrow(mine);
    expect(names(storage)).toEqual([]);
    expect(storage.status.ok).toBe(true);
  });

  it('calls a statement that SQLite does not understand a bug, and goes on', () => {
    const storage = begin();
    expect(() => storage.write((db) => db.run('INSERT INTO nowhere VALUES (1)'))).toThrow(
      expect.objectContaining({ code: 'internal_error' }),
    );
    put(storage, 'a');
    expect(names(storage)).toEqual(['a']);
  });

  it.each(MIGRATIONS.map((_, version) => version))('of version %i is brought up to the newest, with what it has', (version) => {
    mkdirSync(join(folder, 'data'));
    {
      using older = new Connection(path);
      migrate(older, MIGRATIONS.slice(0, version));
      if (version > 0) older.run("INSERT INTO counters VALUES ('a', 1)");
    }
    const storage = begin();
    expect(names(storage)).toEqual(version > 0 ? ['a'] : []);
    expect(storage.read((db) => db.get('PRAGMA user_version'))).toEqual({ user_version: MIGRATIONS.length });
    expect(storage.read((db) => db.all('SELECT * FROM conversations'))).toEqual([]);
    expect(storage.status).toMatchObject({ ok: true, movedAside: [] });
  });

  it('is shared by two that have it open', () => {
    const [one, two] = [begin(), begin()];
    put(one, 'a');
    put(two, 'b');
    expect(names(one)).toEqual(['a', 'b']);
    expect(two.read((db) => db.get('PRAGMA user_version'))).toEqual({ user_version: MIGRATIONS.length });
  });

  it('may be closed twice, and then says that it is closed', () => {
    const storage = begin();
    storage.close();
    storage.close();
    expect(() => names(storage)).toThrow(expect.objectContaining({ code: 'closed' }));
  });

  it('is begun anew when its folder is deleted while it is in use', () => {
    const storage = begin();
    put(storage, 'a');
    rmSync(join(folder, 'data'), { recursive: true });
    put(storage, 'b');
    expect(names(storage)).toEqual(['b']);
    expect(names(begin())).toEqual(['b']);
    expect(logged).toEqual(['the database file was removed while in use: a new one is begun']);
  });

  it('lives in memory when told to', () => {
    path = ':memory:';
    const storage = begin();
    put(storage, 'a');
    expect(names(storage)).toEqual(['a']);
    expect(storage.status.message).toBe('History is kept in memory only.');
  });
});

describe('a corrupt database', () => {
  const asideOf = (storage: Storage): string => storage.status.movedAside.at(-1) ?? '';

  it('is moved aside at opening, byte for byte, and a new one is begun', () => {
    mkdirSync(join(folder, 'data'));
    const bytes = Buffer.alloc(8192, 'this is not a database ');
    writeFileSync(path, bytes);
    const storage = begin();
    put(storage, 'a');
    expect(names(storage)).toEqual(['a']);
    expect(asideOf(storage)).toBe(`${path}.corrupt-2026-01-01T00-00-00-000Z`);
    expect(readFileSync(asideOf(storage)).equals(bytes)).toBe(true);
    expect(storage.status.ok).toBe(true);
    expect(storage.status.message).toContain(`An earlier database was corrupt and is kept as ${asideOf(storage)}`);
    expect(logged).toEqual(['the database was corrupt: moved aside, a new one is begun']);
  });

  it('is still named by the status after a restart', () => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(path, 'nonsense that is long enough to have a header'.repeat(100));
    const aside = asideOf(begin());
    expect(begin().status.movedAside).toEqual([aside]);
  });

  it('that is met in the middle of work is moved aside, too: the work fails, the next finds the new one', () => {
    const first = begin();
    first.write((db) => {
      for (let i = 0; i < 2000; i++) db.run('INSERT INTO counters VALUES (?, 1)', `name-${i}-${'x'.repeat(100)}`);
    });
    first.close();
    // The first page and those of the schema stay whole; the tree of the table does not.
    const bytes = readFileSync(path);
    bytes.fill(0xff, bytes.length / 2);
    writeFileSync(path, bytes);
    const storage = begin();
    const seen: StorageStatus[] = [];
    storage.onStatus((status) => seen.push(status));
    expect(storage.status.movedAside).toEqual([]);
    expect(() => names(storage)).toThrow(unavailable);
    expect(names(storage)).toEqual([]);
    put(storage, 'a');
    expect(names(storage)).toEqual(['a']);
    expect(readFileSync(asideOf(storage)).equals(bytes)).toBe(true);
    expect(seen).toEqual([expect.objectContaining({ ok: true, movedAside: [asideOf(storage)] })]);
  });

  it('that cannot be moved aside is left as it is', () => {
    path = join(folder, 'x'.repeat(235)); // the longer name of the moved file is too long for any file system
    const bytes = 'nonsense that is long enough to have a header'.repeat(100);
    writeFileSync(path, bytes);
    const storage = begin();
    expect(storage.status.ok).toBe(false);
    expect(() => put(storage, 'a')).toThrow(unavailable);
    expect(readFileSync(path, 'utf8')).toBe(bytes);
  });

  it('does not replace one that was moved aside at the same time', () => {
    mkdirSync(join(folder, 'data'));
    for (const text of ['first ', 'second ']) {
      writeFileSync(path, text.repeat(1000));
      begin().close();
    }
    const aside = begin().status.movedAside;
    expect(aside.map((file) => readFileSync(file, 'utf8').split(' ')[0])).toEqual(['first', 'second']);
  });
});

describe('a database that cannot be used', () => {
  it('because a folder is in its place: opening does not throw, work is refused, and it comes back by itself', () => {
    mkdirSync(path, { recursive: true });
    const storage = begin();
    expect(storage.status).toMatchObject({
      ok: false,
      message: expect.stringContaining('cannot be opened. Check that `data_dir`'),
    });
    expect(() => put(storage, 'a')).toThrow(unavailable);
    expect(() => names(storage)).toThrow(unavailable);
    rmdirSync(path);
    expect(() => put(storage, 'a')).toThrow(unavailable); // not tried again yet
    clock.advance(storage.retryInMs);
    put(storage, 'a');
    expect(names(storage)).toEqual(['a']);
    expect(storage.status.ok).toBe(true);
  });

  it('because its folder is a file', () => {
    writeFileSync(join(folder, 'data'), '');
    expect(begin().status).toMatchObject({ ok: false, message: expect.stringContaining(path) });
  });

  it.runIf(existsSync('/proc/self'))('because its folder cannot be made where it is to be', () => {
    path = '/proc/tutti/data/tutti.db';
    expect(begin().status).toMatchObject({ ok: false, message: expect.stringMatching(/data_dir.*ENOENT/) });
  });

  it('because the disk is full: reads go on, writes are refused, and it says so once', () => {
    const storage = begin();
    put(storage, 'a');
    const seen: boolean[] = [];
    storage.onStatus(({ ok }) => seen.push(ok));
    // SQLite gives the same error for a full disk and a full quota of pages.
    storage.read((db) => db.exec('PRAGMA max_page_count = 1'));
    const fill = (): void => put(storage, 'b'.repeat(1_000_000));
    expect(fill).toThrow(unavailable);
    expect(storage.status.message).toContain('the disk is full');
    expect(names(storage)).toEqual(['a']);
    expect(fill).toThrow(expect.objectContaining({ code: 'storage_unavailable', retryAfter: 1 }));
    clock.advance(storage.retryInMs);
    expect(fill).toThrow(unavailable);
    expect(storage.retryInMs).toBe(2000);
    storage.read((db) => db.exec('PRAGMA max_page_count = 1000000'));
    clock.advance(storage.retryInMs);
    put(storage, 'b');
    expect(storage.status.ok).toBe(true);
    expect(storage.retryInMs).toBe(0);
    expect(seen).toEqual([false, true]);
    expect(logged).toEqual([expect.stringContaining('the disk is full'), 'the database works again']);
  });

  it('because it is read-only', () => {
    const storage = begin();
    storage.read((db) => db.exec('PRAGMA query_only = TRUE'));
    expect(() => put(storage, 'a')).toThrow(unavailable);
    expect(storage.status).toMatchObject({ ok: false, message: expect.stringContaining('write permission') });
    expect(names(storage)).toEqual([]);
  });

  it('because another process has it locked', () => {
    const storage = begin();
    using other = new Connection(path);
    other.exec('BEGIN IMMEDIATE');
    expect(() => put(storage, 'a')).toThrow(unavailable);
    expect(storage.status.message).toContain('locked by another process');
    other.exec('COMMIT');
    clock.advance(storage.retryInMs);
    put(storage, 'a');
    expect(storage.status.ok).toBe(true);
  });

  it('because a newer Tutti wrote it: it is not touched', () => {
    begin().close();
    using other = new Connection(path);
    other.exec('PRAGMA user_version = 9000');
    const storage = begin();
    expect(storage.status).toMatchObject({ ok: false, movedAside: [], message: expect.stringContaining('newer Tutti') });
    expect(() => put(storage, 'a')).toThrow(unavailable);
    expect(other.get('PRAGMA user_version')).toEqual({ user_version: 9000 });
  });

  it('tries again less and less often, at most every 30 seconds', () => {
    mkdirSync(path, { recursive: true });
    const storage = begin();
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      waits.push(storage.retryInMs);
      clock.advance(storage.retryInMs);
      expect(() => put(storage, 'a')).toThrow(unavailable);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  });

  it('tells every listener, also after one that throws, until it is disposed of', () => {
    const storage = begin();
    const seen: boolean[] = [];
    storage.onStatus(() => {
      throw new RangeError('listener');
    });
    const listener = storage.onStatus(({ ok }) => seen.push(ok));
    storage.read((db) => db.exec('PRAGMA query_only = TRUE'));
    expect(() => put(storage, 'a')).toThrow(unavailable);
    listener[Symbol.dispose]();
    storage.read((db) => db.exec('PRAGMA query_only = FALSE'));
    clock.advance(1000);
    put(storage, 'a');
    expect(seen).toEqual([false]);
    expect(logged).toContain('a listener to the storage status threw');
  });
});
