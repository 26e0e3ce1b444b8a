import type { ModelDescriptor } from '../contracts/model.ts';
import type { RouteDecision } from '../contracts/run.ts';
import { isKnownCapability, operationOf, type BackendId, type Capability } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { unknownBackend, type Resolution } from '../registry/resolve.ts';
import type { TaskFeatures } from './features.ts';
import type { Rankings } from './rankings.ts';
import type { RouteRequest, RouterOptions } from './router.ts';
import type { Policy } from './schema.ts';
import { MAX_CANDIDATES, Selection, type Exclusion } from './selection.ts';

/** One decision while it is made. */
export class Decision {
  readonly request: RouteRequest;
  readonly task: TaskFeatures;
  readonly selection: Selection;
  readonly #options: RouterOptions;
  readonly #rankings: Rankings;
  readonly #policy: Policy;

  constructor(options: RouterOptions, rankings: Rankings, request: RouteRequest, task: TaskFeatures) {
    this.#options = options;
    this.#rankings = rankings;
    this.request = request;
    this.task = task;
    const { policy } = options.routing;
    // Who is in a hurry is not served by a balance.
    this.#policy = request.policy ?? (policy === 'balanced' && task.requiresSpeed ? 'performance' : policy);
    const localOnly = options.routing.privacy === 'local_only';
    this.selection = new Selection({
      operation: request.operation,
      task,
      localOnly,
      canDescribe:
        task.hasImages && options.directory.withCapability('vision').some((model) => !localOnly || this.#isHere(model)),
      isHere: (model) => this.#isHere(model),
      blocked: (model) => options.breakers.check(model.id, model.backend),
    });
    const { requestedBy } = request;
    if (requestedBy !== undefined) {
      this.selection.exclude({ model: requestedBy, reason: 'it is the model that asks', code: 'no_model_for_capability' });
    }
  }

  /** The request named a model, an alias or a capability. */
  named(resolution: Exclude<Resolution, { by: 'auto' }>): string {
    if (resolution.by === 'capability') this.#offerBest([resolution.capability], null, this.#autoFallback);
    else if (resolution.by === 'alias') {
      const models = this.#preferred(resolution.models);
      models.forEach((model, i) => this.#offer(model, `number ${i + 1} of the alias \`${this.request.target}\``));
    } else this.#offer(resolution.model, 'named by the request', true);
    return resolution.by;
  }

  /** The request named a backend. */
  atBackend(backend: BackendId): string {
    const { directory } = this.#options;
    if (!directory.backends.has(backend)) throw unknownBackend(backend, directory.backends);
    const resolution = this.#resolveAtBackend(backend, this.request.target ?? 'auto');
    if (resolution.by === 'auto') {
      this.#offerDefaultModel(backend);
      this.#offerBest(this.#kinds(), backend, this.#autoFallback);
    } else if (resolution.by === 'capability') this.#offerBest([resolution.capability], backend, this.#autoFallback);
    else {
      const models = resolution.by === 'alias' ? resolution.models : [resolution.model];
      for (const model of models.filter((one) => one.backend === backend)) this.#offer(model, 'named by the request', true);
    }
    return 'backend';
  }

  /** A model of the backend by name, an alias that has one there, a capability, or `auto`. */
  #resolveAtBackend(backend: BackendId, target: string): Resolution {
    const { directory } = this.#options;
    if (target === 'auto') return { by: 'auto' };
    if (this.request.isCapability === true) return { by: 'capability', capability: target };
    if (directory.get(`${backend}:${target}`) !== undefined) return directory.resolve(target, { backend });
    if (isKnownCapability(target) || directory.withCapability(target).length > 0) return { by: 'capability', capability: target };
    const alias = directory.aliases.has(target) ? directory.resolve(target) : null;
    if (alias?.by === 'alias' && alias.models.some((model) => model.backend === backend)) return alias;
    return directory.resolve(target, { backend });
  }

  #offerDefaultModel(backend: BackendId): void {
    const name = this.#options.backends.get(backend)?.defaultModel;
    if (name !== undefined) this.offerTarget(`${backend}:${name}`, `default model of ${backend}`);
  }

