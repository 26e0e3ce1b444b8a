import { TuttiError } from '../errors/error.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';

/**
 * The requests under way, and how the server stops. It goes one way through three states:
 *
 * - **open**: requests enter.
 * - **draining** (`drain`): new ones are refused with `shutting_down`; `stopping` tells endless streams to end.
 * - **aborted** (`abort`): what still runs is told to stop.
 *
 * `idle()` settles when the last one has left.
 */
export class Inflight {
  #state: 'open' | 'draining' | 'aborted' = 'open';
  readonly #running = new Set<AbortController>();
  readonly #stopping = new AbortController();
  readonly #idle: Deferred<void>[] = [];

  /** Aborted when the drain begins: streams without an end of their own (events, logs) end then. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  get isDraining(): boolean {
    return this.#state !== 'open';
  }

  get size(): number {
    return this.#running.size;
  }

  /** A request has come. Throws `shutting_down`. */
  enter(): AbortController {
    if (this.isDraining) throw stopped();
    const controller = new AbortController();
    this.#running.add(controller);
    return controller;
  }

  /** Its response is complete, or its client has gone. */
  leave(controller: AbortController): void {
    this.#running.delete(controller);
    if (this.#running.size === 0) for (const waiter of this.#idle.splice(0)) waiter.resolve();
  }

  drain(): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    this.#stopping.abort();
  }

  abort(): void {
    this.drain();
    this.#state = 'aborted';
    for (const controller of this.#running) controller.abort(stopped());
  }

  async idle(): Promise<void> {
    if (this.#running.size === 0) return;
    const waiter = deferred();
    this.#idle.push(waiter);
    await waiter.promise;
  }
}

function stopped(): TuttiError {
  return new TuttiError('shutting_down', 'The server is shutting down.', { retryAfter: 1 });
}
