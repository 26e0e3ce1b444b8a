/** Who waits for which model. */
import type { Backend } from '../contracts/backend.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import type { Deferred } from '../lib/deferred.ts';
import type { Lease, LoadProgress } from './contract.ts';
import type { PlacementOption } from './placement.ts';

export interface Waiter {
  /** The id that was asked for: read again when a name moves. */
  readonly requested: ModelId;
  /** Lower goes first; see `rankOf`. */
  readonly rank: number;
  readonly lease: Deferred<Lease>;
  readonly onProgress: ((progress: LoadProgress) => void) | undefined;
  /** Stops listening to its signal and its deadline. */
  readonly watch: DisposableStack;
}

/** A model that somebody waits for. */
export interface Demand {
  readonly id: ModelId;
  readonly descriptor: ModelDescriptor;
  readonly backend: Backend;
  readonly waiters: Set<Waiter>;
  /** The best of its waiters. */
  rank: number;
  /** null until its backend has sized it. */
  options: readonly PlacementOption[] | null;
}

export class Demands implements Iterable<Demand> {
  readonly #demands = new Map<ModelId, Demand>();

  get size(): number {
    return this.#demands.size;
  }

  get(id: ModelId): Demand | undefined {
    return this.#demands.get(id);
  }

  /** `isNew`: nobody waited for this model before. */
  add(model: ModelDescriptor, backend: Backend, waiter: Waiter): { readonly demand: Demand; readonly isNew: boolean } {
    const known = this.#demands.get(model.id);
    if (known !== undefined) {
      known.waiters.add(waiter);
      known.rank = Math.min(known.rank, waiter.rank);
      return { demand: known, isNew: false };
    }
    const demand = { id: model.id, descriptor: model, backend, waiters: new Set([waiter]), rank: waiter.rank, options: null };
    this.#demands.set(model.id, demand);
    return { demand, isNew: true };
  }

  /** Whether the waiter was the last of its demand, which is then gone. */
  leave(demand: Demand, waiter: Waiter): boolean {
    demand.waiters.delete(waiter);
    waiter.watch.dispose();
    if (demand.waiters.size > 0) {
      if (demand.rank === waiter.rank) demand.rank = Math.min(...Array.from(demand.waiters, (other) => other.rank));
      return false;
    }
    if (this.#demands.get(demand.id) === demand) this.#demands.delete(demand.id);
    return true;
  }

  /** Ends the demand and gives its waiters, best rank first. */
  take(id: ModelId): Waiter[] {
    const demand = this.#demands.get(id);
    if (demand === undefined) return [];
    this.#demands.delete(id);
    for (const waiter of demand.waiters) waiter.watch.dispose();
    return [...demand.waiters].sort((a, b) => a.rank - b.rank);
  }

  [Symbol.iterator](): Iterator<Demand> {
    return this.#demands.values();
  }
}
