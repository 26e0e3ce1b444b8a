/**
 * Which model can do what, and what a name means.
 *
 * Several hands write here and stay apart (see `layers.ts`): backends report, the config registers, users register, change
 * and rate while it runs, evaluations measure. What is read is the merged view, kept up to date one model at a time.
 * The one setter is `#refresh`: it recomputes one model, keeps the indexes and tells the event bus.
 */
import { isDeepStrictEqual } from 'node:util';
import type { EventBus } from '../contracts/event.ts';
import type { ModelDescriptor, Quality } from '../contracts/model.ts';
import type { ModelRegistration } from '../contracts/registration.ts';
import type { BackendId, Capability, ModelId } from '../contracts/vocabulary.ts';
import { operationOf } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { checkRating, checkRegistration } from './check.ts';
import {
  assumedDescriptor,
  mergeLayers,
  patchRating,
  patchRegistration,
  type Layers,
  type Rating,
  type RegistrationPatch,
} from './layers.ts';
import { backendPrefix, checkName } from './names.ts';
import { CapabilityIndex, type RankedModel } from './ranking.ts';
import { modelNotFound, resolveTarget, unknownBackend, type Resolution } from './resolve.ts';

export interface RegistryOptions {
  readonly events: EventBus;
}

export interface BackendModelsOptions {
  /**
   * Whether the backend has no models but those given (the default). False: any name goes to the backend as it stands,
   * for servers that answer to more names than they list.
   */
  readonly complete?: boolean;
}

export interface CapabilitySummary {
  readonly capability: Capability;
  readonly operation: string;
  /** Ids, best first. */
  readonly models: readonly ModelId[];
  readonly best: ModelId | null;
}

interface Reported {
  readonly models: ReadonlyMap<ModelId, ModelDescriptor>;
  readonly complete: boolean;
}

type Aliases = Readonly<Record<string, readonly ModelId[]>>;

export class Registry {
  readonly #events: EventBus;

  // The layers.
  readonly #reported = new Map<BackendId, Reported>();
  readonly #inProcess = new Map<ModelId, ModelDescriptor>();
  #configured: ReadonlyMap<ModelId, ModelRegistration> = new Map();
  readonly #runtime = new Map<ModelId, ModelRegistration>();
  readonly #rated = new Map<ModelId, NonNullable<Layers['rated']>>();
  readonly #measured = new Map<ModelId, Quality>();
  /** Unregistered while running: hidden, whatever the other layers say, until registered again. */
  readonly #removed = new Set<ModelId>();
  #aliases: ReadonlyMap<string, readonly ModelId[]> = new Map();
  #configuredBackends: ReadonlySet<BackendId> = new Set();
  /** After a swap: whose calls the second model answers. Never a chain: see `redirect`. */
  readonly #redirects = new Map<ModelId, ModelId>();

  // The merged view.
  readonly #models = new Map<ModelId, ModelDescriptor>();
  readonly #byName = new Map<string, Set<ModelId>>();
  readonly #byCapability = new CapabilityIndex();
  #list: readonly ModelDescriptor[] | null = null;
  #backends: ReadonlySet<BackendId> = new Set();
  #version = 0;

  constructor(options: RegistryOptions) {
    this.#events = options.events;
  }

  /** Grows with every change, so that others can cache what they derive. */
  get version(): number {
    return this.#version;
  }

  /** The configured backends, and those that reported models. */
  get backends(): ReadonlySet<BackendId> {
    return this.#backends;
  }

  get aliases(): ReadonlyMap<string, readonly ModelId[]> {
    return this.#aliases;
  }

  // --- Who writes -------------------------------------------------------------------------------------------------------

