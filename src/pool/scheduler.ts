/**
 * Who is loaded, who waits and who goes: one pure decision over a snapshot of the pool. It costs time in proportion to what
 * is loaded and waited for, however many models are registered.
 *
 * Each model that somebody waits for is a *demand*. Demands are taken by rank: priority, then arrival, where waiting counts.
 * For each, in this order:
 *
 * 1. The model is ready: its waiters get their leases, unless it is held for a demand of better rank or being unloaded.
 * 2. It is being loaded or unloaded: wait for that.
 * 3. It does not fit at any place, even with everything gone but what is pinned: reject, with the numbers.
 * 4. It fits as things are: load. GPUs first, the one with the most room.
 * 5. It fits once idle models go: evict them, least recently used first. The next decision loads. (4 and 5 are tried for the
 *    GPUs before the CPU: evicting an idle model is better than running slowly.)
 * 6. Models in use stand in the way: wait. What it needs is set aside, so that nobody of worse rank takes it. Once it has
 *    waited for `fairnessMs`, the models in its way get no new leases from worse ranks, so that they do become idle.
 */
import type { Memory } from '../contracts/backend.ts';
import type { DeviceId, ModelId, Priority } from '../contracts/vocabulary.ts';
import { chooseVictims, type Candidate } from './eviction.ts';
import { add, entries, isNone, shortfall, subtract, type Amounts, type Resource } from './memory-budget.ts';
import type { PlacementOption } from './placement.ts';

/** A model that holds memory. */
export interface SlotView {
  readonly id: ModelId;
  readonly state: 'loading' | 'ready' | 'unloading';
  readonly leases: number;
  readonly memory: Memory;
  /** Whether it counts in `max_loaded_models`. */
  readonly counts: boolean;
  /** Grows with each use. */
  readonly lastUsed: number;
  /** Never evicted; what it holds is lost to others for good. */
  readonly pinned: boolean;
  /** Not evicted for now: loaded for somebody who has no lease yet, or the old one of a swap. */
  readonly guarded: boolean;
  /** Gets no new leases: it is to be unloaded when it is idle. */
  readonly draining: boolean;
}

/** A model that somebody waits for. */
export interface DemandView {
  readonly id: ModelId;
  /** The best of its waiters' ranks. */
  readonly rank: number;
  /** Where it may go. null: not sized yet. */
  readonly options: readonly PlacementOption[] | null;
  readonly counts: boolean;
  /** Not to be loaded before this time: it crashed. 0: at once. */
  readonly notBefore: number;
  /** Not to be loaded for now: it is being swapped. */
  readonly onHold: boolean;
}

export interface Snapshot {
  readonly now: number;
  readonly limits: Amounts;
  /** How long models in use may stand in a waiter's way before they are held. */
  readonly fairnessMs: number;
  readonly slots: readonly SlotView[];
  readonly demands: readonly DemandView[];
}

/** Why a model can never be loaded under these limits, for one place. */
export interface Excess {
  readonly device: DeviceId;
  readonly resource: Resource;
  readonly needed: number;
  readonly limit: number;
  readonly pinned: number;
}

export interface Decision {
  /** Ready models whose waiters get their leases. */
  readonly grants: readonly ModelId[];
  readonly loads: readonly { readonly id: ModelId; readonly option: PlacementOption }[];
  readonly evictions: readonly { readonly id: ModelId; readonly for: ModelId }[];
  readonly rejections: readonly { readonly id: ModelId; readonly excess: readonly Excess[] }[];
  /** Ready models that get no new leases, except for better ranks: they stand in somebody's way. */
  readonly held: ReadonlySet<ModelId>;
  /** Who waits for whom to become idle. */
  readonly blocked: readonly { readonly id: ModelId; readonly by: readonly ModelId[] }[];
  /** When to decide again if nothing happens before. null: only when something happens. */
  readonly wakeAt: number | null;
}

/**
 * A waiter's place in the queue: lower goes first. One point of priority is worth `agingMs` of waiting. All waiters age
 * alike, so their order never changes, and each is in the end before any newcomer of any priority: nobody starves.
 */