  /** No rule decided: the default model for the kind, the default backend, the policy's best. */
  detected(): string {
    const { orchestrator } = this.#options;
    const setting = defaultFor(this.task.type);
    const model = setting === null ? 'auto' : orchestrator[setting];
    if (setting !== null && model !== 'auto') this.offerTarget(model, `orchestrator.${setting}`);
    const backend = orchestrator.default_backend;
    if (this.selection.size === 0 && backend !== undefined) {
      this.#offerDefaultModel(backend);
      if (this.selection.size === 0) this.#offerBest(this.#kinds(), backend, this.#autoFallback);
    }
    if (this.selection.size === 0 || this.#autoFallback) this.#offerBest(this.#kinds(), null, this.#autoFallback);
    return 'auto';
  }

  /** A target from the config. One that does not resolve is left out with the reason. True when a candidate came of it. */
  offerTarget(target: string, reason: string): boolean {
    const before = this.selection.size;
    const resolution = this.#resolveOrNull(target);
    if (resolution === null) return false;
    if (resolution.by === 'capability') this.#offerBest([resolution.capability], null, this.#autoFallback, reason);
    else if (resolution.by === 'alias') for (const model of this.#preferred(resolution.models)) this.#offer(model, reason);
    else if (resolution.by !== 'auto') this.#offer(resolution.model, reason);
    return this.selection.size > before;
  }

  finish(resolvedBy: string): RouteDecision {
    const { target, operation } = this.request;
    // A rule or default model decided, and the next best stand by.
    if (resolvedBy === 'rule' && this.#autoFallback) this.#offerBest(this.#kinds(), null, true);
    const { candidates, excluded } = this.selection.result();
    if (candidates.length === 0) throw nothingLeft(target ?? 'auto', { operation, kind: this.task.type, excluded });
    return {
      target: target ?? 'auto',
      resolvedBy,
      candidates,
      excluded: excluded.map(({ model, reason }) => ({ model, reason })),
      features: {
        type: this.task.type,
        intent: this.task.intent,
        complexity: this.task.complexity,
        requires_speed: this.task.requiresSpeed,
        tokens: this.task.tokens,
        has_images: this.task.hasImages,
        has_tools: this.task.hasTools,
      },
    };
  }

  get #autoFallback(): boolean {
    return this.#options.orchestrator.enable_auto_fallback;
  }

  #offer(model: ModelDescriptor, reason: string, insisted = false): void {
    this.selection.offer({ model, score: null, reason: () => reason, insisted });
    this.#offerFallbacks(model);
  }

  /** Those that its owner gave it. They stand in also when it is itself left out. */
  #offerFallbacks(model: ModelDescriptor): void {
    for (const fallback of model.fallbacks ?? []) {
      const resolution = this.#resolveOrNull(fallback);
      if (resolution === null || resolution.by === 'auto') continue;
      const reason = `fallback of ${model.id}`;
      if (resolution.by === 'capability') this.#offerRanked(resolution.capability, null, 1, reason);
      else
        for (const one of resolution.by === 'alias' ? resolution.models : [resolution.model]) {
          this.selection.offer({ model: one, score: null, reason: () => reason });
        }
    }
  }

  /** The policy's best of the first kind that has any, each with its fallbacks; with `more`, the next best as well. */
  #offerBest(kinds: readonly Capability[], backend: BackendId | null, more: boolean, why?: string): void {
    for (const kind of kinds) {
      if (this.selection.full || (!more && this.selection.size > 0)) return;
      this.#offerRanked(kind, backend, more ? MAX_RANKED : 1, why);
    }
  }

  #offerRanked(capability: Capability, backend: BackendId | null, most: number, why?: string): void {
    const prefer = this.#options.routing.privacy === 'prefer_local';
    const ranked = this.#rankings.list(capability, this.#policy);
    let taken = 0;
    for (const pass of prefer ? ['here', 'elsewhere'] : ['all']) {
      for (const one of ranked) {
        if (taken >= most || this.selection.full) return;
        const { model, score } = one;
        if (backend !== null && model.backend !== backend) continue;
        if (pass !== 'all' && this.#isHere(model) !== (pass === 'here')) continue;
        const reason = () => (why === undefined ? one.reason : `${why}; ${one.reason}`);
        if (!this.selection.offer({ model, score, reason })) continue;
        taken++;
        this.#offerFallbacks(model);
      }
    }
  }

  /** What the detected kind may be served as, in order. */
  #kinds(): readonly Capability[] {
    const { type } = this.task;
    const general = operationOf(type) === 'chat' && type !== 'text_generation' && type !== 'vision' && type !== 'tool_calling';
    return general ? [type, 'text_generation'] : [type];
  }

  #isHere(model: ModelDescriptor): boolean {
    // Orchestrations and in-process models run here; what an orchestration calls is routed by itself.
    if (model.backend === null) return true;
    // A server on this machine may pass a model's calls on to its maker's cloud.
    return model.leavesMachine !== true && (this.#options.backends.get(model.backend)?.onThisMachine ?? false);
  }

  #preferred(models: readonly ModelDescriptor[]): readonly ModelDescriptor[] {
    if (this.#options.routing.privacy !== 'prefer_local') return models;
    return models.toSorted((a, b) => Number(this.#isHere(b)) - Number(this.#isHere(a)));
  }

  #resolveOrNull(target: string): Resolution | null {
    try {
      return this.#options.directory.resolve(target);
    } catch (error) {
      if (!TuttiError.isInstance(error)) throw error;
      this.selection.exclude({ model: target, reason: error.message, code: error.code });
      return null;
    }
  }
}

/** The best and so many next ones: after these, trying on helps nobody. */
const MAX_RANKED = Math.min(5, MAX_CANDIDATES);

function defaultFor(type: Capability): 'default_chat_model' | 'default_code_model' | 'default_vision_model' | null {
  if (type === 'code_generation') return 'default_code_model';
  if (type === 'vision') return 'default_vision_model';
  return operationOf(type) === 'chat' ? 'default_chat_model' : null;
}

/** The error when no candidate is left: what all of them lack, else the most telling of their reasons. */
function nothingLeft(target: string, why: { operation: string; kind: Capability; excluded: readonly Exclusion[] }): TuttiError {
  const { operation, kind, excluded } = why;
  const wanted = target === 'auto' ? `\`auto\` (detected: ${kind})` : `\`${target}\``;
  if (excluded.length === 0) {
    const message = `No model is registered for ${wanted} that can \`${operation}\`. Name one, or give it the capability under \`models:\`.`;
    return new TuttiError('no_model_for_capability', message, { param: 'model' });
  }
  const codes = new Set(excluded.map(({ code }) => code));
  const [only] = codes;
  const mixed = codes.has('no_local_model') ? 'no_local_model' : 'no_model_for_capability';
  const code = codes.size === 1 && only !== undefined ? only : mixed;
  const list = excluded.map(({ model, reason }) => `${model}: ${reason}`).join('; ');
  return new TuttiError(code, `No model is left for ${wanted}. ${list}.`, {
    param: 'model',
    details: { excluded: excluded.map(({ model, reason }) => ({ model, reason })) },
  });
}
