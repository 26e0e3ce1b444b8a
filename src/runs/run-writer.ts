import type { Clock } from '../contracts/clock.ts';
import type { TuttiEvent } from '../contracts/event.ts';
import type { Logger } from '../contracts/logger.ts';
import type { RunRecord } from '../contracts/run.ts';
import type { RunId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import type { Storage } from '../storage/storage.ts';
import { insertJournal, toJournalRow, type JournalRow, type RunJournal } from './journal-rows.ts';
import { insertEvent, insertRun, toEventRow, toRunRow } from './run-rows.ts';

const FLUSH_AFTER_MS = 250;
/** What one transaction takes, a few milliseconds of work; with so many waiting, the flush does not wait for its time. */
const RUNS_A_BATCH = 128;
const EVENTS_A_BATCH = 512;

export interface RunWriterOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: Logger;
  /** Bytes of JSON of an input or an output. */
  readonly maxContentBytes: number;
  /** What is held while the database cannot be written; beyond it the oldest are dropped and counted. Default 5,000 and 20,000. */
  readonly maxPending?: { readonly runs: number; readonly events: number };
}

export interface Counts {
  readonly runs: number;
  readonly events: number;
}

/**
 * Holds finished runs and events until they are written, in batches, off the path of the calls: 250 ms after the first,
 * or at the next turn of the event loop once there are many. What is held here is not in the database, and the other
 * way round: a batch leaves in the same synchronous step that commits it.
 */
export class RunWriter {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #maxContentBytes: number;
  readonly #maxPending: Counts;
  readonly #runs = new Map<RunId, RunRecord>();
  readonly #journals = new WeakMap<RunRecord, RunJournal>();
  /** By id, so in the order of publishing. */
  readonly #events = new Map<number, TuttiEvent>();
  readonly #dropped = { runs: 0, events: 0 };
  #droppedReported = 0;
  #timer: { readonly at: number; readonly handle: Disposable } | null = null;
  #closed = false;

  constructor({ storage, clock, log, maxContentBytes, maxPending = { runs: 5_000, events: 20_000 } }: RunWriterOptions) {
    this.#storage = storage;
    this.#clock = clock;
    this.#log = log;
    this.#maxContentBytes = maxContentBytes;
    this.#maxPending = maxPending;
  }

  /** Finished runs that are not in the database yet. */
  get pendingRuns(): ReadonlyMap<RunId, RunRecord> {
    return this.#runs;
  }

  /** Events that are not in the database yet, oldest first. */
  pendingEvents(): Iterable<TuttiEvent> {
    return this.#events.values();
  }

