import type { Backend, BackendContext, Health, OpenModel, OpenOptions } from '../../contracts/backend.ts';
import type { ModelDescriptor } from '../../contracts/model.ts';
import { TuttiError } from '../../errors/error.ts';
import { nearest } from '../../lib/nearest.ts';
import { OpenAiClient } from '../openai-protocol/client.ts';
import { describeModel } from '../openai-protocol/model-list.ts';
import type { Quirks } from '../openai-protocol/quirks.ts';
import { isLoopback } from '../upstream/loopback.ts';
import { RemoteModel } from '../upstream/remote-model.ts';
import { Upstream } from '../upstream/upstream.ts';
import { presetAt, PRESETS, type Preset } from '../openai-protocol/presets.ts';
import type { OpenAiCompatibleConfig } from './schema.ts';

export class OpenAiCompatibleBackend implements Backend {
  readonly id: string;
  readonly type = 'openai-compatible';
  readonly residency = 'remote';
  readonly onThisMachine: boolean;
  readonly #config: OpenAiCompatibleConfig;
  readonly #quirks: Quirks;
  readonly #upstream: Upstream;
  readonly #client: OpenAiClient;
  readonly #clock: BackendContext['clock'];
  readonly #open = new Set<RemoteModel>();

  constructor(config: OpenAiCompatibleConfig, context: BackendContext) {
    const named: Preset | undefined = config.preset && PRESETS[config.preset];
    const baseUrl = config.base_url ?? named?.baseUrl;
    if (baseUrl === undefined) throw new TuttiError('config_invalid', `backends.${context.id}: give base_url, or a preset.`);
    const preset = named ?? presetAt(baseUrl);
    const key = config.api_key ?? (preset?.keyVariable ? process.env[preset.keyVariable] : undefined);
    this.id = context.id;
    this.onThisMachine = isLoopback(baseUrl);
    this.#config = config;
    this.#quirks = preset?.quirks ?? {};
    this.#clock = context.clock;
    this.#upstream = new Upstream({
      name: context.id,
      baseUrl,
      headers: { ...(key && { authorization: `Bearer ${key}` }), ...config.headers },
      timeoutMs: config.timeout_seconds * 1000,
      maxConcurrency: config.max_concurrency ?? null,
      clock: context.clock,
    });
    this.#client = new OpenAiClient({ upstream: this.#upstream, quirks: this.#quirks, clock: context.clock, secret: key });
  }

  /** With `models` in the config, exactly those, described by the server where it can be asked. */
  async list(signal: AbortSignal): Promise<readonly ModelDescriptor[]> {
    const { models: wanted } = this.#config;
    const listed = await this.#client.models(this.id, signal).catch((error: unknown) => {
      // Some compatible servers have no list; a list that was written by hand makes do without.
      if (wanted && TuttiError.isInstance(error) && ['upstream_invalid', 'model_not_found'].includes(error.code)) return [];
      throw error;
    });
    if (!wanted) return listed;
    return wanted.map((name) => listed.find((model) => model.name === name) ?? this.#describe(name));
  }

  async open(model: ModelDescriptor, { signal }: OpenOptions): Promise<OpenModel> {
    if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
    const { models } = this.#config;
    if (models && !models.includes(model.name)) {
      const near = nearest(model.name, models).join(', ') || models.join(', ');
      throw new TuttiError('model_not_found', `The config of ${this.id} has no model "${model.name}". It has: ${near}.`);
    }
    const open = new RemoteModel(model, this.#client);
    this.#open.add(open);
    void open.closed.then(() => this.#open.delete(open));
    return open;
  }

  async health(signal: AbortSignal): Promise<Health> {
    const start = this.#clock.monotonic();
    try {
      const models = await this.list(signal);
      return {
        ok: true,
        message: `${models.length} models at ${this.#upstream.baseUrl}`,
        latencyMs: this.#clock.monotonic() - start,
      };
    } catch (error) {
      return { ok: false, message: TuttiError.from(error, 'backend_error').message };
    }
  }

  #describe(name: string): ModelDescriptor {
    const nativeChoices = this.#quirks.nativeChoices ?? false;
    const described = describeModel(name, {}, { backend: this.id, nativeChoices });
    // Named by hand, so it is meant to chat, whatever its name suggests.
    return (
      described ?? { id: `${this.id}:${name}`, backend: this.id, name, capabilities: ['text_generation'], operations: ['chat'] }
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const model of [...this.#open]) await model[Symbol.asyncDispose]();
    await this.#upstream[Symbol.asyncDispose]();
  }
}
