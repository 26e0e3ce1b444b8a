import { describe, expect, it } from 'vitest';
import { poolSchema, toPoolLimits } from './schema.ts';

describe('the config of the pool', () => {
  it('has the documented defaults', () => {
    expect(poolSchema.parse({})).toEqual({
      max_loaded_models: 3,
      cpu_memory_limit_mb: 16_000,
      gpu_memory_limit_mb: 8000,
      fallback_to_cpu: true,
      idle_unload_seconds: 300,
      aging_seconds_per_priority: 1,
      fairness_seconds: 5,
      pressure: 0.9,
    });
  });

  it('takes a limit for each GPU', () => {
    const limits = toPoolLimits(poolSchema.parse({ gpu_memory_limit_mb: [8000, 0], idle_unload_seconds: 1.5 }));
    expect(limits).toMatchObject({ gpuMemoryLimitMb: [8000, 0], idleUnloadMs: 1500, agingMs: 1000, fairnessMs: 5000 });
  });

  it.each([
    [{ max_loaded_models: 0 }],
    [{ cpu_memory_limit_mb: 0 }],
    [{ gpu_memory_limit_mb: [] }],
    [{ gpu_memory_limit_mb: -1 }],
    [{ pressure: 1.1 }],
    [{ max_models: 3 }],
  ])('refuses %o', (bad) => expect(poolSchema.safeParse(bad).success).toBe(false));
});
