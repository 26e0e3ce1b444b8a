import type { Clock } from '../contracts/clock.ts';

/** The real clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    // setTimeout takes at most 2^31 − 1 ms; a longer wait would fire at once.
    const timer = setTimeout(run, Math.min(ms, 0x7fffffff)).unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
