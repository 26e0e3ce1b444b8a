/**
 * The composition root: the only place where the parts are wired together, and the library's front door.
 *
 * @example
 * await using tutti = await createTutti();
 * const answer = await tutti.run({ model: 'embedded:base', input: 'What is 2 + 2?' });
 */
import { isDeepStrictEqual } from 'node:util';
import type { ZodType } from 'zod';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Backend, CountInput, PullProgress } from './contracts/backend.ts';
import type { Clock } from './contracts/clock.ts';
import type { EventBus } from './contracts/event.ts';
import type { Answer, CallRequest, ExecuteRequest, Execution, RunInput, RunRequest } from './contracts/library.ts';
import type { Logger } from './contracts/logger.ts';
import type { EmbedInput, Operation } from './contracts/operations.ts';
import type { Part } from './contracts/part.ts';
import type { Plugin } from './contracts/plugin.ts';
import type { BackendId, ModelId } from './contracts/vocabulary.ts';
import type { LoadOptions } from './config/load.ts';
import { TuttiError } from './errors/error.ts';
import { systemClock } from './lib/clock.ts';
import { collectAnswer } from './composition/answer.ts';
import { Backends, type BackendEntry } from './composition/backends.ts';
import { toChatInput } from './composition/chat-request.ts';
import { configSchema, ownBackendConfig, type TuttiConfig } from './composition/config-schema.ts';
import { cpuMeter, findGpus, systemMemory } from './composition/devices.ts';
import { defaultAliases } from './composition/default-aliases.ts';
import { discoverBackends } from './composition/discovery.ts';
import { EMBEDDED_BACKEND } from './composition/embedded.ts';
import { Engine, type Snapshot } from './composition/engine.ts';
import { createLogger, type LogLevel } from './composition/logger.ts';
import { LOCAL_MEDIA, type MediaAccess } from './composition/media.ts';
import { Orchestration } from './composition/orchestration.ts';
import { checkPlugin, loadPlugin, type LoadedPlugin } from './composition/plugins.ts';
import { readSettings, type Settings, type SettingsSource } from './composition/settings.ts';
import { gpuStatus, memoryStatus, type Status } from './composition/status.ts';
import { Pool } from './pool/pool.ts';
import { toPoolLimits } from './pool/schema.ts';
import { Registry } from './registry/registry.ts';
import { toRegistration } from './registry/schema.ts';
import { CircuitBreakers } from './router/breakers.ts';
import { Dispatcher } from './router/dispatcher.ts';
import type { BackendFacts } from './router/directory.ts';
import { Measurements } from './router/measurements.ts';
import { Router } from './router/router.ts';
import type { RunStats, StatsQuery } from './runs/run-stats.ts';
import { createRuns, type Runs } from './runs/runs.ts';
import { openStorage, type Storage } from './storage/storage.ts';
import { version } from './version.ts';

export type { TuttiConfig } from './composition/config-schema.ts';
export type { Settings } from './composition/settings.ts';

/**
 * The config in code, snake_case as in the file or camelCase, plus what only code can give. Config keys in code beat the
 * environment, which beats the file. The file is read when `file` or `TUTTI_CONFIG` names one, or no config key is given.
 */
export interface TuttiOptions {
  /** The config file. Default: `TUTTI_CONFIG`, else `tutti.yaml` in the working directory when there is one. */
  readonly file?: string;
  /** Default: `process.env`. */
  readonly environment?: LoadOptions['environment'];
  /** Where the config file is looked for, and where relative paths start without one. Default: the working directory. */
  readonly directory?: string;
  /** Settings that were read already, by `readConfig`. */
  readonly settings?: Settings;
  /** Gets every event, too. */
  readonly events?: EventBus;
  /** A logger, or the level of the own one. Default: `server.log`. */
  readonly log?: Logger | LogLevel;
  readonly clock?: Clock;
  /** Backends made in code, beside those of the config; or, as a map, the config's own `backends:`. */
  readonly backends?: readonly Backend[] | Readonly<Record<BackendId, object>>;
  /** Plug-ins, or specs of them as in the config. */
  readonly plugins?: readonly (Plugin | string)[];
  /** Use what is found when the config names no backends. Default true. */
  readonly discover?: boolean;
  /** Any key of the config. */
  readonly [key: string]: unknown;
}

