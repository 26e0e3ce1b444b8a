import type { Backend } from '../contracts/backend.ts';
import type { BackendId, ModelId } from '../contracts/vocabulary.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';
import type { Lease } from '../pool/contract.ts';
import type { Pool } from '../pool/pool.ts';
import type { Registry } from '../registry/registry.ts';
import type { OpenCallOptions, OpenedModel } from '../router/attempt.ts';

export interface LeasesOptions {
  readonly registry: Registry;
  readonly pool: Pool;
  readonly backendOf: (id: BackendId) => Backend;
}

/** Models of the pool for calls, and how many calls each backend has under way. */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #calls = new Map<Backend, { count: number; readonly over: Deferred<void> }>();

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  /** Waits for room and loads, as need be. Errors: those of the pool. */
  async open(id: ModelId, { priority, signal, deadline, onProgress }: OpenCallOptions): Promise<OpenedModel> {
    const { registry, pool, backendOf } = this.#options;
    const known = registry.describe(id);
    // Counted while it waits, too: a backend that a new config takes out stays until it has loaded what calls wait for.
    let backend = backendOf(known.backend ?? '');
    this.#began(backend);
    let lease: Lease | null = null;
    try {
      lease = await pool.acquire(known.id, {
        priority,
        signal,
        ...(deadline !== undefined && { deadline }),
        onProgress: ({ phase, fraction, message }) =>
          onProgress({ phase: phase === 'load' ? 'load' : 'queue', fraction, ...(message !== undefined && { message }) }),
      });
      const { backend: answering } = lease.model.descriptor;
      if (answering !== known.backend) {
        // Its name was moved to another backend's model meanwhile.
        const moved = backendOf(answering ?? '');
        this.#began(moved);
        this.#ended(backend);
        backend = moved;
      }
    } catch (error) {
      await lease?.release();
      this.#ended(backend);
      throw error;
    }
    const held = lease;
    const release = async (): Promise<void> => {
      await held.release();
      this.#ended(backend);
    };
    return { model: held.model, release };
  }

  /** Settles when no call uses the backend. One that is no longer configured gets no new ones. */
  async whenIdle(backend: Backend): Promise<void> {
    await this.#calls.get(backend)?.over.promise;
  }

  #began(backend: Backend): void {
    const calls = this.#calls.get(backend) ?? { count: 0, over: deferred() };
    calls.count++;
    this.#calls.set(backend, calls);
  }

  #ended(backend: Backend): void {
    const calls = this.#calls.get(backend);
    if (calls === undefined || --calls.count > 0) return;
    this.#calls.delete(backend);
    calls.over.resolve();
  }
}
