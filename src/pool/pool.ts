/**
 * The pool: everybody who wants to use a model gets a lease here. Local models (`local.ts`) are loaded, wait and go inside the
 * memory budget; remote ones (`remote.ts`) are bound at once. This file is what others call; it decides nothing itself.
 */
import type { Backend } from '../contracts/backend.ts';
import type { Clock } from '../contracts/clock.ts';
import type { EventBus } from '../contracts/event.ts';
import type { Logger } from '../contracts/logger.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { BackendId, ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred } from '../lib/deferred.ts';
import { Budget, type Machine } from './budget.ts';
import type { AcquireOptions, Eviction, Lease, ModelStatus, PoolMemory, UnloadOptions } from './contract.ts';
import { leastRecentlyUsedUntil } from './eviction.ts';
import { LocalModels } from './local.ts';
import { MIB, isNone, shortfall, toMb, totalBytes } from './memory-budget.ts';
import type { PlacementOption } from './placement.ts';
import { relief, type Relief } from './pressure.ts';
import { cancelled, inUse, poolClosed } from './problems.ts';
import { RemoteModels } from './remote.ts';
import { memoryOf, statusWithout, used } from './report.ts';
import { holdings } from './scheduler.ts';
import type { PoolLimits } from './schema.ts';
import { charged, countsAsLoaded, viewOf, type Slot } from './slot.ts';
import { fitTogether, swapModels } from './swap.ts';
import { checkTakeover } from './takeover.ts';

export interface PoolOptions extends Machine {
  readonly limits: PoolLimits;
  readonly clock: Clock;
  readonly events: EventBus;
  readonly log: Logger;
  /**
   * What answers for an id now; with `ignoreSwaps` the model of that id itself. The same object as long as nothing changes.
   * Throws `model_not_found`.
   */
  describe(id: ModelId, options?: { readonly ignoreSwaps?: boolean }): ModelDescriptor;
  /** Throws when there is none: an orchestration, or a backend that was removed. */
  backendOf(model: ModelDescriptor): Backend;
  /** From now on calls for `from` are answered by `to`. */
  redirect(from: ModelId, to: ModelId): void;
}

/** Above every request: those who wait for a swap are behind it. */
const FIRST_PRIORITY = 1001;
/** For what no request waits for: after everybody else. */
const LAST_PRIORITY = -1001;
/** For what nobody can cancel. */
const NEVER = new AbortController().signal;

