/** `tutti models evict`: makes room by unloading idle models. */
import type { CommandRun } from '../commands.ts';

export const run: CommandRun = async ({ connect, output, signal }, _args, given) => {
  const { targetMemoryMb } = given as { targetMemoryMb: number };
  await using api = await connect({ lasting: true });
  const result = await api.call<{ evicted: string[]; freed_mb: number; used_mb: number }>(
    'POST',
    '/api/pool/evict',
    { target_memory_mb: targetMemoryMb },
    signal,
  );
  if (output.json) output.data(result);
  else
    output.line(
      `Unloaded ${result.evicted.length === 0 ? 'nothing' : result.evicted.join(', ')}: ${result.freed_mb} MiB freed, ${result.used_mb} MiB in use.`,
    );
};
