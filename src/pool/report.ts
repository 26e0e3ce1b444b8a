/** What the pool says of itself. Pure. */
import type { Memory } from '../contracts/backend.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import type { Budget } from './budget.ts';
import type { ModelState, ModelStatus, PoolMemory } from './contract.ts';
import { gpuBytes, toMb, totalBytes } from './memory-budget.ts';
import { charged, countsAsLoaded, type Slot } from './slot.ts';

const NOWHERE: Omit<ModelStatus, 'id' | 'state'> = {
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

/** Of a model that holds none of this machine's memory. */
export function statusWithout(id: ModelId, state: ModelState, known: Partial<ModelStatus> = {}): ModelStatus {
  return { ...NOWHERE, ...known, id, state };
}

export function statusOf(slot: Slot, waiting: number, pinned: boolean): ModelStatus {
  return {
    id: slot.model.id,
    state: slot.state === 'ready' ? 'loaded' : slot.state,
    device: slot.placement.device,
    fraction: slot.state === 'loading' ? Math.max(0, slot.fraction) : null,
    leases: slot.leases,
    waiting,
    estimatedMb: toMb(totalBytes(slot.estimated)),
    measuredMb: slot.measured === null ? null : toMb(totalBytes(slot.measured)),
    lastUsedAt: slot.lastUsedAt,
    pinned,
    pid: slot.open?.pid ?? null,
  };
}

export function memoryOf(slots: Iterable<Slot>, budget: Budget, models: readonly ModelStatus[]): PoolMemory {
  const all = [...slots];
  const { limits } = budget;
  return {
    totalMb: toMb(used(all, totalBytes)),
    cpuMb: toMb(used(all, (memory) => memory.cpu ?? 0)),
    gpuMb: toMb(used(all, gpuBytes)),
    limits: {
      maxLoadedModels: budget.settings.maxLoadedModels,
      cpuMb: toMb(limits.cpu ?? 0),
      gpuMb: budget.gpus.map((gpu) => toMb(limits[gpu.id] ?? 0)),
    },
    loadedModels: all.filter((slot) => countsAsLoaded(slot.model)).length,
    models,
  };
}

/** A sum over what models are charged. */
export function used(slots: Iterable<Slot>, amount: (memory: Memory) => number): number {
  let sum = 0;
  for (const slot of slots) sum += amount(charged(slot));
  return sum;
}
