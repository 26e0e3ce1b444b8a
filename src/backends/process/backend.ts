import type { Backend, BackendContext, Health, Memory, OpenModel, OpenOptions, Placement } from '../../contracts/backend.ts';
import type { ModelDescriptor } from '../../contracts/model.ts';
import { TuttiError } from '../../errors/error.ts';
import { LogBook } from '../../lib/log-book.ts';
import { nearest } from '../../lib/nearest.ts';
import { describeModel } from '../openai-protocol/model-list.ts';
import { findProgram } from './find-program.ts';
import { ProcessModel } from './open-model.ts';
import { RunningServer } from './running-server.ts';
import type { ProcessConfig } from './schema.ts';

/**
 * A server program and the models that it serves. The program runs while at least one of its models is open: the first
 * one opened starts it, the last one disposed of stops it. After a crash the next `open` starts it again.
 */
export class ProcessBackend implements Backend {
  readonly id: string;
  readonly type = 'process';
  readonly residency = 'local';
  readonly onThisMachine = true;
  readonly #config: ProcessConfig;
  readonly #context: BackendContext;
  readonly #log = new LogBook();
  readonly #names: readonly string[];
  #running: RunningServer | null = null;
  /** A start must wait until the stop before it is over: the port and the memory are free only then. */
  #stopping: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(config: ProcessConfig, context: BackendContext) {
    this.id = context.id;
    this.#config = config;
    this.#context = context;
    this.#names = config.models ?? [context.id];
  }

  async list(signal: AbortSignal): Promise<readonly ModelDescriptor[]> {
    if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
    return this.#names.map((name) => this.#describe(name));
  }

  #describe(name: string): ModelDescriptor {
    const known = describeModel(name, {}, { backend: this.id, nativeChoices: false });
    const model = known ?? {
      id: `${this.id}:${name}`,
      backend: this.id,
      name,
      capabilities: ['text_generation'],
      operations: ['chat'],
    };
    const { idle_unload_seconds: idleUnloadSeconds } = this.#config;
    return idleUnloadSeconds === undefined ? model : { ...model, idleUnloadSeconds };
  }

  /** Errors: `model_not_found`, `load_failed` (with the program's last words), `cancelled`. */
  async open(model: ModelDescriptor, { signal, onProgress }: OpenOptions): Promise<OpenModel> {
    if (this.#disposed) throw new TuttiError('closed', `The backend ${this.id} is closed.`);
    if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
    if (!this.#names.includes(model.name)) {
      const near = nearest(model.name, this.#names).join(', ') || this.#names.join(', ');
      throw new TuttiError('model_not_found', `The program of ${this.id} serves no model "${model.name}". It serves: ${near}.`);
    }
    onProgress?.(0);
    const server = this.#ensureRunning();
    server.users++;
    try {
      await server.ready(signal);
    } catch (error) {
      await this.#leave(server);
      throw error;
    }
    onProgress?.(1);
    return new ProcessModel(model, { server, leave: () => this.#leave(server), measure: () => this.#measure(server) });
  }

  #ensureRunning(): RunningServer {
    if (this.#running && !this.#running.over) return this.#running;
    const server = new RunningServer(this.#config, { context: this.#context, log: this.#log, after: this.#stopping });
    this.#running = server;
    return server;
  }

  /** One user less; the last one stops the program. */
  async #leave(server: RunningServer): Promise<void> {
    server.users--;
    if (server.users > 0) return;
    if (this.#running === server) this.#running = null;
    const stopped = server.stop();
    this.#stopping = Promise.all([this.#stopping, stopped]).then(() => {});
    await stopped;
  }

  /** What the config says. A further model of a program that runs already takes nothing more. */
  async estimate(_model: ModelDescriptor, placement: Placement): Promise<Memory> {
    if (this.#running && !this.#running.over) return { [placement.device]: 0 };
    const { cpu, gpu } = this.#config.memory_mb ?? {};
    if (cpu === undefined && gpu === undefined) return { [placement.device]: 0 };
    const gpuDevice = placement.device === 'cpu' ? 'gpu:0' : placement.device;
    return { ...(cpu !== undefined && { cpu: cpu * 2 ** 20 }), ...(gpu !== undefined && { [gpuDevice]: gpu * 2 ** 20 }) };
  }

  /** The main memory that its processes really hold; for the GPU what the config says. Shared evenly between its open models. */
  async #measure(server: RunningServer): Promise<Memory> {
    const cpu = await server.memory();
    const { cpu: cpuMb, gpu: gpuMb } = this.#config.memory_mb ?? {};
    const users = Math.max(1, server.users);
    const bytes = cpu ?? (cpuMb ?? 0) * 2 ** 20;
    return { cpu: Math.round(bytes / users), ...(gpuMb !== undefined && { 'gpu:0': Math.round((gpuMb * 2 ** 20) / users) }) };
  }

  /** Whether the program runs, or could: it is looked for, not started. */
  async health(): Promise<Health> {
    const [program = ''] = this.#config.command;
    if (this.#running && !this.#running.over)
      return { ok: true, message: `${program} runs (process ${this.#running.pid ?? 'starting'})` };
    const found = await findProgram(program, this.#config.cwd);
    return found === null
      ? { ok: false, message: `${program} is not there or may not be run. Install it, or give its whole path in command.` }
      : { ok: true, message: `${found} is started when it is first needed` };
  }

  logs(_name: string, options: { follow: boolean; signal: AbortSignal }): AsyncIterable<string> {
    return this.#log.read(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.#running?.stop();
    await this.#stopping;
  }
}