/** Options that are no keys of the config. */
const CODE_ONLY = new Set(['file', 'environment', 'directory', 'settings', 'events', 'log', 'clock', 'discover']);

/** Reads and checks the config without starting anything. Errors: those of the config; `plugin_invalid`. */
export function readConfig(source: SettingsSource = {}): Promise<Settings> {
  return readSettings(source);
}

/** The JSON Schema of the config, with the backends and strategies that are built in. */
export async function configJsonSchema(): Promise<unknown> {
  const { toJSONSchema } = await import('zod');
  const { collectKinds } = await import('./composition/kinds.ts');
  const options = { io: 'input', unrepresentable: 'any' } as const;
  const schema = toJSONSchema(configSchema, options) as { properties: Record<string, object> };
  const kinds = collectKinds([]);
  const entries = (key: string, definitions: ReadonlyMap<string, { readonly config: ZodType }>): object => ({
    type: 'object',
    additionalProperties: {
      oneOf: Array.from(definitions, ([name, { config }]) => {
        const own = toJSONSchema(config, options) as { properties?: Record<string, unknown>; required?: string[] };
        return {
          ...own,
          $schema: undefined,
          properties: { ...own.properties, [key]: { const: name } },
          required: [...new Set([key, ...(own.required ?? [])])],
        };
      }),
    },
  });
  return {
    ...schema,
    properties: {
      ...schema.properties,
      backends: entries('type', kinds.backends),
      orchestrations: entries('strategy', kinds.strategies),
    },
  };
}

/** Starts a Tutti: reads the config, makes the parts, lists the local models. Remote ones are listed in the background. */
export async function createTutti(options: TuttiOptions = {}): Promise<Tutti> {
  const settings = options.settings ?? (await readSettings(sourceOf(options)));
  const tutti = new Tutti(settings, options);
  try {
    await tutti[START]();
  } catch (error) {
    await tutti.close();
    throw error;
  }
  return tutti;
}

function sourceOf(options: TuttiOptions): SettingsSource {
  const { file, environment, directory, backends, plugins = [], ...rest } = options;
  const config: Record<string, unknown> = Object.fromEntries(Object.entries(rest).filter(([key]) => !CODE_ONLY.has(key)));
  if (backends !== undefined && !Array.isArray(backends)) config.backends = backends;
  const specs = plugins.filter((plugin) => typeof plugin === 'string');
  if (specs.length > 0) config.plugins = specs;
  const inCode = Object.keys(config).length > 0 || Array.isArray(backends);
  const named = file ?? (environment ?? process.env).TUTTI_CONFIG;
  return {
    ...(named !== undefined && { file: named }),
    ...(environment && { environment }),
    ...(directory !== undefined && { directory }),
    ...(inCode && named === undefined && { data: {} }),
    overrides: config,
    plugins: plugins.filter((plugin) => typeof plugin !== 'string'),
  };
}

let shared: { readonly options: TuttiOptions; readonly tutti: Promise<Tutti> } | null = null;

/**
 * The one Tutti of this process, made at the first call. Later calls take no options, or the same.
 * Errors: `already_configured`.
 */
export async function getTutti(options?: TuttiOptions): Promise<Tutti> {
  if (shared === null) {
    const made = { options: options ?? {}, tutti: createTutti(options) };
    shared = made;
    const forget = (): void => {
      if (shared === made) shared = null;
    };
    made.tutti.then((tutti) => tutti.closed.then(forget), forget);
  } else if (options !== undefined && !isDeepStrictEqual(options, shared.options)) {
    throw new TuttiError(
      'already_configured',
      '`getTutti()` was called before with another config. Close that one first, or use `createTutti()`.',
    );
  }
  return shared.tutti;
}

