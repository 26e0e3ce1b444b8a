/** Which idle models go when memory runs short though nobody waits for room. Pure. */
import { leastRecentlyUsedUntil } from './eviction.ts';
import { entries, type Amounts } from './memory-budget.ts';
import { used } from './report.ts';
import { charged, type Slot } from './slot.ts';
import type { DeviceId } from '../contracts/vocabulary.ts';

export interface Relief {
  readonly slot: Slot;
  /** The device that is short. */
  readonly device: DeviceId;
}

/**
 * For each device whose models take more than `share` of its limit: idle ones, least recently used first, until they no
 * longer do. The one used last stays as long as the limit itself is kept, or a single large model could never stay loaded.
 *
 * @param idle those that may go, least recently used first
 */
export function relief(options: {
  readonly slots: readonly Slot[];
  readonly idle: readonly Slot[];
  readonly limits: Amounts;
  readonly share: number;
}): Relief[] {
  const { slots, idle, limits, share } = options;
  const chosen = new Map<Slot, DeviceId>();
  for (const [device, limit] of entries(limits)) {
    if (device === 'models') continue;
    const bytes = (slot: Slot): number => charged(slot)[device] ?? 0;
    const sum = used(slots, (memory) => memory[device] ?? 0);
    const last = slots
      .filter((slot) => bytes(slot) > 0)
      .reduce<Slot | null>((a, b) => (a === null || b.lastUsed > a.lastUsed ? b : a), null);
    const mayGo = sum > limit ? idle : idle.filter((slot) => slot !== last);
    for (const slot of leastRecentlyUsedUntil(limit * share, sum, mayGo, bytes)) chosen.set(slot, device);
  }
  return Array.from(chosen, ([slot, device]) => ({ slot, device }));
}
