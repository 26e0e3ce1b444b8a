/** `tutti ps`: what is in memory and how the machine is doing; with --stats (or one of its filters) the figures of the runs. */
import type { WireServer } from '../../server/rest/pool.ts';
import type { WireStatus } from '../../server/rest/system.ts';
import type { WireStats } from '../../server/rest/runs.ts';
import type { Api } from '../api.ts';
import type { CommandRun } from '../commands.ts';
import { count, formatDuration, style, table, type Output } from '../output.ts';

export const run: CommandRun = async ({ connect, output }, _args, given) => {
  await using api = await connect();
  const { stats, target, model } = given as { stats?: boolean; target?: string; model?: string };
  const filters = new URLSearchParams({ ...(target !== undefined && { target }), ...(model !== undefined && { model }) });
  if (stats === true || filters.size > 0) return await showStats(api, output, filters);
  const status = await api.call<WireStatus>('GET', '/api/status');
  if (output.json) return output.data(status);
  const { memory_usage: pool, resources } = status;
  if (pool.models.length === 0) output.line('No model is loaded.');
  else {
    output.line(
      table(pool.models, [
        { title: 'MODEL', value: (model) => model.id },
        { title: 'STATE', value: (model) => model.state },
        { title: 'DEVICE', value: (model) => model.device },
        { title: 'MiB', value: (model) => model.measured_mb ?? model.estimated_mb, align: 'right' },
        { title: 'CALLS', value: (model) => model.leases, align: 'right' },
        { title: 'WAITING', value: (model) => model.waiting, align: 'right' },
        { title: 'PID', value: (model) => model.pid, align: 'right' },
      ]),
    );
  }
  output.line(
    `\nMemory  ${pool.cpu_mb} of ${pool.limits.cpu_mb} MiB for models; machine ${resources.memory.available_mb} of ${resources.memory.total_mb} MiB free; server ${resources.memory.process_mb} MiB`,
  );
  for (const gpu of resources.gpus) output.line(`${gpu.id}   ${gpu.name}: ${gpu.free_mb} of ${gpu.total_mb} MiB free`);
  for (const server of status.servers) output.line(describeServer(server));
  for (const backend of status.backends) {
    const state =
      backend.state === 'up' ? style('green', 'up') : style(backend.state === 'down' ? 'red' : 'yellow', backend.state);
    output.line(`${backend.id} (${backend.type})  ${state}  ${backend.error?.message ?? count(backend.models, 'model')}`);
  }
  for (const circuit of status.circuits)
    output.line(style('yellow', `circuit of ${circuit.model}: ${circuit.state} after ${circuit.failures} failures`));
  if (!status.storage.ok) output.line(style('red', status.storage.message));
};

/** What a server that loads models itself holds: `ollama01  7168 of 11000 MiB of GPU memory: qwen3:14b 7168 MiB`. */
function describeServer({ backend, gpu_memory_limit_mb: limit, used_mb: used, models }: WireServer): string {
  if (models === null) return `${backend}  does not say what it holds`;
  const held = models.map(({ id, gpu_mb, cpu_mb }) => `${id} ${gpu_mb + cpu_mb} MiB`).join(', ');
  return `${backend}  ${used}${limit === null ? '' : ` of ${limit}`} MiB of GPU memory${held === '' ? '' : `: ${held}`}`;
}

async function showStats(api: Api, output: Output, filters: URLSearchParams): Promise<void> {
  const query = filters.size > 0 ? `?${filters.toString()}` : '';
  const stats = await api.call<WireStats>('GET', `/api/stats${query}`);
  if (output.json) return output.data(stats);
  const percent = (rate: number | null): string => (rate === null ? '-' : `${(rate * 100).toFixed(1)} %`);
  output.line(
    `Runs ${stats.total_executions}, successful ${percent(stats.success_rate)}, on average ${stats.avg_execution_time_ms === null ? '-' : formatDuration(stats.avg_execution_time_ms)}`,
  );
  output.line(
    `Confidence ${stats.avg_confidence?.toFixed(2) ?? '-'}, conflicts ${stats.conflicts_detected}, fallbacks ${stats.fallbacks_triggered}, from the cache ${percent(stats.cache_hit_rate)}`,
  );
  const usage = Object.entries(stats.model_usage).sort(([, a], [, b]) => b - a);
  if (usage.length > 0) {
    output.line(
      `\n${table(usage, [
        { title: 'MODEL', value: ([model]) => model },
        { title: 'RUNS', value: ([, count]) => count, align: 'right' },
      ])}`,
    );
  }
}