const START = Symbol('start');
/** How often idle memory is looked at. Milliseconds. */
const PRESSURE_CHECK_MS = 5000;

/** Everything by one name. Made by `createTutti`; close it, or hold it with `await using`. */
export class Tutti implements AsyncDisposable {
  readonly registry: Registry;
  readonly pool: Pool;
  readonly runs: Runs;
  readonly backends: Backends;
  readonly log: Logger;
  readonly version = version;
  readonly #clock: Clock;
  readonly #storage: Storage;
  readonly #breakers: CircuitBreakers;
  readonly #measurements = new Measurements();
  readonly #engine: Engine;
  readonly #cpu = cpuMeter();
  readonly #startedAt: number;
  readonly #options: TuttiOptions;
  readonly #facts = new Map<BackendId, BackendFacts>();
  readonly #closed = Promise.withResolvers<void>();
  /** Aborted at the end, for work in the background. */
  readonly #ending = new AbortController();
  readonly #plugins: LoadedPlugin[];
  #settings: Settings;
  #snapshot: Snapshot | null = null;
  #discovered: Record<BackendId, BackendEntry> = {};
  #pressure: Disposable | null = null;
  #closing: Promise<void> | null = null;
  /** The look for a local Ollama. */
  #discovering: Promise<void> = Promise.resolve();

