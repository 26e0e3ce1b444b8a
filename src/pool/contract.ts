/** What others see of the pool: types only. */
import type { OpenModel } from '../contracts/backend.ts';
import type { ProgressPart } from '../contracts/part.ts';
import type { DeviceId, ModelId, Priority } from '../contracts/vocabulary.ts';

/** What a waiter is told: `queue` while it waits for room, `load` with a fraction while the weights are read. */
export type LoadProgress = Pick<ProgressPart, 'phase' | 'fraction' | 'model' | 'message'>;

export interface AcquireOptions {
  /** Larger goes first. Default 0. */
  readonly priority?: Priority;
  /** Leaving the queue. A load that nobody waits for any more is stopped. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Epoch milliseconds after which waiting ends with `queue_timeout`. */
  readonly deadline?: number;
}

/** The right to use a loaded model until it is released. */
export interface Lease extends AsyncDisposable {
  /** The model that answers: after a swap not the one that was asked for. */
  readonly id: ModelId;
  readonly model: OpenModel;
  /** null: remote. */
  readonly device: DeviceId | null;
  /** Gives it back; the model stays loaded. May be called twice. */
  release(): Promise<void>;
}

/**
 * `cold`: not loaded. `waiting`: wanted, but there is no room yet. `remote`: somebody else's memory, always at hand.
 */
export type ModelState = 'cold' | 'waiting' | 'loading' | 'loaded' | 'unloading' | 'remote';

/** Where a model is between disk and memory, and who uses it. */
export interface ModelStatus {
  readonly id: ModelId;
  readonly state: ModelState;
  readonly device: DeviceId | null;
  /** 0..1 while loading. */
  readonly fraction: number | null;
  readonly leases: number;
  readonly waiting: number;
  /** MiB; null where nothing is held or nothing was measured. */
  readonly estimatedMb: number | null;
  readonly measuredMb: number | null;
  /** Epoch milliseconds. */
  readonly lastUsedAt: number | null;
  readonly pinned: boolean;
  readonly pid: number | null;
}

/** What the loaded models take, in MiB, and the limits. */
export interface PoolMemory {
  readonly totalMb: number;
  readonly cpuMb: number;
  readonly gpuMb: number;
  readonly limits: {
    readonly maxLoadedModels: number;
    readonly cpuMb: number;
    /** One for each GPU; empty until the devices are known or when there is none. */
    readonly gpuMb: readonly number[];
  };
  /** How many count in `maxLoadedModels`. */
  readonly loadedModels: number;
  readonly models: readonly ModelStatus[];
}

/** What `evict` did, in MiB. */
export interface Eviction {
  readonly evicted: readonly ModelId[];
  readonly freedMb: number;
  /** What is still used. */
  readonly usedMb: number;
}

export interface UnloadOptions {
  /** Unload at once: calls under way fail. Default false. */
  readonly force?: boolean;
  /** False: fail with `model_in_use` rather than wait for calls under way. Default true. */
  readonly wait?: boolean;
  /** Stops a request to a remote server that unloads models by name. */
  readonly signal?: AbortSignal;
}
