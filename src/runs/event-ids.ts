import type { Clock } from '../contracts/clock.ts';
import { TuttiError } from '../errors/error.ts';
import { giveBack, reserve, type Reservation } from '../storage/counters.ts';
import type { Storage } from '../storage/storage.ts';

const NAME = 'events';
/** A crash leaves at most so many ids unused; storage is asked once for so many events. */
const BLOCK = 4_096;

/** Where the bus gets its ids from: each larger than all before. */
export interface EventIds {
  next(): number;
  /** The newest id that was given; before the first, the one below it. */
  readonly last: number;
}

/** Ids that begin at `first` and are forgotten with the process. */
export function countFrom(first: number): EventIds {
  let id = first - 1;
  return {
    next: () => ++id,
    get last() {
      return id;
    },
  };
}

/**
 * Ids that never repeat in a data directory: they are reserved in the database, in blocks, before they are used.
 *
 * They grow by one, also over an orderly restart (`close` gives back what was not used); a crash skips the rest of a
 * block. While the database cannot be written they go on from the clock's milliseconds: far above every reserved id.
 */
export class StoredEventIds implements EventIds {
  readonly #storage: Storage;
  readonly #clock: Clock;
  #id = 0;
  #block: Reservation = { first: 1, last: 0 };
  #reserved = false;

  constructor(storage: Storage, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
    this.#extend();
  }

  get last(): number {
    return this.#id;
  }

  next(): number {
    if (this.#id >= this.#block.last) this.#extend();
    return ++this.#id;
  }

  #extend(): void {
    try {
      this.#block = reserve(this.#storage, this.#clock, { name: NAME, count: BLOCK, above: this.#id });
      this.#reserved = true;
    } catch (error) {
      if (!TuttiError.isInstance(error)) throw error;
      // The storage has logged and reported it.
      const first = Math.max(this.#id + 1, this.#clock.now());
      this.#block = { first, last: first + BLOCK - 1 };
      this.#reserved = false;
    }
    this.#id = this.#block.first - 1;
  }

  /** Call once, when nothing more is published. */
  close(): void {
    if (!this.#reserved) return;
    this.#reserved = false;
    try {
      giveBack(this.#storage, NAME, { used: this.#id, last: this.#block.last });
    } catch (error) {
      if (!TuttiError.isInstance(error)) throw error;
      // As after a crash: the rest of the block stays unused.
    }
  }
}
