import type { Part } from '../contracts/part.ts';
import { TuttiError } from '../errors/error.ts';

/** What looks at the parts. */
export interface Observer {
  accept(part: Part): void;
  /** Whether all that belongs to a complete answer has been seen. */
  readonly answered: boolean;
  complete(): void;
  fail(error: unknown): void;
  cancel(): void;
}

/**
 * The same parts, looked at on their way, and how they ended. Written by hand: an async generator around another costs
 * each delta three more turns of the promise queue.
 */
export class Tap implements AsyncIterableIterator<Part, undefined> {
  readonly #observer: Observer;
  readonly #parts: AsyncIterator<Part, unknown>;
  #over = false;

  constructor(observer: Observer, parts: AsyncIterator<Part, unknown>) {
    this.#observer = observer;
    this.#parts = parts;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Part, undefined>> {
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    return this.#parts.next().then(this.#seen, this.#failed);
  }

  async return(): Promise<IteratorResult<Part, undefined>> {
    if (!this.#over) {
      this.#over = true;
      try {
        await this.#parts.return?.();
      } finally {
        if (this.#observer.answered) this.#observer.complete();
        else this.#observer.cancel();
      }
    }
    return { done: true, value: undefined };
  }

  readonly #seen = (result: IteratorResult<Part, unknown>): IteratorResult<Part, undefined> => {
    if (result.done !== true) {
      this.#observer.accept(result.value);
      return result;
    }
    // Left while this was awaited: `return` says how the run ended.
    if (this.#over) return { done: true, value: undefined };
    this.#over = true;
    if (!this.#observer.answered) {
      const error = new TuttiError('stream_truncated', 'The answer ended without saying that it was complete.');
      this.#observer.fail(error);
      throw error;
    }
    this.#observer.complete();
    return { done: true, value: undefined };
  };

  readonly #failed = (error: unknown): never => {
    this.#over = true;
    this.#observer.fail(error);
    throw error;
  };
}