export function rankOf(waiter: { readonly priority: Priority; readonly arrivedAt: number }, agingMs: number): number {
  return waiter.arrivedAt - waiter.priority * agingMs;
}

export function decide(snapshot: Snapshot): Decision {
  const plan = new Plan(snapshot);
  for (const demand of snapshot.demands.toSorted((a, b) => a.rank - b.rank)) plan.take(demand);
  return plan.decision;
}

/** The decision in the making: what is used now, and what will be once all who are leaving have left and all promises are kept. */
class Plan {
  readonly decision = {
    grants: [] as ModelId[],
    loads: [] as { id: ModelId; option: PlacementOption }[],
    evictions: [] as { id: ModelId; for: ModelId }[],
    rejections: [] as { id: ModelId; excess: Excess[] }[],
    held: new Set<ModelId>(),
    blocked: [] as { id: ModelId; by: ModelId[] }[],
    wakeAt: null as number | null,
  };
  readonly #snapshot: Snapshot;
  readonly #slots = new Map<ModelId, SlotView>();
  /** Least recently used first. */
  readonly #byUse: readonly SlotView[];
  readonly #pinned: Amounts;
  #now: Amounts = {};
  #later: Amounts = {};
  /** Being unloaded, or evicted by this decision. */
  readonly #gone = new Set<ModelId>();
  /** Those whose going `#later` already counts: gone, or waited for by a demand of better rank. */
  readonly #countedOut = new Set<ModelId>();
  readonly #granted = new Set<ModelId>();

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    let pinned: Amounts = {};
    for (const slot of snapshot.slots) {
      this.#slots.set(slot.id, slot);
      this.#now = add(this.#now, holdings(slot));
      if (slot.state === 'unloading') {
        this.#gone.add(slot.id);
        this.#countedOut.add(slot.id);
        continue;
      }
      this.#later = add(this.#later, holdings(slot));
      if (slot.pinned) pinned = add(pinned, holdings(slot));
    }
    this.#pinned = pinned;
    this.#byUse = snapshot.slots.toSorted((a, b) => a.lastUsed - b.lastUsed);
  }

  take(demand: DemandView): void {
    const slot = this.#slots.get(demand.id);
    if (slot !== undefined) return this.#takeLoaded(slot); // 1 and 2
    if (demand.onHold || demand.options === null) return;
    if (demand.notBefore > this.#snapshot.now) return this.#wake(demand.notBefore);
    const possible = this.#possible(demand, demand.options); // 3
    if (possible.length === 0) return;
    const groups = [
      possible.filter((option) => option.placement.device !== 'cpu'),
      possible.filter((option) => option.placement.device === 'cpu'),
    ];
    for (const group of groups) {
      if (this.#load(demand, group) || this.#evict(demand, group)) return; // 4 and 5
    }
    this.#wait(demand, possible); // 6
  }

  #takeLoaded(slot: SlotView): void {
    if (slot.state !== 'ready' || slot.draining || this.#gone.has(slot.id)) return;
    if (this.decision.held.has(slot.id)) return;
    this.decision.grants.push(slot.id);
    this.#granted.add(slot.id);
  }

  #possible(demand: DemandView, options: readonly PlacementOption[]): readonly PlacementOption[] {
    const excess: Excess[] = [];
    const possible = options.filter((option) => {
      const over = entries(shortfall(this.#snapshot.limits, this.#pinned, needOf(demand, option)));
      for (const [resource] of over) excess.push(this.#excess(demand, option, resource));
      return over.length === 0;
    });
    if (possible.length === 0) this.decision.rejections.push({ id: demand.id, excess });
    return possible;
  }

  #excess(demand: DemandView, option: PlacementOption, resource: Resource): Excess {
    return {
      device: option.placement.device,
      resource,
      needed: needOf(demand, option)[resource] ?? 0,
      limit: this.#snapshot.limits[resource] ?? 0,
      pinned: this.#pinned[resource] ?? 0,
    };
  }

  #load(demand: DemandView, options: readonly PlacementOption[]): boolean {
    const { limits } = this.#snapshot;
    let best: { option: PlacementOption; room: number } | null = null;
    for (const option of options) {
      const need = needOf(demand, option);
      if (!isNone(shortfall(limits, this.#now, need)) || !isNone(shortfall(limits, this.#later, need))) continue;
      const { device } = option.placement;
      const room = (limits[device] ?? 0) - (this.#later[device] ?? 0);
      if (best === null || room > best.room) best = { option, room };
    }
    if (best === null) return false;
    this.decision.loads.push({ id: demand.id, option: best.option });
    this.#now = add(this.#now, needOf(demand, best.option));
    this.#later = add(this.#later, needOf(demand, best.option));
    return true;
  }

  #evict(demand: DemandView, options: readonly PlacementOption[]): boolean {
    for (const option of options) {
      const victims = this.#victims(demand, option, this.#candidates('idle'));
      if (victims === null) continue;
      for (const victim of victims) this.#evictFor(demand, victim);
      this.#promise(demand, option, victims);
      return true;
    }
    return false;
  }

  #wait(demand: DemandView, options: readonly PlacementOption[]): void {
    const candidates = [...this.#candidates('idle'), ...this.#candidates('busy')];
    for (const option of options) {
      const victims = this.#victims(demand, option, candidates);
      if (victims === null) continue;
      this.#block(demand, victims);
      this.#promise(demand, option, victims);
      return;
    }
    // Better ranks are promised all there is: their turn comes first.
    this.decision.blocked.push({ id: demand.id, by: [] });
  }

  #block(demand: DemandView, victims: readonly Candidate[]): void {
    const due = demand.rank + this.#snapshot.fairnessMs;
    const overdue = due <= this.#snapshot.now;
    const busy = victims.filter((victim) => !this.#isIdle(victim.id));
    this.decision.blocked.push({ id: demand.id, by: busy.map((victim) => victim.id) });
    if (!overdue) return this.#wake(due);
    for (const victim of victims) {
      if (this.#isIdle(victim.id)) this.#evictFor(demand, victim);
      else this.decision.held.add(victim.id);
    }
  }

  #victims(demand: DemandView, option: PlacementOption, candidates: readonly Candidate[]): Candidate[] | null {
    return chooseVictims({ limits: this.#snapshot.limits, used: this.#later, need: needOf(demand, option), candidates });
  }

  /** Sets aside what the demand needs, and counts on the victims' going. */
  #promise(demand: DemandView, option: PlacementOption, victims: readonly Candidate[]): void {
    for (const victim of victims) {
      this.#later = subtract(this.#later, victim.holds);
      this.#countedOut.add(victim.id);
    }
    this.#later = add(this.#later, needOf(demand, option));
  }

  #evictFor(demand: DemandView, victim: Candidate): void {
    this.decision.evictions.push({ id: victim.id, for: demand.id });
    this.#gone.add(victim.id);
  }

  /** Those that may go, least recently used first: at once (`idle`), or when they are done (`busy`). */
  #candidates(kind: 'idle' | 'busy'): Candidate[] {
    return this.#byUse
      .filter((slot) => !slot.pinned && !slot.guarded && !this.#countedOut.has(slot.id))
      .filter((slot) => this.#isIdle(slot.id) === (kind === 'idle'))
      .map((slot) => ({ id: slot.id, holds: holdings(slot) }));
  }

  #isIdle(id: ModelId): boolean {
    const slot = this.#slots.get(id);
    return slot?.state === 'ready' && slot.leases === 0 && !this.#granted.has(id);
  }

  #wake(at: number): void {
    this.decision.wakeAt = Math.min(this.decision.wakeAt ?? at, at);
  }
}

/** What a loaded model takes of each resource. */
export function holdings(slot: { readonly memory: Memory; readonly counts: boolean }): Amounts {
  return slot.counts ? { ...slot.memory, models: 1 } : slot.memory;
}

function needOf(demand: DemandView, option: PlacementOption): Amounts {
  return holdings({ memory: option.memory, counts: demand.counts });
}
