/** When a model that crashed may be started again. */
import type { ModelId } from '../contracts/vocabulary.ts';

/** A model that ran for so long before it crashed starts with a clean sheet. */
const STABLE_MS = 60_000;
const LONGEST_MS = 30_000;

/** At once after the first crash, then after 1, 2, 4 … up to 30 seconds. */
export function backoffMs(crashes: number): number {
  return crashes <= 1 ? 0 : Math.min(LONGEST_MS, 1000 * 2 ** (crashes - 2));
}

export class CrashLog {
  readonly #crashes = new Map<ModelId, { count: number; notBefore: number }>();

  /** `ranMs`: how long it had been loaded; 0 when it crashed while loading. */
  record(id: ModelId, ranMs: number, now: number): void {
    const count = ranMs >= STABLE_MS ? 1 : (this.#crashes.get(id)?.count ?? 0) + 1;
    this.#crashes.set(id, { count, notBefore: now + backoffMs(count) });
  }

  /** Epoch milliseconds; 0: at once. */
  notBefore(id: ModelId): number {
    return this.#crashes.get(id)?.notBefore ?? 0;
  }

  forget(id: ModelId): void {
    this.#crashes.delete(id);
  }
}
