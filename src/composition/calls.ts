/**
 * How a call is answered, at the root of a run or below an orchestration: routed, dispatched, with images described for who
 * cannot see, tool calls read as they are written, and help for who fails.
 */
import { withConsult } from '../arbiter/arbiter.ts';
import type { Ask } from '../arbiter/ask.ts';
import { createFailures } from '../arbiter/failures.ts';
import { createInterpreter, type Doubts } from '../arbiter/interpreter/interpreter.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { Clock } from '../contracts/clock.ts';
import type { CallOptions, Model } from '../contracts/model.ts';
import type { Part } from '../contracts/part.ts';
import { LOCAL_PRINCIPAL } from '../contracts/principal.ts';
import type { RouteDecision } from '../contracts/run.ts';
import type { StrategyRequest, StrategySettings } from '../contracts/strategy.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import type { MemberPlace } from '../host/strategy-host.ts';
import { Channel } from '../lib/channel.ts';
import { deferred } from '../lib/deferred.ts';
import type { Registry } from '../registry/registry.ts';
import type { Open } from '../router/attempt.ts';
import type { RouteRequest } from '../router/router.ts';
import { collectAsked } from './asked.ts';
import { assisted } from './assistance.ts';
import { withCalibration, withConfidence, type Calibrate } from './confident-model.ts';
import { withImageBytes } from './image-bytes.ts';
import { describeImages, hasImages, withImagesTried, type AskVision } from './image-description.ts';
import type { Leases } from './leases.ts';
import { Orchestration } from './orchestration.ts';
import { describeTarget, findModels, routeRequest } from './route-request.ts';
import type { RunScope } from './run-scope.ts';
import { spending } from './spending.ts';
import { withToolReading } from './tool-reading.ts';

export interface CallsOptions {
  readonly registry: Registry;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly calibrate: Calibrate;
  readonly settings: () => StrategySettings;
  /** `interpreter:` */
  readonly tools: () => { readonly read: boolean; readonly interpreter: ModelId | null; readonly doubts: Doubts };
  /** While the models that there are are being looked for: settles when they are known. null: they are. */
  readonly listing: () => Promise<void> | null;
  /** `failures:` */
  readonly failures: () => { readonly maxInterventions: number; readonly model: ModelId | null };
}

/** A step of failure assistance, or below one; members may have names that begin so. */
const HELP_STEP = /\/help\d+(?:\/|$)/;
/** Whether a model can see, as far as is known. */
type Sight = 'sees' | 'blind' | 'unknown';
/** How long a call that has to know what a model can do waits for the lists of models. Milliseconds. */
const LIST_MS = 3000;
/** Begins the steps of what the interpreter asks. */
const INTERPRETER_STEP = '/interpreter:';

export class Calls {
  readonly #options: CallsOptions;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** The parts of the answer to a call, at the root or below an orchestration. */
  answering(
    scope: RunScope,
    decision: RouteDecision,
    { operation, input }: StrategyRequest,
    options: CallOptions,
  ): AsyncIterable<Part> {
    const dispatch = (seen: StrategyRequest['input'], decided = decision): AsyncIterable<Part> =>
      scope.snapshot.dispatcher.dispatch({
        decision: decided,
        operation,
        input: seen,
        options,
        // Who wants a whole answer is shown nothing of one that fails half-way, so that another can be given.
        commit: scope.request.commit ?? 'first-content',
        open: this.#open(scope),
        isOrchestration: (id) => scope.orchestration(id) !== undefined,
        onFallback: (fallback) => scope.recorder.fallback(fallback),
      });
    if (operation !== 'chat' || !hasImages(input as ChatInput)) return dispatch(input);
    return this.#showing(scope, decision, input as ChatInput, options, dispatch);
  }

