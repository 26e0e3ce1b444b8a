/** The limits that hold on this machine, and what a model would take at each place where it may go. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Backend } from '../contracts/backend.ts';
import type { Logger } from '../contracts/logger.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { DeviceId } from '../contracts/vocabulary.ts';
import { cgroupLimitBytes, cpuLimitBytes, gpuLimitBytes, type Amounts, type ReadFile } from './memory-budget.ts';
import { isCpuOnly, placementsFor, type DeviceInfo, type PlacementOption } from './placement.ts';
import type { PoolLimits } from './schema.ts';

export interface SystemMemory {
  readonly totalBytes: number;
  readonly availableBytes: number;
}

/** What the pool needs to know of the machine. */
export interface Machine {
  /** The GPUs. Asked when the first model is wanted that may go to one; asked again when it failed. */
  devices(): Promise<readonly DeviceInfo[]>;
  systemMemory(): SystemMemory;
  /** Default: the file system. */
  readonly readFile?: ReadFile;
  /** CPU cores that models may share: all runners together take at most one less. Default: what the process may use. */
  readonly cores?: number;
}

export class Budget {
  readonly #machine: Machine;
  readonly #log: Logger;
  readonly #cores: number;
  readonly #cgroupBytes: number | null;
  #settings: PoolLimits;
  #gpus: readonly DeviceInfo[] = [];
  #finding: Promise<readonly DeviceInfo[]> | null = null;
  #limits: Amounts;

  constructor(settings: PoolLimits, machine: Machine, log: Logger) {
    this.#settings = settings;
    this.#machine = machine;
    this.#log = log;
    this.#cores = machine.cores ?? availableParallelism();
    this.#cgroupBytes = cgroupLimitBytes(machine.readFile ?? readSmallFile);
    this.#limits = this.#computeLimits();
  }

  get settings(): PoolLimits {
    return this.#settings;
  }

  /** Bytes by device, and how many models. GPUs appear once they are known. */
  get limits(): Amounts {
    return this.#limits;
  }

  get gpus(): readonly DeviceInfo[] {
    return this.#gpus;
  }

  configure(settings: PoolLimits): void {
    this.#settings = settings;
    this.#limits = this.#computeLimits();
  }

  /** The places where the model may go, best first (or `only` one of them), each with its bytes. Errors: `load_failed`, those of the backend's `estimate`. */
  async options(model: ModelDescriptor, backend: Backend, only?: DeviceId): Promise<PlacementOption[]> {
    const { fallbackToCpu, maxLoadedModels } = this.#settings;
    const threads = Math.max(1, Math.floor((this.#cores - 1) / maxLoadedModels));
    // Asking a driver takes up to a second, which a model that stays on the CPU need not wait.
    const gpus = isCpuOnly(model) ? [] : await this.#findGpus();
    const places = placementsFor(model, { gpus, fallbackToCpu, threads, cores: this.#cores });
    const wanted = places.filter(({ device }) => device === only);
    return Promise.all(
      (wanted.length > 0 ? wanted : places).map(async (placement) => ({
        placement,
        // A backend that cannot tell is charged what the file takes.
        memory: (await backend.estimate?.(model, placement)) ?? { [placement.device]: model.sizeBytes ?? 0 },
      })),
    );
  }

  async #findGpus(): Promise<readonly DeviceInfo[]> {
    this.#finding ??= this.#machine.devices();
    try {
      this.#gpus = await this.#finding;
    } catch (error) {
      this.#finding = null;
      this.#log.warn({ err: error }, 'the GPUs of this machine could not be listed; models go to the CPU');
    }
    this.#limits = this.#computeLimits();
    return this.#gpus;
  }

  #computeLimits(): Amounts {
    const { maxLoadedModels, cpuMemoryLimitMb, gpuMemoryLimitMb } = this.#settings;
    const machineBytes = this.#machine.systemMemory().totalBytes;
    const limits: Partial<Record<DeviceId | 'models', number>> = {
      models: maxLoadedModels,
      cpu: cpuLimitBytes({ configuredMb: cpuMemoryLimitMb, machineBytes, cgroupBytes: this.#cgroupBytes }),
    };
    this.#gpus.forEach((gpu, index) => {
      limits[gpu.id] = gpuLimitBytes({ configuredMb: gpuMemoryLimitMb, index, deviceBytes: gpu.totalBytes });
    });
    return limits;
  }
}

function readSmallFile(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // Not there, or not ours to read: then it sets no limit.
  }
}
