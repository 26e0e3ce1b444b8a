/** Who waits for which model, from asking to getting a lease or an error. */
import type { Backend } from '../contracts/backend.ts';
import type { Clock } from '../contracts/clock.ts';
import type { Logger } from '../contracts/logger.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';
import type { AcquireOptions, Lease, LoadProgress } from './contract.ts';
import type { PlacementOption } from './placement.ts';
import { cancelled, queueTimeout } from './problems.ts';

/** A model that somebody waits for. */
export interface Demand {
  readonly id: ModelId;
  readonly model: ModelDescriptor;
  readonly backend: Backend;
  readonly waiters: ReadonlySet<Waiter>;
  /** The best of its waiters' ranks: lower goes first. */
  readonly rank: number;
  /** Where it may go; null until its backend has sized it. */
  options: readonly PlacementOption[] | null;
}

export interface Waiter {
  /** The id that was asked for: read again when a name moves. */
  readonly requested: ModelId;
  readonly rank: number;
}

export interface WaiterRequest {
  readonly requested: ModelId;
  readonly model: ModelDescriptor;
  readonly backend: Backend;
  readonly rank: number;
  readonly options: AcquireOptions;
}

/** What a name stands for. */
export interface Target {
  readonly model: ModelDescriptor;
  readonly backend: Backend;
}

interface OwnWaiter extends Waiter {
  readonly lease: Deferred<Lease>;
  readonly onProgress: ((progress: LoadProgress) => void) | undefined;
  /** Stops listening to its signal and its deadline. */
  readonly watch: DisposableStack;
  demand: OwnDemand;
}

interface OwnDemand extends Demand {
  model: ModelDescriptor;
  backend: Backend;
  readonly waiters: Set<OwnWaiter>;
  rank: number;
}

export interface WaitersOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after a waiter gave up; `last`: nobody waits for that model any more. */
  readonly onLeave: (id: ModelId, last: boolean) => void;
  /** Called with a demand that was not there before, or was for another backend. */
  readonly onDemand: (demand: Demand) => void;
  readonly isLoading: (id: ModelId) => boolean;
}

const LONGEST_TIMER_MS = 2 ** 31;

export class Waiters implements Iterable<Demand> {
  readonly #options: WaitersOptions;
  readonly #demands = new Map<ModelId, OwnDemand>();

  constructor(options: WaitersOptions) {
    this.#options = options;
  }

  /** How many models are waited for. */
  get size(): number {
    return this.#demands.size;
  }

  get(id: ModelId): Demand | undefined {
    return this.#demands.get(id);
  }

  /** Settles with the lease; rejects when its signal is aborted, its deadline passes, or all waiters of the model are rejected. */
  join(request: WaiterRequest): Promise<Lease> {
    const { requested, rank, options } = request;
    const demand = this.#demand(request.model, request.backend);
    const watch = new DisposableStack();
    const waiter: OwnWaiter = { requested, rank, lease: deferred(), onProgress: options.onProgress, watch, demand };
    this.#watch(waiter, options);
    this.#add(waiter, demand);
    this.#tell(waiter, { phase: 'queue', fraction: null, model: demand.id });
    return waiter.lease.promise;
  }

  /** Ends the wait for a model with leases, best rank first. */
  serve(id: ModelId, lease: () => Lease): void {
    for (const waiter of this.#take(id)) waiter.lease.resolve(lease());
  }

  /** Ends the wait for a model with an error. */
  reject(id: ModelId, error: TuttiError): void {
    for (const waiter of this.#take(id)) waiter.lease.reject(error);
  }

  tell(id: ModelId, progress: LoadProgress): void {
    for (const waiter of this.#demands.get(id)?.waiters ?? []) this.#tell(waiter, progress);
  }

  /**
   * A name moved: everybody who waits for `id` now waits for what `target` says, or gets its lease. They keep their places;
   * one whose name leads nowhere any more gets the error.
   */
  retarget(id: ModelId, target: (requested: ModelId) => Target | Promise<Lease>): void {
    const demand = this.#demands.get(id);
    if (demand === undefined) return;
    this.#demands.delete(id);
    for (const waiter of demand.waiters) {
      try {
        const next = target(waiter.requested);
        if (next instanceof Promise) this.#settle(waiter, next);
        else this.#add(waiter, this.#demand(next.model, next.backend));
      } catch (error) {
        this.#settle(waiter, Promise.reject(TuttiError.from(error)));
      }
    }
  }

  [Symbol.iterator](): Iterator<Demand> {
    return this.#demands.values();
  }

  #demand(model: ModelDescriptor, backend: Backend): OwnDemand {
    const known = this.#demands.get(model.id);
    if (known !== undefined) {
      if (known.backend !== backend) this.#rebind(known, { model, backend });
      return known;
    }
    const demand: OwnDemand = { id: model.id, model, backend, waiters: new Set(), rank: Infinity, options: null };
    this.#demands.set(model.id, demand);
    this.#options.onDemand(demand);
    return demand;
  }

  /** A reloaded config has replaced the backend: all who wait for the model get it from the new one. */
  #rebind(demand: OwnDemand, { model, backend }: Target): void {
    demand.model = model;
    demand.backend = backend;
    demand.options = null;
    this.#options.onDemand(demand);
  }

  #add(waiter: OwnWaiter, demand: OwnDemand): void {
    waiter.demand = demand;
    demand.waiters.add(waiter);
    demand.rank = Math.min(demand.rank, waiter.rank);
  }

  #watch(waiter: OwnWaiter, { signal, deadline }: AcquireOptions): void {
    const { clock, isLoading } = this.#options;
    if (signal !== undefined) {
      const onAbort = (): void => this.#leave(waiter, cancelled(signal));
      signal.addEventListener('abort', onAbort, { once: true });
      waiter.watch.defer(() => signal.removeEventListener('abort', onAbort));
    }
    // Node's timers take no more; whoever would wait that long need not be told.
    if (deadline !== undefined && deadline - clock.now() < LONGEST_TIMER_MS) {
      const late = (): void => this.#leave(waiter, queueTimeout(waiter.demand.id, isLoading(waiter.demand.id)));
      waiter.watch.use(clock.after(deadline - clock.now(), late));
    }
  }

  #leave(waiter: OwnWaiter, reason: TuttiError): void {
    const { demand } = waiter;
    waiter.watch.dispose();
    demand.waiters.delete(waiter);
    if (demand.waiters.size === 0) this.#demands.delete(demand.id);
    else if (demand.rank === waiter.rank) demand.rank = Math.min(...Array.from(demand.waiters, (other) => other.rank));
    waiter.lease.reject(reason);
    this.#options.onLeave(demand.id, demand.waiters.size === 0);
  }

  #settle(waiter: OwnWaiter, lease: Promise<Lease>): void {
    waiter.watch.dispose();
    lease.then(
      (got) => waiter.lease.resolve(got),
      (error: unknown) => waiter.lease.reject(error),
    );
  }

  #take(id: ModelId): OwnWaiter[] {
    const demand = this.#demands.get(id);
    if (demand === undefined) return [];
    this.#demands.delete(id);
    for (const waiter of demand.waiters) waiter.watch.dispose();
    return [...demand.waiters].sort((a, b) => a.rank - b.rank);
  }

  #tell(waiter: OwnWaiter, progress: LoadProgress): void {
    try {
      waiter.onProgress?.(progress);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'a listener to the progress of a load failed');
    }
  }
}
