/**
 * The pool keeps loaded models inside the memory budget.
 *
 * The machine of one local model:
 *
 *     (cold) → loading → ready → unloading → (cold)
 *
 * It is *cold* when it has no slot. A slot is made, and its estimated bytes are reserved, when a load begins; after it the
 * measured bytes take their place. *Ready* models give leases. *Unloading* ones still hold their bytes: these are free only
 * when the backend says that the model is gone, and then the slot is removed. A load that fails, or a runner that crashes,
 * takes the slot away at once. A load that nobody waits for any more is aborted and is *unloading* until it has stopped.
 *
 * This class is the only writer of slots and demands, and `#setState` the only place where a slot's state changes. What to
 * do is decided in `scheduler.ts`, a pure function; `#pump` takes a snapshot, has it decided, and starts the effects. Each
 * effect that ends calls `#pump` again. Nothing here awaits while it holds half-changed state: between two ticks all is
 * consistent.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Backend, Memory, OpenModel, Placement } from '../contracts/backend.ts';
import type { Clock } from '../contracts/clock.ts';
import type { EventBus, EventData } from '../contracts/event.ts';
import type { Logger } from '../contracts/logger.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { DeviceId, ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';
import { CrashLog } from './backoff.ts';
import type { AcquireOptions, Eviction, Lease, LoadProgress, ModelStatus, PoolMemory, UnloadOptions } from './contract.ts';
import { Demands, type Demand, type Waiter } from './demands.ts';
import { leastRecentlyUsedUntil } from './eviction.ts';
import {
  cgroupLimitBytes,
  cpuLimitBytes,
  entries,
  gpuBytes,
  gpuLimitBytes,
  toMb,
  totalBytes,
  type Amounts,
  type ReadFile,
} from './memory-budget.ts';
import { placementsFor, smaller, type DeviceInfo, type PlacementOption } from './placement.ts';
import { RemoteModels } from './remote.ts';
import { cancelled, poolClosed, queueTimeout, toStepError, tooLarge } from './problems.ts';
import { decide, rankOf, type Decision, type SlotView, type Snapshot } from './scheduler.ts';
import type { PoolLimits } from './schema.ts';

export interface SystemMemory {
  readonly totalBytes: number;
  readonly availableBytes: number;
}

export interface PoolOptions {
  readonly limits: PoolLimits;
  readonly clock: Clock;
  readonly events: EventBus;
  readonly log: Logger;
  /** What answers for an id now, after swaps. Throws `model_not_found`. The same object as long as nothing changes. */
  describe(id: ModelId): ModelDescriptor;
  /** Throws when there is none (an orchestration, a backend that was removed). */
  backendOf(model: ModelDescriptor): Backend;
  /** Calls for `from` are answered by `to` from now on: `registry.redirect`. */
  redirect(from: ModelId, to: ModelId): void;
  /** Asked once, when the first local model is wanted. */
  devices(): Promise<readonly DeviceInfo[]>;
  systemMemory(): SystemMemory;
  /** Default: the file system. */
  readonly readFile?: ReadFile;
  /** CPU cores that models may share: all runners together take at most one less. Default: what the process may use. */
  readonly cores?: number;
}

type UnloadReason = EventData['model.unloaded']['reason'];

interface Slot {
  readonly descriptor: ModelDescriptor;
  readonly backend: Backend;
  state: SlotView['state'];
  placement: Placement;
  readonly estimated: Memory;
  measured: Memory | null;
  leases: number;
  /** Grows with each use, over all slots. */
  lastUsed: number;
  lastUsedAt: number;
  loadedAt: number;
  open: OpenModel | null;
  /** Stops the load. */
  readonly load: AbortController;
  fraction: number;
  /** In a waiter's way: no new leases but those that the scheduler grants. */
  held: boolean;
  /** To be unloaded once it is idle, and why. */
  draining: UnloadReason | null;
  guarded: boolean;
  idleTimer: Disposable | null;
  /** Settles when the slot is removed. */
  readonly gone: Deferred<void>;
}

