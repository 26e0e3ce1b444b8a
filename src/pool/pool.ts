/**
 * The pool keeps loaded models inside the memory budget.
 *
 * The machine of one local model:
 *
 *     (cold) → loading → ready → unloading → (cold)
 *
 * It is *cold* when it has no slot. A slot is made, and its estimated bytes are reserved, when a load begins; after it the
 * measured bytes take their place. *Ready* models give leases. *Unloading* ones still hold their bytes: these are free only
 * when the backend says that the model is gone, and then the slot is removed. A load that fails, and a runner that crashes,
 * take the slot away at once. A load that nobody waits for any more is stopped, and holds its bytes until it has stopped.
 *
 * This class is the only writer of slots, and `#setState` the only place where their state changes. What to do is decided
 * in `scheduler.ts`, a pure function; `#pump` takes a snapshot, has it decided, and starts the effects. Each effect that
 * ends calls `#pump` again. Nothing here awaits while state is half changed: between two ticks all is consistent.
 *
 * Remote models never come here: see `remote.ts`.
 */
import type { Backend } from '../contracts/backend.ts';
import type { Clock } from '../contracts/clock.ts';
import type { EventBus } from '../contracts/event.ts';
import type { Logger } from '../contracts/logger.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { BackendId, ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred } from '../lib/deferred.ts';
import { CrashLog } from './backoff.ts';
import { Budget, type Machine } from './budget.ts';
import type { AcquireOptions, Eviction, Lease, ModelStatus, PoolMemory, UnloadOptions } from './contract.ts';
import { leastRecentlyUsedUntil } from './eviction.ts';
import { openModel, type Opened } from './loading.ts';
import { MIB, isNone, shortfall, toMb, totalBytes } from './memory-budget.ts';
import type { PlacementOption } from './placement.ts';
import { relief, type Relief } from './pressure.ts';
import { cancelled, inUse, poolClosed, queueTimeout, toStepError, tooLarge } from './problems.ts';
import { RemoteModels } from './remote.ts';
import { memoryOf, statusOf, statusWithout, used } from './report.ts';
import { decide, holdings, rankOf, type Decision, type Snapshot } from './scheduler.ts';
import type { PoolLimits } from './schema.ts';
import { charged, countsAsLoaded, newSlot, viewOf, type Slot, type UnloadReason } from './slot.ts';
import { fitTogether, swapModels } from './swap.ts';
import { Waiters, type Demand } from './waiters.ts';

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

/** For what no request waits for: after everybody else. */
const LAST_PRIORITY = -1001;

