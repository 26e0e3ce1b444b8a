import type { Clock } from '../contracts/clock.ts';
import type { TuttiEvent } from '../contracts/event.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Principal } from '../contracts/principal.ts';
import type { RunRecord } from '../contracts/run.ts';
import type { Price } from '../contracts/usage.ts';
import type { ModelId, RunId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import type { Connection } from '../storage/connection.ts';
import type { Storage, StorageStatus } from '../storage/storage.ts';
import { createEventBus, type ResumableEventBus } from './event-bus.ts';
import { StoredEventIds } from './event-ids.ts';
import { RunRecorder, type ReviewLimits, type RunMeta } from './recorder.ts';
import { selectJournal, selectQuestion } from './journal-rows.ts';
import { Retention } from './retention.ts';
import { listRuns, type ListQuery, type RunPage } from './run-queries.ts';
import { selectEvents, selectRun } from './run-rows.ts';
import { runStats, type RunStats, type StatsQuery } from './run-stats.ts';
import { RunWriter, type Counts } from './run-writer.ts';
import type { RunsConfig } from './schema.ts';
import { maySee } from './visibility.ts';

export interface RunsOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: Logger;
  readonly config: RunsConfig;
  /** Prices the steps whose `step-end` brings no cost. */
  readonly priceOf?: (model: ModelId) => Price | undefined;
  /** Scores below which a person should look; asked at the start of each run. */
  readonly review?: () => ReviewLimits;
  /** How many of the newest events are kept in memory. Default 4096. */
  readonly eventCapacity?: number;
}

export interface StartOptions {
  /** Stops the run, for `Runs.cancel`. Typically aborts the signal that went into its calls. */
  readonly cancel?: () => void;
}

export interface RunsStatus extends StorageStatus {
  /** Finished, but not in the database yet. */
  readonly pending: Counts;
  /** Lost since the start, because the database could not be written for too long. */
  readonly dropped: Counts;
}

interface LiveRun {
  readonly recorder: RunRecorder;
  readonly cancel: (() => void) | undefined;
}

/**
 * Every run there is: those under way, those that ended and wait to be written, and those in the database. And the events
 * of all that happens. A run is in exactly one of the three places, so nothing is counted twice or missed.
 *
 * What can be read is never an error because of the database: without it there is what memory has, and `status` says so.
 */
export class Runs implements Disposable {
  /** Publish on it and listen to it; `since` resumes from any event. */
  readonly events: ResumableEventBus;
  readonly #options: RunsOptions;
  readonly #ids: StoredEventIds;
  readonly #writer: RunWriter;
  readonly #retention: Retention;
  readonly #live = new Map<RunId, LiveRun>();
  readonly #subscriptions: Disposable[];
  #closed = false;