  /** With the images, or with descriptions of them for a first candidate that cannot see. */
  async *#showing(
    scope: RunScope,
    { candidates }: RouteDecision,
    input: ChatInput,
    options: CallOptions,
    dispatch: (input: ChatInput) => AsyncIterable<Part>,
  ): AsyncGenerator<Part> {
    const id = candidates[0]?.model ?? '';
    // The members of an orchestration are asked the same.
    const sight = (): Sight => (scope.orchestration(id) === undefined ? this.#sight(id) : 'sees');
    const isOpen = sight() === 'unknown' || (sight() === 'blind' && !this.#canDescribe(scope));
    if (isOpen) await this.#listed(options);
    const isDescribed = sight() === 'blind' && this.#canDescribe(scope);
    yield* dispatch(isDescribed ? yield* this.#describing(scope, input, options) : input);
  }

  #sight(id: ModelId): Sight {
    const known = describeTarget(this.#options.registry, id);
    if (known?.capabilities.includes('vision') === true) return 'sees';
    return known === null || known.assumed === true ? 'unknown' : 'blind';
  }

  #canDescribe(scope: RunScope): boolean {
    return findModels(scope.snapshot, scope.request, 'vision', 1).length > 0;
  }

  /** Until it is known which models there are and what they can do; not at any price. */
  async #listed({ signal }: CallOptions): Promise<void> {
    const listing = this.#options.listing();
    if (listing === null || signal.aborted) return;
    const late = deferred();
    const stop = (): void => late.resolve();
    using _timer = this.#options.clock.after(LIST_MS, stop);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await Promise.race([listing, late.promise]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** The steps of describing; gives the input with the descriptions. */
  async *#describing(scope: RunScope, input: ChatInput, options: CallOptions): AsyncGenerator<Part, ChatInput> {
    const steps = new Channel<Part>();
    const ask: AskVision = async (question, key) => {
      const step = `${options.step}/${key}`;
      const parts = this.member(scope, 'vision', { operation: 'chat', input: question }, { ...options, step }, key);
      return (await collectAsked(parts, step, (part) => steps.push(part))).text;
    };
    const described = describeImages(input, ask);
    described.then(
      () => steps.close(),
      () => steps.close(),
    );
    yield* steps;
    return described;
  }

  /**
   * A member's call: a step of its own below the orchestration's, with the attempts of the dispatcher below it. `place`: a name
   * alone for calls that are no strategy's.
   */
  async *member(
    scope: RunScope,
    target: string,
    request: StrategyRequest,
    options: CallOptions,
    place: MemberPlace | string,
  ): AsyncGenerator<Part> {
    const { step } = options;
    const own = typeof place === 'string' ? { name: place, optional: false, phases: [] } : place;
    const { name } = own;
    if (own.optional) scope.markOptional(step);
    const now = (): number => this.#options.clock.now();
    yield { type: 'step-start', step, parent: parentOf(step), kind: 'member', name, model: null, at: now() };
    try {
      yield* this.#helped(scope, this.#routed(scope, target, request, options), { target, request, options, ...own });
      yield { type: 'step-end', step, outcome: 'completed', at: now() };
    } catch (thrown) {
      const error = TuttiError.from(thrown);
      const { code, message, retryable } = error;
      const outcome = code === 'cancelled' || code === 'awaiting_input' ? 'cancelled' : 'failed';
      yield { type: 'step-end', step, outcome, error: { code, message, retryable }, at: now() };
      throw error;
    }
  }

  async *#routed(scope: RunScope, target: string, request: StrategyRequest, options: CallOptions): AsyncGenerator<Part> {
    if (request.consult !== undefined) {
      yield* this.#consulting(scope, target, { input: request.input as ChatInput, consult: request.consult }, options);
      return;
    }
    const asked = { ...routeRequest({ ...scope.request, ...request }), target, isCapability: false, backend: undefined };
    const decision = await this.#route(scope, asked, options);
    yield* this.answering(scope, decision, request, options);
  }

  /** A capability that no model has may be had by one that is not listed yet. */
  async #route({ snapshot }: RunScope, asked: RouteRequest, options: CallOptions): Promise<RouteDecision> {
    try {
      return snapshot.router.route(asked);
    } catch (error) {
      const isMissing = TuttiError.isInstance(error) && error.code === 'no_model_for_capability';
      if (!isMissing || this.#options.listing() === null) throw error;
      await this.#listed(options);
      return snapshot.router.route(asked);
    }
  }

  /** A member that may ask others: a small orchestration in the place of its call. */
  #consulting(
    scope: RunScope,
    target: string,
    { input, consult }: { readonly input: ChatInput; readonly consult: readonly string[] },
    options: CallOptions,
  ): AsyncIterable<Part> {
    if (!this.#options.settings().collaboration) {
      throw new TuttiError('feature_disabled', `${target} may not consult others: orchestrator.enable_collaboration is false.`);
    }
    const { definition, config } = withConsult(target, consult);
    const { clock } = this.#options;
    const orchestration = new Orchestration({ name: target, definition, config: config as never, clock }); // its own config
    return orchestration.forRun(scope).call('chat', input, options);
  }

  /** The same parts; with `failures.max_interventions`, a member that has failed is helped. */
  #helped(
    scope: RunScope,
    parts: AsyncIterable<Part>,
    call: { target: string; request: StrategyRequest; options: CallOptions } & MemberPlace,
  ): AsyncIterable<Part> {
    const { target, request, options, name, phases } = call;
    const { maxInterventions, model } = this.#options.failures();
    // Help is not helped, and what the interpreter asks is its own affair.
    if (maxInterventions === 0 || HELP_STEP.test(options.step) || options.step.includes(INTERPRETER_STEP)) return parts;
    const { step, signal } = options;
    const ask = this.#asking(scope, options);
    const interpreter = createInterpreter({ model: this.#options.tools().interpreter, ask });
    const failures = createFailures({ model, ask, interpreter });
    return assisted(parts, {
      step,
      target,
      request,
      signal,
      clock: this.#options.clock,
      mayAsk: scope.mayAsk(step),
      allowed: () => scope.interventions++ < maxInterventions,
      diagnose: (error, recentActions) =>
        failures.diagnose({ phase: name, error, recentActions, signal, ...(phases.length > 0 && { state: { phases } }) }),
      call: (at, to, changed) => this.member(scope, to, changed, { ...options, step: at }, 'help'),
      another: () => findModels(scope.snapshot, { ...scope.request, requestedBy: target }, 'text_generation', 1)[0] ?? null,
      askUser: (at, question) => {
        const reply = scope.journal.reply(at);
        if (reply !== undefined) return reply;
        throw new TuttiError('awaiting_input', question, { details: { step: at } });
      },
      fellBack: (from, to, { code, message, retryable }) =>
        scope.recorder.fallback({ from, to, error: { code, message, retryable } }),
      decided: (message, { cause, source, arguments: advice }) =>
        scope.decided({ message, data: { cause, source, ...advice } }, step),
    });
  }

  #open(scope: RunScope): Open {
    return async (id, options) => {
      const orchestration = scope.orchestration(id);
      if (orchestration !== undefined) {
        const model = withCalibration(orchestration.forRun(scope), this.#options.calibrate);
        return { model, release: async () => {} };
      }
      options.budget?.takeCall();
      const { model, release } = await this.#options.leases.open(id, options);
      const { id: principal } = scope.request.principal ?? LOCAL_PRINCIPAL;
      const seeing = withImageBytes(spending(model), principal !== LOCAL_PRINCIPAL.id);
      const tried = withImagesTried(seeing, (input, call) =>
        this.#canDescribe(scope) ? this.#describing(scope, input, call) : null,
      );
      const confident = withConfidence(tried, this.#options.calibrate);
      return { model: this.#readingTools(scope, confident), release };
    };
  }

  #readingTools(scope: RunScope, model: Model): Model {
    const { interpreter, read, doubts } = this.#options.tools();
    if (!read) return model;
    return withToolReading(model, {
      // The interpreter's own calls are taken as they are.
      applies: ({ step }) => !step.includes(INTERPRETER_STEP),
      interpreter: (options) => createInterpreter({ model: interpreter, ask: this.#asking(scope, options), ...doubts }),
      nameCall: ({ step }, index, id) => scope.nameCall(step, index, id),
      onUnclear: () => void (scope.unclearToolCalls = true),
    });
  }

  /** For parts of Tutti that ask a model on their own: its steps come below those of the call that it is for. */
  #asking(scope: RunScope, options: CallOptions): Ask {
    return async (target, input, { signal, key = 'ask' }) => {
      const step = `${options.step}${INTERPRETER_STEP}${key}`;
      const parts = this.member(
        scope,
        target,
        { operation: 'chat', input },
        { ...options, step, signal, wantsConfidence: true },
        key,
      );
      return collectAsked(parts, step, (part) => scope.recorder.accept(part));
    };
  }
}

function parentOf(step: string): string | null {
  const end = step.lastIndexOf('/');
  return end < 0 ? null : step.slice(0, end);
}
