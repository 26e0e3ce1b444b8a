/**
 * The parts of one Tutti, wired together, and their life: start, reload, close. `tutti.ts` is its face.
 *
 * Everything that the config decides is applied in `#apply`, at the start and at each reload; what lives longer (circuits,
 * measurements, loaded models, runs) is made once, in the constructor.
 */
import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';
import type { Backend } from '../contracts/backend.ts';
import type { Clock } from '../contracts/clock.ts';
import type { Logger } from '../contracts/logger.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { Plugin } from '../contracts/plugin.ts';
import type { BackendId, ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { systemClock } from '../lib/clock.ts';
import { makeFolder } from '../lib/folder.ts';
import { Pool } from '../pool/pool.ts';
import { toPoolLimits } from '../pool/schema.ts';
import { Registry } from '../registry/registry.ts';
import { toRegistration } from '../registry/schema.ts';
import { CircuitBreakers, type BreakerSettings } from '../router/breakers.ts';
import type { BackendFacts } from '../router/directory.ts';
import { Dispatcher } from '../router/dispatcher.ts';
import { Measurements } from '../router/measurements.ts';
import { Router } from '../router/router.ts';
import type { ReviewLimits } from '../runs/recorder.ts';
import { createRuns, type Runs } from '../runs/runs.ts';
import { StoredConversations } from '../storage/conversations.ts';
import { openStorage, type Storage } from '../storage/storage.ts';
import type { Doubts } from '../arbiter/interpreter/interpreter.ts';
import { Backends, type BackendEntry } from './backends.ts';
import { configSchema, ownBackendConfig, type TuttiConfig } from './config-schema.ts';
import { defaultAliases } from './default-aliases.ts';
import { findGpus, systemMemory } from './devices.ts';
import { discoverBackends } from './discovery.ts';
import { EMBEDDED_BACKEND } from './embedded.ts';
import { Engine, type Snapshot } from './engine.ts';
import { splitCommon } from './inline.ts';
import { createLogger } from './logger.ts';
import { waitingForRestart } from './read-once.ts';
import { Measured } from './measured.ts';
import type { TuttiOptions } from './options.ts';
import { Orchestration } from './orchestration.ts';
import { checkPlugin, loadPlugin, type LoadedPlugin } from './plugins.ts';
import { withEnvironment } from './providers.ts';
import { describeTarget } from './route-request.ts';
import { readSettings, type Settings } from './settings.ts';

/** How often idle memory is looked at. Milliseconds. */
const PRESSURE_CHECK_MS = 5000;

export class System implements AsyncDisposable {
  readonly registry: Registry;
  readonly pool: Pool;
  readonly runs: Runs;
  readonly backends: Backends;
  readonly breakers: CircuitBreakers;
  readonly measured: Measured;
  readonly engine: Engine;
  readonly log: Logger;
  readonly clock: Clock;
  readonly startedAt: number;
  /** null without `runs.store_content`. */
  readonly conversations: StoredConversations | null;
  readonly #storage: Storage;
  readonly #measurements = new Measurements();
  readonly #options: TuttiOptions;
  readonly #facts = new Map<BackendId, BackendFacts>();
  readonly #closed = Promise.withResolvers<void>();
  /** Aborted at the end, for work in the background. */
  readonly #ending = new AbortController();
  readonly #plugins: LoadedPlugin[];
  #settings: Settings;
  readonly #startedWith: TuttiConfig;
  #snapshot: Snapshot | null = null;
  #discovered: Record<BackendId, BackendEntry> = {};
  #pressure: Disposable | null = null;
  #closing: Promise<void> | null = null;
  /** The look for a local Ollama. */
  #discovering: Promise<void> = Promise.resolve();
  #isDiscovering = false;

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
    this.#startedWith = config;
    this.#options = options;
    this.clock = clock;
    this.startedAt = clock.now();
    this.#plugins = [...settings.plugins];
    this.log = log;
    this.#storage = openStorage({ path: join(settings.dataDir, 'tutti.db'), log, clock });
    this.runs = createRuns({
      storage: this.#storage,
      clock,
      log,
      config: config.runs,
      priceOf: (id) => this.registry.get(id)?.price,
      review: () => this.#reviewLimits,
    });
    this.conversations = config.runs.store_content ? new StoredConversations({ storage: this.#storage, clock, log }) : null;
    const { events } = this.runs;
    const { events: own } = options;
    if (own !== undefined)
      events.on('*', ({ type, data, runId, principal }) =>
        own.publish(type, data as never, { ...(runId !== null && { runId }), ...(principal !== null && { principal }) }),
      );
    this.registry = new Registry({ events });
    this.measured = new Measured({ path: join(settings.dataDir, 'measured.json'), registry: this.registry, clock, log });
    this.breakers = new CircuitBreakers({ settings: breakerSettings(config), clock, events });
    this.backends = new Backends({
      definitions: settings.kinds.backends,
      dataDir: settings.dataDir,
      directory: settings.loaded.directory,
      events,
      log,
      clock,
      whenIdle: (backend) => this.#emptied(backend),
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
      describe: (id, how) => this.registry.describe(id, how),
      backendOf: (model) => this.backends.of(model),
      redirect: (from, to) => this.registry.redirect(from, to),
      devices: findGpus,
      systemMemory,
    });
    this.engine = new Engine({
      registry: this.registry,
      pool: this.pool,
      runs: this.runs,
      clock,
      backendOf: (id) => this.backends.get(id),
      snapshot: () => this.current,
      strategies: () => this.#settings.kinds.strategies,
      calibrate: (model, confidence) => this.measured.calibrate(model, confidence),
      review: () => this.#reviewLimits,
      maxCalls: () => this.config.orchestrator.max_calls_per_run,
      failures: () => ({ maxInterventions: this.config.failures.max_interventions, model: this.assistantModels.failures }),
      tools: () => {
        const { interpreter } = this.assistantModels;
        return { read: this.config.interpreter.read, interpreter, doubts: this.doubts };
      },
      listing: () =>
        this.#isDiscovering
          ? this.#discovering.then(() => this.backends.firstListing() ?? undefined)
          : this.backends.firstListing(),
      settings: () => ({
        interpreter: this.assistantModels.interpreter,
        collaboration: this.config.orchestrator.enable_collaboration,
        countTokens: (target, text) => this.ownTokens(target, text),
      }),
    });
  }

  /** The validated config, frozen. After a reload another object. */
  get config(): TuttiConfig {
    return this.#settings.loaded.config;
  }

  /** The models of Tutti's own work; null where none is configured or there. */
  get assistantModels(): {
    readonly interpreter: ModelId | null;
    readonly mediator: ModelId | null;
    readonly failures: ModelId | null;
  } {
    const { interpreter, mediator, failures } = this.config;
    return {
      interpreter: this.#known(interpreter.model),
      mediator: this.#known(mediator.model),
      failures: this.#known(failures.model),
    };
  }

  /** What is done about written calls that nobody asked for. */
  get doubts(): Doubts {
    const { doubt, second_opinion } = this.config.interpreter;
    return { doubt, secondOpinion: second_opinion === undefined ? null : this.#known(second_opinion) };
  }

  /** null where the name is several models', or nobody's. */
  describe(target: string): ModelDescriptor | null {
    return describeTarget(this.registry, target);
  }

  /** Tokens of a model's context; null when they are not known. */
  contextWindow(target: string): number | null {
    const { model, context_window } = this.config.interpreter;
    if (target === model && context_window !== undefined) return context_window;
    return this.#known(target) === null ? null : (this.registry.get(target)?.contextWindow ?? null);
  }

  /** Tokens of a text by the model's own tokenizer; null when it has none here, or cannot be read. */
  async ownTokens(target: string, text: string): Promise<number | null> {
    const model = this.registry.get(target);
    if (model === undefined || model.backend === null) return null;
    try {
      return (await this.backends.get(model.backend).countTokens?.(model, text)) ?? null;
    } catch (error) {
      this.log.debug({ err: error, model: target }, 'its tokens are estimated');
      return null;
    }
  }

  /** The name, if something has it: in a lean installation the embedded models are not there. */
  #known(target: string | undefined): string | null {
    if (target === undefined) return null;
    try {
      this.registry.resolve(target);
      return target;
    } catch (error) {
      if (TuttiError.isInstance(error)) return null;
      throw error;
    }
  }

  get #reviewLimits(): ReviewLimits & { readonly ask: boolean } {
    const { suggested_below, needed_below, ask } = this.config.review;
    return { suggestedBelow: suggested_below, neededBelow: needed_below, ask };
  }

  get settings(): Settings {
    return this.#settings;
  }

  get plugins(): readonly LoadedPlugin[] {
    return this.#plugins;
  }

  /** Settles when it has been closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get isClosing(): boolean {
    return this.#closing !== null;
  }

  get isStarted(): boolean {
    return this.#snapshot !== null;
  }

  /** What the config decides now. Errors: `closed` before the start. */
  get current(): Snapshot {
    if (this.#snapshot === null) throw new TuttiError('closed', 'This Tutti is not started.');
    return this.#snapshot;
  }

  /** Reads the config again; when it is good, swaps to it. What was changed while running lies over it. Errors: those of the config. */
  async reload(): Promise<{ readonly changed: readonly string[]; readonly waiting: readonly string[] }> {
    const before = this.config;
    try {
      const { source } = this.#settings;
      const given = [...(source.plugins ?? []), ...this.#plugins.map(({ plugin }) => plugin)];
      const settings = await readSettings({ ...source, plugins: uniquePlugins(given) });
      await this.#apply(settings);
    } catch (error) {
      const { code, message, retryable } = TuttiError.from(error);
      this.runs.events.publish('config.rejected', { error: { code, message, retryable } });
      throw error;
    }
    const keys = Object.keys(configSchema.shape) as (keyof TuttiConfig)[];
    const changed = keys.filter((key) => !isDeepStrictEqual(before[key], this.config[key]));
    // Compared with the config of the start: what waits does so until then, however often this one is read again.
    const waiting = waitingForRestart(this.#startedWith, this.config);
    if (waiting.length > 0) this.log.warn({ keys: waiting }, 'these keys of the config will only count after a restart');
    this.runs.events.publish('config.reloaded', { changed });
    return { changed, waiting };
  }

  /** Makes the backends, lists the local models, and begins to look for the rest. Errors: those of the config. */
  async start(): Promise<void> {
    const given = this.#options.backends;
    if (Array.isArray(given)) for (const backend of given as readonly Backend[]) this.backends.add(backend);
    const discover = this.config.backends === undefined && this.#options.discover !== false && !Array.isArray(given);
    if (discover) this.#makeModelsDir();
    await this.#apply(this.#settings);
    this.#watchPressure();
    if (discover) {
      this.#isDiscovering = true;
      this.#discovering = this.#findOllama().finally(() => (this.#isDiscovering = false));
    }
    void this.#preload();
  }

  /** Loads a plug-in and registers what it brings. Errors: `plugin_invalid`. */
  async loadPlugin(spec: string | Plugin): Promise<Plugin> {
    const loaded =
      typeof spec === 'string'
        ? await loadPlugin(spec, this.#settings.loaded.directory)
        : { spec: spec.name, plugin: checkPlugin(spec, spec.name) };
    if (this.#plugins.some(({ plugin }) => plugin.name === loaded.plugin.name)) return loaded.plugin;
    this.#plugins.push(loaded);
    await this.reload();
    return loaded.plugin;
  }

  /** Until a local Ollama has been looked for and every remote backend has listed its models, or failed to. Never rejects. */
  async settled(): Promise<void> {
    await this.#discovering;
    await this.backends.refresh({ residency: 'remote' });
  }

  async #apply(settings: Settings): Promise<void> {
    const { config } = settings.loaded;
    this.#settings = settings;
    this.backends.define(settings.kinds.backends);
    const entries = this.entries();
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
    const aliases = { ...defaultAliases(entries), ...own };
    for (const name of Object.keys(config.orchestrations)) delete aliases[name];
    const orchestrations = this.#orchestrationsOf(settings);
    for (const name of this.#snapshot?.orchestrations.keys() ?? [])
      if (!orchestrations.has(name)) this.registry.removeModel(name);
    this.registry.setConfigured(registrations, aliases, this.backends.ids());
    for (const { descriptor } of orchestrations.values()) this.registry.addModel(descriptor);
    if (this.#snapshot !== null) this.pool.configure(toPoolLimits(config.pool));
    this.breakers.configure(breakerSettings(config));
    const old = this.#snapshot;
    this.#snapshot = { router: this.#routerOf(config), dispatcher: this.#dispatcherOf(config), orchestrations };
    old?.router[Symbol.dispose]();
    await this.backends.refresh({ residency: 'local' });
    void this.backends.refresh({ residency: 'remote' });
  }

  /** Every backend that there is to be: the embedded one, those that were found, those of the config. */
  entries(): Record<BackendId, BackendEntry> {
    const { loaded, dataDir } = this.#settings;
    const { backends } = loaded.config;
    const discover = backends === undefined && this.#options.discover !== false && !Array.isArray(this.#options.backends);
    const found = discover ? discoverBackends(loaded.environment, join(dataDir, 'models')) : {};
    const all: Record<BackendId, BackendEntry> = {
      [EMBEDDED_BACKEND]: { type: EMBEDDED_BACKEND },
      ...found,
      ...(discover ? this.#discovered : {}),
      ...backends,
    };
    return Object.fromEntries(Object.entries(all).map(([id, entry]) => [id, withEnvironment(entry, loaded.environment)]));
  }

  #orchestrationsOf({ loaded, kinds }: Settings): Map<string, Orchestration> {
    return new Map(
      Object.entries(loaded.config.orchestrations).flatMap(([name, entry]) => {
        const definition = kinds.strategies.get(entry.strategy);
        if (definition === undefined) return []; // The config check refused it.
        const { common, own } = splitCommon(entry);
        const config = definition.config.parse(own) as never; // what its own schema gives
        return [[name, new Orchestration({ name, definition, config, common, clock: this.clock })]];
      }),
    );
  }

  #routerOf(config: TuttiConfig): Router {
    return new Router({
      directory: this.registry,
      backends: this.#facts,
      breakers: this.breakers,
      measurements: this.#measurements,
      residency: (id) => {
        const { state } = this.pool.status(id);
        return state === 'loaded' || state === 'loading' || state === 'remote' ? state : 'cold';
      },
      events: this.runs.events,
      routing: config.routing,
      orchestrator: config.orchestrator,
    });
  }

  #dispatcherOf(config: TuttiConfig): Dispatcher {
    const { registry: directory, log } = this;
    return new Dispatcher({
      directory,
      breakers: this.breakers,
      measurements: this.#measurements,
      retries: config.routing.retries,
      clock: this.clock,
      log,
    });
  }

  /** The last calls of a backend that was taken out end, then its models are let go. */
  async #emptied(backend: Backend): Promise<void> {
    await this.engine.whenIdle(backend);
    await this.pool.forgetBackend(backend.id);
  }

  /** What the router is to know of a backend. */
  #learn(id: BackendId): void {
    const defaultModel = this.entries()[id]?.default_model;
    this.#facts.set(id, {
      onThisMachine: this.backends.get(id).onThisMachine,
      ...(typeof defaultModel === 'string' && { defaultModel }),
    });
  }

  /** The folder that `tutti pull` fills. Without it Tutti works as well. */
  #makeModelsDir(): void {
    const folder = join(this.#settings.dataDir, 'models');
    try {
      makeFolder(folder);
    } catch (error) {
      this.log.warn({ err: error }, `the folder ${folder} cannot be made`);
    }
  }

  async #findOllama(): Promise<void> {
    const { findOllama } = await import('../backends/ollama/host.ts');
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
    this.#pressure = this.clock.after(PRESSURE_CHECK_MS, () => {
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
    this.engine.refuse(new TuttiError('closed', 'This Tutti is closed.'));
    this.#ending.abort();
    this.#pressure?.[Symbol.dispose]();
    if (graceMs > 0) await this.#idle(graceMs);
    for (const run of this.runs.active()) this.runs.cancel(run.id);
    await this.pool.close({ graceMs: 0 });
    await this.backends[Symbol.asyncDispose]();
    this.#snapshot?.router[Symbol.dispose]();
    this.runs.close();
    this.conversations?.close();
    this.#storage.close();
    this.#closed.resolve();
  }

  /** Until no run is under way, or the time is over. */
  async #idle(ms: number): Promise<void> {
    const over = Promise.withResolvers<void>();
    using _timer = this.clock.after(ms, over.resolve);
    const look = (): void => void (this.runs.active().length === 0 && over.resolve());
    using _listener = this.runs.events.on('*', look);
    look();
    await over.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function breakerSettings(config: TuttiConfig): BreakerSettings {
  const { failures, cooldown_seconds } = config.routing.circuit_breaker;
  return { failures, cooldownMs: cooldown_seconds * 1000 };
}

function uniquePlugins(plugins: readonly Plugin[]): Plugin[] {
  return [...new Map(plugins.map((plugin) => [plugin.name, plugin])).values()];
}
