/**
 * The local models: which are loaded, who waits for which, and who may use them.
 *
 * The machine of one model:
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
 */
import type { Backend } from '../contracts/backend.ts';
import type { Clock } from '../contracts/clock.ts';
import type { EventBus } from '../contracts/event.ts';
import type { Logger } from '../contracts/logger.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { CrashLog } from './backoff.ts';
import type { Budget } from './budget.ts';
import type { AcquireOptions, Lease, ModelStatus } from './contract.ts';
import { IdleTimers } from './idle.ts';
import { openModel, type Opened } from './loading.ts';
import type { PlacementOption } from './placement.ts';
import { poolClosed, queueTimeout, toStepError, tooLarge } from './problems.ts';
import { statusOf, statusWithout } from './report.ts';
import { decide, rankOf, type Decision, type Snapshot } from './scheduler.ts';
import { charged, countsAsLoaded, newSlot, viewOf, type Slot, type UnloadReason } from './slot.ts';
import { Waiters, type Demand, type Target } from './waiters.ts';

export interface LocalModelsOptions {
  readonly clock: Clock;
  readonly events: EventBus;
  readonly log: Logger;
  readonly budget: Budget;
  /** What is said of a model now. Throws when it is not registered any more. */
  readonly lookUp: (id: ModelId) => ModelDescriptor;
  /** Called after each load. */
  readonly onLoaded: () => void;
}

export class LocalModels {
  readonly #options: LocalModelsOptions;
  readonly #clock: Clock;
  readonly #events: EventBus;
  readonly #log: Logger;
  readonly #budget: Budget;
  readonly #waiters: Waiters;
  readonly #idleTimers: IdleTimers;
  readonly #crashes = new CrashLog();

  readonly #slots = new Map<ModelId, Slot>();
  /** Not to be loaded for now: the old ones of swaps. */
  readonly #onHold = new Set<ModelId>();
  /** To be loaded on the CPU only: on their way from a GPU. */
  readonly #cpuOnly = new Set<ModelId>();
  #uses = 0;
  #pumping = false;
  #pumpAgain = false;
  #wake: Disposable | null = null;

