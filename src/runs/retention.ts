import type { Clock } from '../contracts/clock.ts';
import type { Logger } from '../contracts/logger.ts';
import { TuttiError } from '../errors/error.ts';
import type { Storage } from '../storage/storage.ts';

const FIRST_SWEEP_MS = 60_000;
const SWEEP_EVERY_MS = 10 * 60_000;
/** Between two pieces of a sweep, so that calls get their turn. */
const PAUSE_MS = 50;
const RUNS_A_PIECE = 200;
const EVENTS_A_PIECE = 1_000;
const DAY_MS = 24 * 60 * 60_000;

const DELETE_OLD_RUNS = 'DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE started_at < ? ORDER BY started_at LIMIT ?)';
const COUNT_RUNS = 'SELECT count(*) AS n FROM runs';
const DELETE_OLDEST_RUNS = 'DELETE FROM runs WHERE id IN (SELECT id FROM runs ORDER BY started_at, id LIMIT ?)';
const DELETE_OLD_CONVERSATIONS =
  'DELETE FROM conversations WHERE id IN (SELECT id FROM conversations WHERE changed_at < ? ORDER BY changed_at LIMIT ?)';
const COUNT_CONVERSATIONS = 'SELECT count(*) AS n FROM conversations';
const DELETE_OLDEST_CONVERSATIONS =
  'DELETE FROM conversations WHERE id IN (SELECT id FROM conversations ORDER BY changed_at, id LIMIT ?)';
const FIRST_EVENT = 'SELECT id, at FROM events ORDER BY id LIMIT 1';
const LAST_EVENT_ID = 'SELECT max(id) AS id FROM events';
const DELETE_OLD_EVENTS =
  'DELETE FROM events WHERE id IN (SELECT id FROM (SELECT id, at FROM events ORDER BY id LIMIT ?) WHERE at < ? OR id <= ?)';

export interface RetentionOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: Logger;
  /** `days` and `maxRuns` hold for runs (with their journals) and for conversations, which count from their last change. */
  readonly limits: { readonly days: number; readonly maxRuns: number; readonly maxEvents: number };
}

/** Removes what is too old or too much, a small piece at a time, first a minute after the start and then every ten. */
export class Retention implements Disposable {
  readonly #options: RetentionOptions;
  #timer: Disposable;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#timer = options.clock.after(FIRST_SWEEP_MS, this.#sweep);
  }

  readonly #sweep = (): void => {
    const { clock, log } = this.#options;
    let more = false;
    try {
      more = this.removePiece();
    } catch (error) {
      // A database that cannot be written has been reported by the storage; anything else is a bug worth knowing.
      if (!TuttiError.isInstance(error) || error.code === 'internal_error') log.error({ err: error }, 'removing old runs failed');
    }
    this.#timer = clock.after(more ? PAUSE_MS : SWEEP_EVERY_MS, this.#sweep);
  };

  /** True when there may be more to remove. Errors: `storage_unavailable`. */
  removePiece(): boolean {
    const { storage, clock, limits } = this.#options;
    const cutoff = clock.now() - limits.days * DAY_MS;
    return storage.write((connection) => {
      const removeExcess = (count: string, remove: string): number => {
        const tooMany = (connection.get<{ n: number }>(count)?.n ?? 0) - limits.maxRuns;
        return tooMany > 0 ? connection.run(remove, Math.min(tooMany, RUNS_A_PIECE)) : 0;
      };
      const removed = [
        connection.run(DELETE_OLD_RUNS, cutoff, RUNS_A_PIECE),
        removeExcess(COUNT_RUNS, DELETE_OLDEST_RUNS),
        connection.run(DELETE_OLD_CONVERSATIONS, cutoff, RUNS_A_PIECE),
        removeExcess(COUNT_CONVERSATIONS, DELETE_OLDEST_CONVERSATIONS),
      ];
      // Ids grow by one but for the few that a crash skips, so their distance tells how many there are without counting.
      const lastId = connection.get<{ id: number | null }>(LAST_EVENT_ID)?.id ?? 0;
      const firstKept = lastId - limits.maxEvents;
      const first = connection.get<{ id: number; at: number }>(FIRST_EVENT);
      const anyOld = first !== undefined && (first.at < cutoff || first.id <= firstKept);
      const events = anyOld ? connection.run(DELETE_OLD_EVENTS, EVENTS_A_PIECE, cutoff, firstKept) : 0;
      return removed.includes(RUNS_A_PIECE) || events === EVENTS_A_PIECE;
    });
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }
}