  constructor(options: RunsOptions) {
    const { storage, clock, log, config } = options;
    this.#options = options;
    this.#ids = new StoredEventIds(storage, clock);
    this.#writer = new RunWriter({ storage, clock, log, maxContentBytes: config.max_content_kb * 1024 });
    this.events = createEventBus({
      clock,
      log,
      ids: this.#ids,
      history: (range) => this.#history(range),
      ...(options.eventCapacity !== undefined && { capacity: options.eventCapacity }),
    });
    this.#retention = new Retention({
      storage,
      clock,
      log,
      limits: { days: config.retention_days, maxRuns: config.max_runs, maxEvents: config.max_events },
    });
    this.#subscriptions = [
      this.events.on('*', (event) => this.#writer.addEvent(event)),
      storage.onStatus(({ ok, message }) => this.events.publish(ok ? 'storage.recovered' : 'storage.degraded', { message })),
    ];
    // What was found at opening came before anybody could listen.
    const { ok, message, movedAside } = storage.status;
    if (!ok) this.events.publish('storage.degraded', { message });
    else if (movedAside.length > 0) log.warn({ movedAside }, message);
  }

  /** Begins a run. It is under way until its recorder has ended it: its parts must be read to their end, or left. */
  start(meta: RunMeta, { cancel }: StartOptions = {}): RunRecorder {
    const { clock, config, priceOf, review } = this.#options;
    const recorder = new RunRecorder({
      meta,
      bus: this.events,
      clock,
      storeContent: config.store_content,
      ...(priceOf !== undefined && { priceOf }),
      ...(review !== undefined && { review: review() }),
      onEnd: (run, journal) => {
        this.#writer.addRun(run, journal);
        this.#live.delete(run.id);
      },
    });
    this.#live.set(recorder.id, { recorder, cancel });
    return recorder;
  }

  /** Undefined when there is none, or it is not the viewer's to see. */
  get(id: RunId, viewer?: Principal): RunRecord | undefined {
    const run =
      this.#live.get(id)?.recorder.record() ??
      this.#writer.pendingRuns.get(id) ??
      this.#read((connection) => (connection === null ? undefined : selectRun(connection, id)));
    return run !== undefined && maySee(viewer, run.principal) ? run : undefined;
  }

  /**
   * What the database has for this run to go on with, as it was given to `RunRecorder.canGoOn`. Undefined when it has nothing,
   * when the run is under way, or when its last end is not written yet: then memory knows better.
   */
  journal(id: RunId): string | undefined {
    return this.#stored(id, selectJournal);
  }

  /** The question with which this run waits according to the database; null as `journal` is undefined, or when it failed. */
  storedQuestion(id: RunId): string | null {
    return this.#stored(id, selectQuestion) ?? null;
  }

  #stored<T>(id: RunId, select: (connection: Connection, id: RunId) => T): T | undefined {
    if (this.#live.has(id) || this.#writer.pendingRuns.has(id)) return undefined;
    return this.#read((connection) => (connection === null ? undefined : select(connection, id)));
  }

  /** Errors: `invalid_request` for a bad cursor. */
  list(query: ListQuery = {}): RunPage {
    return this.#read((connection) => listRuns(connection, [...this.active(), ...this.#writer.pendingRuns.values()], query));
  }

  /** Over finished runs. */
  stats(query: StatsQuery = {}): RunStats {
    return this.#read((connection) => runStats(connection, this.#writer.pendingRuns.values(), query));
  }

  /** The runs under way, the oldest first. */
  active(viewer?: Principal): RunRecord[] {
    return [...this.#live.values()].map(({ recorder }) => recorder.record()).filter((run) => maySee(viewer, run.principal));
  }

  get activeCount(): number {
    return this.#live.size;
  }

  /** Asks a run to stop. False when none is under way by this id, it is not the viewer's, or it cannot be stopped. */
  cancel(id: RunId, viewer?: Principal): boolean {
    const run = this.#live.get(id);
    if (run?.cancel === undefined || !maySee(viewer, run.recorder.record().principal)) return false;
    run.cancel();
    return true;
  }

  get status(): RunsStatus {
    return { ...this.#options.storage.status, pending: this.#writer.pending, dropped: this.#writer.dropped };
  }

  /** Writes now what is pending. False when the database could not take it. */
  flush(): boolean {
    return this.#writer.flush();
  }

  /** Writes what is pending and ends every reader of the events. The storage stays open: it is its maker's. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#retention[Symbol.dispose]();
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
    this.events.close();
    this.#writer.close();
    this.#ids.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Runs `work` with the database, or with null when it cannot be read. */
  #read<T>(work: (connection: Connection | null) => T): T {
    try {
      return this.#options.storage.read(work);
    } catch (error) {
      if (!TuttiError.isInstance(error) || (error.code !== 'storage_unavailable' && error.code !== 'closed')) throw error;
      return work(null);
    }
  }

  /** Stored events and those not stored yet, in the order of their ids. */
  #history({ after, before, limit }: { after: number; before: number; limit: number }): TuttiEvent[] {
    const pending: TuttiEvent[] = [];
    for (const event of this.#writer.pendingEvents()) if (event.id > after && event.id < before) pending.push(event);
    const stored = this.#read((connection) => (connection === null ? [] : storedEvents(connection, { after, before, limit })));
    return [...stored, ...pending].toSorted((a, b) => a.id - b.id).slice(0, limit);
  }
}

/** A page that is only empty when there are no more, although events without their run are left out. */
function storedEvents(
  connection: Connection,
  { after, before, limit }: { after: number; before: number; limit: number },
): TuttiEvent[] {
  for (;;) {
    const { events, lastId, complete } = selectEvents(connection, { after, before, limit });
    if (events.length > 0 || complete) return events;
    after = lastId;
  }
}

/** Starts keeping runs and events in this storage. */
export function createRuns(options: RunsOptions): Runs {
  return new Runs(options);
}
