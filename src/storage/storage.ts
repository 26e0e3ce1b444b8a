import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../contracts/clock.ts';
import type { Logger } from '../contracts/logger.ts';
import { TuttiError } from '../errors/error.ts';
import { makeFolder } from '../lib/folder.ts';
import { Connection } from './connection.ts';
import { faultOf, isStorageError, type Fault } from './fault.ts';
import { migrate } from './migrations.ts';
import { listAside, moveAside } from './quarantine.ts';

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

export interface StorageStatus {
  /** False while writes fail: calls are still answered, history is not kept. */
  readonly ok: boolean;
  /** A sentence for people: where history is kept, or what is wrong and how to mend it. */
  readonly message: string;
  readonly path: string;
  /** Databases that were found corrupt and renamed, oldest first. */
  readonly movedAside: readonly string[];
}

export interface StorageOptions {
  /** The database file. Its folder is made when missing. `:memory:` keeps everything in memory. */
  readonly path: string;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * The one SQLite database of a data directory, and its only writer in this process.
 *
 * It is `healthy`, `failing` or `closed`, and changes only in `#set`:
 * - It begins `failing` when the file cannot be opened, else `healthy`. Opening it never throws.
 * - `healthy` → `failing` when a write fails because of the disk, the permissions or a lock. Until the retry time, which
 *   doubles from 1 s to 30 s, writes are refused at once, so that a broken disk costs calls nothing. Reads go on while
 *   the file is open.
 * - `failing` → `healthy` when a write succeeds.
 * - A corrupt file, at opening or later, is renamed to `<path>.corrupt-<time>`, a new one is begun, and that is logged and
 *   kept in the status. The statement that met it fails; the next one finds the new file. One that was deleted while in
 *   use is begun anew, too.
 * - Any → `closed` by `close()`.
 */
export class Storage implements Disposable {
  readonly #path: string;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #listeners = new Set<(status: StorageStatus) => void>();
  #connection: Connection | null = null;
  #state: 'healthy' | 'failing' | 'closed' = 'healthy';
  #fault: Fault | null = null;
  #retryMs = 0;
  #retryAt = 0;
  #movedAside: string[] = [];

  constructor({ path, log, clock }: StorageOptions) {
    this.#path = path;
    this.#log = log;
    this.#clock = clock;
    try {
      this.#movedAside = path === ':memory:' ? [] : listAside(path);
      this.#connection = this.#open();
    } catch (error) {
      this.#suffer(error);
    }
  }

