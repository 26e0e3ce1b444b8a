/**
 * The router turns a request into a ranked list of candidate models, with the reason for each. It decides and does
 * nothing: the dispatcher acts.
 *
 * What a target means:
 *  1. a model id, orchestration or bare name: that model
 *  2. an alias: its models, in its order
 *  3. a capability: the policy's best of those that have it
 *  4. `auto`, or nothing:
 *     a. the first routing rule that is true says what answers
 *     b. else the default model for the detected kind (`orchestrator.default_chat_model`, …) unless that is `auto`
 *     c. else the default model of `orchestrator.default_backend`, or the policy's best of its models
 *     d. else the policy's best for the detected kind. Kinds of text that no model is registered for, or whose models are
 *        all out, go to `text_generation`
 *  With `backend` on the call: the target's name at that backend; for a capability or `auto` that backend's models alone
 *  (its `default_model` first for `auto`), and rules do not apply.
 *
 * Each candidate is followed by its own fallbacks (not theirs in turn). For a capability or `auto`, and with
 * `orchestrator.enable_auto_fallback`, the next best follow.
 *
 * Left out, with the reason: what is not on this machine under `privacy: local_only`; what cannot take the request
 * (operation, images, tools, length), except the one model that the request itself named, which is asked; what has an
 * open circuit, unless nothing else is left.
 */
import type { EventBus } from '../contracts/event.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { Principal } from '../contracts/principal.ts';
import type { RouteDecision } from '../contracts/run.ts';
import { isKnownCapability, type BackendId, type Capability, type ModelId } from '../contracts/vocabulary.ts';
import type { ModelState } from '../pool/contract.ts';
import { capabilityNotFound, type Resolution } from '../registry/resolve.ts';
import type { CircuitBreakers } from './breakers.ts';
import { Decision } from './decision.ts';
import type { BackendDirectory, ModelDirectory } from './directory.ts';
import { classify, featuresOf, type Classification, type FeatureOverrides } from './features.ts';
import type { Measurements } from './measurements.ts';
import type { ModelFacts } from './policies.ts';
import { Rankings } from './rankings.ts';
import { compileRules, type CompiledRules, type RequestFeatures, type ResponseFeatures } from './rules.ts';
import type { OrchestratorConfig, Policy, RoutingConfig } from './schema.ts';

export interface RouteRequest extends FeatureOverrides {
  /** A model id, alias, orchestration, capability or `auto`. null: nothing was named. */
  readonly target: string | null;
  /** The target was given as a capability, and is none of the other names. Default false. */
  readonly isCapability?: boolean;
  /** A configured backend that must answer. */
  readonly backend?: BackendId;
  readonly operation: string;
  readonly input: unknown;
  readonly principal: Principal;
  /** The name of the API key. */
  readonly key?: string;
  readonly stream?: boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** In place of `routing.policy`. */
  readonly policy?: Policy;
  /** The model that asks: it does not answer itself. */
  readonly requestedBy?: ModelId;
}

export interface RouterOptions {
  readonly directory: ModelDirectory;
  readonly backends: BackendDirectory;
  readonly breakers: CircuitBreakers;
  readonly measurements: Measurements;
  /** Where a model's weights are now. Changes are told by the events `model.loading`, `.loaded`, `.unloaded` and `.load_failed`. */
  readonly residency: (model: ModelId) => ModelState;
  readonly events: Pick<EventBus, 'on'>;
  readonly routing: RoutingConfig;
  readonly orchestrator: OrchestratorConfig;
}

/** Cheap to make: one for each config snapshot; circuits and measurements live on beside it. Dispose when it is replaced. */
export class Router implements Disposable {
  readonly #options: RouterOptions;
  readonly #rules: CompiledRules;
  readonly #rankings: Rankings;
  readonly #subscriptions: readonly Disposable[];

