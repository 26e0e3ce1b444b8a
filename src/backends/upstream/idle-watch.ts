import type { Clock } from '../../contracts/clock.ts';

/**
 * Calls back once nothing was heard for `ms`. `heard()` only notes the time, so that it costs nothing on every chunk:
 * the timer that finds itself too early sets itself again for the rest.
 */
export class IdleWatch implements Disposable {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #onIdle: () => void;
  #last: number;
  #timer: Disposable;

  constructor(clock: Clock, ms: number, onIdle: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#onIdle = onIdle;
    this.#last = clock.monotonic();
    this.#timer = this.#arm(ms);
  }

  /** Something came, or is waited for from now on. */
  heard(): void {
    this.#last = this.#clock.monotonic();
  }

  /** Nothing is waited for until `heard` is called: whoever reads is busy with what came, and that is not the server's silence. */
  pause(): void {
    this.#last = Number.POSITIVE_INFINITY;
  }

  #arm(ms: number): Disposable {
    return this.#clock.after(ms, () => {
      const rest = this.#last + this.#ms - this.#clock.monotonic();
      if (rest <= 0) this.#onIdle();
      else this.#timer = this.#arm(Math.min(rest, this.#ms));
    });
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }
}
