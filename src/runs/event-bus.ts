import type { Clock } from '../contracts/clock.ts';
import type { EventBus, EventData, EventOf, EventType, TuttiEvent } from '../contracts/event.ts';
import type { Logger } from '../contracts/logger.ts';
import { countFrom, type EventIds } from './event-ids.ts';
import { EventRing } from './event-ring.ts';
import { eventMatcher, type EventFilter } from './visibility.ts';

/** Events a page when resuming from storage or from memory: what a slow reader holds at a time. */
const PAGE = 256;

export interface EventBusOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** The id of the first event. Default 1. */
  readonly firstId?: number;
  /** In place of `firstId`: ids that survive the process. */
  readonly ids?: EventIds;
  /** How many of the newest events are kept in memory for resuming. Default 4096. */
  readonly capacity?: number;
  /** Older events, from storage: ids above `after` and below `before`, oldest first, at most `limit`. */
  readonly history?: (range: { after: number; before: number; limit: number }) => TuttiEvent[];
}

export interface FollowOptions extends EventFilter {
  /** Ends the iteration at once, also while it waits. Without one it ends with the bus, or when it is left at an event. */
  readonly signal?: AbortSignal;
}

/** The bus, and reading it from any event on. */
export interface ResumableEventBus extends EventBus {
  /** The id of the newest event; before the first, the one below it. */
  readonly lastId: number;
  /** Events after `id` that are there now, oldest first: from storage, then from memory. */
  replay(id: number, filter?: EventFilter): Iterable<TuttiEvent>;
  /**
   * Events after `id` (null: from now on), first those that were, then those to come: no gap, none twice. A consumer that
   * is slow holds nothing in memory; one that is slower than storage's retention misses what retention removed.
   * An `id` that is larger than any so far is taken as `null`.
   */
  since(id: number | null, options?: FollowOptions): AsyncIterable<TuttiEvent>;
  /** Ends every `since` once it has given what there is. Publishing still works. */
  close(): void;
}

export function createEventBus(options: EventBusOptions): ResumableEventBus {
  return new Bus(options);
}

type Listener = (event: TuttiEvent) => void;

class Bus implements ResumableEventBus {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #ids: EventIds;
  readonly #ring: EventRing;
  readonly #history: EventBusOptions['history'];
  readonly #listeners = new Map<string, Set<Listener>>();
  /** Published by a listener while an event was being delivered: each listener must see them in the order of their ids. */
  readonly #waiting: TuttiEvent[] = [];
  #delivering = false;
  #closed = false;
  #news: { readonly promise: Promise<void>; resolve(): void } | null = null;

  constructor({ clock, log, firstId = 1, ids = countFrom(firstId), capacity = 4096, history }: EventBusOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#ids = ids;
    this.#ring = new EventRing(capacity);
    this.#history = history;
  }

  get lastId(): number {
    return this.#ids.last;
  }

  publish<T extends EventType>(type: T, data: EventData[T], origin: { runId?: string; principal?: string } = {}): void {
    const event = {
      id: this.#ids.next(),
      type,
      at: this.#clock.now(),
      runId: origin.runId ?? null,
      principal: origin.principal ?? null,
      data,
    } as EventOf<T> as TuttiEvent;
    this.#ring.add(event);
    this.#waiting.push(event);
    if (this.#delivering) return;
    this.#delivering = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#deliver(next);
    this.#delivering = false;
    this.#wake();
  }

  #deliver(event: TuttiEvent): void {
    for (const key of [event.type, '*']) {
      for (const listener of this.#listeners.get(key) ?? []) {
        try {
          listener(event);
        } catch (error) {
          this.#log.error({ err: error, event: event.type, eventId: event.id }, 'a listener to events threw');
        }
      }
    }
  }

  on<T extends EventType>(type: T | '*', listener: ((event: EventOf<T>) => void) | Listener): Disposable {
    // A wrapper of its own, so that the same function may be given twice and each be disposed of.
    const entry: Listener = (event) => (listener as Listener)(event);
    let listeners = this.#listeners.get(type);
    if (listeners === undefined) this.#listeners.set(type, (listeners = new Set()));
    listeners.add(entry);
    return { [Symbol.dispose]: () => void listeners.delete(entry) };
  }

  *replay(id: number, filter: EventFilter = {}): Generator<TuttiEvent> {
    const matches = eventMatcher(filter);
    const end = this.lastId;
    for (let page = this.#page(id); page.length > 0; page = this.#page(id)) {
      for (const event of page) {
        id = event.id;
        if (id > end) return;
        if (matches(event)) yield event;
      }
    }
  }

  since(id: number | null, options: FollowOptions = {}): AsyncIterable<TuttiEvent> {
    // "From now on" means from this call, not from the first step of the iteration.
    return this.#follow(id === null || id > this.lastId ? this.lastId : id, options);
  }

  async *#follow(cursor: number, { signal, ...filter }: FollowOptions): AsyncGenerator<TuttiEvent> {
    const matches = eventMatcher(filter);
    using stop = new AbortGate(signal);
    while (!stop.aborted) {
      const page = this.#page(cursor);
      for (const event of page) {
        cursor = event.id;
        if (!matches(event)) continue;
        yield event;
        if (stop.aborted) return;
      }
      if (page.length > 0) {
        // A long history is read between other things: where nothing of it matches, nobody else would have a turn.
        await new Promise(setImmediate);
        continue;
      }
      if (this.#closed) return;
      await stop.orAfter((this.#news ??= Promise.withResolvers<void>()).promise);
    }
  }

  /** The next events after `id`, from memory when it reaches back so far, else from storage. */
  #page(id: number): TuttiEvent[] {
    const oldest = this.#ring.oldestId;
    if (this.#history !== undefined && id + 1 < oldest) {
      const stored = this.#history({ after: id, before: oldest, limit: PAGE });
      if (stored.length > 0) return stored;
    }
    return this.#ring.after(id, PAGE);
  }

  #wake(): void {
    const news = this.#news;
    this.#news = null;
    news?.resolve();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }
}

/** Lets one wait for a promise or an abort, with one abort listener for the whole time. */
class AbortGate implements Disposable {
  readonly #signal: AbortSignal | undefined;
  #release: (() => void) | null = null;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => this.#release?.();

  get aborted(): boolean {
    return this.#signal?.aborted === true;
  }

  /** Settles with the promise or with the abort. The promise must not reject. */
  orAfter(promise: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      this.#release = resolve;
      void promise.then(resolve);
      if (this.aborted) resolve();
    });
  }

  [Symbol.dispose](): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}