  /** Replaces all that the backend reports. Errors: `backend_error` when a model's id does not start with the backend's. */
  setBackendModels(backend: BackendId, models: readonly ModelDescriptor[], options: BackendModelsOptions = {}): void {
    const stranger = models.find((model) => model.id !== `${backend}:${model.name}` || model.backend !== backend);
    if (stranger !== undefined) {
      throw new TuttiError(
        'backend_error',
        `The backend ${backend} reports the model ${stranger.id}, whose id should be ${backend}:${stranger.name}.`,
      );
    }
    const before = this.#reported.get(backend)?.models;
    const after = new Map(models.map((model) => [model.id, model]));
    this.#reported.set(backend, { models: after, complete: options.complete ?? true });
    if (this.#backends.has(backend)) this.#refreshAll([...(before?.keys() ?? []), ...after.keys()]);
    else this.#backendsChanged();
  }

  /** Forgets the backend and its models. Registrations of them come back with the backend. */
  removeBackend(backend: BackendId): void {
    this.#reported.delete(backend);
    this.#configuredBackends = new Set([...this.#configuredBackends].filter((id) => id !== backend));
    this.#backendsChanged();
  }

  /**
   * Replaces the config's layer: `models:`, `aliases:` and the ids under `backends:`. Registrations for a backend that is
   * not configured wait for it. Nothing changes when an alias has a name that it may not have (`config_invalid`).
   */
  setConfigured(registrations: readonly ModelRegistration[], aliases: Aliases, backends: readonly BackendId[]): void {
    const configuredBackends = new Set(backends);
    const all = new Set([...backends, ...this.#reported.keys()]);
    for (const alias of Object.keys(aliases)) {
      checkName('alias', alias, all, (word) => this.#byCapability.has(word));
      this.#checkFree('alias', alias, this.#inProcess.has(alias));
    }
    for (const id of this.#inProcess.keys()) checkName('orchestration', id, all, (word) => this.#byCapability.has(word));
    this.#configured = new Map(registrations.map((registration) => [registration.id, registration]));
    this.#aliases = new Map(Object.entries(aliases));
    this.#configuredBackends = configuredBackends;
    this.#backendsChanged();
  }

  /**
   * Registers a model, or corrects what its backend and the config say of it, until restart. Replaces an earlier
   * run-time registration. Without `capabilities` a model that nobody else describes is taken for a chat model.
   * Errors: `invalid_request`, `unknown_backend`.
   */
  register(registration: ModelRegistration): ModelDescriptor {
    checkRegistration(registration);
    const { id } = registration;
    if (!this.#inProcess.has(id) && this.#backendOf(id) === null) throw this.#cannotPlace(id);
    this.#removed.delete(id);
    this.#runtime.set(id, registration);
    this.#refresh(id);
    return this.#mustGet(id);
  }

  /** Changes single fields; maps (quality, metadata, price, load) are merged by key. Errors: `model_not_found`, `invalid_request`. */
  update(id: ModelId, patch: RegistrationPatch): ModelDescriptor {
    this.#mustGet(id);
    const next = patchRegistration(id, this.#runtime.get(id), patch);
    checkRegistration(next);
    this.#runtime.set(id, next);
    this.#refresh(id);
    return this.#mustGet(id);
  }

  /**
   * Removes a model until it is registered again or Tutti restarts, also when its backend still lists it. Ratings are kept.
   * Errors: `model_not_found`.
   */
  unregister(id: ModelId): void {
    this.#mustGet(id);
    this.#runtime.delete(id);
    this.#removed.add(id);
    this.#refresh(id);
  }

  /** Adds an orchestration, or another model inside this process. Errors: `config_invalid` for a name that it may not have. */
  addModel(model: ModelDescriptor): void {
    checkName('orchestration', model.id, this.#backends, (word) => this.#byCapability.has(word));
    this.#checkFree('orchestration', model.id, this.#aliases.has(model.id));
    this.#inProcess.set(model.id, { ...model, backend: null });
    this.#refresh(model.id);
  }

  removeModel(id: ModelId): void {
    this.#inProcess.delete(id);
    this.#refresh(id);
  }

  /** Rates by hand, over what the config says. Errors: `model_not_found`, `invalid_request` for what is not in 0..1. */
  rate(id: ModelId, rating: Rating): ModelDescriptor {
    this.#mustGet(id);
    checkRating(rating);
    const next = patchRating(this.#rated.get(id), rating);
    if (next === undefined || Object.keys(next).length === 0) this.#rated.delete(id);
    else this.#rated.set(id, next);
    this.#refresh(id);
    return this.#mustGet(id);
  }

  /** Keeps what an evaluation or live outcomes measured, apart from what is set by hand. The model may be registered later. */
  recordMeasured(id: ModelId, measured: { readonly quality: Quality }): void {
    checkRating(measured);
    this.#measured.set(id, { ...this.#measured.get(id), ...measured.quality });
    this.#refresh(id);
  }

  /**
   * From now on calls for `from` are answered by `to` (a swap). `from` is no longer found by capability. Giving a name
   * back (`redirect(a, b)`, then `redirect(b, a)`) leaves both to `a`; `redirect(a, a)` undoes it.
   */
  redirect(from: ModelId, to: ModelId): void {
    const touched = [from, to];
    this.#redirects.delete(to);
    for (const [name, target] of this.#redirects) {
      if (target !== from) continue;
      touched.push(name);
      if (name === to) this.#redirects.delete(name);
      else this.#redirects.set(name, to);
    }
    if (from === to) this.#redirects.delete(from);
    else this.#redirects.set(from, to);
    this.#version++;
    for (const id of touched) {
      this.#index(id);
      if (this.#models.has(id)) this.#events.publish('model.changed', { model: id });
    }
  }

  // --- Who reads --------------------------------------------------------------------------------------------------------

  get(id: ModelId): ModelDescriptor | undefined {
    return this.#models.get(id);
  }

  /**
   * What answers for this id: the model itself, the one it was swapped for (unless `ignoreSwaps`), or a name that its backend
   * may know though it did not list it. Errors: `model_not_found`.
   */
  describe(id: ModelId, options: { readonly ignoreSwaps?: boolean } = {}): ModelDescriptor {
    const model = options.ignoreSwaps === true ? this.#known(id) : this.#serving(id);
    if (model === undefined) throw this.#notFound(id);
    return model;
  }

  list(filter: { readonly capability?: Capability; readonly backend?: BackendId } = {}): readonly ModelDescriptor[] {
    this.#list ??= [...this.#models.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const { capability, backend } = filter;
    if (capability === undefined && backend === undefined) return this.#list;
    return this.#list.filter(
      (model) =>
        (capability === undefined || model.capabilities.includes(capability)) &&
        (backend === undefined || model.backend === backend),
    );
  }

  /**
   * The models that have the capability, best first, each with the reason. Orchestrations are not among them: they are
   * called by name (one that asks for its own capability would find itself).
   */
  find(capability: Capability): readonly RankedModel[] {
    return this.#byCapability.ranked(capability);
  }

  best(capability: Capability): RankedModel | null {
    return this.#byCapability.ranked(capability)[0] ?? null;
  }

  /** The models of `find`, without the reasons. */
  withCapability(capability: Capability): readonly ModelDescriptor[] {
    return this.#byCapability.models(capability);
  }

  /** Every capability that some model has, by name. */
  capabilities(): CapabilitySummary[] {
    return this.#byCapability
      .capabilities()
      .sort()
      .map((capability) => {
        const models = this.withCapability(capability).map((model) => model.id);
        return { capability, operation: operationOf(capability), models, best: models[0] ?? null };
      });
  }

  /**
   * What a name means, in this order: an id, an orchestration or an alias; a backend's prefix with a name as it stands; a bare
   * name that only one backend has; a capability or `auto`. With `backend`, the name is one of that backend's.
   * With `ignoreSwaps`, a swapped name means its own model. Errors: `model_not_found` (with the nearest names),
   * `ambiguous_model` (with the candidates), `unknown_backend`.
   */
  resolve(target: string, options: { readonly backend?: BackendId; readonly ignoreSwaps?: boolean } = {}): Resolution {
    const isRaw = options.ignoreSwaps === true;
    return resolveTarget(
      {
        backends: this.#backends,
        aliases: this.#aliases,
        model: (id) => (isRaw ? this.#known(id) : this.#serving(id)),
        registered: (id) => this.#models.has(id),
        named: (name) => this.#byName.get(name),
        hasCapability: (word) => this.#byCapability.has(word),
        notFound: (name) => this.#notFound(name),
      },
      target,
      options.backend,
    );
  }

  // --- The merged view --------------------------------------------------------------------------------------------------

  #refresh(id: ModelId): void {
    const before = this.#models.get(id);
    const after = this.#merge(id);
    if (after === undefined ? before === undefined : isDeepStrictEqual(before, after)) return;
    this.#version++;
    this.#list = null;
    if (after === undefined) this.#models.delete(id);
    else this.#models.set(id, after);
    this.#index(id);
    const type = after === undefined ? 'model.unregistered' : before === undefined ? 'model.registered' : 'model.changed';
    this.#events.publish(type, { model: id });
  }

  #refreshAll(ids: Iterable<ModelId>): void {
    for (const id of new Set(ids)) this.#refresh(id);
  }

  /** Which backends exist decides which registrations count and how every id is read. */
  #backendsChanged(): void {
    this.#backends = new Set([...this.#configuredBackends, ...this.#reported.keys()]);
    this.#version++;
    const reported = [...this.#reported.values()].flatMap((report) => [...report.models.keys()]);
    this.#refreshAll([...this.#models.keys(), ...reported, ...this.#configured.keys(), ...this.#runtime.keys()]);
  }

  #merge(id: ModelId): ModelDescriptor | undefined {
    if (this.#removed.has(id)) return undefined;
    const inProcess = this.#inProcess.get(id);
    const backend = inProcess === undefined ? this.#backendOf(id) : null;
    if (inProcess === undefined && backend === null) return undefined;
    const reported = inProcess ?? (backend === null ? undefined : this.#reported.get(backend)?.models.get(id));
    const configured = this.#configured.get(id);
    const runtime = this.#runtime.get(id);
    if (reported === undefined && configured === undefined && runtime === undefined) return undefined;
    const layers = { reported, configured, runtime, rated: this.#rated.get(id), measured: this.#measured.get(id) };
    return mergeLayers(id, backend, layers);
  }

  #index(id: ModelId): void {
    const model = this.#models.get(id);
    if (model === undefined || model.backend === null || this.#redirects.has(id)) this.#byCapability.delete(id);
    else this.#byCapability.set(model);
    const name = id.slice(id.indexOf(':') + 1);
    const ids = this.#byName.get(name);
    if (model === undefined || model.backend === null) {
      ids?.delete(id);
      if (ids?.size === 0) this.#byName.delete(name);
    } else if (ids === undefined) this.#byName.set(name, new Set([id]));
    else ids.add(id);
  }

  #backendOf(id: ModelId): BackendId | null {
    return backendPrefix(id, this.#backends);
  }

  #serving(id: ModelId): ModelDescriptor | undefined {
    const to = this.#redirects.get(id);
    return (to === undefined ? undefined : this.#known(to)) ?? this.#known(id);
  }

  /** A registered model, or one of a backend that answers to names it does not list. */
  #known(id: ModelId): ModelDescriptor | undefined {
    const model = this.#models.get(id);
    if (model !== undefined || this.#removed.has(id)) return model;
    const backend = this.#backendOf(id);
    if (backend === null || this.#reported.get(backend)?.complete === true) return undefined;
    return assumedDescriptor(id, backend);
  }

  #mustGet(id: ModelId): ModelDescriptor {
    const model = this.#models.get(id);
    if (model === undefined) throw this.#notFound(id);
    return model;
  }

  #notFound(name: string): TuttiError {
    return modelNotFound(name, [...this.#models.values()], [...this.#aliases.keys(), ...this.#byCapability.capabilities()]);
  }

  #cannotPlace(id: ModelId): TuttiError {
    const colon = id.indexOf(':');
    if (colon > 0) return unknownBackend(id.slice(0, colon), this.#backends);
    return new TuttiError('invalid_request', `A model’s id is \`backend:name\`; \`${id}\` names no backend.`, { param: 'id' });
  }

  #checkFree(kind: string, name: string, taken: boolean): void {
    if (!taken) return;
    const other = kind === 'alias' ? 'orchestration' : 'alias';
    throw new TuttiError('config_invalid', `The ${kind} \`${name}\` needs another name: there is an ${other} of that name.`, {
      details: { name },
    });
  }
}
