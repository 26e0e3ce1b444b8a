/** The `pool:` section of the config. Light: nothing heavy is imported. */
import { z } from 'zod';

const megabytes = z.number().positive();

export const poolSchema = z.strictObject({
  max_loaded_models: z
    .int()
    .min(1)
    .default(3)
    .describe('How many local models may be loaded at once. Embedded ones do not count.'),
  cpu_memory_limit_mb: megabytes
    .default(16000)
    .describe('Main memory for models, in MiB; never more than 70 % of the machine’s or the container’s.'),
  gpu_memory_limit_mb: z
    .union([megabytes, z.array(z.number().min(0)).min(1)])
    .default(8000)
    .describe(
      'GPU memory for models, in MiB: one number for each GPU, or a list with one for each. Never more than 90 % of the GPU’s.',
    ),
  fallback_to_cpu: z.boolean().default(true).describe('Load a model on the CPU when no GPU has room for it.'),
  idle_unload_seconds: z.number().min(0).default(300).describe('Unload a model after so long without use. 0: never.'),
  aging_seconds_per_priority: z
    .number()
    .positive()
    .default(1)
    .describe('Waiting for so long is worth one point of priority, so that nobody waits for ever.'),
  fairness_seconds: z
    .number()
    .min(0)
    .default(5)
    .describe('How long calls of loaded models may go before one that waits for their memory.'),
  pressure: z
    .number()
    .gt(0)
    .max(1)
    .default(0.9)
    .describe('Above this share of a memory limit idle models are unloaded, or moved from the GPU to the CPU.'),
});
export type PoolConfig = z.output<typeof poolSchema>;

/** The section as the pool takes it: milliseconds. */
export interface PoolLimits {
  readonly maxLoadedModels: number;
  /** Default: 70 % of the machine's memory. */
  readonly cpuMemoryLimitMb?: number;
  /** One number for each GPU, or a list with one for each. Default: 90 % of the GPU's memory. */
  readonly gpuMemoryLimitMb?: number | readonly number[];
  readonly fallbackToCpu: boolean;
  /** 0: never. */
  readonly idleUnloadMs: number;
  /** How much waiting is worth one point of priority. */
  readonly agingMs: number;
  readonly fairnessMs: number;
  /** A share of each limit. */
  readonly pressure: number;
}

export function toPoolLimits(config: PoolConfig): PoolLimits {
  return {
    maxLoadedModels: config.max_loaded_models,
    cpuMemoryLimitMb: config.cpu_memory_limit_mb,
    gpuMemoryLimitMb: config.gpu_memory_limit_mb,
    fallbackToCpu: config.fallback_to_cpu,
    idleUnloadMs: config.idle_unload_seconds * 1000,
    agingMs: config.aging_seconds_per_priority * 1000,
    fairnessMs: config.fairness_seconds * 1000,
    pressure: config.pressure,
  };
}
