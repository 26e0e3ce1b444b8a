import type { Clock } from '../contracts/clock.ts';
import type { Storage } from './storage.ts';

const RESERVE = `
INSERT INTO counters (name, value) VALUES (?1, ?2 + ?3)
ON CONFLICT (name) DO UPDATE SET value = max(value, ?2) + ?3
RETURNING value`;
const GIVE_BACK = `UPDATE counters SET value = ?2 WHERE name = ?1 AND value = ?3`;

export interface Reservation {
  readonly first: number;
  readonly last: number;
}

export interface ReserveOptions {
  readonly name: string;
  readonly count: number;
  /** Every number of the reservation is above this. */
  readonly above: number;
}

/**
 * Takes the next `count` numbers of a counter for this process alone, for good: they are not given out again even after a
 * crash or a power cut. Errors: `storage_unavailable`.
 *
 * When the counter was lost with a corrupt database, it goes on from the clock's milliseconds, which are above whatever
 * it had reached.
 */
export function reserve(storage: Storage, clock: Clock, { name, count, above }: ReserveOptions): Reservation {
  return storage.write(
    (connection) => {
      const lost = storage.status.movedAside.length > 0 && !connection.get('SELECT 1 FROM counters WHERE name = ?', name);
      const floor = lost ? Math.max(above, clock.now()) : above;
      const last = connection.get<{ value: number }>(RESERVE, name, floor, count)!.value; // RETURNING gives the row
      return { first: last - count + 1, last };
    },
    { durable: true },
  );
}

/** Gives back the numbers after `used`, unless another process has reserved meanwhile. Errors: `storage_unavailable`. */
export function giveBack(storage: Storage, name: string, { used, last }: { used: number; last: number }): void {
  storage.write((connection) => connection.run(GIVE_BACK, name, used, last));
}
