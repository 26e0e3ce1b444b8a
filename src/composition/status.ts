/** What `tutti.status()` and `GET /api/status` tell: what is loaded, what it takes, and how the machine is doing. */
import type { PoolMemory } from '../pool/contract.ts';
import type { RunsStatus } from '../runs/runs.ts';
import type { BackendStatus } from './backends.ts';
import type { Gpu } from './devices.ts';
import type { ServerMemory } from './servers.ts';

/** What is loaded, what it takes, and how the machine, the backends and the database are doing. */
export interface Status {
  readonly version: string;
  /** Milliseconds since the start. */
  readonly uptimeMs: number;
  /** Ids of the models in memory. */
  readonly loadedModels: readonly string[];
  readonly memoryUsage: PoolMemory;
  /** Remote servers that load models themselves (Ollama), and what they hold. */
  readonly servers: readonly ServerMemory[];
  /** Runs under way. */
  readonly activeRuns: number;
  readonly resources: {
    /** 0..100 over all processors since the last look, or since the start; null when that was just now. */
    readonly cpuPercent: number | null;
    readonly memory: { readonly totalMb: number; readonly availableMb: number; readonly processMb: number };
    readonly gpus: readonly {
      readonly id: string;
      readonly name: string;
      readonly totalMb: number;
      readonly freeMb: number;
      readonly busyPercent: number | null;
    }[];
  };
  readonly backends: readonly BackendStatus[];
  /** Circuits that are not closed. */
  readonly circuits: readonly {
    readonly model: string;
    readonly state: string;
    readonly failures: number;
    readonly retryAt: number | null;
  }[];
  readonly storage: RunsStatus;
}

const MIB = 1024 * 1024;

export function gpuStatus(gpus: readonly Gpu[]): Status['resources']['gpus'] {
  return gpus.map(({ id, name, totalBytes, freeBytes, busyPercent }) => ({
    id,
    name,
    totalMb: Math.round(totalBytes / MIB),
    freeMb: Math.round(freeBytes / MIB),
    busyPercent,
  }));
}

export function memoryStatus(memory: { totalBytes: number; availableBytes: number }): Status['resources']['memory'] {
  return {
    totalMb: Math.round(memory.totalBytes / MIB),
    availableMb: Math.round(memory.availableBytes / MIB),
    processMb: Math.round(process.memoryUsage.rss() / MIB),
  };
}
