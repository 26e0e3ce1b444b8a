/** One local model in memory, or on its way in or out. Written by `LocalModels` only. */
import type { Backend, Memory, OpenModel, Placement } from '../contracts/backend.ts';
import type { EventData } from '../contracts/event.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';
import type { PlacementOption } from './placement.ts';
import type { SlotView } from './scheduler.ts';

export type UnloadReason = EventData['model.unloaded']['reason'];

export interface Slot {
  readonly model: ModelDescriptor;
  readonly backend: Backend;
  state: SlotView['state'];
  /** Where it is; smaller than what was decided after running out of memory. */
  placement: Placement;
  readonly estimated: Memory;
  measured: Memory | null;
  leases: number;
  /** Grows with each use, over all slots: the order of eviction. */
  lastUsed: number;
  /** Epoch milliseconds. */
  lastUsedAt: number;
  /** Monotonic milliseconds. */
  loadedAt: number;
  open: OpenModel | null;
  /** Stops the load. */
  readonly load: AbortController;
  /** 0..1; -1 before the first report. */
  fraction: number;
  /** In a waiter's way: no new leases but those that the scheduler grants. */
  held: boolean;
  /** To be unloaded as soon as it is idle, and why. */
  draining: UnloadReason | null;
  /** The old one of a swap: stays until its name has moved. */
  guarded: boolean;
  /** Its model was unregistered: it goes when it is idle. */
  orphaned: boolean;
  /** Settles when the slot is removed. */
  readonly gone: Deferred<void>;
}

export function newSlot(model: ModelDescriptor, backend: Backend, option: PlacementOption): Slot {
  return {
    model,
    backend,
    state: 'loading',
    placement: option.placement,
    estimated: option.memory,
    measured: null,
    leases: 0,
    lastUsed: 0,
    lastUsedAt: 0,
    loadedAt: 0,
    open: null,
    load: new AbortController(),
    fraction: -1,
    held: false,
    draining: null,
    guarded: false,
    orphaned: false,
    gone: deferred(),
  };
}

/** What a model is charged: what was estimated until it is loaded, then what was measured. */
export function charged(slot: Slot): Memory {
  return slot.measured ?? slot.estimated;
}

export function countsAsLoaded(model: ModelDescriptor): boolean {
  return model.countsAsLoaded !== false;
}

/** What the scheduler sees. A load that was stopped is on its way out. */
export function viewOf(slot: Slot, pinned: boolean): SlotView {
  return {
    id: slot.model.id,
    state: slot.state === 'loading' && slot.load.signal.aborted ? 'unloading' : slot.state,
    leases: slot.leases,
    memory: charged(slot),
    counts: countsAsLoaded(slot.model),
    lastUsed: slot.lastUsed,
    pinned,
    guarded: slot.guarded,
    draining: slot.draining !== null,
  };
}
