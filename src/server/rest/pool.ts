/** `/api/pool`: what is in memory, and making room. */
import { z } from 'zod';
import type { Call } from '../route.ts';
import type { ServerMemory } from '../../composition/servers.ts';
import type { PoolMemory } from '../../pool/contract.ts';
import { fromPool, wireModelStatus } from '../wire/models.ts';

export const wireServer = z
  .strictObject({
    backend: z.string(),
    gpu_memory_limit_mb: z.number().nullable().describe('`backends.<id>.gpu_memory_limit_mb`.'),
    used_mb: z.number().nullable().describe('GPU memory of its models together; null when it does not answer.'),
    models: z.array(z.strictObject({ id: z.string(), gpu_mb: z.number(), cpu_mb: z.number() })).nullable(),
  })
  .meta({ id: 'ModelServer', description: 'A remote server that loads models itself.' });
export type WireServer = z.infer<typeof wireServer>;

export function toWireServer({ backend, gpuMemoryLimitMb, usedMb, models }: ServerMemory): WireServer {
  return {
    backend,
    gpu_memory_limit_mb: gpuMemoryLimitMb,
    used_mb: usedMb,
    models: models?.map(({ id, gpuMb, cpuMb }) => ({ id, gpu_mb: gpuMb, cpu_mb: cpuMb })) ?? null,
  };
}

export const wireMemory = z
  .strictObject({
    total_mb: z.number(),
    cpu_mb: z.number(),
    gpu_mb: z.number(),
    limits: z.strictObject({
      max_loaded_models: z.number(),
      cpu_mb: z.number(),
      gpu_mb: z.array(z.number()).describe('One for each GPU; empty until the devices are known or when there is none.'),
    }),
    loaded_models: z.int().describe('How many count in `max_loaded_models`.'),
    models: z.array(wireModelStatus).describe('Local models that are loaded, being loaded or waited for.'),
  })
  .meta({ id: 'Memory' });
export type WireMemory = z.infer<typeof wireMemory>;

export const wirePool = wireMemory
  .extend({ servers: z.array(wireServer).describe('Remote servers that load models themselves (Ollama), and what they hold.') })
  .meta({ id: 'Pool' });
export type WirePool = z.infer<typeof wirePool>;

export function toWireMemory(memory: PoolMemory): WireMemory {
  return {
    total_mb: memory.totalMb,
    cpu_mb: memory.cpuMb,
    gpu_mb: memory.gpuMb,
    limits: {
      max_loaded_models: memory.limits.maxLoadedModels,
      cpu_mb: memory.limits.cpuMb,
      gpu_mb: [...memory.limits.gpuMb],
    },
    loaded_models: memory.loadedModels,
    models: memory.models.map(fromPool),
  };
}

export async function getPool(call: Call): Promise<WirePool> {
  const { backends, pool } = call.services.tutti;
  const servers = await backends.servers();
  return { ...toWireMemory(pool.memory()), servers: servers.map(toWireServer) };
}

export const evictBody = z.strictObject({
  target_memory_mb: z.number().min(0).describe('Unload idle models, least recently used first, until no more than this is used.'),
});
export const evicted = z.strictObject({ evicted: z.array(z.string()), freed_mb: z.number(), used_mb: z.number() });

export async function evict(call: Call<z.output<typeof evictBody>>): Promise<z.infer<typeof evicted>> {
  const result = await call.services.tutti.pool.evict({ targetMemoryMb: call.body.target_memory_mb });
  return { evicted: [...result.evicted], freed_mb: result.freedMb, used_mb: result.usedMb };
}
