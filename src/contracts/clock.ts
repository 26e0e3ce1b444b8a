/** Time as a dependency, so that tests need not wait. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds that only go forward, for durations. */
  monotonic(): number;
  /** Calls back once, after `ms`. Disposing cancels it. Timers never keep the process alive. */
  after(ms: number, run: () => void): Disposable;
}