  /** Throws `config_invalid` when a rule is wrong. */
  constructor(options: RouterOptions) {
    this.#options = options;
    this.#rules = compileRules(options.routing.rules);
    this.#rankings = new Rankings(options.directory, (model, capability) => this.#factsOf(model, capability));
    const touch = (event: { data: { model: ModelId } }) => this.#rankings.touch(event.data.model);
    this.#subscriptions = [
      options.events.on('model.loading', touch),
      options.events.on('model.loaded', touch),
      options.events.on('model.unloaded', touch),
      options.events.on('model.load_failed', touch),
      options.measurements.onChange((model) => this.#rankings.touch(model)),
    ];
  }

  /**
   * The models to try, best first.
   *
   * Errors: `model_not_found`, `ambiguous_model`, `unknown_backend`, `no_model_for_capability`, `no_local_model`, and when
   * every candidate is unfit for the same reason: `unsupported_input`, `unsupported_parameter`, `context_length_exceeded`,
   * `invalid_request`.
   */
  route(request: RouteRequest): RouteDecision {
    if (request.isCapability === true && request.target !== null) this.#checkCapability(request.target);
    const task = featuresOf(request.operation, request.input, request);
    const decision = new Decision(this.#options, this.#rankings, request, task);
    const resolvedBy = request.backend === undefined ? this.#choose(decision) : decision.atBackend(request.backend);
    return decision.finish(resolvedBy);
  }

  /** What a text is about: the detection that `auto` uses. */
  classify(text: string): Classification {
    return classify(text);
  }

  [Symbol.dispose](): void {
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
  }

  /** Errors: `no_model_for_capability` for a word that nobody knows. */
  #checkCapability(word: string): void {
    const { directory } = this.#options;
    if (isKnownCapability(word) || directory.withCapability(word).length > 0) return;
    const had = directory.capabilities().map(({ capability }) => capability);
    throw capabilityNotFound(word, had);
  }

  #choose(decision: Decision): string {
    const { target, isCapability = false } = decision.request;
    let resolution: Resolution = { by: 'auto' };
    if (target !== null && isCapability) resolution = { by: 'capability', capability: target };
    else if (target !== null) resolution = this.#options.directory.resolve(target);
    if (resolution.by !== 'auto') return decision.named(resolution);
    return this.#byRule(decision) ?? decision.detected();
  }

  /** Whether nothing may leave this machine. */
  get isLocalOnly(): boolean {
    return this.#options.routing.privacy === 'local_only';
  }

  /** Whether answers to `auto` are looked at by rules with `after`. */
  get looksBack(): boolean {
    return this.#rules.looksBack;
  }

  /** Who is to answer instead, by the rules with `after`; null when the answer stands. */
  afterwards(request: RouteRequest, response: ResponseFeatures): { readonly target: string; readonly reason: string } | null {
    const task = featuresOf(request.operation, request.input, request);
    const { match } = this.#rules.afterwards(task, requestFeatures(request), response);
    return match === null
      ? null
      : { target: match.rule.use, reason: `rule ${match.index}, after the answer: ${match.rule.when}` };
  }

  #byRule(decision: Decision): string | null {
    const { request, task } = decision;
    const outcome = this.#rules.first(task, requestFeatures(request));
    for (const { rule, index, message } of outcome.failures) {
      const reason = `rule ${index} (${rule.when}) could not be evaluated: ${message}`;
      decision.selection.exclude({ model: rule.use, reason, code: 'no_model_for_capability' });
    }
    if (outcome.match === null) return null;
    const { rule, index } = outcome.match;
    return decision.offerTarget(rule.use, `rule ${index}: ${rule.when}`) ? 'rule' : null;
  }

  #factsOf(model: ModelDescriptor, capability: Capability): ModelFacts {
    return {
      model,
      capability,
      residency: this.#options.residency(model.id),
      measured: this.#options.measurements.get(model.id),
    };
  }
}

function requestFeatures(request: RouteRequest): RequestFeatures {
  return {
    model: request.target ?? 'auto',
    key: request.key ?? '',
    principal: request.principal.id,
    stream: request.stream ?? false,
    metadata: request.metadata ?? {},
  };
}
