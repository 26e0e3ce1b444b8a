/** Requests a minute for each key: a bucket that holds a minute's worth and fills steadily. */
import type { Clock } from '../../contracts/clock.ts';
import { TuttiError } from '../../errors/error.ts';
import type { ApiKey } from '../schema.ts';

const MINUTE = 60_000;

export class RateLimiter {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a request of this key and returns how many more it may send at once. Throws `rate_limited`. */
  take(key: ApiKey): number {
    const rpm = key.rpm ?? Number.POSITIVE_INFINITY;
    if (rpm === Number.POSITIVE_INFINITY) return rpm;
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.get(key.name) ?? { tokens: rpm, at: now };
    const tokens = Math.min(rpm, bucket.tokens + ((now - bucket.at) / MINUTE) * rpm);
    this.#buckets.set(key.name, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    if (tokens >= 1) return Math.floor(tokens - 1);
    const retryAfter = Math.ceil(((1 - tokens) * MINUTE) / rpm / 1000);
    throw new TuttiError(
      'rate_limited',
      `The key "${key.name}" may send ${rpm} requests a minute. Try again in ${retryAfter} s.`,
      {
        retryAfter,
      },
    );
  }
}
