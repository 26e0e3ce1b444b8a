/**
 * Remote models: bound once and kept, whatever the limits, as they take none of this machine's memory. A binding is
 * replaced when the model's description or its backend changes; the old one goes when its last lease ends.
 */
import type { Backend, OpenModel } from '../contracts/backend.ts';
import type { Logger } from '../contracts/logger.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { BackendId, ModelId } from '../contracts/vocabulary.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';
import type { Lease } from './contract.ts';
import { poolClosed } from './problems.ts';

interface Binding {
  readonly descriptor: ModelDescriptor;
  readonly backend: Backend;
  readonly opening: Promise<OpenModel>;
  model: OpenModel | null;
  leases: number;
  lastUsedAt: number;
  stale: boolean;
}

export class RemoteModels {
  readonly #bindings = new Map<ModelId, Binding>();
  /** Replaced, but still leased. */
  readonly #stale = new Set<Binding>();
  readonly #closing = new AbortController();
  readonly #log: Logger;
  readonly #now: () => number;
  #idle: Deferred<void> | null = null;

  constructor(options: { readonly log: Logger; readonly now: () => number }) {
    this.#log = options.log;
    this.#now = options.now;
  }

  acquire(descriptor: ModelDescriptor, backend: Backend): Promise<Lease> {
    const known = this.#bindings.get(descriptor.id);
    const isCurrent = known !== undefined && known.descriptor === descriptor && known.backend === backend;
    if (known !== undefined && !isCurrent) this.#retire(known);
    const binding = isCurrent ? known : this.#bind(descriptor, backend);
    // Counted before it is open, so that it is not let go of in between.
    const release = this.#take(binding);
    if (binding.model !== null) return Promise.resolve(lease(binding.model, release));
    return binding.opening.then(
      (model) => lease(model, release),
      async (error: unknown) => {
        await release();
        throw error;
      },
    );
  }

  status(id: ModelId): { readonly leases: number; readonly lastUsedAt: number } | undefined {
    const binding = this.#bindings.get(id);
    return binding && { leases: binding.leases, lastUsedAt: binding.lastUsedAt };
  }

  /** Settles when no lease is out. */
  async idle(): Promise<void> {
    this.#idle ??= deferred();
    if (this.#leases() === 0) this.#idle.resolve();
    await this.#idle.promise;
  }

  /** Forgets the binding; the next call binds anew. */
  unbind(id: ModelId): void {
    const binding = this.#bindings.get(id);
    if (binding !== undefined) this.#retire(binding);
  }

  unbindAll(backend: BackendId): void {
    for (const binding of this.#bindings.values()) if (binding.backend.id === backend) this.#retire(binding);
  }

  /** Disposes of all, leased or not. */
  async close(): Promise<void> {
    this.#closing.abort(poolClosed());
    const all = [...this.#bindings.values(), ...this.#stale];
    this.#bindings.clear();
    this.#stale.clear();
    await Promise.all(all.map((binding) => this.#dispose(binding)));
  }

  #leases(): number {
    let sum = 0;
    for (const binding of [...this.#bindings.values(), ...this.#stale]) sum += binding.leases;
    return sum;
  }

  #bind(descriptor: ModelDescriptor, backend: Backend): Binding {
    // Binding makes no request, so no single caller's signal stops it.
    const opening = backend.open(descriptor, { placement: { device: 'cpu' }, signal: this.#closing.signal });
    const binding: Binding = { descriptor, backend, opening, model: null, leases: 0, lastUsedAt: this.#now(), stale: false };
    this.#bindings.set(descriptor.id, binding);
    opening.then(
      (model) => {
        binding.model = model;
        void model.closed.then(() => this.#drop(binding));
      },
      () => this.#drop(binding), // each caller gets the error from its own `then`
    );
    return binding;
  }

  #take(binding: Binding): () => Promise<void> {
    binding.leases++;
    binding.lastUsedAt = this.#now();
    let held = true;
    return async () => {
      if (!held) return;
      held = false;
      binding.leases--;
      binding.lastUsedAt = this.#now();
      if (binding.leases > 0) return;
      if (binding.stale) this.#finish(binding);
      if (this.#leases() === 0) this.#idle?.resolve();
    };
  }

  #retire(binding: Binding): void {
    this.#drop(binding);
    binding.stale = true;
    this.#stale.add(binding);
    if (binding.leases === 0) this.#finish(binding);
  }

  #finish(binding: Binding): void {
    this.#stale.delete(binding);
    void this.#dispose(binding);
  }

  #drop(binding: Binding): void {
    if (this.#bindings.get(binding.descriptor.id) === binding) this.#bindings.delete(binding.descriptor.id);
  }

  async #dispose(binding: Binding): Promise<void> {
    try {
      const model = await binding.opening;
      await model[Symbol.asyncDispose]();
    } catch (error) {
      this.#log.debug({ model: binding.descriptor.id, err: error }, 'a remote model could not be let go of');
    }
  }
}

function lease(model: OpenModel, release: () => Promise<void>): Lease {
  return { id: model.descriptor.id, model, device: null, release, [Symbol.asyncDispose]: release };
}
