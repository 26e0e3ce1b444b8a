/**
 * An unbounded queue between a producer that must not wait and one consumer that iterates. Leaving the iteration calls
 * `onLeave` once, so that the producer can stop.
 */
export class Channel<T> implements AsyncIterable<T> {
  #items: T[] = [];
  #head = 0;
  #wake: (() => void) | null = null;
  #end: { error: unknown } | 'open' | 'closed' = 'open';
  #onLeave: (() => void) | undefined;

  constructor(onLeave?: () => void) {
    this.#onLeave = onLeave;
  }

  push(item: T): void {
    if (this.#end !== 'open') return;
    this.#items.push(item);
    this.#signal();
  }

  /** No more items: the consumer ends after those that are queued. */
  close(): void {
    if (this.#end !== 'open') return;
    this.#end = 'closed';
    this.#signal();
  }

  /** The consumer gets the queued items and then this error. */
  fail(error: unknown): void {
    if (this.#end !== 'open') return;
    this.#end = { error };
    this.#signal();
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    let ended = false;
    try {
      for (;;) {
        while (this.#head < this.#items.length) yield this.#items[this.#head++]!; // below length
        this.#items = [];
        this.#head = 0;
        if (this.#end === 'closed') {
          ended = true;
          return;
        }
        if (this.#end !== 'open') {
          ended = true;
          throw this.#end.error;
        }
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      if (!ended) {
        this.#end = 'closed';
        this.#onLeave?.();
      }
    }
  }
}