  constructor(options: LocalModelsOptions) {
    const { clock, events, log, budget } = options;
    this.#options = options;
    this.#clock = clock;
    this.#events = events;
    this.#log = log;
    this.#budget = budget;
    this.#waiters = new Waiters({
      clock,
      log,
      onDemand: (demand) => void this.#size(demand),
      onLeave: (id, last) => this.#left(id, last),
      isLoading: (id) => this.#slots.get(id)?.state === 'loading',
    });
    this.#idleTimers = new IdleTimers({
      clock,
      idleMs: (slot) => this.#idleMs(slot),
      onDue: (slot) => this.unload(slot, 'idle'),
    });
  }

  // --- Leases -----------------------------------------------------------------------------------------------------------

  /** See `Pool.acquire`. `requested` is the name that was asked for. */
  acquire(requested: ModelId, model: ModelDescriptor, backend: Backend, options: AcquireOptions): Promise<Lease> {
    const slot = this.#slots.get(model.id);
    if (slot?.open != null && this.#mayLease(slot, backend)) return Promise.resolve(this.#lease(slot));
    return this.#wait(requested, model, backend, options);
  }

  #mayLease(slot: Slot, backend: Backend): boolean {
    if (slot.backend !== backend) {
      // A reloaded config has replaced the backend: the old instance goes when it is idle.
      this.drain(slot, 'asked');
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
    const isWanted = (): boolean => this.#waiters.get(id) === demand && demand.backend === backend;
    try {
      const options = await this.#budget.options(model, backend, this.#cpuOnly.has(id) ? 'cpu' : undefined);
      if (isWanted()) demand.options = options;
    } catch (error) {
      if (isWanted()) this.#waiters.reject(id, TuttiError.from(error, 'load_failed'));
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
      slots: Array.from(this.#slots.values(), (slot) => viewOf(slot, this.isPinned(slot))),
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
    if (slot?.state === 'ready' && slot.leases === 0) this.unload(slot, 'evicted');
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
    if (slot.load.signal.aborted && this.#waiters.get(id) === undefined) return this.unload(slot, 'asked');
    this.#setState(slot, 'ready');
    void open.closed.then((error) => this.#ended(slot, error));
    this.#events.publish('model.loaded', { model: id, device: placement.device, ms, memory: charged(slot) });
    // Before anything else is decided: what was loaded for somebody is not evicted before they had it.
    this.#grant(id);
    this.#ifIdle(slot);
    this.#options.onLoaded();
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

  /** Unloads it as soon as it is idle; it gives no new leases until then. `slot.gone` settles when it is gone. */
  drain(slot: Slot, reason: UnloadReason): void {
    slot.draining ??= reason;
    this.#ifIdle(slot);
  }

  /** Unloads it now, leased or not. */
  unload(slot: Slot, reason: UnloadReason): void {
    if (slot.state !== 'ready' && !(slot.state === 'loading' && slot.open !== null)) return;
    this.#setState(slot, 'unloading');
    void this.#runUnload(slot, reason);
  }

  /** What becomes of a ready model without a lease. */
  #ifIdle(slot: Slot): void {
    if (slot.state !== 'ready' || slot.leases > 0 || this.#slots.get(slot.model.id) !== slot) return;
    if (slot.draining !== null) this.unload(slot, slot.draining);
    else this.#idleTimers.watch(slot);
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
    if (state === 'unloading') this.#idleTimers.stop(slot);
  }

  #remove(slot: Slot): void {
    this.#idleTimers.stop(slot);
    this.#slots.delete(slot.model.id);
    slot.gone.resolve();
  }

  /** 0: never. */
  #idleMs(slot: Slot): number {
    const { pinned, idleUnloadSeconds } = this.#current(slot);
    if (pinned === true) return 0;
    return idleUnloadSeconds === undefined ? this.#budget.settings.idleUnloadMs : idleUnloadSeconds * 1000;
  }

  isPinned(slot: Slot): boolean {
    return this.#current(slot).pinned === true;
  }

  /** What is said of the model now: it may have been pinned since it was loaded. */
  #current(slot: Slot): ModelDescriptor {
    if (slot.orphaned) return slot.model;
    try {
      return this.#options.lookUp(slot.model.id);
    } catch (error) {
      this.#log.debug({ model: slot.model.id, err: error }, 'a loaded model was unregistered; it is unloaded when it is idle');
      slot.orphaned = true;
      slot.draining ??= 'asked';
      return slot.model;
    }
  }

  /** Takes no new work: ends all waiting, stops loads, and unloads each model when its leases end. */
  shutDown(): void {
    for (const demand of this.#waiters) this.#waiters.reject(demand.id, poolClosed());
    this.#wakeAt(null);
    for (const slot of this.#slots.values()) {
      if (slot.state === 'loading') this.#stopLoad(slot);
      this.drain(slot, 'closing');
    }
  }

  // --- For the pool's other parts ---------------------------------------------------------------------------------------

  get slots(): readonly Slot[] {
    return [...this.#slots.values()];
  }

  slot(id: ModelId): Slot | undefined {
    return this.#slots.get(id);
  }

  isWanted(id: ModelId): boolean {
    return this.#waiters.get(id) !== undefined;
  }

  /** Idle and free to go, least recently used first. */
  idle(): Slot[] {
    return [...this.#slots.values()]
      .filter((slot) => slot.state === 'ready' && slot.leases === 0 && !slot.guarded && !this.isPinned(slot))
      .sort((a, b) => a.lastUsed - b.lastUsed);
  }

  /** Decides anew: the limits have changed. */
  reconsider(): void {
    this.#pump();
  }

  /** Measures what is loaded again. */
  async measure(): Promise<void> {
    await Promise.all(Array.from(this.#slots.values(), (slot) => this.#measure(slot)));
    this.#pump();
  }

  async #measure(slot: Slot): Promise<void> {
    if (slot.state !== 'ready') return;
    try {
      slot.measured = (await slot.open?.measure?.()) ?? slot.measured;
    } catch (error) {
      this.#log.debug({ model: slot.model.id, err: error }, 'a model could not be measured again');
    }
  }

  /** Whether the model may go to the CPU only, from its next load on. */
  keepOnCpu(id: ModelId, on: boolean): void {
    if (on) this.#cpuOnly.add(id);
    else this.#cpuOnly.delete(id);
  }

  /** Keeps a loaded model from being evicted, for a swap. */
  guard(id: ModelId, on: boolean): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    slot.guarded = on;
    if (on) return;
    this.#ifIdle(slot);
    this.#pump();
  }

  /** Keeps a model from being loaded while those who want it wait, for a swap. */
  hold(id: ModelId, on: boolean): void {
    if (on) this.#onHold.add(id);
    else this.#onHold.delete(id);
    this.#pump();
  }

  /** A name moved: those who wait for `id` wait for what `target` says, or get its lease. */
  retarget(id: ModelId, target: (requested: ModelId) => Target | Promise<Lease>): void {
    this.#waiters.retarget(id, target);
    const slot = this.#slots.get(id);
    if (slot?.state === 'loading') this.#stopLoad(slot);
    this.#pump();
  }

  /** Those that are loaded, on their way in or out, or waited for; by id. */
  list(): ModelStatus[] {
    const ids = new Set([...this.#slots.keys(), ...Array.from(this.#waiters, (demand) => demand.id)]);
    return Array.from(ids, (id) => this.status(id)).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  status(id: ModelId): ModelStatus {
    const slot = this.#slots.get(id);
    const waiting = this.#waiters.get(id)?.waiters.size ?? 0;
    if (slot !== undefined) return statusOf(slot, waiting, this.isPinned(slot));
    return statusWithout(id, waiting > 0 ? 'waiting' : 'cold', { waiting });
  }
}