  /** Use `createTutti`. */
  constructor(settings: Settings, options: TuttiOptions) {
    const { config } = settings.loaded;
    const clock = options.clock ?? systemClock;
    const log =
      typeof options.log === 'object'
        ? options.log
        : createLogger({
            directory: settings.loaded.directory,
            ...config.server.log,
            ...(options.log && { level: options.log }),
          });
    this.#settings = settings;
    this.#options = options;
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#plugins = [...settings.plugins];
    this.log = log;
    this.#storage = openStorage({ path: join(settings.dataDir, 'tutti.db'), log, clock });
    this.runs = createRuns({
      storage: this.#storage,
      clock,
      log,
      config: config.runs,
      priceOf: (id) => this.registry.get(id)?.price,
    });
    const { events } = this.runs;
    const { events: own } = options;
    if (own !== undefined)
      events.on('*', ({ type, data, runId, principal }) =>
        own.publish(type, data as never, { ...(runId !== null && { runId }), ...(principal !== null && { principal }) }),
      );
    this.registry = new Registry({ events });
    this.#breakers = new CircuitBreakers({ settings: breakerSettings(config), clock, events });
    this.backends = new Backends({
      definitions: settings.kinds.backends,
      dataDir: settings.dataDir,
      directory: settings.loaded.directory,
      events,
      log,
      clock,
      publish: (id, models) => {
        this.#learn(id);
        this.registry.setBackendModels(id, models, { complete: this.backends.get(id).residency === 'local' });
      },
      withdraw: (id) => {
        this.#facts.delete(id);
        this.registry.removeBackend(id);
      },
    });
    this.pool = new Pool({
      limits: toPoolLimits(config.pool),
      clock,
      events,
      log,
      describe: (id) => this.registry.describe(id),
      backendOf: (model) => this.backends.get(model.backend ?? ''),
      redirect: (from, to) => this.registry.redirect(from, to),
      devices: findGpus,
      systemMemory,
    });
    this.#engine = new Engine({
      registry: this.registry,
      pool: this.pool,
      runs: this.runs,
      clock,
      snapshot: () => this.#current,
    });
  }

  /** The validated config, frozen. After a reload another object. */
  get config(): TuttiConfig {
    return this.#settings.loaded.config;
  }

  /** Every event: `tutti.events.on('run.completed', …)`; `since(id)` resumes. */
  get events(): Runs['events'] {
    return this.runs.events;
  }

  /** What a text is about, and how requests are routed. */
  get router(): Router {
    return this.#current.router;
  }

  /** Settles when this Tutti has been closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get #current(): Snapshot {
    if (this.#snapshot === null) throw new TuttiError('closed', 'This Tutti is not started.');
    return this.#snapshot;
  }

  // --- Asking -----------------------------------------------------------------------------------------------------------

  /**
   * Asks a model, alias, orchestration or capability and gives the whole answer.
   * Errors: those of the request; `all_models_failed`; `cancelled`; `deadline_exceeded`.
   */
  async run(request: RunRequest, access: MediaAccess = LOCAL_MEDIA): Promise<Answer> {
    return collectAnswer(
      this.execute({ ...callOf(request), operation: 'chat', input: await toChatInput(request, access), commit: 'finish' }),
    );
  }

  /** The same, part by part. Leaving the iteration stops the run. Parts of the step `root` are the answer. */
  async *stream(request: RunRequest, access: MediaAccess = LOCAL_MEDIA): AsyncGenerator<Part> {
    yield* this.execute({ ...callOf(request), operation: 'chat', input: await toChatInput(request, access) }).parts;
  }

  /** One model, many inputs, at once. A result for each, in order; an input that fails does not stop the others. */
  async runBatch(
    request: Omit<RunRequest, 'input'> & { readonly inputs: readonly RunInput[] },
    access?: MediaAccess,
  ): Promise<BatchResult[]> {
    const { inputs, ...common } = request;
    return this.#settleAll(
      inputs.map((input) => ({ ...common, input })),
      access,
    );
  }

  /** Several requests at once, or one input for several models. A result for each, in order. */
  async runParallel(
    request: { readonly requests: readonly RunRequest[] } | (Omit<RunRequest, 'model'> & { readonly models: readonly string[] }),
    access?: MediaAccess,
  ): Promise<BatchResult[]> {
    if ('requests' in request) return this.#settleAll(request.requests, access);
    const { models, ...common } = request;
    return this.#settleAll(
      models.map((model) => ({ ...common, model })),
      access,
    );
  }

  async #settleAll(requests: readonly RunRequest[], access?: MediaAccess): Promise<BatchResult[]> {
    return Promise.all(
      requests.map(async (request, index): Promise<BatchResult> => {
        try {
          return { index, answer: await this.run(request, access) };
        } catch (error) {
          return { index, error: TuttiError.from(error) };
        }
      }),
    );
  }

  /** Vectors for texts. `model` default: the best with the capability `embedding`. */
  async embed(request: CallRequest & EmbedInput): Promise<Answer & { readonly vectors: readonly (readonly number[])[] }> {
    const { input, dimensions, user, extra, ...call } = request;
    const answer = await collectAnswer(
      this.execute({
        capability: 'embedding',
        ...call,
        operation: 'embed',
        input: { input, dimensions, user, ...(extra && { extra }) },
        commit: 'finish',
      }),
    );
    return { ...answer, vectors: (answer.output as { vectors: readonly (readonly number[])[] }).vectors };
  }

  /** The typed call below all others. Errors of routing are thrown at once, later ones come through `parts`. */
  execute<O extends Operation>(request: ExecuteRequest<O>): Execution {
    return this.#engine.execute(request);
  }

  /**
   * How many tokens a text or conversation is for a model, by its own tokenizer and chat template; nothing is loaded.
   * Errors: `model_not_found`; `unsupported_input` when only the provider can count.
   */
  async countTokens({ model, input }: { readonly model: string; readonly input: string | CountInput }): Promise<number> {
    const descriptor = this.#one(model);
    const backend = this.backends.get(descriptor.backend ?? '');
    if (backend.countTokens === undefined) {
      throw new TuttiError('unsupported_input', `Only the provider can count the tokens of ${descriptor.id}.`, {
        param: 'model',
      });
    }
    return backend.countTokens(descriptor, input);
  }

  // --- Models -----------------------------------------------------------------------------------------------------------

  /** Replaces a loaded model by another without a failed request. Errors: `feature_disabled`, `model_not_found`, those of loading. */
  async swap(from: ModelId, to: ModelId): Promise<void> {
    if (!this.config.orchestrator.enable_hot_swap) {
      throw new TuttiError('feature_disabled', 'Swapping is switched off: orchestrator.enable_hot_swap is false.');
    }
    await this.pool.swap(this.#one(from).id, this.#one(to).id);
  }

  /** Who answers when the model cannot, in order. Replaces what the config said, until restart. Errors: `model_not_found`. */
  setFallbacks(id: ModelId, fallbacks: readonly string[]): void {
    for (const fallback of fallbacks) this.registry.resolve(fallback);
    this.registry.update(this.#one(id).id, { fallbacks: [...fallbacks] });
  }

  /**
   * Downloads a model: `hf:org/repo:Q4_K_M` into the folder of the llama-cpp backend, or `backend:name` by that backend.
   * Errors: `pull_failed`, `model_not_found`, `unknown_backend`.
   */
  async *pull(
    reference: string,
    { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<PullProgress> {
    const colon = reference.indexOf(':');
    const prefix = reference.slice(0, Math.max(colon, 0));
    if (prefix === 'hf') {
      const { pullFromHub } = await import('./hub/pull.ts');
      const { id, directory } = this.#downloads();
      yield* pullFromHub(reference, { directory, signal });
      await this.backends.refresh({ id });
      return;
    }
    if (colon < 1) {
      throw new TuttiError(
        'invalid_request',
        `\`${reference}\` does not say where to download from. Write hf:org/repo:Q4_K_M, or backend:name, such as ollama:qwen3.`,
        { param: 'model' },
      );
    }
    const backend = this.backends.get(prefix);
    if (backend.pull === undefined)
      throw new TuttiError('unsupported_parameter', `The backend ${prefix} (${backend.type}) downloads no models.`, {
        param: 'model',
      });
    yield* backend.pull(reference.slice(colon + 1), { signal });
    await this.backends.refresh({ id: prefix });
  }

  /** The llama-cpp backend that downloads go to, and its folder. */
  #downloads(): { id: BackendId; directory: string } {
    const entry = Object.entries(this.#entries()).find(
      ([id, { type, models_dir }]) => id !== EMBEDDED_BACKEND && type === 'llama-cpp' && models_dir !== undefined,
    );
    if (entry === undefined) {
      throw new TuttiError(
        'unknown_backend',
        'There is no llama-cpp backend with a models_dir to download to. Add: backends: { gguf: { type: llama-cpp, models_dir: ./models } }',
      );
    }
    const [id, { models_dir }] = entry;
    const first: unknown = Array.isArray(models_dir) ? models_dir[0] : models_dir;
    const path = String(first).replace(/^~(?=$|[/\\])/, process.env.HOME ?? '~');
    return { id, directory: resolve(this.#settings.loaded.directory, path) };
  }

  /** The last lines that a model's runner wrote. Errors: `model_not_found`; `unsupported_input` for models without a runner. */
  logs(
    model: string,
    { follow = false, signal = new AbortController().signal }: { readonly follow?: boolean; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<string> {
    const descriptor = this.#one(model);
    const backend = this.backends.get(descriptor.backend ?? '');
    if (backend.logs === undefined)
      throw new TuttiError('unsupported_input', `${descriptor.id} has no runner here, so there is no log of it.`, {
        param: 'model',
      });
    return backend.logs(descriptor.name, { follow, signal });
  }

  #one(target: string): ReturnType<Registry['describe']> {
    const resolution = this.registry.resolve(target);
    if ('model' in resolution) return resolution.model;
    const model = resolution.by === 'alias' ? resolution.models[0] : undefined;
    if (model === undefined) throw new TuttiError('model_not_found', `${target} is no single model.`, { param: 'model' });
    return model;
  }

  // --- Looking ----------------------------------------------------------------------------------------------------------

  /** Figures over past runs. */
  stats(query: StatsQuery = {}): RunStats {
    return this.runs.stats(query);
  }

  async status(): Promise<Status> {
    return {
      version,
      uptimeMs: this.#clock.now() - this.#startedAt,
      loadedModels: this.pool
        .list()
        .filter((model) => model.state === 'loaded')
        .map((model) => model.id),
      memoryUsage: this.pool.memory(),
      activeRuns: this.runs.active().length,
      resources: { cpuPercent: this.#cpu(), memory: memoryStatus(systemMemory()), gpus: gpuStatus(await findGpus()) },
      backends: this.backends.list(),
      circuits: this.#breakers.list(),
      storage: this.runs.status,
    };
  }

  /** Until a local Ollama has been looked for and every remote backend has listed its models, or failed to. Never rejects. */
  async settled(): Promise<void> {
    await this.#discovering;
    await this.backends.refresh({ residency: 'remote' });
  }

  /** Whether requests can be served now, and if not, why. */
  ready(): { readonly ok: boolean; readonly reasons: readonly string[] } {
    const reasons: string[] = [];
    if (this.#closing !== null) reasons.push('Tutti is shutting down.');
    if (this.#snapshot === null) reasons.push('Tutti is starting.');
    if (this.registry.list().length === 0) reasons.push('No model is registered.');
    return { ok: reasons.length === 0, reasons };
  }

  // --- Plug-ins ---------------------------------------------------------------------------------------------------------

  readonly plugins = {
    /** Loads a plug-in and registers what it brings. Errors: `plugin_invalid`. */
    load: async (spec: string | Plugin): Promise<Plugin> => {
      const loaded =
        typeof spec === 'string'
          ? await loadPlugin(spec, this.#settings.loaded.directory)
          : { spec: spec.name, plugin: checkPlugin(spec, spec.name) };
      if (this.#plugins.some(({ plugin }) => plugin.name === loaded.plugin.name)) return loaded.plugin;
      this.#plugins.push(loaded);
      await this.reload();
      return loaded.plugin;
    },
    list: (): { name: string; spec: string; backends: string[]; models: string[]; strategies: string[] }[] =>
      this.#plugins.map(({ spec, plugin }) => ({
        name: plugin.name,
        spec,
        backends: (plugin.backends ?? []).map((definition) => definition.type),
        models: (plugin.models ?? []).map((model) => model.id),
        strategies: (plugin.strategies ?? []).map((definition) => definition.strategy),
      })),
  };

  // --- Life -------------------------------------------------------------------------------------------------------------

  /** Reads the config again; when it is good, swaps to it. What was changed while running lies over it. Errors: those of the config. */
  async reload(): Promise<{ readonly changed: readonly string[] }> {
    const before = this.config;
    try {
      const { source } = this.#settings;
      const given = [...(source.plugins ?? []), ...this.#plugins.map(({ plugin }) => plugin)];
      const settings = await readSettings({ ...source, plugins: uniquePlugins(given) });
      await this.#apply(settings);
    } catch (error) {
      const { code, message, retryable } = TuttiError.from(error);
      this.events.publish('config.rejected', { error: { code, message, retryable } });
      throw error;
    }
    const keys = Object.keys(configSchema.shape) as (keyof TuttiConfig)[];
    const changed = keys.filter((key) => !isDeepStrictEqual(before[key], this.config[key]));
    this.events.publish('config.reloaded', { changed });
    return { changed };
  }

  async [START](): Promise<void> {
    const given = this.#options.backends;
    if (Array.isArray(given)) for (const backend of given as readonly Backend[]) this.backends.add(backend);
    const discover = this.config.backends === undefined && this.#options.discover !== false && !Array.isArray(given);
    if (discover) await this.#makeModelsDir();
    await this.#apply(this.#settings);
    this.#watchPressure();
    if (discover) void this.#findOllama();
    void this.#preload();
  }

  async #apply(settings: Settings): Promise<void> {
    const { config } = settings.loaded;
    this.#settings = settings;
    this.backends.define(settings.kinds.backends);
    const entries = this.#entries();
    await this.backends.apply(entries, (entry) => {
      const definition = settings.kinds.backends.get(entry.type);
      return definition?.config.parse(ownBackendConfig(definition, entry));
    });
    for (const id of this.backends.ids()) this.#learn(id);
    const registrations = [
      ...settings.plugins.flatMap(({ plugin }) => plugin.models ?? []),
      ...Object.entries(config.models).map(([id, entry]) => toRegistration(id, entry)),
    ];
    const own = Object.fromEntries(Object.entries(config.aliases).map(([name, targets]) => [name, [targets].flat()]));
    const aliases = { ...defaultAliases(entries, settings.loaded.environment), ...own };
    for (const name of Object.keys(config.orchestrations)) delete aliases[name];
    const orchestrations = this.#orchestrationsOf(settings);
    for (const name of this.#snapshot?.orchestrations.keys() ?? [])
      if (!orchestrations.has(name)) this.registry.removeModel(name);
    this.registry.setConfigured(registrations, aliases, this.backends.ids());
    for (const { descriptor } of orchestrations.values()) this.registry.addModel(descriptor);
    if (this.#snapshot !== null) this.pool.configure(toPoolLimits(config.pool));
    this.#breakers.configure(breakerSettings(config));
    const old = this.#snapshot;
    this.#snapshot = { router: this.#routerOf(config), dispatcher: this.#dispatcherOf(config), orchestrations };
    old?.router[Symbol.dispose]();
    await this.backends.refresh({ residency: 'local' });
    void this.backends.refresh({ residency: 'remote' });
  }

  #entries(): Record<BackendId, BackendEntry> {
    const { loaded, dataDir } = this.#settings;
    const { backends } = loaded.config;
    const discover = backends === undefined && this.#options.discover !== false && !Array.isArray(this.#options.backends);
    const found = discover ? discoverBackends(loaded.environment, join(dataDir, 'models')) : {};
    return {
      [EMBEDDED_BACKEND]: { type: EMBEDDED_BACKEND },
      ...found,
      ...(discover ? this.#discovered : {}),
      ...(backends as Record<BackendId, BackendEntry> | undefined),
    };
  }

  #orchestrationsOf({ loaded, kinds }: Settings): Map<string, Orchestration> {
    return new Map(
      Object.entries(loaded.config.orchestrations).flatMap(([name, entry]) => {
        const definition = kinds.strategies.get(entry.strategy);
        if (definition === undefined) return []; // The config check refused it.
        return [
          [name, new Orchestration({ name, definition, config: definition.config.parse(entry) as never, clock: this.#clock })],
        ];
      }),
    );
  }

  #routerOf(config: TuttiConfig): Router {
    return new Router({
      directory: this.registry,
      backends: this.#facts,
      breakers: this.#breakers,
      measurements: this.#measurements,
      residency: (id) => {
        const { state } = this.pool.status(id);
        return state === 'loaded' || state === 'loading' || state === 'remote' ? state : 'cold';
      },
      events: this.events,
      routing: config.routing,
      orchestrator: config.orchestrator,
    });
  }

  #dispatcherOf(config: TuttiConfig): Dispatcher {
    const { registry: directory, log } = this;
    return new Dispatcher({
      directory,
      breakers: this.#breakers,
      measurements: this.#measurements,
      retries: config.routing.retries,
      clock: this.#clock,
      log,
    });
  }

  /** What the router is to know of a backend. */
  #learn(id: BackendId): void {
    const defaultModel = this.#entries()[id]?.default_model;
    this.#facts.set(id, {
      onThisMachine: this.backends.get(id).onThisMachine,
      ...(typeof defaultModel === 'string' && { defaultModel }),
    });
  }

  /** The folder that `tutti pull` fills. Without it Tutti works as well. */
  async #makeModelsDir(): Promise<void> {
    const folder = join(this.#settings.dataDir, 'models');
    await mkdir(folder, { recursive: true }).catch((error: unknown) =>
      this.log.warn({ err: error }, `the folder ${folder} cannot be made`),
    );
  }

  async #findOllama(): Promise<void> {
    const { findOllama } = await import('./backends/ollama/host.ts');
    const found = await findOllama(this.#ending.signal, { host: this.#settings.loaded.environment.OLLAMA_HOST }).catch(
      (error: unknown) => {
        if (!this.#ending.signal.aborted) this.log.warn({ err: error }, 'the look for a local Ollama failed');
        return null;
      },
    );
    if (found === null || this.#closing !== null || this.backends.has('ollama')) return;
    this.#discovered = { ollama: { type: 'ollama', base_url: found.baseUrl } };
    await this.#apply(this.#settings).catch((error: unknown) =>
      this.log.warn({ err: error }, 'the Ollama server that was found cannot be used'),
    );
  }

  async #preload(): Promise<void> {
    const wanted = this.registry.list().filter((model) => model.preload === true);
    await Promise.all(
      wanted.map((model) =>
        this.pool
          .preload(model.id)
          .catch((error: unknown) => this.log.warn({ err: error, model: model.id }, `${model.id} could not be loaded ahead`)),
      ),
    );
  }

  #watchPressure(): void {
    this.#pressure = this.#clock.after(PRESSURE_CHECK_MS, () => {
      this.pool.checkPressure();
      this.#watchPressure();
    });
  }

  /** Takes no new requests, gives those that run `graceMs` (default 0) to end, then stops everything. May be called twice. */
  close({ graceMs = 0 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    this.#engine.refuse(new TuttiError('closed', 'This Tutti is closed.'));
    this.#ending.abort();
    this.#pressure?.[Symbol.dispose]();
    if (graceMs > 0) await this.#idle(graceMs);
    for (const run of this.runs.active()) this.runs.cancel(run.id);
    await this.pool.close({ graceMs: 0 });
    await this.backends[Symbol.asyncDispose]();
    this.#snapshot?.router[Symbol.dispose]();
    this.runs.close();
    this.#storage.close();
    this.#closed.resolve();
  }

  /** Until no run is under way, or the time is over. */
  async #idle(ms: number): Promise<void> {
    const over = Promise.withResolvers<void>();
    using _timer = this.#clock.after(ms, over.resolve);
    const look = (): void => void (this.runs.active().length === 0 && over.resolve());
    using _listener = this.events.on('*', look);
    look();
    await over.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** One result of `runBatch` and `runParallel`. */
export type BatchResult =
  | { readonly index: number; readonly answer: Answer; readonly error?: undefined }
  | { readonly index: number; readonly error: TuttiError; readonly answer?: undefined };

/** What a request says beside its input. */
function callOf(request: RunRequest): CallRequest {
  const {
    input: _input,
    parameters: _parameters,
    tools: _tools,
    toolChoice: _toolChoice,
    responseFormat: _responseFormat,
    ...call
  } = request;
  return call;
}

function breakerSettings(config: TuttiConfig): ConstructorParameters<typeof CircuitBreakers>[0]['settings'] {
  const { failures, cooldown_seconds } = config.routing.circuit_breaker;
  return { failures, cooldownMs: cooldown_seconds * 1000 };
}

function uniquePlugins(plugins: readonly Plugin[]): Plugin[] {
  return [...new Map(plugins.map((plugin) => [plugin.name, plugin])).values()];
}