export class Pool implements AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #log: Logger;
  readonly #budget: Budget;
  readonly #local: LocalModels;
  readonly #remote: RemoteModels;
  readonly #swapping = new Set<ModelId>();
  #closing: Promise<void> | null = null;

  constructor(options: PoolOptions) {
    const { clock, events, log, limits } = options;
    this.#options = options;
    this.#log = log;
    this.#budget = new Budget(limits, options, log);
    this.#local = new LocalModels({
      clock,
      events,
      log,
      budget: this.#budget,
      lookUp: (id) => options.describe(id, { ignoreSwaps: true }),
      onLoaded: () => this.#relieve(),
    });
    this.#remote = new RemoteModels({ log, now: () => clock.now() });
  }

  /** Takes new limits. What is loaded beyond them goes when it is idle and room is wanted. */
  configure(limits: PoolLimits): void {
    this.#budget.configure(limits);
    this.#relieve();
    this.#local.reconsider();
  }

  /**
   * The right to use a model. Loads it on first use, waiting for room by priority and arrival.
   * Errors: `model_not_found`; `model_too_large`; `queue_timeout`; `cancelled`; `pool_closed`; those of loading
   * (`load_failed`, `out_of_memory`, `invalid_model_file`).
   */
  acquire(id: ModelId, options: AcquireOptions = {}): Promise<Lease> {
    try {
      return this.#acquire(id, this.#options.describe(id), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #acquire(requested: ModelId, model: ModelDescriptor, options: AcquireOptions): Promise<Lease> {
    if (this.#closing !== null) throw poolClosed();
    if (options.signal?.aborted === true) throw cancelled(options.signal);
    const backend = this.#options.backendOf(model);
    if (backend.residency === 'remote') return this.#remote.acquire(model, backend);
    return this.#local.acquire(requested, model, backend, options);
  }

  /**
   * Loads a model before it is needed, also on a remote server that loads models by name. Settles when it is loaded; that
   * counts as a use. Errors: those of `acquire`.
   */
  async preload(id: ModelId, options: AcquireOptions = {}): Promise<void> {
    const model = this.#options.describe(id);
    const { residents } = this.#options.backendOf(model);
    if (residents !== undefined) await residents.load(model.name, options.signal ?? NEVER);
    await using _lease = await this.acquire(id, options);
  }

  /**
   * Takes a model out of memory, a pinned one, too. New calls wait, those under way end first, then its memory is freed;
   * if calls came meanwhile it is loaded again. Settles when it is gone; at once when it is not loaded.
   * Errors: `model_not_found`; `model_in_use` with `wait: false`.
   */
  async unload(id: ModelId, options: UnloadOptions = {}): Promise<void> {
    const slot = this.#local.slot(id) ?? this.#local.slot(this.#options.describe(id).id);
    if (slot === undefined) return this.#unloadRemote(this.#options.describe(id), options.signal);
    const isUsed = slot.leases > 0 || slot.state === 'loading';
    if (options.wait === false && options.force !== true && isUsed) throw inUse(slot.model.id, slot.leases);
    if (options.force === true && slot.state === 'ready') this.#local.unload(slot, 'asked');
    else this.#local.drain(slot, 'asked');
    await slot.gone.promise;
  }

  async #unloadRemote(model: ModelDescriptor, signal: AbortSignal = NEVER): Promise<void> {
    this.#remote.unbind(model.id);
    if (model.backend !== null) await this.#options.backendOf(model).residents?.unload(model.name, signal);
  }

  /** Lets go of everything of a backend that was removed: when it is idle. Settles then. */
  async forgetBackend(backend: BackendId): Promise<void> {
    this.#remote.unbindAll(backend);
    const slots = this.#local.slots.filter((slot) => slot.model.backend === backend);
    for (const slot of slots) this.#local.drain(slot, 'asked');
    await Promise.all(slots.map((slot) => slot.gone.promise));
  }

  /**
   * Unloads idle models, least recently used first, until at most `targetMemoryMb` MiB are used on all devices together.
   * Settles when they are gone. Models in use and pinned ones stay, so that the use may remain above the target.
   */
  async evict(options: { readonly targetMemoryMb: number }): Promise<Eviction> {
    const bytes = (slot: Slot): number => totalBytes(charged(slot));
    const before = used(this.#local.slots, totalBytes);
    const victims = leastRecentlyUsedUntil(options.targetMemoryMb * MIB, before, this.#local.idle(), bytes);
    const freed = victims.reduce((sum, slot) => sum + bytes(slot), 0);
    for (const slot of victims) this.#local.unload(slot, 'asked');
    await Promise.all(victims.map((slot) => slot.gone.promise));
    const left = used(this.#local.slots, totalBytes);
    return { evicted: victims.map((slot) => slot.model.id), freedMb: toMb(freed), usedMb: toMb(left) };
  }

  // --- Pressure ---------------------------------------------------------------------------------------------------------

  /**
   * Starts to measure again what is loaded; where that takes more than `pressure` of a limit, idle models go, or move from a GPU
   * to the CPU. To be called on a timer, as models grow while they answer. Runs by itself after each load, with what is known.
   */
  checkPressure(): void {
    void this.#local.measure().then(() => this.#relieve());
  }

  #relieve(): void {
    const { limits, settings } = this.#budget;
    const { slots } = this.#local;
    for (const one of relief({ slots, idle: this.#local.idle(), limits, share: settings.pressure })) this.#relieveOf(one);
  }

  #relieveOf({ slot, device }: Relief): void {
    const { device: wanted = 'auto' } = slot.model.load ?? {};
    this.#local.unload(slot, 'pressure');
    if (device === 'cpu' || wanted !== 'auto' || !this.#budget.settings.fallbackToCpu) return;
    this.#moveToCpu(slot).catch((error: unknown) => {
      this.#log.warn(
        { model: slot.model.id, err: error },
        'a model could not be moved to the CPU; it is loaded when it is wanted',
      );
    });
  }

  async #moveToCpu(slot: Slot): Promise<void> {
    const { id } = slot.model;
    await slot.gone.promise;
    const [option] = await this.#budget.options(slot.model, slot.backend, 'cpu');
    if (option === undefined || !this.#hasRoom(slot.model, option)) return;
    if (this.#closing !== null || this.#local.slot(id) !== undefined || this.#local.isWanted(id)) return;
    this.#local.keepOnCpu(id, true);
    try {
      await this.preload(id, { priority: LAST_PRIORITY });
    } finally {
      this.#local.keepOnCpu(id, false);
    }
  }

  /** Whether it fits beside all that is loaded, and leaves no pressure behind. */
  #hasRoom(model: ModelDescriptor, option: PlacementOption): boolean {
    const { limits, settings } = this.#budget;
    const { slots } = this.#local;
    const cpu = used(slots, (memory) => memory.cpu ?? 0) + (option.memory.cpu ?? 0);
    const models = slots.filter((slot) => countsAsLoaded(slot.model)).length;
    const need = holdings({ memory: {}, counts: countsAsLoaded(model) });
    return cpu <= (limits.cpu ?? 0) * settings.pressure && isNone(shortfall(limits, { models }, need));
  }

  // --- Swapping ---------------------------------------------------------------------------------------------------------

  /**
   * Lets `to` answer for `from` without a failed request: see `swap.ts`. Settles when what answered before is unloaded.
   * `to` may be a model that was swapped itself: it then gets its name back.
   * A remote `to` must be listed by its backend, or answer.
   * Errors: those of loading `to` (`from` then answers as before), or of its backend; `model_in_use` while one of them is being swapped.
   */
  async swap(from: ModelId, to: ModelId): Promise<void> {
    const old = this.#options.describe(from);
    const next = this.#options.describe(to, { ignoreSwaps: true });
    if (old.id === next.id) return;
    for (const id of [old.id, next.id]) {
      if (this.#swapping.has(id)) {
        throw new TuttiError('model_in_use', `${id} is being swapped already.`, { details: { model: id } });
      }
    }
    this.#swapping.add(old.id).add(next.id);
    try {
      await swapModels({
        guard: (on) => this.#local.guard(old.id, on),
        fitTogether: () => this.#fitTogether(old.id, next),
        hold: (on) => this.#local.hold(old.id, on),
        unloadOld: () => this.#unloadOld(old),
        load: (which) => (which === 'old' ? this.#loadFirst(old) : this.#loadNext(next, old.id)),
        moveName: () => this.#moveName(old.id, next.id),
        log: this.#log,
      });
    } finally {
      this.#swapping.delete(old.id);
      this.#swapping.delete(next.id);
    }
  }

  async #fitTogether(oldId: ModelId, next: ModelDescriptor): Promise<boolean> {
    const slot = this.#local.slot(oldId);
    const backend = this.#options.backendOf(next);
    if (slot === undefined || backend.residency === 'remote' || this.#local.slot(next.id) !== undefined) return true;
    const options = await this.#budget.options(next, backend);
    // What another swap keeps stays, too: two that both kept their old model would wait for each other's room for ever.
    const staying = this.#local.slots.filter((other) => other === slot || other.guarded || this.#local.isPinned(other));
    return fitTogether({ limits: this.#budget.limits, staying: staying.map((one) => viewOf(one, true)), next, options });
  }

  async #unloadOld(old: ModelDescriptor): Promise<void> {
    const slot = this.#local.slot(old.id);
    if (slot === undefined) return this.#unloadRemote(old);
    this.#local.drain(slot, 'swapped');
    await slot.gone.promise;
  }

  async #loadFirst(model: ModelDescriptor): Promise<Lease> {
    await this.#options.backendOf(model).residents?.load(model.name, NEVER);
    return this.#acquire(model.id, model, { priority: FIRST_PRIORITY });
  }

  async #loadNext(next: ModelDescriptor, from: ModelId): Promise<Lease> {
    const backend = this.#options.backendOf(next);
    const lease = await this.#loadFirst(next);
    // What a server has loaded is there.
    if (backend.residency === 'local' || backend.residents !== undefined) return lease;
    try {
      await checkTakeover(lease.model, backend, from);
      return lease;
    } catch (error) {
      await lease.release();
      throw error;
    }
  }

  #moveName(from: ModelId, to: ModelId): void {
    this.#options.redirect(from, to);
    this.#local.retarget(from, (requested) => {
      const model = this.#options.describe(requested);
      const backend = this.#options.backendOf(model);
      return backend.residency === 'remote' ? this.#remote.acquire(model, backend) : { model, backend };
    });
    this.#options.events.publish('model.swapped', { from, to });
  }

  // --- Reports ----------------------------------------------------------------------------------------------------------

  /** Local models that are loaded, on their way in or out, or waited for; by id. */
  list(): ModelStatus[] {
    return this.#local.list();
  }

  /** Errors: `model_not_found`. */
  status(id: ModelId): ModelStatus {
    const model = this.#options.describe(id);
    if (model.backend === null || this.#options.backendOf(model).residency === 'local') return this.#local.status(model.id);
    return statusWithout(model.id, 'remote', this.#remote.status(model.id));
  }

  memory(): PoolMemory {
    return memoryOf(this.#local.slots, this.#budget, this.list());
  }

  // --- The end ----------------------------------------------------------------------------------------------------------

  /** Takes no new work, ends all waiting with `pool_closed`, gives leases `graceMs` (default 0) to end, then unloads everything. */
  close(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.graceMs ?? 0);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const { slots } = this.#local;
    this.#local.shutDown();
    const gone = Promise.all(slots.map((slot) => slot.gone.promise));
    const grace = deferred();
    const timer = this.#options.clock.after(graceMs, () => grace.resolve());
    await Promise.race([Promise.all([gone, this.#remote.idle()]), grace.promise]);
    timer[Symbol.dispose]();
    for (const slot of slots) this.#local.unload(slot, 'closing');
    await Promise.all([gone, this.#remote.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
