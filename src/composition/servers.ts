/** What remote servers that load models themselves (Ollama) hold in their own memory, as `GET /api/pool` shows it. */
import type { Backend } from '../contracts/backend.ts';
import type { BackendId, ModelId } from '../contracts/vocabulary.ts';

/** One server. Null where it did not answer, or no limit is configured. */
export interface ServerMemory {
  readonly backend: BackendId;
  /** `backends.<id>.gpu_memory_limit_mb`. */
  readonly gpuMemoryLimitMb: number | null;
  /** MiB of GPU memory that its models take, together. */
  readonly usedMb: number | null;
  readonly models: readonly { readonly id: ModelId; readonly gpuMb: number; readonly cpuMb: number }[] | null;
}

const MIB = 1024 * 1024;

/** Asks one server; null for backends that do not load models themselves. Never rejects. */
export async function askServer(backend: Backend, limit: unknown, signal: AbortSignal): Promise<ServerMemory | null> {
  if (backend.residents === undefined) return null;
  const known = { backend: backend.id, gpuMemoryLimitMb: typeof limit === 'number' ? limit : null };
  try {
    const running = await backend.residents.running(signal);
    const models = running.map(({ model, memory }) => {
      const { cpu = 0, ...gpus } = memory;
      const gpu = Object.values(gpus).reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
      return { id: model, gpuMb: Math.round(gpu / MIB), cpuMb: Math.round(cpu / MIB) };
    });
    return { ...known, usedMb: models.reduce((sum, { gpuMb }) => sum + gpuMb, 0), models };
  } catch {
    // Whether and why a server is down is told with the backends; here it is enough that nobody knows.
    return { ...known, usedMb: null, models: null };
  }
}
