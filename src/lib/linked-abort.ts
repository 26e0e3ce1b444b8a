/**
 * An abort of one's own that follows others. As `AbortSignal.any` with a controller among them, but without its weak
 * references, which cost more than a small call does. Dispose it when the work is over.
 */
export class LinkedAbort implements Disposable {
  readonly #controller = new AbortController();
  readonly #followed: readonly AbortSignal[];

  constructor(...followed: readonly AbortSignal[]) {
    this.#followed = followed;
    for (const signal of followed) {
      if (signal.aborted) this.#controller.abort(signal.reason);
      else signal.addEventListener('abort', this.#follow, { once: true });
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  readonly #follow = (event: Event): void => this.#controller.abort((event.target as AbortSignal).reason); // only signals are listened to

  [Symbol.dispose](): void {
    for (const signal of this.#followed) signal.removeEventListener('abort', this.#follow);
  }
}
