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
import type { BackendId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { systemClock } from '../lib/clock.ts';
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
import { Engine, type Snapshot } from './engine.ts';
import { FoundBackends } from './found-backends.ts';
import { splitCommon } from './inline.ts';
import { createLogger } from './logger.ts';
import { waitingForRestart } from './read-once.ts';
import { Measured } from './measured.ts';
import type { TuttiOptions } from './options.ts';
import { Orchestration } from './orchestration.ts';
import { OwnModels, type AssistantModels } from './own-models.ts';
import { checkPlugin, loadPlugin, type LoadedPlugin } from './plugins.ts';
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
  #pressure: Disposable | null = null;
  #closing: Promise<void> | null = null;
  readonly #found: FoundBackends;
  readonly #ownModels: OwnModels;
  /** The last change of the config, done or under way: one at a time, as each begins with what the one before has left. */
  #change: Promise<unknown> = Promise.resolve();

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
    this.#found = new FoundBackends({
      discover: options.discover !== false && !Array.isArray(options.backends),
      log,
      signal: this.#ending.signal,
    });
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
    this.#ownModels = new OwnModels({ config: () => this.config, registry: this.registry, backends: this.backends, log });
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
      listing: () => this.#listing(),
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

  /** See `OwnModels`. */
  get assistantModels(): AssistantModels {
    return this.#ownModels.assistants;
  }

  get doubts(): Doubts {
    return this.#ownModels.doubts;
  }

  contextWindow(target: string): number | null {
    return this.#ownModels.contextWindow(target);
  }

  ownTokens(target: string, text: string): Promise<number | null> {
    return this.#ownModels.countTokens(target, text);
  }

  /** null where the name is several models', or nobody's. */
  describe(target: string): ModelDescriptor | null {
    return describeTarget(this.registry, target);
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

  /**
   * Reads the config again; when it is good, swaps to it, else the old one stays. What was changed while running lies over it.
   * Errors: those of the config; `closed`.
   */
  reload(): Promise<{ readonly changed: readonly string[]; readonly waiting: readonly string[] }> {
    return this.#exclusively(() => this.#reload());
  }

  async #reload(): Promise<{ readonly changed: readonly string[]; readonly waiting: readonly string[] }> {
    if (this.isClosing) throw new TuttiError('closed', 'This Tutti is closed.');
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
    this.#found.prepare(this.#settings);
    await this.#apply(this.#settings);
    this.#watchPressure();
    this.#found.look(this.#settings, () => this.#exclusively(() => this.#useOllama()));
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
    try {
      await this.reload();
    } catch (error) {
      this.#plugins.splice(this.#plugins.indexOf(loaded), 1);
      throw error;
    }
    return loaded.plugin;
  }

  /** Until a local Ollama has been looked for and every remote backend has listed its models, or failed to. Never rejects. */
  async settled(): Promise<void> {
    await this.#found.looking;
    await this.backends.refresh({ residency: 'remote' });
  }

  /** While some models are not known yet: settles when they are. null: all are. */
  #listing(): Promise<void> | null {
    const { looking } = this.#found;
    return looking === null ? this.backends.firstListing() : looking.then(() => this.backends.firstListing() ?? undefined);
  }

  #exclusively<T>(change: () => Promise<T>): Promise<T> {
    const mine = this.#change.then(change);
    this.#change = mine.catch(() => undefined); // told to the caller of this one
    return mine;
  }

  /** Backends first: when one cannot be made, nothing has changed. */
  async #apply(settings: Settings): Promise<void> {
    const { config } = settings.loaded;
    this.backends.define(settings.kinds.backends);
    const entries = this.#found.entries(settings);
    await this.backends.apply(entries, (entry) => {
      const definition = settings.kinds.backends.get(entry.type);
      return definition?.config.parse(ownBackendConfig(definition, entry));
    });
    this.#settings = settings;
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

  /** Every backend that there is to be. */
  entries(): Record<BackendId, BackendEntry> {
    return this.#found.entries(this.#settings);
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

  /** The one that was found, unless somebody has taken its name meanwhile. */
  async #useOllama(): Promise<void> {
    if (this.isClosing || this.backends.has('ollama')) return;
    try {
      await this.#apply(this.#settings);
    } catch (error) {
      if (!this.isClosing) this.log.warn({ err: error }, 'the Ollama server that was found cannot be used');
    }
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
