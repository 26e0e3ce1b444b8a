import type { Clock } from '../contracts/clock.ts';
import { TuttiError } from '../errors/error.ts';

export interface CallScopeOptions {
  /** The caller's. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds. */
  readonly deadline: number | undefined;
  readonly clock: Clock;
}

/** What may end a call before its time: the caller's signal, the end of the iteration, the deadline. Dispose it after the call. */
export class CallScope implements Disposable {
  readonly #stop = new AbortController();
  readonly #outer: AbortSignal;
  readonly #clock: Clock;
  #timer: Disposable | undefined;
  #error: TuttiError | null = null;

  constructor({ signal, deadline, clock }: CallScopeOptions) {
    this.#outer = signal;
    this.#clock = clock;
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
    if (deadline !== undefined) this.#watch(deadline);
  }

  /** Aborted with the error that the caller gets. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Why the call was stopped, or null. */
  get error(): TuttiError | null {
    return this.#error;
  }

  /** The caller left the iteration. */
  leave(): void {
    this.#end(new TuttiError('cancelled', 'The caller left before the answer was complete.'));
  }

  /** Waits, or throws the error as soon as the call is stopped. */
  async wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _timer = this.#clock.after(ms, resolve);
    this.signal.addEventListener('abort', () => resolve(), { once: true });
    if (this.#error === null) await promise;
    if (this.#error !== null) throw this.#error;
  }

  /** The result of `work`, or null when it has not ended `graceMs` after the call was stopped. */
  async settled<T>(work: Promise<T>, graceMs: number): Promise<T | null> {
    const { promise: late, resolve } = Promise.withResolvers<null>();
    let timer: Disposable | undefined;
    const onAbort = (): void => void (timer = this.#clock.after(graceMs, () => resolve(null)));
    if (this.signal.aborted) onAbort();
    else this.signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([work, late]);
    } finally {
      this.signal.removeEventListener('abort', onAbort);
      timer?.[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    this.#outer.removeEventListener('abort', this.#onAbort);
    this.#timer?.[Symbol.dispose]();
  }

  #onAbort = (): void => this.#end(fromReason(this.#outer.reason));

  #watch(deadline: number): void {
    const left = deadline - this.#clock.now();
    const expire = (): void => this.#end(new TuttiError('deadline_exceeded', 'The deadline of the call has passed.'));
    if (left <= 0) expire();
    else this.#timer = this.#clock.after(left, expire);
  }

  #end(error: TuttiError): void {
    if (this.#error !== null) return;
    this.#error = error;
    this.#stop.abort(error);
  }
}

/** Whatever a signal was aborted with: our own errors and a timeout's say what they are, the rest is a cancel. */
function fromReason(reason: unknown): TuttiError {
  if (TuttiError.isInstance(reason)) return reason;
  if (reason instanceof Error && reason.name === 'TimeoutError') return TuttiError.from(reason);
  return new TuttiError('cancelled', 'The call was cancelled.', { cause: reason });
}
