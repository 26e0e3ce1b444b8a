/** GGUF files as models, each loaded into a runner: a child process of its own, or one for all. */
import { totalmem } from 'node:os';
import type {
  Backend,
  BackendContext,
  CountInput,
  Health,
  Memory,
  OpenModel,
  OpenOptions,
  Placement,
} from '../../contracts/backend.ts';
import type { ModelDescriptor } from '../../contracts/model.ts';
import { TuttiError } from '../../errors/error.ts';
import { Catalog, type CatalogEntry, type ModelFacts } from './catalog.ts';
import {
  cacheTypeOf,
  contextSizeOf,
  describeModel,
  gpuEnvironment,
  parallelOf,
  samplingOf,
  type Presentation,
} from './describe.ts';
import { estimateMemory } from './estimate.ts';
import { LogBook } from '../../lib/log-book.ts';
import { LlamaOpenModel } from './open-model.ts';
import type { LoadRequest } from './protocol.ts';
import { RunnerProcess, type RunnerOptions } from './runner-process.ts';
import type { LlamaCppConfig } from './schema.ts';
import { SharedRunner, type RunnerLease } from './shared-runner.ts';
import { threadBudget, TINY_PARAMETERS, type ThreadLease } from './thread-budget.ts';

/** How long the process that only counts tokens stays after its last use. */
const TOKENIZER_LINGER_MS = 60_000;
/** Characters. */
const COUNTED_APART = 100_000;

export class LlamaCppBackend implements Backend {
  readonly id: string;
  readonly type: string;
  readonly residency = 'local';
  readonly onThisMachine = true;
  readonly #config: LlamaCppConfig;
  readonly #context: BackendContext;
  readonly #shown: Presentation;
  readonly #catalog: Catalog;
  readonly #logs = new Map<string, LogBook>();
  readonly #open = new Set<LlamaOpenModel>();
  readonly #shared: SharedRunner | null;
  readonly #tokenizer: SharedRunner;
  #loads = 0;
  #health: Health | null = null;
  #disposed = false;

  constructor(config: LlamaCppConfig, context: BackendContext, shown: Presentation = {}) {
    this.id = context.id;
    this.type = shown.type ?? 'llama-cpp';
    this.#config = config;
    this.#context = context;
    this.#shown = shown;
    this.#catalog = new Catalog(config, context.directory ?? process.cwd(), context.log);
    const workers = threadBudget.total;
    this.#shared = config.shared_runner === true ? new SharedRunner(this.#runnerOptions('shared runner', { workers }), 0) : null;
    this.#tokenizer = new SharedRunner(this.#runnerOptions('tokenizer', { workers: 1 }), TOKENIZER_LINGER_MS);
  }