export class Pool implements AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  readonly #cores: number;
  readonly #cgroupBytes: number | null;
  #settings: PoolLimits;
  #limits: Amounts;
  #devices: Promise<readonly DeviceInfo[]> | null = null;
  #gpus: readonly DeviceInfo[] = [];

  readonly #slots = new Map<ModelId, Slot>();
  readonly #demands = new Demands();
  readonly #remote: RemoteModels;
  readonly #crashes = new CrashLog();
  /** Swaps under way: not to be loaded until they are done. */
  readonly #onHold = new Set<ModelId>();
  #uses = 0;
  #pumping = false;
  #pumpAgain = false;
  #wake: Disposable | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#cores = options.cores ?? availableParallelism();
    this.#cgroupBytes = cgroupLimitBytes(options.readFile ?? readSmallFile);
    this.#settings = options.limits;
    this.#limits = this.#limitsOf(options.limits);
    this.#remote = new RemoteModels({ log: options.log, now: () => this.#clock.now(), onIdle: () => undefined });
  }

  // --- Leases -----------------------------------------------------------------------------------------------------------

  /**
   * The right to use a model. Loads it on first use, waiting for room in the order of priority and arrival.
   * Errors: `model_not_found`; `model_too_large`; `queue_timeout`; `cancelled`; `pool_closed`; those of loading
   * (`load_failed`, `out_of_memory`, `invalid_model_file`).
   */
  acquire(id: ModelId, options: AcquireOptions = {}): Promise<Lease> {
    try {
      if (this.#closing !== null) throw poolClosed();
      if (options.signal?.aborted === true) throw cancelled(options.signal);
      const model = this.#options.describe(id);
      const backend = this.#options.backendOf(model);
      if (backend.residency === 'remote') return this.#remote.acquire(model, backend);
      const slot = this.#slots.get(model.id);
      if (slot !== undefined && slot.open !== null && this.#mayLease(slot, backend)) {
        return Promise.resolve(this.#lease(slot, slot.open));
      }
      return this.#enqueue(id, model, backend, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Loads a model before it is needed. Settles when it is loaded; it counts as used then. Errors: those of `acquire`. */
  async preload(id: ModelId, options: AcquireOptions = {}): Promise<void> {
    await using _lease = await this.acquire(id, options);
  }

  #mayLease(slot: Slot, backend: Backend): boolean {
    if (slot.backend !== backend) {
      // The config was reloaded and its backend replaced: the old instance goes when it is idle.
      this.#drain(slot, 'asked');
      return false;
    }
    return slot.state === 'ready' && !slot.held && slot.draining === null;
  }

  #lease(slot: Slot, model: OpenModel): Lease {
    slot.leases++;
    this.#touch(slot);
    let held = true;
    const release = async (): Promise<void> => {
      if (!held) return;
      held = false;
      this.#released(slot);
    };
    return { id: slot.descriptor.id, model, device: slot.placement.device, release, [Symbol.asyncDispose]: release };
  }

  #released(slot: Slot): void {
    slot.leases--;
    this.#touch(slot);
    // A slot that crashed or was unloaded by force is no longer ours to care for.
    if (slot.leases > 0 || this.#slots.get(slot.descriptor.id) !== slot) return;
    this.#becameIdle(slot);
    if (this.#demands.size > 0) this.#pump();
  }

  #becameIdle(slot: Slot): void {
    if (slot.state !== 'ready' || slot.leases > 0) return;
    if (slot.draining !== null) this.#unload(slot, slot.draining);
    else this.#watchIdle(slot);
  }

  #touch(slot: Slot): void {
    slot.lastUsed = ++this.#uses;
    slot.lastUsedAt = this.#clock.now();
  }

  // --- Waiting ----------------------------------------------------------------------------------------------------------

  #enqueue(requested: ModelId, model: ModelDescriptor, backend: Backend, options: AcquireOptions): Promise<Lease> {
    const { priority = 0, signal, deadline, onProgress } = options;
    const arrivedAt = this.#clock.now();
    if (deadline !== undefined && deadline <= arrivedAt) throw queueTimeout(model.id, this.#stateOf(model.id));
    const watch = new DisposableStack();
    const rank = rankOf({ priority, arrivedAt }, this.#settings.agingMs);
    const waiter: Waiter = { requested, rank, lease: deferred(), onProgress, watch };
    if (signal !== undefined) {
      const onAbort = (): void => this.#leave(waiter, cancelled(signal));
      signal.addEventListener('abort', onAbort, { once: true });
      watch.defer(() => signal.removeEventListener('abort', onAbort));
    }
    if (deadline !== undefined) {
      const late = (): void => this.#leave(waiter, queueTimeout(model.id, this.#stateOf(model.id)));
      watch.use(this.#clock.after(deadline - arrivedAt, late));
    }
    this.#join(waiter, model, backend);
    return waiter.lease.promise;
  }

  #join(waiter: Waiter, model: ModelDescriptor, backend: Backend): void {
    const { demand, isNew } = this.#demands.add(model, backend, waiter);
    const slot = this.#slots.get(model.id);
    if (slot?.state === 'loading') this.#tell(waiter, { phase: 'load', fraction: slot.fraction, model: model.id });
    else this.#tell(waiter, { phase: 'queue', fraction: null, model: model.id });
    if (isNew) void this.#size(demand);
    this.#pump();
  }

  #leave(waiter: Waiter, reason: TuttiError): void {
    for (const demand of this.#demands) {
      if (!demand.waiters.has(waiter)) continue;
      const wasLast = this.#demands.leave(demand, waiter);
      waiter.lease.reject(reason);
      const slot = this.#slots.get(demand.id);
      if (wasLast && slot?.state === 'loading') this.#abortLoad(slot);
      this.#pump();
      return;
    }
  }

  /** Asks the backend how large the model is at each place. */
  async #size(demand: Demand): Promise<void> {
    try {
      const { descriptor, backend } = demand;
      const gpus = await this.#findDevices();
      const threads = Math.max(1, Math.floor((this.#cores - 1) / this.#settings.maxLoadedModels));
      const places = placementsFor(descriptor, { gpus, fallbackToCpu: this.#settings.fallbackToCpu, threads });
      demand.options = await Promise.all(
        places.map(async (placement) => ({ placement, memory: await estimate(backend, descriptor, placement) })),
      );
    } catch (error) {
      if (this.#demands.get(demand.id) === demand) this.#rejectAll(demand.id, TuttiError.from(error, 'load_failed'));
    }
    this.#pump();
  }

  async #findDevices(): Promise<readonly DeviceInfo[]> {
    this.#devices ??= this.#options.devices();
    try {
      this.#gpus = await this.#devices;
    } catch (error) {
      this.#devices = null;
      this.#options.log.warn({ error }, 'the GPUs of this machine could not be listed; models go to the CPU');
    }
    this.#limits = this.#limitsOf(this.#settings);
    return this.#gpus;
  }

  #rejectAll(id: ModelId, error: TuttiError): void {
    for (const waiter of this.#demands.take(id)) waiter.lease.reject(error);
  }

  #tell(waiter: Waiter, progress: LoadProgress): void {
    try {
      waiter.onProgress?.(progress);
    } catch (error) {
      this.#options.log.warn({ error }, 'a listener to the progress of a load failed');
    }
  }

  // --- Deciding ---------------------------------------------------------------------------------------------------------

  /** Decides and acts until nothing more is to be done now. Listeners may call back into the pool, hence the two flags. */
  #pump(): void {
    this.#pumpAgain = true;
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#pumpAgain) {
        this.#pumpAgain = false;
        this.#act(decide(this.#snapshot()));
      }
    } finally {
      this.#pumping = false;
    }
  }

  #snapshot(): Snapshot {
    return {
      now: this.#clock.now(),
      limits: this.#limits,
      fairnessMs: this.#settings.fairnessMs,
      slots: Array.from(this.#slots.values(), (slot) => this.#view(slot)),
      demands: Array.from(this.#demands, (demand) => ({
        id: demand.id,
        rank: demand.rank,
        options: demand.options,
        counts: demand.descriptor.countsAsLoaded !== false,
        notBefore: this.#crashes.notBefore(demand.id),
        onHold: this.#onHold.has(demand.id),
      })),
    };
  }

  #view(slot: Slot): SlotView {
    return {
      id: slot.descriptor.id,
      state: slot.load.signal.aborted ? 'unloading' : slot.state,
      leases: slot.leases,
      memory: held(slot),
      counts: slot.descriptor.countsAsLoaded !== false,
      lastUsed: slot.lastUsed,
      pinned: this.#current(slot).pinned === true,
      guarded: slot.guarded,
      draining: slot.draining !== null,
    };
  }

  #act(decision: Decision): void {
    for (const [id, slot] of this.#slots) slot.held = decision.held.has(id);
    for (const { id, excess } of decision.rejections) this.#rejectAll(id, tooLarge(id, excess));
    for (const id of decision.grants) this.#grant(id);
    for (const { id } of decision.evictions) this.#unloadById(id, 'evicted');
    for (const { id, option } of decision.loads) this.#load(id, option);
    for (const { id, by } of decision.blocked) this.#tellBlocked(id, by);
    this.#wake?.[Symbol.dispose]();
    const { wakeAt } = decision;
    this.#wake = wakeAt === null ? null : this.#clock.after(Math.max(0, wakeAt - this.#clock.now()), () => this.#pump());
  }

  #grant(id: ModelId): void {
    const slot = this.#slots.get(id);
    const open = slot?.open;
    if (slot === undefined || open == null) return;
    for (const waiter of this.#demands.take(id)) waiter.lease.resolve(this.#lease(slot, open));
  }

  #tellBlocked(id: ModelId, by: readonly ModelId[]): void {
    const message = by.length === 0 ? 'waiting for others that came first' : `waiting for room held by ${by.join(', ')}`;
    for (const waiter of this.#demands.get(id)?.waiters ?? [])
      this.#tell(waiter, { phase: 'queue', fraction: null, model: id, message });
  }

  // --- Loading ----------------------------------------------------------------------------------------------------------

  #load(id: ModelId, option: PlacementOption): void {
    const demand = this.#demands.get(id);
    if (demand === undefined || this.#slots.has(id)) return;
    const slot: Slot = {
      descriptor: demand.descriptor,
      backend: demand.backend,
      state: 'loading',
      placement: option.placement,
      estimated: option.memory,
      measured: null,
      leases: 0,
      lastUsed: ++this.#uses,
      lastUsedAt: this.#clock.now(),
      loadedAt: 0,
      open: null,
      load: new AbortController(),
      fraction: -1, // nothing told yet
      held: false,
      draining: null,
      guarded: false,
      idleTimer: null,
      gone: deferred(),
    };
    this.#slots.set(id, slot);
    this.#loadProgress(slot, 0);
    void this.#runLoad(slot);
  }

  async #runLoad(slot: Slot): Promise<void> {
    const startedAt = this.#clock.monotonic();
    try {
      const open = await this.#open(slot);
      const measured = await measure(open, this.#options.log);
      this.#loaded(slot, open, measured, this.#clock.monotonic() - startedAt);
    } catch (error) {
      this.#loadFailed(slot, TuttiError.from(error, 'load_failed'));
    }
  }

  /** Out of memory is tried once more, smaller. */
  async #open(slot: Slot): Promise<OpenModel> {
    try {
      return await this.#openAt(slot, slot.placement);
    } catch (error) {
      const less =
        TuttiError.isInstance(error) && error.code === 'out_of_memory' ? smaller(slot.descriptor, slot.placement) : null;
      if (less === null || slot.load.signal.aborted) throw error;
      this.#options.log.warn(
        { model: slot.descriptor.id, placement: less },
        'out of memory while loading; trying once more, smaller',
      );
      slot.placement = less;
      return await this.#openAt(slot, less);
    }
  }

  #openAt(slot: Slot, placement: Placement): Promise<OpenModel> {
    const onProgress = (fraction: number): void => this.#loadProgress(slot, fraction);
    return slot.backend.open(slot.descriptor, { placement, signal: slot.load.signal, onProgress });
  }

  #loadProgress(slot: Slot, fraction: number): void {
    if (slot.state !== 'loading') return;
    // Backends report every few kilobytes; twenty steps are enough for people and for the event bus.
    const step = Math.floor(fraction * 20);
    if (step <= Math.floor(slot.fraction * 20)) return;
    slot.fraction = fraction;
    const model = slot.descriptor.id;
    this.#options.events.publish('model.loading', { model, device: slot.placement.device, fraction });
    for (const waiter of this.#demands.get(model)?.waiters ?? []) this.#tell(waiter, { phase: 'load', fraction, model });
  }

  #abortLoad(slot: Slot): void {
    slot.load.abort(new TuttiError('cancelled', `Nobody waits for ${slot.descriptor.id} any more.`));
  }

  #loaded(slot: Slot, open: OpenModel, measured: Memory | null, ms: number): void {
    const { id } = slot.descriptor;
    slot.open = open;
    slot.measured = measured;
    slot.loadedAt = this.#clock.monotonic();
    if (slot.load.signal.aborted && this.#demands.get(id) === undefined) return this.#unload(slot, 'asked');
    this.#setState(slot, 'ready');
    void open.closed.then((error) => this.#closed(slot, error));
    this.#options.events.publish('model.loaded', { model: id, device: slot.placement.device, ms, memory: held(slot) });
    // Before anything else is decided: a model loaded for somebody is not evicted before they had it.
    this.#grant(id);
    this.#becameIdle(slot);
    this.checkPressure();
    this.#pump();
  }

  #loadFailed(slot: Slot, error: TuttiError): void {
    const { id } = slot.descriptor;
    const wasAborted = slot.load.signal.aborted;
    if (error.code === 'runner_crashed') this.#crashes.record(id, 0, this.#clock.now());
    this.#remove(slot);
    if (!wasAborted) {
      this.#options.events.publish('model.load_failed', { model: id, error: toStepError(error) });
      this.#rejectAll(id, error);
    }
    // After an abort, those who came since want it loaded again.
    this.#pump();
  }

  /** The model ended by itself. Its calls fail by themselves; the next `acquire` starts it again. */
  #closed(slot: Slot, error: Error | null): void {
    const { id } = slot.descriptor;
    if (slot.state !== 'ready' || this.#slots.get(id) !== slot) return;
    const now = this.#clock.now();
    if (error !== null) this.#crashes.record(id, this.#clock.monotonic() - slot.loadedAt, now);
    this.#remove(slot);
    const cause = error === null ? {} : { error: toStepError(TuttiError.from(error, 'runner_crashed')) };
    this.#options.events.publish('model.unloaded', { model: id, reason: error === null ? 'asked' : 'crashed', ...cause });
    this.#pump();
  }

  // --- Unloading --------------------------------------------------------------------------------------------------------

  /**
   * Takes a model out of memory. New calls wait, those under way end first, then its memory is freed; calls that came
   * meanwhile load it again. Settles when it is gone; at once when it is not loaded. Pinned models go, too, when asked.
   * Errors: `model_in_use` with `wait: false`.
   */
  async unload(id: ModelId, options: UnloadOptions = {}): Promise<void> {
    const slot = this.#slots.get(id);
    if (slot === undefined) return this.#remote.unbind(id);
    if (options.wait === false && options.force !== true && slot.leases > 0) {
      throw new TuttiError('model_in_use', `${id} answers ${slot.leases} calls just now.`, {
        details: { model: id, leases: slot.leases },
      });
    }
    if (options.force === true && slot.state === 'ready') this.#unload(slot, 'asked');
    else this.#drain(slot, 'asked');
    await slot.gone.promise;
  }

  /**
   * Unloads idle models, least recently used first, until at most `targetMemoryMb` MiB are used on all devices together.
   * Settles when they are gone. Models in use and pinned ones stay, so the use may remain above the target.
   */
  async evict(options: { readonly targetMemoryMb: number }): Promise<Eviction> {
    const before = this.#usedBytes();
    const victims = leastRecentlyUsedUntil(options.targetMemoryMb * 2 ** 20, before, this.#idle(), (slot) =>
      totalBytes(held(slot)),
    );
    const freed = victims.reduce((sum, slot) => sum + totalBytes(held(slot)), 0);
    for (const slot of victims) this.#unload(slot, 'asked');
    await Promise.all(victims.map((slot) => slot.gone.promise));
    return { evicted: victims.map((slot) => slot.descriptor.id), freedMb: toMb(freed), usedMb: toMb(this.#usedBytes()) };
  }

  /** Unloads idle models of each device whose use is above `pressure` of its limit. Called after loads; call it on a timer, too. */
  checkPressure(): void {
    for (const [device, limit] of entries(this.#limits)) {
      if (device === 'models') continue;
      const used = this.#sum((memory) => memory[device] ?? 0);
      const victims = leastRecentlyUsedUntil(
        limit * this.#settings.pressure,
        used,
        this.#idle(),
        (slot) => held(slot)[device] ?? 0,
      );
      for (const slot of victims) this.#unload(slot, 'pressure');
    }
  }

  /** Idle and free to go, least recently used first. */
  #idle(): Slot[] {
    return [...this.#slots.values()]
      .filter((slot) => slot.state === 'ready' && slot.leases === 0 && !slot.guarded && this.#current(slot).pinned !== true)
      .sort((a, b) => a.lastUsed - b.lastUsed);
  }

  #drain(slot: Slot, reason: UnloadReason): void {
    slot.draining ??= reason;
    this.#becameIdle(slot);
  }

  #unloadById(id: ModelId, reason: UnloadReason): void {
    const slot = this.#slots.get(id);
    if (slot?.state === 'ready') this.#unload(slot, reason);
  }

  #unload(slot: Slot, reason: UnloadReason): void {
    this.#setState(slot, 'unloading');
    void this.#runUnload(slot, reason);
  }

  async #runUnload(slot: Slot, reason: UnloadReason): Promise<void> {
    try {
      await slot.open?.[Symbol.asyncDispose]();
    } catch (error) {
      this.#options.log.error({ model: slot.descriptor.id, error }, 'a model could not be unloaded cleanly');
    }
    this.#remove(slot);
    this.#options.events.publish('model.unloaded', { model: slot.descriptor.id, reason });
    this.#pump();
  }

  #remove(slot: Slot): void {
    slot.idleTimer?.[Symbol.dispose]();
    slot.idleTimer = null;
    this.#slots.delete(slot.descriptor.id);
    slot.gone.resolve();
  }

  #setState(slot: Slot, state: Slot['state']): void {
    slot.state = state;
    if (state === 'ready') return;
    slot.idleTimer?.[Symbol.dispose]();
    slot.idleTimer = null;
  }

  /** One timer a slot. When it fires early, because the model was used since, it is set again for the rest. */
  #watchIdle(slot: Slot): void {
    const ttl = this.#idleMs(slot);
    if (ttl === 0 || slot.idleTimer !== null) return;
    const left = slot.lastUsedAt + ttl - this.#clock.now();
    slot.idleTimer = this.#clock.after(Math.max(0, left), () => {
      slot.idleTimer = null;
      if (slot.state !== 'ready' || slot.leases > 0) return;
      const isDue = this.#clock.now() - slot.lastUsedAt >= this.#idleMs(slot);
      if (isDue && !slot.guarded && this.#idleMs(slot) > 0) this.#unload(slot, 'idle');
      else this.#watchIdle(slot);
    });
  }

  /** 0: never. */
  #idleMs(slot: Slot): number {
    const model = this.#current(slot);
    if (model.pinned === true) return 0;
    return model.idleUnloadSeconds === undefined ? this.#settings.idleUnloadMs : model.idleUnloadSeconds * 1000;
  }

  /** What is said of the model now: it may have been pinned since it was loaded. */
  #current(slot: Slot): ModelDescriptor {
    try {
      const model = this.#options.describe(slot.descriptor.id);
      return model.id === slot.descriptor.id ? model : slot.descriptor;
    } catch {
      return slot.descriptor; // It was unregistered; it stays what it was until it goes.
    }
  }

  // --- Reports ----------------------------------------------------------------------------------------------------------

  /** Local models that are loaded, being loaded or waited for. */
  list(): ModelStatus[] {
    const ids = new Set([...this.#slots.keys(), ...Array.from(this.#demands, (demand) => demand.id)]);
    return Array.from(ids, (id) => this.#statusOf(id)).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Errors: `model_not_found`. */
  status(id: ModelId): ModelStatus {
    const model = this.#options.describe(id);
    if (this.#options.backendOf(model).residency === 'local') return this.#statusOf(model.id);
    const binding = this.#remote.status(model.id);
    return { ...COLD, id: model.id, state: 'remote', leases: binding?.leases ?? 0, lastUsedAt: binding?.lastUsedAt ?? null };
  }

  memory(): PoolMemory {
    const gpuLimits = this.#gpus.map((gpu) => toMb(this.#limits[gpu.id] ?? 0));
    return {
      totalMb: toMb(this.#usedBytes()),
      cpuMb: toMb(this.#sum((memory) => memory.cpu ?? 0)),
      gpuMb: toMb(this.#sum(gpuBytes)),
      limits: { maxLoadedModels: this.#settings.maxLoadedModels, cpuMb: toMb(this.#limits.cpu ?? 0), gpuMb: gpuLimits },
      loadedModels: [...this.#slots.values()].filter((slot) => slot.descriptor.countsAsLoaded !== false).length,
      models: this.list(),
    };
  }

  #statusOf(id: ModelId): ModelStatus {
    const slot = this.#slots.get(id);
    const waiting = this.#demands.get(id)?.waiters.size ?? 0;
    if (slot === undefined) return { ...COLD, id, state: this.#stateOf(id), waiting };
    return {
      id,
      state: this.#stateOf(id),
      device: slot.placement.device,
      fraction: slot.state === 'loading' ? slot.fraction : null,
      leases: slot.leases,
      waiting,
      estimatedMb: toMb(totalBytes(slot.estimated)),
      measuredMb: slot.measured === null ? null : toMb(totalBytes(slot.measured)),
      lastUsedAt: slot.lastUsedAt,
      pinned: this.#current(slot).pinned === true,
      pid: slot.open?.pid ?? null,
    };
  }

  #stateOf(id: ModelId): ModelStatus['state'] {
    const slot = this.#slots.get(id);
    if (slot !== undefined) return slot.state === 'ready' ? 'loaded' : slot.state;
    return this.#demands.get(id) === undefined ? 'cold' : 'waiting';
  }

  #usedBytes(): number {
    return this.#sum(totalBytes);
  }

  #sum(amount: (memory: Memory) => number): number {
    let sum = 0;
    for (const slot of this.#slots.values()) sum += amount(held(slot));
    return sum;
  }

  #limitsOf(settings: PoolLimits): Amounts {
    const limits: Partial<Record<DeviceId | 'models', number>> = {
      models: settings.maxLoadedModels,
      cpu: cpuLimitBytes({
        configuredMb: settings.cpuMemoryLimitMb,
        machineBytes: this.#options.systemMemory().totalBytes,
        cgroupBytes: this.#cgroupBytes,
      }),
    };
    this.#gpus.forEach((gpu, index) => {
      limits[gpu.id] = gpuLimitBytes({ configuredMb: settings.gpuMemoryLimitMb, index, deviceBytes: gpu.totalBytes });
    });
    return limits;
  }

  // --- The end ----------------------------------------------------------------------------------------------------------

  /** Takes no new work, ends all waiting with `pool_closed`, gives leases `graceMs` to end, then unloads everything. */
  close(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.graceMs ?? 0);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    for (const demand of [...this.#demands]) this.#rejectAll(demand.id, poolClosed());
    this.#wake?.[Symbol.dispose]();
    this.#wake = null;
    const all = [...this.#slots.values()];
    for (const slot of all) {
      if (slot.state === 'loading') this.#abortLoad(slot);
      else this.#drain(slot, 'closing');
    }
    const grace = deferred();
    const timer = this.#clock.after(graceMs, grace.resolve);
    await Promise.race([Promise.all(all.map((slot) => slot.gone.promise)), grace.promise]);
    timer[Symbol.dispose]();
    for (const slot of this.#slots.values()) if (slot.state === 'ready') this.#unload(slot, 'closing');
    await Promise.all(all.map((slot) => slot.gone.promise));
    await this.#remote.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const COLD: Omit<ModelStatus, 'id'> = {
  state: 'cold',
  device: null,
  fraction: null,
  leases: 0,
  waiting: 0,
  estimatedMb: null,
  measuredMb: null,
  lastUsedAt: null,
  pinned: false,
  pid: null,
};

/** What a slot is charged: measured once it is loaded, until then what was estimated. */
function held(slot: { readonly measured: Memory | null; readonly estimated: Memory }): Memory {
  return slot.measured ?? slot.estimated;
}

/** A backend that cannot tell is charged what the file takes. */
async function estimate(backend: Backend, model: ModelDescriptor, placement: Placement): Promise<Memory> {
  return (await backend.estimate?.(model, placement)) ?? { [placement.device]: model.sizeBytes ?? 0 };
}

async function measure(open: OpenModel, log: Logger): Promise<Memory | null> {
  try {
    return (await open.measure?.()) ?? null;
  } catch (error) {
    log.warn({ model: open.descriptor.id, error }, 'the memory of a model could not be measured; the estimate stands');
    return null;
  }
}

function readSmallFile(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // Not there, or not ours to read: then it sets no limit.
  }
}