  get status(): StorageStatus {
    return { ok: this.#state === 'healthy', message: this.#describe(), path: this.#path, movedAside: [...this.#movedAside] };
  }

  /** Milliseconds until a write is tried again; 0 when one may be tried now. */
  get retryInMs(): number {
    return this.#state === 'failing' ? Math.max(0, this.#retryAt - this.#clock.monotonic()) : 0;
  }

  /** Called with the new status whenever it changes. */
  onStatus(listener: (status: StorageStatus) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /**
   * Several statements, all or nothing. `durable` waits for the disk, some milliseconds: without it a power cut (not a
   * crash) may undo the last writes, though never in part.
   * Errors: `storage_unavailable`, `closed`; what `work` itself throws is passed on.
   */
  write<T>(work: (connection: Connection) => T, { durable = false }: { durable?: boolean } = {}): T {
    this.#dropRemoved();
    const result = this.#attempt((connection) => connection.transaction(() => work(connection), { durable }));
    if (this.#state === 'failing') this.#set('healthy', null);
    return result;
  }

  /** Works also while writes fail, as long as the file is open. Errors as `write`. */
  read<T>(work: (connection: Connection) => T): T {
    return this.#attempt(work, this.#connection !== null);
  }

  /** SQLite's own check of the whole file, for `tutti doctor`: reads all of it, so it takes seconds on a large one. */
  check(): { readonly ok: boolean; readonly message: string } {
    const rows = this.read((connection) => connection.all<{ quick_check: string }>('PRAGMA quick_check(3)'));
    const found = rows.map((row) => row.quick_check).join('; ');
    return { ok: found === 'ok', message: found };
  }

  /** Safe to call twice. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#disconnect();
    this.#set('closed', null);
    this.#listeners.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** A file that was deleted under us would take every write and be gone with the process, without an error. */
  #dropRemoved(): void {
    if (this.#connection === null || this.#path === ':memory:' || existsSync(this.#path)) return;
    this.#disconnect();
    this.#log.error({ path: this.#path }, 'the database file was removed while in use: a new one is begun');
  }

  #attempt<T>(work: (connection: Connection) => T, evenWhileFailing = false): T {
    if (this.#state === 'closed') throw new TuttiError('closed', 'The database is closed.');
    if (!evenWhileFailing && this.retryInMs > 0) throw this.#unavailable();
    try {
      this.#connection ??= this.#open();
      return work(this.#connection);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      throw this.#suffer(error);
    }
  }

  /** Opens the file; one that is corrupt is moved aside first. */
  #open(): Connection {
    if (this.#path !== ':memory:') makeFolder(dirname(this.#path));
    try {
      return connect(this.#path);
    } catch (error) {
      if (faultOf(error, this.#path).kind !== 'corrupt') throw error;
      this.#moveAside(error);
      return connect(this.#path);
    }
  }

  #moveAside(cause: unknown): void {
    this.#disconnect();
    if (this.#path === ':memory:') return;
    const aside = moveAside(this.#path, this.#clock.now());
    this.#movedAside.push(aside);
    this.#log.error(
      { err: cause, path: this.#path, movedTo: aside },
      'the database was corrupt: moved aside, a new one is begun',
    );
  }

  /** Takes note of a failure and returns what the caller is to throw. */
  #suffer(error: unknown): TuttiError {
    const fault = faultOf(error, this.#path);
    if (fault.kind === 'bug') return new TuttiError('internal_error', fault.message, { cause: error });
    if (fault.kind === 'corrupt' && this.#connection !== null) {
      // Met in the middle of work, by a file that opened well. Once it is aside, the next attempt begins a new one at once.
      try {
        this.#moveAside(error);
        this.#notify();
        return new TuttiError('storage_unavailable', fault.message, { cause: error });
      } catch (renameError) {
        this.#log.error({ err: renameError, path: this.#path }, 'the corrupt database could not be moved aside');
      }
    }
    // After an error of the disk the connection's state is not to be trusted.
    if (fault.kind === 'io') this.#disconnect();
    this.#retryMs = Math.min(this.#retryMs === 0 ? FIRST_RETRY_MS : this.#retryMs * 2, LAST_RETRY_MS);
    this.#retryAt = this.#clock.monotonic() + this.#retryMs;
    this.#set('failing', fault);
    return this.#unavailable(error);
  }

  #unavailable(cause?: unknown): TuttiError {
    return new TuttiError('storage_unavailable', this.#fault?.message ?? 'The database cannot be used.', {
      cause,
      retryAfter: Math.ceil(this.retryInMs / 1000),
    });
  }

  #set(state: 'healthy' | 'failing' | 'closed', fault: Fault | null): void {
    const before = this.#state;
    const saidBefore = this.#fault?.kind;
    this.#state = state;
    this.#fault = fault;
    if (state !== 'failing') this.#retryMs = 0;
    if (before === state && saidBefore === fault?.kind) return;
    if (state === 'failing') this.#log.error({ path: this.#path, fault: fault?.kind }, fault?.message);
    if (state === 'healthy') this.#log.info({ path: this.#path }, 'the database works again');
    if (state !== 'closed') this.#notify();
  }

  #notify(): void {
    const status = this.status;
    for (const listener of this.#listeners) {
      try {
        listener(status);
      } catch (error) {
        this.#log.error({ err: error }, 'a listener to the storage status threw');
      }
    }
  }

  #disconnect(): void {
    const connection = this.#connection;
    this.#connection = null;
    try {
      connection?.[Symbol.dispose]();
    } catch (error) {
      this.#log.warn({ err: error, path: this.#path }, 'closing the database failed');
    }
  }

  #describe(): string {
    if (this.#state === 'closed') return 'The database is closed.';
    if (this.#fault !== null) return this.#fault.message;
    const place = this.#path === ':memory:' ? 'History is kept in memory only.' : `History is kept in ${this.#path}.`;
    const last = this.#movedAside.at(-1);
    return last === undefined ? place : `${place} An earlier database was corrupt and is kept as ${last}.`;
  }
}

/** Opens the database of a data directory. Never throws: what is wrong is in `status`, and is tried again by itself. */
export function openStorage(options: StorageOptions): Storage {
  return new Storage(options);
}

function connect(path: string): Connection {
  const connection = new Connection(path);
  try {
    migrate(connection);
    return connection;
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
}
