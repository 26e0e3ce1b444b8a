import type { Backend, BackendContext, Health, OpenModel, OpenOptions, PullProgress } from '../../contracts/backend.ts';
import type { CallOptions, ModelDescriptor } from '../../contracts/model.ts';
import type { Part } from '../../contracts/part.ts';
import { TuttiError } from '../../errors/error.ts';
import type { JsonObject } from '../../lib/json-value.ts';
import { isLoopback } from '../upstream/loopback.ts';
import { RemoteModel } from '../upstream/remote-model.ts';
import { Upstream } from '../upstream/upstream.ts';
import { OllamaClient } from './client.ts';
import { ollamaBaseUrl } from './host.ts';
import { MemoryGate } from './memory-gate.ts';
import { describeTag, memoryOf, type Tag } from './models.ts';
import type { OllamaConfig } from './schema.ts';

/** A model in memory is larger than its file by its context and buffers: measured at 10 to 25 % with Ollama's defaults. */
const MEMORY_PER_FILE_BYTE = 1.2;

export class OllamaBackend implements Backend {
  readonly id: string;
  readonly type = 'ollama';
  readonly residency = 'remote';
  readonly onThisMachine: boolean;
  readonly residents: NonNullable<Backend['residents']>;
  readonly #upstream: Upstream;
  readonly #client: OllamaClient;
  readonly #gate: MemoryGate | null;
  readonly #context: BackendContext;
  readonly #open = new Set<RemoteModel>();
  /** What `/api/show` said, by the digest of the model: it says the same until the model changes. */
  readonly #shown = new Map<string, JsonObject>();

  constructor(config: OllamaConfig, context: BackendContext) {
    const baseUrl = config.base_url ?? ollamaBaseUrl(process.env['OLLAMA_HOST']);
    this.id = context.id;
    this.onThisMachine = isLoopback(baseUrl);
    this.#context = context;
    this.#upstream = new Upstream({
      name: context.id,
      baseUrl,
      headers: { ...(config.api_key && { authorization: `Bearer ${config.api_key}` }), ...config.headers },
      timeoutMs: config.timeout_seconds * 1000,
      maxConcurrency: config.max_concurrency ?? null,
      clock: context.clock,
    });
    const client = new OllamaClient({
      upstream: this.#upstream,
      clock: context.clock,
      keepAlive: config.keep_alive,
      secret: config.api_key,
    });
    this.#client = client;
    const unload = (name: string, signal: AbortSignal): Promise<void> =>
      client.keep(name, { embeds: false, keepAlive: 0, signal });
    this.#gate =
      config.gpu_memory_limit_mb === undefined
        ? null
        : new MemoryGate(config.gpu_memory_limit_mb * 2 ** 20, { running: (signal) => client.running(signal), unload });
    this.residents = {
      running: async (signal) =>
        (await client.running(signal)).map((resident) => ({ model: `${this.id}:${resident.name}`, memory: memoryOf(resident) })),
      load: async (name, signal) => {
        const model = await this.#find(name, signal);
        using _admission = await this.#gate?.enter({ name: model.name, estimatedBytes: estimateBytes(model) }, signal);
        await client.keep(model.name, { embeds: !model.operations.includes('chat'), keepAlive: config.keep_alive, signal });
      },
      unload: async (name, signal) => unload((await this.#find(name, signal)).name, signal),
    };
  }

  async list(signal: AbortSignal): Promise<readonly ModelDescriptor[]> {
    const tags = await this.#client.tags(signal);
    return Promise.all(tags.map(async (tag) => describeTag(tag, await this.#show(tag, signal), this.id)));
  }

  async #show(tag: Tag, signal: AbortSignal): Promise<JsonObject | null> {
    const key = `${tag.name} ${tag.digest}`;
    const known = this.#shown.get(key);
    if (known) return known;
    try {
      const { model_info, capabilities, parameters } = await this.#client.show(tag.name, signal);
      const shown = { model_info, capabilities, parameters };
      this.#shown.set(key, shown);
      return shown;
    } catch (error) {
      if (signal.aborted || !TuttiError.isInstance(error)) throw error;
      // A model whose manifest is damaged must not hide the others.
      this.#context.log.warn({ backend: this.id, model: tag.name, code: error.code }, error.message);
      return null;
    }
  }

  async open(model: ModelDescriptor, { signal }: OpenOptions): Promise<OpenModel> {
    if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
    const open = new RemoteModel(model, {
      chat: (_name, input, options) => this.#admitted(model, options, () => this.#client.chat(model, input, options)),
      embed: (_name, input, options) => this.#admitted(model, options, () => this.#client.embed(model, input, options)),
    });
    this.#open.add(open);
    void open.closed.then(() => this.#open.delete(open));
    return open;
  }

  async *#admitted(model: ModelDescriptor, { signal }: CallOptions, call: () => AsyncIterable<Part>): AsyncGenerator<Part> {
    using _admission = await this.#gate?.enter({ name: model.name, estimatedBytes: estimateBytes(model) }, signal);
    yield* call();
  }

  async *pull(name: string, { signal }: { signal: AbortSignal }): AsyncGenerator<PullProgress> {
    yield* this.#client.pull(name, signal);
  }

  async health(signal: AbortSignal): Promise<Health> {
    const start = this.#context.clock.monotonic();
    try {
      const version = await this.#client.version(signal);
      const latencyMs = this.#context.clock.monotonic() - start;
      return { ok: true, message: `Ollama ${version} at ${this.#upstream.baseUrl}`, latencyMs };
    } catch (error) {
      return { ok: false, message: TuttiError.from(error, 'backend_error').message };
    }
  }

  /** By its name, also without the tag `latest`. */
  async #find(name: string, signal: AbortSignal): Promise<ModelDescriptor> {
    const models = await this.list(signal);
    const found = models.find((model) => model.name === name) ?? models.find((model) => model.name === `${name}:latest`);
    if (!found) throw new TuttiError('model_not_found', `${this.id} has no model "${name}". Pull it first.`);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const model of [...this.#open]) await model[Symbol.asyncDispose]();
    await this.#upstream[Symbol.asyncDispose]();
  }
}

function estimateBytes({ sizeBytes, leavesMachine }: ModelDescriptor): number {
  return leavesMachine ? 0 : Math.round((sizeBytes ?? 0) * MEMORY_PER_FILE_BYTE);
}
