import type { Clock } from '../contracts/clock.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';

interface FakeTimer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * Time that moves only when told to. Timers run inside `advance`, in the order of their times; equal ones in the order in
 * which they were set.
 *
 * @example
 * const clock = new FakeClock();
 * const late = clock.after(1000, () => console.log('a second later'));
 * clock.advance(1000);
 */
export class FakeClock implements Clock {
  #now: number;
  #passed = 0;
  #order = 0;
  #timers = new Set<FakeTimer>();
  #armed: Deferred<void>[] = [];

  /** `start`: the epoch milliseconds that `now()` begins with. */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#passed;
  }

  after(ms: number, run: () => void): Disposable {
    const timer: FakeTimer = { at: this.#passed + Math.max(0, ms), order: this.#order++, run };
    this.#timers.add(timer);
    for (const waiter of this.#armed.splice(0)) waiter.resolve();
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Timers that are set and have neither run nor been disposed of. A test that ends with some has a leak. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Settles once a timer is set: at once when one is. What code under test waits for can then be reached with `advance`. */
  async timerSet(): Promise<void> {
    if (this.#timers.size > 0) return;
    const armed = deferred();
    this.#armed.push(armed);
    await armed.promise;
  }

  /** Moves time forward and runs what falls due, also timers that are set meanwhile. */
  advance(ms: number): void {
    const end = this.#passed + ms;
    for (let timer = this.#firstUntil(end); timer; timer = this.#firstUntil(end)) {
      this.#moveTo(timer.at);
      this.#timers.delete(timer);
      timer.run();
    }
    this.#moveTo(end);
  }

  #moveTo(passed: number): void {
    this.#now += passed - this.#passed;
    this.#passed = passed;
  }

  #firstUntil(end: number): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > end) continue;
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
    }
    return first;
  }
}
