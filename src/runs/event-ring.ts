import type { TuttiEvent } from '../contracts/event.ts';

/** The newest events, up to a fixed number, in the order of their ids. */
export class EventRing {
  readonly #slots: (TuttiEvent | undefined)[];
  /** How many were ever added; the next goes to `#count % capacity`. */
  #count = 0;

  constructor(capacity: number) {
    this.#slots = Array.from({ length: capacity });
  }

  add(event: TuttiEvent): void {
    this.#slots[this.#count++ % this.#slots.length] = event;
  }

  /** The id of the oldest event kept; Infinity when empty. */
  get oldestId(): number {
    return this.#at(this.#oldest)?.id ?? Infinity;
  }

  /** Events with a larger id, oldest first, at most `limit`. */
  after(id: number, limit: number): TuttiEvent[] {
    let low = this.#oldest;
    let high = this.#count;
    // Ids grow but may skip, so the place is searched and not computed.
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#at(middle)!.id <= id) low = middle + 1; // between oldest and newest
      else high = middle;
    }
    const found: TuttiEvent[] = [];
    for (let i = low; i < this.#count && found.length < limit; i++) found.push(this.#at(i)!); // between oldest and newest
    return found;
  }

  get #oldest(): number {
    return Math.max(0, this.#count - this.#slots.length);
  }

  #at(index: number): TuttiEvent | undefined {
    return this.#slots[index % this.#slots.length];
  }
}
