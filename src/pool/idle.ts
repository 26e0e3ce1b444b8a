/** Unloading what nobody has used for a while. */
import type { Clock } from '../contracts/clock.ts';
import type { Slot } from './slot.ts';

export interface IdleOptions {
  readonly clock: Clock;
  /** How long a model may be idle, in milliseconds. 0: for ever. Asked when a timer is set and when it fires. */
  readonly idleMs: (slot: Slot) => number;
  readonly onDue: (slot: Slot) => void;
}

/** At most one timer a slot, set when its last lease ends and not touched by later ones: if it fires too early it is set again. */
export class IdleTimers {
  readonly #options: IdleOptions;
  readonly #timers = new Map<Slot, Disposable>();

  constructor(options: IdleOptions) {
    this.#options = options;
  }

  /** Called whenever a slot becomes idle. */
  watch(slot: Slot): void {
    const { clock, idleMs } = this.#options;
    const ttl = idleMs(slot);
    if (ttl === 0 || this.#timers.has(slot)) return;
    const left = slot.lastUsedAt + ttl - clock.now();
    this.#timers.set(
      slot,
      clock.after(Math.max(0, left), () => this.#fired(slot)),
    );
  }

  /** Called when a slot goes. */
  stop(slot: Slot): void {
    this.#timers.get(slot)?.[Symbol.dispose]();
    this.#timers.delete(slot);
  }

  #fired(slot: Slot): void {
    this.#timers.delete(slot);
    if (slot.leases > 0 || slot.guarded) return; // the release, or the end of the swap, sets the next one
    const ttl = this.#options.idleMs(slot);
    if (ttl === 0) return;
    if (slot.lastUsedAt + ttl > this.#options.clock.now()) this.watch(slot);
    else this.#options.onDue(slot);
  }
}