  get pending(): Counts {
    return { runs: this.#runs.size, events: this.#events.size };
  }

  /** What was lost because the database could not be written for too long, or could not take it. */
  get dropped(): Counts {
    return { ...this.#dropped };
  }

  /** With its journal, if it can go on. One that waits is written at once: a person has been promised that it does. */
  addRun(run: RunRecord, journal: RunJournal | null = null): void {
    if (this.#closed) return;
    this.#runs.set(run.id, run);
    if (journal !== null) this.#journals.set(run, journal);
    if (this.#runs.size > this.#maxPending.runs) this.#dropOldest(this.#runs, 'runs');
    const urgent = this.#runs.size >= RUNS_A_BATCH || (journal !== null && journal.question !== null);
    this.#schedule(urgent ? 0 : FLUSH_AFTER_MS);
  }

  addEvent(event: TuttiEvent): void {
    if (this.#closed) return;
    this.#events.set(event.id, event);
    if (this.#events.size > this.#maxPending.events) this.#dropOldest(this.#events, 'events');
    this.#schedule(this.#events.size >= EVENTS_A_BATCH ? 0 : FLUSH_AFTER_MS);
  }

  #dropOldest<K>(pending: Map<K, unknown>, kind: keyof Counts): void {
    for (const key of pending.keys()) {
      pending.delete(key);
      this.#dropped[kind]++;
      return;
    }
  }

  /** Writes all that is pending now. False when the database could not take it; it is then tried again by itself. */
  flush(): boolean {
    while (this.#runs.size > 0 || this.#events.size > 0) {
      if (!this.#writeBatch()) return false;
    }
    return true;
  }

  /** Writes what is pending and takes nothing more. */
  close(): void {
    if (this.#closed) return;
    this.#timer?.handle[Symbol.dispose]();
    this.#timer = null;
    if (!this.flush()) this.#log.error({ lost: this.pending }, 'the database cannot be written: what was pending is lost');
    this.#closed = true;
  }

  #schedule(ms: number): void {
    const wait = Math.max(ms, this.#storage.retryInMs);
    const at = this.#clock.monotonic() + wait;
    if (this.#timer !== null && this.#timer.at <= at) return;
    this.#timer?.handle[Symbol.dispose]();
    this.#timer = { at, handle: this.#clock.after(wait, this.#onTimer) };
  }

  readonly #onTimer = (): void => {
    this.#timer = null;
    const written = this.#writeBatch();
    if (this.#runs.size > 0 || this.#events.size > 0) this.#schedule(written ? 0 : FLUSH_AFTER_MS);
  };

  /** One transaction. A run goes before the events that tell of it. */
  #writeBatch(): boolean {
    const runs = first(this.#runs.values(), RUNS_A_BATCH);
    const events = first(this.#events.values(), EVENTS_A_BATCH);
    const runRows = runs.map((run) => this.#translated('runs', run.id, () => toRunRow(run, this.#maxContentBytes)));
    const journalRows = runs.map((run) => this.#journalOf(run));
    const eventRows = events.map((event) => this.#translated('events', event.type, () => toEventRow(event)));
    try {
      this.#storage.write((connection) => {
        for (const [i, row] of runRows.entries()) {
          if (row === null) continue;
          insertRun(connection, row);
          const journal = journalRows[i] ?? null;
          if (journal !== null) insertJournal(connection, row.id, journal);
        }
        for (const row of eventRows) if (row !== null) insertEvent(connection, row);
      });
    } catch (error) {
      if (TuttiError.isInstance(error) && error.code !== 'internal_error') return false;
      // Not the disk but the batch itself. Trying it again for ever would keep all that follows from being written.
      this.#log.error({ err: error, runs: runs.length, events: events.length }, 'the database refused a batch: it is dropped');
      this.#dropped.runs += runs.length;
      this.#dropped.events += events.length;
    }
    for (const run of runs) if (this.#runs.get(run.id) === run) this.#runs.delete(run.id);
    for (const event of events) this.#events.delete(event.id);
    this.#reportDropped();
    return true;
  }

  /** null where there is none, or it cannot be stored: the run then goes on only for as long as memory has it. */
  #journalOf(run: RunRecord): JournalRow | null {
    const journal = this.#journals.get(run);
    if (journal === undefined) return null;
    try {
      const row = toJournalRow(journal);
      if (row === null) this.#log.warn({ run: run.id }, 'the journal of a run is too large to be stored: a restart ends the run');
      return row;
    } catch (error) {
      this.#log.error({ err: error, run: run.id }, 'the journal of a run cannot be written as JSON: a restart ends the run');
      return null;
    }
  }

  #translated<Row>(kind: keyof Counts, name: string, translate: () => Row): Row | null {
    try {
      return translate();
    } catch (error) {
      this.#log.error({ err: error, name }, 'a run or event cannot be written as JSON: it is dropped');
      this.#dropped[kind]++;
      return null;
    }
  }

  #reportDropped(): void {
    const total = this.#dropped.runs + this.#dropped.events;
    if (total === this.#droppedReported) return;
    this.#droppedReported = total;
    this.#log.warn({ dropped: this.dropped }, 'some history was lost while the database could not be written');
  }
}

function first<T>(items: Iterator<T> & Iterable<T>, count: number): T[] {
  const taken: T[] = [];
  for (const item of items) {
    taken.push(item);
    if (taken.length === count) break;
  }
  return taken;
}