  async list(signal: AbortSignal): Promise<ModelDescriptor[]> {
    const entries = await this.#catalog.entries(signal);
    return entries.map((entry) => describeModel(this.id, entry, this.#config, this.#shown));
  }

  async open(model: ModelDescriptor, { placement, signal, onProgress }: OpenOptions): Promise<OpenModel> {
    if (this.#disposed) throw new TuttiError('closed', `The backend ${this.id} is closed.`);
    if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
    const entry = await this.#catalog.find(model.name);
    const request = await this.#loadRequest(entry, placement);
    checkFits(await this.estimate(model, placement));
    const key = `${entry.name}#${++this.#loads}`;
    const lease = this.#shared?.acquire() ?? this.#ownRunner(entry, placement, request);
    const threads = this.#claimThreads(entry, placement, (count) => {
      if (!lease.runner.isOver) void lease.runner.request('threads', { model: key, threads: count }).catch(() => {}); // it died: so did the threads
    });
    const release = async (): Promise<void> => {
      threads[Symbol.dispose]();
      if (this.#shared !== null && !lease.runner.isOver) await lease.runner.request('unload', { model: key }).catch(() => {}); // it died: nothing is left
      await lease.release();
    };
    try {
      await this.#load(lease.runner, { ...request, model: key, threads: threads.threads }, signal, onProgress);
    } catch (error) {
      await release();
      throw error;
    }
    const open: LlamaOpenModel = new LlamaOpenModel({
      descriptor: model,
      runner: lease.runner,
      key,
      device: placement.device,
      ownProcess: this.#shared === null,
      release: async () => {
        this.#open.delete(open);
        await release();
      },
    });
    this.#open.add(open);
    void open.closed.then((reason) => {
      this.#open.delete(open);
      threads[Symbol.dispose]();
      if (reason !== null)
        this.#context.log.error({ model: model.id, err: reason }, `the runner of ${model.id} crashed: ${reason.message}`);
    });
    return open;
  }

  async estimate(model: ModelDescriptor, placement: Placement): Promise<Memory> {
    const entry = await this.#catalog.find(model.name);
    const facts = usable(entry);
    return estimateMemory({
      shape: facts.shape,
      weightBytes: facts.weightBytes,
      layerBytes: facts.layerBytes,
      contextSize: contextSizeOf(facts, this.#config, entry, placement),
      parallel: facts.generates ? parallelOf(this.#config, entry) : 1,
      kvCacheType: cacheTypeOf(this.#config, entry),
      ownProcess: this.#shared === null,
      placement: this.#config.gpu === false ? { device: 'cpu' } : placement,
    });
  }

  async countTokens(model: ModelDescriptor, input: string | CountInput): Promise<number> {
    const entry = await this.#catalog.find(model.name);
    usable(entry);
    const chatTemplate = await this.#catalog.chatTemplate(entry.settings);
    const request = { path: entry.path, chatTemplate, input };
    // A text of megabytes takes seconds, which the calls of a loaded model need not wait.
    const open =
      sizeOf(input) > COUNTED_APART ? undefined : [...this.#open].find(({ descriptor }) => descriptor.name === entry.name);
    if (open !== undefined) return open.countTokens(request);
    const lease = this.#tokenizer.acquire();
    try {
      return await lease.runner.request('tokenize', request);
    } finally {
      await lease.release();
    }
  }

  /** Whether llama.cpp runs here, and on what. The first answer starts a process; a good one is remembered. */
  async health(signal: AbortSignal): Promise<Health> {
    if (this.#health !== null) return this.#health;
    const began = this.#context.clock.monotonic();
    const runner = new RunnerProcess(this.#runnerOptions('probe', { workers: 1 }));
    const stop = (): void => void runner.stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const { gpu, devices, vramTotal } = await runner.request('probe', { gpu: this.#config.gpu ?? 'auto' });
      const where = gpu === null ? 'on the CPU' : `with ${gpu} on ${devices.join(', ')} (${Math.round(vramTotal / 2 ** 20)} MiB)`;
      const latencyMs = Math.round(this.#context.clock.monotonic() - began);
      const missing = await this.#catalog.missingFolders();
      if (missing.length > 0)
        return { ok: true, message: `llama.cpp runs ${where}. Not there: ${missing.join(', ')}.`, latencyMs };
      this.#health = { ok: true, message: `llama.cpp runs ${where}, ${threadBudget.total} thread(s) at most.`, latencyMs };
      return this.#health;
    } catch (error) {
      if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
      return { ok: false, message: TuttiError.from(error).message };
    } finally {
      signal.removeEventListener('abort', stop);
      await runner.stop();
    }
  }

  async *logs(name: string, options: { follow: boolean; signal: AbortSignal }): AsyncGenerator<string> {
    yield* this.#log(this.#shared === null ? name : 'shared runner').read(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await Promise.all([...this.#open].map((open) => open[Symbol.asyncDispose]()));
    await Promise.all([this.#shared?.stop(), this.#tokenizer.stop()]);
  }

  async #loadRequest(entry: CatalogEntry, placement: Placement): Promise<LoadRequest> {
    const facts = usable(entry);
    const { settings } = entry;
    const kvCacheType = cacheTypeOf(this.#config, entry);
    const compact = kvCacheType.startsWith('q') || kvCacheType.startsWith('iq');
    return {
      path: entry.path,
      gpu: placement.device === 'cpu' ? false : (settings.gpu ?? this.#config.gpu ?? 'auto'),
      gpuLayers: placement.device === 'cpu' ? 0 : (placement.gpuLayers ?? 'auto'),
      contextSize: contextSizeOf(facts, this.#config, entry, placement),
      parallel: parallelOf(this.#config, entry),
      threads: 1,
      kvCacheType,
      // A quantised cache of values only works with flash attention.
      flashAttention: settings.flash_attention ?? this.#config.flash_attention ?? (compact ? true : 'auto'),
      lora: this.#catalog.adapters(settings),
      chatTemplate: await this.#catalog.chatTemplate(settings),
      sampling: samplingOf(facts, this.#config, entry),
      generates: facts.generates,
    };
  }

  #ownRunner(entry: CatalogEntry, placement: Placement, request: LoadRequest): RunnerLease {
    const env = request.gpu === false ? {} : gpuEnvironment(placement.device);
    const runner = new RunnerProcess(this.#runnerOptions(entry.name, { workers: Math.min(4, threadBudget.total), env }));
    return { runner, release: () => runner.stop() };
  }

  #claimThreads(entry: CatalogEntry, placement: Placement, onChange: (threads: number) => void): ThreadLease {
    const tiny = usable(entry).parameters < TINY_PARAMETERS;
    const most = tiny ? 1 : (placement.threads ?? entry.settings.threads ?? this.#config.threads ?? threadBudget.total);
    return threadBudget.claim({ most }, onChange);
  }

  /** An abort ends a runner of its own at once; in a shared one the load is over in milliseconds. */
  async #load(
    runner: RunnerProcess,
    request: LoadRequest & { readonly model: string },
    signal: AbortSignal,
    onProgress?: (fraction: number) => void,
  ): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(TuttiError.from(signal.reason, 'cancelled'));
    signal.addEventListener('abort', abort, { once: true });
    const loading = runner.request('load', request, onProgress);
    try {
      await Promise.race([loading, aborted.promise]);
    } catch (error) {
      throw killedForMemory(error) ?? error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #runnerOptions(name: string, rest: Pick<RunnerOptions, 'workers' | 'env'>): RunnerOptions {
    return { clock: this.#context.clock, log: this.#log(name), ...rest };
  }

  #log(name: string): LogBook {
    let log = this.#logs.get(name);
    if (log === undefined) this.#logs.set(name, (log = new LogBook()));
    return log;
  }
}

/** Errors: `invalid_model_file`. */
function usable(entry: CatalogEntry): ModelFacts {
  if (TuttiError.isInstance(entry.facts)) throw entry.facts;
  return entry.facts;
}

/**
 * Linux lends memory that it does not have and kills some process when it is used. What cannot fit is better not tried.
 * Errors: `out_of_memory`.
 */
function checkFits({ cpu = 0 }: Memory): void {
  const total = totalmem();
  if (cpu <= total) return;
  const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  throw new TuttiError('out_of_memory', `The model would take ${mib(cpu)}, and this machine has ${mib(total)}.`, {
    details: { needed_bytes: cpu, total_bytes: total },
  });
}

/** Nobody but the kernel kills a runner that is loading: it does so when memory runs out. */
function killedForMemory(error: unknown): TuttiError | null {
  if (!TuttiError.isInstance(error) || error.code !== 'runner_crashed' || error.details['signal'] !== 'SIGKILL') return null;
  return new TuttiError(
    'out_of_memory',
    'The system killed the runner while the weights were read, most likely because memory ran out.',
    {
      cause: error,
    },
  );
}

/** About how many characters there are to count. */
function sizeOf(input: string | CountInput): number {
  if (typeof input === 'string') return input.length;
  return input.messages.reduce(
    (sum, { content }) => sum + (typeof content === 'string' ? content : JSON.stringify(content ?? '')).length,
    0,
  );
}