export class Pool implements AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  readonly #events: EventBus;
  readonly #log: Logger;
  readonly #budget: Budget;
  readonly #remote: RemoteModels;
  readonly #waiters: Waiters;
  readonly #crashes = new CrashLog();

  readonly #slots = new Map<ModelId, Slot>();
  /** Not to be loaded until their swap is done. */
  readonly #onHold = new Set<ModelId>();
  readonly #swapping = new Set<ModelId>();
  /** On their way from a GPU to the CPU. */
  readonly #cpuOnly = new Set<ModelId>();
  #uses = 0;
  #pumping = false;
  #pumpAgain = false;
  #wake: Disposable | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: PoolOptions) {
    const { clock, events, log, limits } = options;
    this.#options = options;
    this.#clock = clock;
    this.#events = events;
    this.#log = log;
    this.#budget = new Budget(limits, options, log);
    this.#remote = new RemoteModels({ log, now: () => clock.now() });
    this.#waiters = new Waiters({
      clock,
      log,
      onDemand: (demand) => void this.#size(demand),
      onLeave: (id, last) => this.#left(id, last),
      isLoading: (id) => this.#slots.get(id)?.state === 'loading',
    });
  }

  /** Takes new limits. What is loaded beyond them goes when it is idle and room is wanted. */
  configure(limits: PoolLimits): void {
    this.#budget.configure(limits);
    this.#relieve();
    this.#pump();
  }

  // --- Leases -----------------------------------------------------------------------------------------------------------

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
    const slot = this.#slots.get(model.id);
    if (slot?.open != null && this.#mayLease(slot, backend)) return Promise.resolve(this.#lease(slot));
    return this.#wait(requested, model, backend, options);
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

  #mayLease(slot: Slot, backend: Backend): boolean {
    if (slot.backend !== backend) {
      // A reloaded config has replaced the backend: the old instance goes when it is idle.
      this.#drain(slot, 'asked');
      return false;
    }
    return slot.state === 'ready' && !slot.held && slot.draining === null;
  }

  #lease(slot: Slot): Lease {
    const model = slot.open;
    if (model === null) throw new TuttiError('internal_error', `${slot.model.id} gives a lease before it is loaded.`);
    slot.leases++;
    this.#touch(slot);
    let holds = true;
    const release = async (): Promise<void> => {
      if (!holds) return;
      holds = false;
      this.#released(slot);
    };
    return { id: slot.model.id, model, device: slot.placement.device, release, [Symbol.asyncDispose]: release };
  }

  #released(slot: Slot): void {
    slot.leases--;
    this.#touch(slot);
    this.#ifIdle(slot);
    if (slot.leases === 0 && this.#waiters.size > 0) this.#pump();
  }

  #touch(slot: Slot): void {
    slot.lastUsed = ++this.#uses;
    slot.lastUsedAt = this.#clock.now();
  }

  // --- Waiting ----------------------------------------------------------------------------------------------------------

  #wait(requested: ModelId, model: ModelDescriptor, backend: Backend, options: AcquireOptions): Promise<Lease> {
    const now = this.#clock.now();
    if (options.deadline !== undefined && options.deadline <= now) throw queueTimeout(model.id, false);
    const rank = rankOf({ priority: options.priority ?? 0, arrivedAt: now }, this.#budget.settings.agingMs);
    const lease = this.#waiters.join({ requested, model, backend, rank, options });
    this.#pump();
    return lease;
  }

  #left(id: ModelId, last: boolean): void {
    const slot = this.#slots.get(id);
    if (last && slot?.state === 'loading') this.#stopLoad(slot);
    this.#pump();
  }

  /** Asks the backend how large the model is at each place. */
  async #size(demand: Demand): Promise<void> {
    const { id, model, backend } = demand;
    try {
      demand.options = await this.#budget.options(model, backend, this.#cpuOnly.has(id) ? 'cpu' : undefined);
    } catch (error) {
      if (this.#waiters.get(id) === demand) this.#waiters.reject(id, TuttiError.from(error, 'load_failed'));
    }
    this.#pump();
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
      limits: this.#budget.limits,
      fairnessMs: this.#budget.settings.fairnessMs,
      slots: Array.from(this.#slots.values(), (slot) => viewOf(slot, this.#isPinned(slot))),
      demands: Array.from(this.#waiters, ({ id, rank, options, model }) => ({
        id,
        rank,
        options,
        counts: countsAsLoaded(model),
        notBefore: this.#crashes.notBefore(id),
        onHold: this.#onHold.has(id),
      })),
    };
  }

  #act(decision: Decision): void {
    for (const [id, slot] of this.#slots) slot.held = decision.held.has(id);
    for (const { id, excess } of decision.rejections) this.#waiters.reject(id, tooLarge(id, excess));
    for (const id of decision.grants) this.#grant(id);
    for (const { id } of decision.evictions) this.#evict(id);
    for (const { id, option } of decision.loads) this.#load(id, option);
    for (const { id, by } of decision.blocked) {
      const message = by.length === 0 ? 'waiting for others that came first' : `waiting for room that ${by.join(', ')} holds`;
      this.#waiters.tell(id, { phase: 'queue', fraction: null, model: id, message });
    }
    this.#wakeAt(decision.wakeAt);
  }

  #grant(id: ModelId): void {
    const slot = this.#slots.get(id);
    if (slot !== undefined) this.#waiters.serve(id, () => this.#lease(slot));
  }

  #evict(id: ModelId): void {
    const slot = this.#slots.get(id);
    if (slot?.state === 'ready' && slot.leases === 0) this.#unload(slot, 'evicted');
  }

  #wakeAt(at: number | null): void {
    this.#wake?.[Symbol.dispose]();
    this.#wake = at === null ? null : this.#clock.after(Math.max(0, at - this.#clock.now()), () => this.#pump());
  }

  // --- Loading ----------------------------------------------------------------------------------------------------------

  #load(id: ModelId, option: PlacementOption): void {
    const demand = this.#waiters.get(id);
    if (demand === undefined || this.#slots.has(id)) return;
    const slot = newSlot(demand.model, demand.backend, option);
    this.#touch(slot);
    this.#slots.set(id, slot);
    this.#loadProgress(slot, 0);
    void this.#runLoad(slot);
  }

  async #runLoad(slot: Slot): Promise<void> {
    const startedAt = this.#clock.monotonic();
    try {
      const opened = await openModel(slot, this.#log, (fraction) => this.#loadProgress(slot, fraction));
      this.#loaded(slot, opened, this.#clock.monotonic() - startedAt);
    } catch (error) {
      this.#loadFailed(slot, TuttiError.from(error, 'load_failed'));
    }
  }

  #loadProgress(slot: Slot, fraction: number): void {
    // Backends report every few kilobytes; twenty steps are enough for people and for the event bus.
    if (slot.state !== 'loading' || Math.floor(fraction * 20) <= Math.floor(slot.fraction * 20)) return;
    slot.fraction = fraction;
    const { id } = slot.model;
    this.#events.publish('model.loading', { model: id, device: slot.placement.device, fraction });
    this.#waiters.tell(id, { phase: 'load', fraction, model: id });
  }

  #stopLoad(slot: Slot): void {
    slot.load.abort(new TuttiError('cancelled', `Nobody waits for ${slot.model.id} any more.`));
  }

  #loaded(slot: Slot, { open, placement, measured }: Opened, ms: number): void {
    const { id } = slot.model;
    slot.open = open;
    slot.placement = placement;
    slot.measured = measured;
    slot.loadedAt = this.#clock.monotonic();
    // It came in although it was stopped: of use only to somebody who came since.
    if (slot.load.signal.aborted && this.#waiters.get(id) === undefined) return this.#unload(slot, 'asked');
    this.#setState(slot, 'ready');
    void open.closed.then((error) => this.#ended(slot, error));
    this.#events.publish('model.loaded', { model: id, device: placement.device, ms, memory: charged(slot) });
    // Before anything else is decided: what was loaded for somebody is not evicted before they had it.
    this.#grant(id);
    this.#ifIdle(slot);
    this.#relieve();
    this.#pump();
  }

  #loadFailed(slot: Slot, error: TuttiError): void {
    const { id } = slot.model;
    if (error.code === 'runner_crashed') this.#crashes.record(id, 0, this.#clock.now());
    this.#remove(slot);
    this.#events.publish('model.load_failed', { model: id, error: toStepError(error) });
    // Those who came after the load was stopped have it loaded again.
    if (!slot.load.signal.aborted) this.#waiters.reject(id, error);
    this.#pump();
  }

  /** A ready model ended by itself. Its calls fail by themselves; the next `acquire` starts it again. */
  #ended(slot: Slot, error: Error | null): void {
    const { id } = slot.model;
    if (slot.state !== 'ready' || this.#slots.get(id) !== slot) return;
    this.#remove(slot);
    if (error === null) {
      this.#events.publish('model.unloaded', { model: id, reason: 'asked' });
    } else {
      this.#crashes.record(id, this.#clock.monotonic() - slot.loadedAt, this.#clock.now());
      const cause = toStepError(TuttiError.from(error, 'runner_crashed'));
      this.#events.publish('model.unloaded', { model: id, reason: 'crashed', error: cause });
    }
    this.#pump();
  }

  // --- Unloading --------------------------------------------------------------------------------------------------------

  /**
   * Takes a model out of memory, a pinned one, too. New calls wait, those under way end first, then its memory is freed;
   * if calls came meanwhile it is loaded again. Settles when it is gone; at once when it is not loaded.
   * Errors: `model_not_found`; `model_in_use` with `wait: false`.
   */
  async unload(id: ModelId, options: UnloadOptions = {}): Promise<void> {
    const slot = this.#slots.get(id) ?? this.#slots.get(this.#options.describe(id).id);
    if (slot === undefined) return this.#unloadRemote(this.#options.describe(id), options.signal);
    const isUsed = slot.leases > 0 || slot.state === 'loading';
    if (options.wait === false && options.force !== true && isUsed) throw inUse(slot.model.id, slot.leases);
    if (options.force === true && slot.state === 'ready') this.#unload(slot, 'asked');
    else this.#drain(slot, 'asked');
    await slot.gone.promise;
  }

  async #unloadRemote(model: ModelDescriptor, signal: AbortSignal = NEVER): Promise<void> {
    this.#remote.unbind(model.id);
    if (model.backend !== null) await this.#options.backendOf(model).residents?.unload(model.name, signal);
  }

  /**
   * Unloads idle models, least recently used first, until at most `targetMemoryMb` MiB are used on all devices together.
   * Settles when they are gone. Models in use and pinned ones stay, so that the use may remain above the target.
   */
  async evict(options: { readonly targetMemoryMb: number }): Promise<Eviction> {
    const bytes = (slot: Slot): number => totalBytes(charged(slot));
    const before = used(this.#slots.values(), totalBytes);
    const victims = leastRecentlyUsedUntil(options.targetMemoryMb * MIB, before, this.#idle(), bytes);
    const freed = victims.reduce((sum, slot) => sum + bytes(slot), 0);
    for (const slot of victims) this.#unload(slot, 'asked');
    await Promise.all(victims.map((slot) => slot.gone.promise));
    const left = used(this.#slots.values(), totalBytes);
    return { evicted: victims.map((slot) => slot.model.id), freedMb: toMb(freed), usedMb: toMb(left) };
  }

  /** Lets go of everything of a backend that was removed: when it is idle. Settles then. */
  async forgetBackend(backend: BackendId): Promise<void> {
    this.#remote.unbindAll(backend);
    const slots = [...this.#slots.values()].filter((slot) => slot.model.backend === backend);
    for (const slot of slots) this.#drain(slot, 'asked');
    await Promise.all(slots.map((slot) => slot.gone.promise));
  }

  /** Idle and free to go, least recently used first. */
  #idle(): Slot[] {
    return [...this.#slots.values()]
      .filter((slot) => slot.state === 'ready' && slot.leases === 0 && !slot.guarded && !this.#isPinned(slot))
      .sort((a, b) => a.lastUsed - b.lastUsed);
  }

  #drain(slot: Slot, reason: UnloadReason): void {
    slot.draining ??= reason;
    this.#ifIdle(slot);
  }

  /** What becomes of a ready model without a lease. */
  #ifIdle(slot: Slot): void {
    if (slot.state !== 'ready' || slot.leases > 0 || this.#slots.get(slot.model.id) !== slot) return;
    if (slot.draining !== null) this.#unload(slot, slot.draining);
    else this.#watchIdle(slot);
  }

  #unload(slot: Slot, reason: UnloadReason): void {
    if (slot.state === 'unloading') return;
    this.#setState(slot, 'unloading');
    void this.#runUnload(slot, reason);
  }

  async #runUnload(slot: Slot, reason: UnloadReason): Promise<void> {
    try {
      await slot.open?.[Symbol.asyncDispose]();
    } catch (error) {
      this.#log.error({ model: slot.model.id, err: error }, 'a model could not be unloaded cleanly');
    }
    this.#remove(slot);
    this.#events.publish('model.unloaded', { model: slot.model.id, reason });
    this.#pump();
  }

  #setState(slot: Slot, state: 'ready' | 'unloading'): void {
    slot.state = state;
    if (state === 'unloading') this.#stopTimer(slot);
  }

  #remove(slot: Slot): void {
    this.#stopTimer(slot);
    this.#slots.delete(slot.model.id);
    slot.gone.resolve();
  }

  #stopTimer(slot: Slot): void {
    slot.idleTimer?.[Symbol.dispose]();
    slot.idleTimer = null;
  }

  /** One timer a slot. If the model was used since it was set, it is set again for the rest. */
  #watchIdle(slot: Slot): void {
    const ttl = this.#idleMs(slot);
    if (ttl === 0 || slot.idleTimer !== null) return;
    const left = slot.lastUsedAt + ttl - this.#clock.now();
    slot.idleTimer = this.#clock.after(Math.max(0, left), () => {
      slot.idleTimer = null;
      if (slot.leases > 0 || slot.guarded) return; // the release, or the end of the swap, sets the next one
      const due = slot.lastUsedAt + this.#idleMs(slot);
      if (due > this.#clock.now() || this.#idleMs(slot) === 0) this.#watchIdle(slot);
      else this.#unload(slot, 'idle');
    });
  }

  /** 0: never. */
  #idleMs(slot: Slot): number {
    const { pinned, idleUnloadSeconds } = this.#current(slot);
    if (pinned === true) return 0;
    return idleUnloadSeconds === undefined ? this.#budget.settings.idleUnloadMs : idleUnloadSeconds * 1000;
  }

  #isPinned(slot: Slot): boolean {
    return this.#current(slot).pinned === true;
  }

  /** What is said of the model now: it may have been pinned since it was loaded. */
  #current(slot: Slot): ModelDescriptor {
    if (slot.orphaned) return slot.model;
    try {
      return this.#options.describe(slot.model.id, { ignoreSwaps: true });
    } catch (error) {
      this.#log.debug({ model: slot.model.id, err: error }, 'a loaded model was unregistered; it is unloaded when it is idle');
      slot.orphaned = true;
      slot.draining ??= 'asked';
      return slot.model;
    }
  }

  // --- Pressure ---------------------------------------------------------------------------------------------------------

  /**
   * Starts to measure again what is loaded; where that takes more than `pressure` of a limit, idle models go, or move from a GPU
   * to the CPU. To be called on a timer, as models grow while they answer. Runs by itself after each load, with what is known.
   */
  checkPressure(): void {
    void Promise.all(Array.from(this.#slots.values(), (slot) => this.#measure(slot))).then(() => {
      this.#relieve();
      this.#pump();
    });
  }

  async #measure(slot: Slot): Promise<void> {
    if (slot.state !== 'ready') return;
    try {
      slot.measured = (await slot.open?.measure?.()) ?? slot.measured;
    } catch (error) {
      this.#log.debug({ model: slot.model.id, err: error }, 'a model could not be measured again');
    }
  }

  #relieve(): void {
    const { limits, settings } = this.#budget;
    const slots = [...this.#slots.values()];
    for (const one of relief({ slots, idle: this.#idle(), limits, share: settings.pressure })) this.#relieveOf(one);
  }

  #relieveOf({ slot, device }: Relief): void {
    const { device: wanted = 'auto' } = slot.model.load ?? {};
    this.#unload(slot, 'pressure');
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
    if (this.#closing !== null || this.#slots.has(id) || this.#waiters.get(id) !== undefined) return;
    this.#cpuOnly.add(id);
    try {
      await this.preload(id, { priority: LAST_PRIORITY });
    } finally {
      this.#cpuOnly.delete(id);
    }
  }

  /** Whether it fits beside all that is loaded, and leaves no pressure behind. */
  #hasRoom(model: ModelDescriptor, option: PlacementOption): boolean {
    const { limits, settings } = this.#budget;
    const cpu = used(this.#slots.values(), (memory) => memory.cpu ?? 0) + (option.memory.cpu ?? 0);
    const models = [...this.#slots.values()].filter((slot) => countsAsLoaded(slot.model)).length;
    const need = holdings({ memory: {}, counts: countsAsLoaded(model) });
    return cpu <= (limits.cpu ?? 0) * settings.pressure && isNone(shortfall(limits, { models }, need));
  }

  // --- Swapping ---------------------------------------------------------------------------------------------------------

  /**
   * Lets `to` answer for `from` without a failed request: see `swap.ts`. Settles when what answered before is unloaded.
   * `to` may be a model that was swapped itself: it then gets its name back.
   * Errors: those of loading `to` (`from` then answers as before); `model_in_use` while one of them is being swapped.
   */
  async swap(from: ModelId, to: ModelId): Promise<void> {
    const old = this.#options.describe(from);
    const next = this.#options.describe(to, { ignoreSwaps: true });
    if (old.id === next.id) return;
    for (const id of [old.id, next.id]) {
      if (this.#swapping.has(id))
        throw new TuttiError('model_in_use', `${id} is being swapped already.`, { details: { model: id } });
    }
    this.#swapping.add(old.id).add(next.id);
    try {
      await swapModels({
        guard: (on) => this.#guard(old.id, on),
        fitTogether: () => this.#fitTogether(old.id, next),
        hold: (on) => this.#hold(old.id, on),
        unloadOld: () => this.#unloadOld(old),
        load: (which) => this.#loadFirst(which === 'old' ? old : next),
        moveName: () => this.#moveName(old.id, next.id),
        log: this.#log,
      });
    } finally {
      this.#swapping.delete(old.id);
      this.#swapping.delete(next.id);
    }
  }

  #guard(id: ModelId, on: boolean): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    slot.guarded = on;
    if (on) return;
    this.#ifIdle(slot);
    this.#pump();
  }

  #hold(id: ModelId, on: boolean): void {
    if (on) this.#onHold.add(id);
    else this.#onHold.delete(id);
    this.#pump();
  }

  async #fitTogether(oldId: ModelId, next: ModelDescriptor): Promise<boolean> {
    const slot = this.#slots.get(oldId);
    const backend = this.#options.backendOf(next);
    if (slot === undefined || backend.residency === 'remote' || this.#slots.has(next.id)) return true;
    const options = await this.#budget.options(next, backend);
    const pinned = [...this.#slots.values()].filter((other) => other === slot || this.#isPinned(other));
    return fitTogether({ limits: this.#budget.limits, staying: pinned.map((one) => viewOf(one, true)), next, options });
  }

  async #unloadOld(old: ModelDescriptor): Promise<void> {
    const slot = this.#slots.get(old.id);
    if (slot === undefined) return this.#unloadRemote(old);
    this.#drain(slot, 'swapped');
    await slot.gone.promise;
  }

  async #loadFirst(model: ModelDescriptor): Promise<Lease> {
    const { residents } = this.#options.backendOf(model);
    await residents?.load(model.name, NEVER);
    return this.#acquire(model.id, model, { priority: FIRST_PRIORITY });
  }

  #moveName(from: ModelId, to: ModelId): void {
    this.#options.redirect(from, to);
    this.#waiters.retarget(from, (requested) => {
      const model = this.#options.describe(requested);
      const backend = this.#options.backendOf(model);
      return backend.residency === 'remote' ? this.#remote.acquire(model, backend) : { model, backend };
    });
    const slot = this.#slots.get(from);
    if (slot?.state === 'loading') this.#stopLoad(slot);
    this.#events.publish('model.swapped', { from, to });
    this.#pump();
  }

  // --- Reports ----------------------------------------------------------------------------------------------------------

  /** Local models that are loaded, on their way in or out, or waited for; by id. */
  list(): ModelStatus[] {
    const ids = new Set([...this.#slots.keys(), ...Array.from(this.#waiters, (demand) => demand.id)]);
    return Array.from(ids, (id) => this.#localStatus(id)).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Errors: `model_not_found`. */
  status(id: ModelId): ModelStatus {
    const model = this.#options.describe(id);
    if (model.backend === null || this.#options.backendOf(model).residency === 'local') return this.#localStatus(model.id);
    return statusWithout(model.id, 'remote', this.#remote.status(model.id));
  }

  memory(): PoolMemory {
    return memoryOf(this.#slots.values(), this.#budget, this.list());
  }

  #localStatus(id: ModelId): ModelStatus {
    const slot = this.#slots.get(id);
    const waiting = this.#waiters.get(id)?.waiters.size ?? 0;
    if (slot !== undefined) return statusOf(slot, waiting, this.#isPinned(slot));
    return statusWithout(id, waiting > 0 ? 'waiting' : 'cold', { waiting });
  }

  // --- The end ----------------------------------------------------------------------------------------------------------

  /** Takes no new work, ends all waiting with `pool_closed`, gives leases `graceMs` (default 0) to end, then unloads everything. */
  close(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.graceMs ?? 0);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    for (const demand of this.#waiters) this.#waiters.reject(demand.id, poolClosed());
    this.#wakeAt(null);
    const slots = [...this.#slots.values()];
    for (const slot of slots) {
      if (slot.state === 'loading') this.#stopLoad(slot);
      this.#drain(slot, 'closing');
    }
    const gone = Promise.all(slots.map((slot) => slot.gone.promise));
    const grace = deferred();
    const timer = this.#clock.after(graceMs, () => grace.resolve());
    await Promise.race([Promise.all([gone, this.#remote.idle()]), grace.promise]);
    timer[Symbol.dispose]();
    for (const slot of slots) if (slot.state === 'ready') this.#unload(slot, 'closing');
    await Promise.all([gone, this.#remote.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** For what nobody can cancel. */
const NEVER = new AbortController().signal;
/** Above every request: the waiters of a swap are behind it. */
const FIRST_PRIORITY = 1001;
