/** The Prometheus metrics: their names, and how events and the status become numbers. Loads prom-client. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { TuttiEvent } from '../../contracts/event.ts';
import type { RunRecord } from '../../contracts/run.ts';
import type { Status } from '../../composition/status.ts';

const MIB = 1024 * 1024;
const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

export class Instruments {
  readonly #registry = new Registry();
  readonly #runs = this.#counter('tutti_runs_total', 'Runs that ended.', ['status', 'model', 'operation']);
  readonly #tokens = this.#counter('tutti_tokens_total', 'Tokens read and written.', ['model', 'direction']);
  readonly #cost = this.#counter('tutti_cost_usd_total', 'US dollars of the runs whose price is known.', ['model']);
  readonly #fallbacks = this.#counter('tutti_fallbacks_total', 'Runs that went on to another model.', ['from', 'to']);
  readonly #loads = this.#counter('tutti_model_loads_total', 'Loads of local models.', ['model', 'outcome']);
  readonly #unloads = this.#counter('tutti_model_unloads_total', 'Unloads of local models.', ['model', 'reason']);
  readonly #firstToken = this.#histogram('tutti_first_token_seconds', 'From the start of a run to its first delta.');
  readonly #duration = this.#histogram('tutti_run_duration_seconds', 'From the start of a run to its end.');
  readonly #loadTime = this.#histogram('tutti_model_load_seconds', 'Loading a local model.');
  readonly #active = this.#gauge('tutti_active_runs', 'Runs under way.');
  readonly #loaded = this.#gauge('tutti_loaded_models', 'Local models in memory.');
  readonly #waiting = this.#gauge('tutti_waiting_calls', 'Calls that wait for a model.', ['model']);
  readonly #modelMemory = this.#gauge('tutti_model_memory_bytes', 'Memory of a loaded model.', ['model', 'device']);
  readonly #memory = this.#gauge('tutti_memory_used_bytes', 'Memory of all loaded models.', ['device']);
  readonly #limit = this.#gauge('tutti_memory_limit_bytes', 'What models may use.', ['device']);
  readonly #servers = this.#gauge('tutti_server_gpu_memory_bytes', 'GPU memory of the models that a remote server holds.', [
    'backend',
  ]);
  readonly #circuits = this.#gauge('tutti_circuit_open', '1 for models whose circuit is open, 0.5 while one call tries.', [
    'model',
  ]);
  readonly #backends = this.#gauge('tutti_backend_up', '1 when the backend answers.', ['backend']);
  readonly #storage = this.#gauge('tutti_storage_up', '1 while history is kept.');
  readonly #rss = this.#gauge('process_resident_memory_bytes', 'Resident memory of the server, without its runners.');
  readonly #cpu = this.#counter('process_cpu_seconds_total', 'CPU time of the server, without its runners.', []);

  get contentType(): string {
    return this.#registry.contentType;
  }

  count(event: TuttiEvent): void {
    switch (event.type) {
      case 'run.completed':
      case 'run.failed':
      case 'run.cancelled':
        this.#countRun(event.data.run);
        return;
      case 'run.fallback':
        this.#fallbacks.inc({ from: event.data.from, to: event.data.to });
        return;
      case 'model.loaded':
        this.#loads.inc({ model: event.data.model, outcome: 'loaded' });
        this.#loadTime.observe({ model: event.data.model }, event.data.ms / 1000);
        return;
      case 'model.load_failed':
        this.#loads.inc({ model: event.data.model, outcome: 'failed' });
        return;
      case 'model.unloaded':
        this.#unloads.inc({ model: event.data.model, reason: event.data.reason });
        return;
      default:
        return;
    }
  }

  #countRun(run: RunRecord): void {
    const model = run.model ?? run.target;
    this.#runs.inc({ status: run.status, model, operation: run.operation });
    for (const [each, usage] of Object.entries(run.usageByModel)) {
      this.#tokens.inc({ model: each, direction: 'input' }, usage.inputTokens);
      this.#tokens.inc({ model: each, direction: 'output' }, usage.outputTokens);
    }
    if (run.costUsd !== null) this.#cost.inc({ model }, run.costUsd);
    if (run.firstTokenMs !== null) this.#firstToken.observe({ model }, run.firstTokenMs / 1000);
    if (run.endedAt !== null) this.#duration.observe({ model }, Math.max(0, run.endedAt - run.startedAt) / 1000);
  }

  /** What is not an event but a state: read when somebody asks. */
  look(status: Status): void {
    for (const gauge of [
      this.#waiting,
      this.#modelMemory,
      this.#memory,
      this.#limit,
      this.#servers,
      this.#circuits,
      this.#backends,
    ])
      gauge.reset();
    const { memoryUsage: pool } = status;
    this.#active.set(status.activeRuns);
    this.#loaded.set(status.loadedModels.length);
    this.#memory.set({ device: 'cpu' }, pool.cpuMb * MIB);
    this.#memory.set({ device: 'gpu' }, pool.gpuMb * MIB);
    this.#limit.set({ device: 'cpu' }, pool.limits.cpuMb * MIB);
    pool.limits.gpuMb.forEach((mb, index) => this.#limit.set({ device: `gpu:${index}` }, mb * MIB));
    for (const { id, device, waiting, measuredMb, estimatedMb } of pool.models) {
      if (waiting > 0) this.#waiting.set({ model: id }, waiting);
      if (device !== null) this.#modelMemory.set({ model: id, device }, (measuredMb ?? estimatedMb ?? 0) * MIB);
    }
    for (const { backend, usedMb } of status.servers) if (usedMb !== null) this.#servers.set({ backend }, usedMb * MIB);
    for (const { model, state } of status.circuits) this.#circuits.set({ model }, state === 'open' ? 1 : 0.5);
    for (const { id, state } of status.backends) this.#backends.set({ backend: id }, state === 'up' ? 1 : 0);
    this.#storage.set(status.storage.ok ? 1 : 0);
    this.#rss.set(process.memoryUsage.rss());
    const { user, system } = process.cpuUsage();
    this.#cpu.reset();
    this.#cpu.inc((user + system) / 1e6);
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ name, help, labelNames: ['model'], buckets: SECONDS, registers: [this.#registry] });
  }
}
