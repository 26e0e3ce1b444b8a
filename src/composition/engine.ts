/**
 * Executes requests: routes them, dispatches to models and orchestrations, records the run.
 *
 * Everything that a config decides is in a `Snapshot`; each run keeps the one it began with, so a reload never changes a
 * run under way.
 */
import type { Backend } from '../contracts/backend.ts';
import type { Clock } from '../contracts/clock.ts';
import type { ExecuteRequest, Execution, RunDetails } from '../contracts/library.ts';
import type { CallOptions, Model, ModelDescriptor } from '../contracts/model.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { Operation } from '../contracts/operations.ts';
import type { Part } from '../contracts/part.ts';
import { KEYLESS_PRINCIPALS, LOCAL_PRINCIPAL, type Principal } from '../contracts/principal.ts';
import type { RouteDecision } from '../contracts/run.ts';
import { questionOf, type AnyStrategyDefinition, type StrategyRequest, type StrategySettings } from '../contracts/strategy.ts';
import { DEFAULT_PRIORITY, type BackendId, type Capability, type ModelId, type RunId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { Channel } from '../lib/channel.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';
import type { Lease } from '../pool/contract.ts';
import type { Pool } from '../pool/pool.ts';
import type { Registry } from '../registry/registry.ts';
import type { Open } from '../router/attempt.ts';
import type { Dispatcher } from '../router/dispatcher.ts';
import type { RouteRequest, Router } from '../router/router.ts';
import type { Ask } from '../arbiter/ask.ts';
import { createFailures } from '../arbiter/failures.ts';
import { createInterpreter } from '../arbiter/interpreter/interpreter.ts';
import { Authors } from '../host/authors.ts';
import { Journal } from '../host/journal.ts';
import { ROOT } from '../runs/run-tree.ts';
import type { Runs } from '../runs/runs.ts';
import { detailsOf } from './answer.ts';
import { assisted } from './assistance.ts';
import { withConfidence, type Calibrate } from './confident-model.ts';
import { inlineOrchestration } from './inline.ts';
import { withImageBytes } from './image-bytes.ts';
import { describeImages, hasImages, type AskVision } from './image-description.ts';
import { Orchestration, withBudget } from './orchestration.ts';
import { workStrategy, type Performed, type Work, type WorkOptions } from './perform.ts';
import { ResumableRuns, type ResumableRun } from './resumable-runs.ts';
import { AFTER_STEP, LOOKED_BACK_AT, lookingBack } from './looking-back.ts';
import { reviewed, type ReviewSettings } from './review.ts';
import { RunScope, type ScopeEffects } from './run-scope.ts';
import { spending, withinBudget } from './spending.ts';
import { withToolReading } from './tool-reading.ts';
import { collectAsked } from './asked.ts';

/** What one state of the config decides. */
export interface Snapshot {
  readonly router: Router;
  readonly dispatcher: Dispatcher;
  readonly orchestrations: ReadonlyMap<string, Orchestration>;
}

export interface EngineOptions {
  readonly registry: Registry;
  readonly pool: Pool;
  readonly runs: Runs;
  readonly clock: Clock;
  readonly backendOf: (id: BackendId) => Backend;
  readonly snapshot: () => Snapshot;
  readonly strategies: () => ReadonlyMap<string, AnyStrategyDefinition>;
  readonly calibrate: Calibrate;
  readonly settings: () => StrategySettings;
  /** `interpreter:` */
  readonly tools: () => { readonly read: boolean; readonly interpreter: ModelId | null };
  /** `failures:` */
  readonly failures: () => { readonly maxInterventions: number; readonly model: ModelId | null };
  /** `review:` */
  readonly review: () => ReviewSettings;
}

/** What may be said anew when a run goes on. */
export interface ResumeRequest {
  /** To the question with which it waits. */
  readonly reply?: string;
  readonly principal?: Principal;
  readonly signal?: AbortSignal;
  readonly timeout?: number;
  readonly commit?: ExecuteRequest['commit'];
}

/** What there is of a run before it starts. */
interface Earlier {
  readonly journal: Journal;
  readonly inline?: Orchestration;
  /** It goes on. */
  readonly id?: RunId;
  readonly startedAt?: number;
}

export class Engine {
  readonly #options: EngineOptions;
  readonly #effects: ScopeEffects;
  readonly #resumable: ResumableRuns;
  #refusal: TuttiError | null = null;
  /** Calls under way, by the backend that answers them. */
  readonly #calls = new Map<Backend, { count: number; readonly over: Deferred<void> }>();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#resumable = new ResumableRuns(options.clock);
    this.#effects = {
      callMember: (...call) => this.#callMember(...call),
      describe: (...what) => this.#describe(...what),
      find: ({ snapshot, request }, capability, count) => this.#find(snapshot, request, capability, count),
      settings: () => options.settings(),
      authors: new Authors(),
    };
  }

  /** From now on every new request gets this error; what runs goes on. */
  refuse(error: TuttiError): void {
    this.#refusal = error;
  }

  /** Errors of routing are thrown at once; everything later comes through `parts`. */
  execute<O extends Operation>(request: ExecuteRequest<O>): Execution {
    checkGrammar(request, request.principal ?? LOCAL_PRINCIPAL);
    return this.#start(request, { journal: new Journal() });
  }

  /**
   * Goes on with a run that waits for a reply, or failed after some of its calls had succeeded: what had succeeded is not
   * done again. Errors: `run_not_found`, `not_waiting`, `invalid_request` without a reply to a question.
   */
  resume(id: RunId, { reply, ...call }: ResumeRequest = {}): Execution {
    const known = this.#options.runs.get(id, call.principal);
    if (known === undefined) throw new TuttiError('run_not_found', `There is no run ${id}, or no longer.`, { param: 'run' });
    const kept = this.#resumable.get(id);
    if (kept === undefined)
      throw new TuttiError('not_waiting', `The run ${id} is ${known.status} and cannot go on.`, { param: 'run' });
    if (kept.waiting !== null) {
      if (reply === undefined || reply.trim() === '') {
        throw new TuttiError('invalid_request', `The run waits for a reply to: ${kept.waiting.question}`, { param: 'reply' });
      }
      kept.journal.setReply(kept.waiting.step, reply);
    }
    this.#resumable.take(id);
    const { signal: _signal, ...request } = kept.request;
    return this.#start({ ...request, ...call }, { journal: kept.journal, id, startedAt: kept.startedAt });
  }

  /** Does a piece of work of Tutti's own as a run. Errors: those of the work and of its calls. */
  async perform<T>(work: Work<T>, options: WorkOptions = {}): Promise<Performed<T>> {
    let done: { readonly value: T } | null = null;
    const definition = workStrategy(work, (value) => void (done = { value }));
    const config = { strategy: work.name } as never; // what its schema takes
    const inline = new Orchestration({ name: `inline:${work.name}`, definition, config, clock: this.#options.clock });
    const input: ChatInput = { messages: [{ role: 'user', content: work.task }] };
    const { runId, parts } = this.#start(
      { ...options, operation: 'chat', input, commit: 'finish' },
      { journal: new Journal(), inline },
    );
    for await (const _part of parts) {
      // The run records them.
    }
    if (done === null) throw new TuttiError('internal_error', `${work.name} ended without a result.`);
    return { runId, value: (done as { readonly value: T }).value };
  }

  /** The question that a run waits with; null when it does not wait. */
  questionOf(id: RunId): string | null {
    return this.#resumable.get(id)?.waiting?.question ?? null;
  }

  #start(request: ExecuteRequest, earlier: Earlier): Execution {
    if (this.#refusal !== null) throw this.#refusal;
    const { runs, clock } = this.#options;
    const snapshot = this.#options.snapshot();
    const principal = request.principal ?? LOCAL_PRINCIPAL;
    const inline = earlier.inline ?? this.#inline(request, snapshot);
    const decision = inline === null ? snapshot.router.route(routeRequest(request)) : decisionFor(inline);
    const stop = new AbortController();
    const recorder = runs.start(
      {
        principal: principal.id,
        operation: request.operation,
        type: typeof decision.features?.type === 'string' ? decision.features.type : (request.capability ?? null),
        target: decision.target,
        choices: request.operation === 'chat' ? ((request.input as ChatInput).n ?? 1) : 1,
        ...(request.metadata && { metadata: request.metadata }),
        input: request.input,
        ...(earlier.id !== undefined && { id: earlier.id }),
        ...(earlier.startedAt !== undefined && { resumedFrom: earlier.startedAt }),
      },
      { cancel: () => stop.abort(new TuttiError('cancelled', 'The run was cancelled.')) },
    );
    recorder.routed(decision);
    const signal = request.signal === undefined ? stop.signal : AbortSignal.any([request.signal, stop.signal]);
    const plain: CallOptions = {
      signal,
      step: ROOT,
      principal,
      priority: request.priority ?? DEFAULT_PRIORITY,
      ...(request.timeout !== undefined && { deadline: clock.now() + request.timeout }),
      ...(request.confidence === true && { wantsConfidence: true }),
    };
    const options = withBudget(plain, request.budget, clock);
    const scope = new RunScope({ snapshot, recorder, request, journal: earlier.journal, inline, effects: this.#effects });
    const looksBack = snapshot.router.looksBack && inline === null && LOOKED_BACK_AT.has(decision.resolvedBy);
    const dispatched = looksBack
      ? this.#lookingBack(scope, decision, options)
      : this.#answering(scope, decision, request, options);
    const orchestrated = decision.candidates.some(({ model }) => scope.orchestration(model) !== undefined);
    const task = questionOf(request);
    const details = (): RunDetails => detailsOf(recorder.record(), scope.outcome, task, this.#options.review());
    const parts = orchestrated
      ? this.#resumably(scope, reviewed(dispatched, this.#options.review(), earlier.journal), details)
      : dispatched;
    return { runId: recorder.id, parts: recorder.tap(parts), record: () => recorder.record(), details };
  }

  #lookingBack(scope: RunScope, decision: RouteDecision, options: CallOptions): AsyncIterable<Part> {
    const { request, snapshot, recorder } = scope;
    const { operation, input } = request;
    return lookingBack(this.#answering(scope, decision, request, { ...options, wantsConfidence: true }), {
      signal: options.signal,
      judge: (response) =>
        snapshot.router.afterwards(routeRequest(request), { ...response, unclearToolCalls: scope.unclearToolCalls }),
      call: (target, reason) => this.#callMember(scope, target, { operation, input }, { ...options, step: AFTER_STEP }, reason),
      answeredBy: (model, backend) => recorder.answeredBy(model, backend),
    });
  }

  /** The same parts. A pause becomes an answer: the question. What can go on later is kept. */
  async *#resumably(scope: RunScope, parts: AsyncIterable<Part>, details: () => RunDetails): AsyncGenerator<Part> {
    const { request, recorder, journal } = scope;
    const keep = (waiting: ResumableRun['waiting']): void =>
      this.#resumable.keep(recorder.id, { request, journal, startedAt: recorder.record().startedAt, waiting });
    let said = false;
    try {
      for await (const part of parts) {
        said ||= part.type === 'text-delta' && part.step === ROOT;
        yield part;
      }
    } catch (thrown) {
      const error = TuttiError.from(thrown);
      if (error.code !== 'awaiting_input') {
        if (error.code !== 'cancelled' && journal.size > 0) keep(null);
        throw error.with({ tutti: details() });
      }
      const step = String(error.details.step);
      keep({ step, question: error.message });
      recorder.wait(error.message);
      const choices = request.operation === 'chat' ? ((request.input as ChatInput).n ?? 1) : 1;
      for (let choice = 0; choice < choices; choice++) {
        yield { type: 'text-delta', step: ROOT, choice, text: said ? `\n\n${error.message}` : error.message };
        yield { type: 'finish', step: ROOT, choice, reason: 'stop', confidence: null };
      }
    }
  }

  /** A member's call: a step of its own below the orchestration's, with the attempts of the dispatcher below it. */
  async *#callMember(
    scope: RunScope,
    target: string,
    request: StrategyRequest,
    options: CallOptions,
    name: string,
  ): AsyncGenerator<Part> {
    const { step } = options;
    const now = (): number => this.#options.clock.now();
    yield { type: 'step-start', step, parent: parentOf(step), kind: 'member', name, model: null, at: now() };
    try {
      yield* this.#helped(scope, this.#routed(scope, target, request, options), { target, request, options, name });
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
    const asked = { ...routeRequest({ ...scope.request, ...request }), target, backend: undefined };
    const decision = scope.snapshot.router.route(asked);
    yield* this.#answering(scope, decision, { operation: request.operation, input: withinBudget(request, options) }, options);
  }

  /** The same parts; with `failures.max_interventions`, a member that has failed is helped. */
  #helped(
    scope: RunScope,
    parts: AsyncIterable<Part>,
    call: { target: string; request: StrategyRequest; options: CallOptions; name: string },
  ): AsyncIterable<Part> {
    const { target, request, options, name } = call;
    const { maxInterventions, model } = this.#options.failures();
    // Help is not helped, and what the interpreter asks is its own affair.
    if (maxInterventions === 0 || options.step.includes('/help') || options.step.includes(INTERPRETER_STEP)) return parts;
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
      allowed: () => scope.interventions++ < maxInterventions,
      diagnose: (error, recentActions) => failures.diagnose({ phase: name, error, recentActions, signal }),
      call: (at, to, changed) => this.#callMember(scope, to, changed, { ...options, step: at }, 'help'),
      another: () => this.#find(scope.snapshot, { ...scope.request, requestedBy: target }, 'text_generation', 1)[0] ?? null,
      askUser: (at, question) => {
        const reply = scope.journal.reply(at);
        if (reply !== undefined) return reply;
        throw new TuttiError('awaiting_input', question, { details: { step: at } });
      },
      decided: (message, { cause, source, arguments: advice }) => scope.decided({ message, data: { cause, source, ...advice } }),
    });
  }

  #inline(request: ExecuteRequest, snapshot: Snapshot): Orchestration | null {
    const given = request.orchestration;
    if (given === undefined) return null;
    const { registry, clock, strategies } = this.#options;
    return inlineOrchestration(given, {
      strategies: strategies(),
      find: (capability, count) => this.#find(snapshot, request, capability, count),
      resolve: (target) => registry.resolve(target),
      clock,
    });
  }

  /** The parts of the answer to a call, at the root or below an orchestration. */
  #answering(
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
    if (operation !== 'chat' || !hasImages(input as ChatInput) || this.#sees(scope, decision)) return dispatch(input);
    return this.#described(scope, input as ChatInput, options, dispatch);
  }

  /** Whether the first candidate can see, or calls members of its own that are asked the same, or nobody could describe. */
  #sees(scope: RunScope, { candidates }: RouteDecision): boolean {
    const id = candidates[0]?.model ?? '';
    if (scope.orchestration(id) !== undefined) return true;
    const known = this.#options.registry.get(id);
    return (
      known === undefined ||
      known.capabilities.includes('vision') ||
      this.#find(scope.snapshot, scope.request, 'vision', 1).length === 0
    );
  }

  async *#described(
    scope: RunScope,
    input: ChatInput,
    options: CallOptions,
    dispatch: (input: ChatInput) => AsyncIterable<Part>,
  ): AsyncGenerator<Part> {
    const steps = new Channel<Part>();
    const ask: AskVision = async (question, key) => {
      const step = `${options.step}/${key}`;
      const parts = this.#callMember(scope, 'vision', { operation: 'chat', input: question }, { ...options, step }, key);
      return (await collectAsked(parts, step, (part) => steps.push(part))).text;
    };
    const described = describeImages(input, ask);
    described.then(
      () => steps.close(),
      () => steps.close(),
    );
    yield* steps;
    yield* dispatch(await described);
  }

  /** What a target is, for strategies: null where it may be several models. */
  #describe(_scope: RunScope, target: string): ModelDescriptor | null {
    try {
      const resolution = this.#options.registry.resolve(target);
      if ('model' in resolution) return resolution.model;
      return resolution.by === 'alias' ? (resolution.models[0] ?? null) : null;
    } catch (error) {
      // Nothing has this name: calling it will say so.
      if (TuttiError.isInstance(error)) return null;
      throw error;
    }
  }

  #find(snapshot: Snapshot, request: ExecuteRequest, capability: Capability, count: number): readonly ModelId[] {
    const { orchestration: _, ...rest } = request;
    try {
      const { candidates } = snapshot.router.route({ ...routeRequest({ ...rest, model: capability }), backend: undefined });
      return candidates
        .map(({ model }) => model)
        .filter((id) => !snapshot.orchestrations.has(id))
        .slice(0, count);
    } catch (error) {
      // No model has it.
      if (TuttiError.isInstance(error)) return [];
      throw error;
    }
  }

  #open(scope: RunScope): Open {
    return async (id: ModelId, options) => {
      const { registry, pool } = this.#options;
      const orchestration = scope.orchestration(id);
      if (orchestration !== undefined) return { model: orchestration.forRun(scope), release: async () => {} };
      options.budget?.takeCall();
      const { priority, signal, deadline, onProgress } = options;
      const known = registry.describe(id);
      // Counted while it waits, too: a backend that a new config takes out stays until it has loaded what calls wait for.
      let backend = this.#options.backendOf(known.backend ?? '');
      this.#began(backend);
      let lease: Lease | null = null;
      try {
        lease = await pool.acquire(known.id, {
          priority,
          signal,
          ...(deadline !== undefined && { deadline }),
          onProgress: ({ phase, fraction, message }) =>
            onProgress({ phase: phase === 'load' ? 'load' : 'queue', fraction, ...(message !== undefined && { message }) }),
        });
        const { backend: answering } = lease.model.descriptor;
        if (answering !== known.backend) {
          // Its name was moved to another backend's model meanwhile.
          const moved = this.#options.backendOf(answering ?? '');
          this.#began(moved);
          this.#ended(backend);
          backend = moved;
        }
      } catch (error) {
        await lease?.release();
        this.#ended(backend);
        throw error;
      }
      const held = lease;
      const release = async (): Promise<void> => {
        await held.release();
        this.#ended(backend);
      };
      const { id: principal } = scope.request.principal ?? LOCAL_PRINCIPAL;
      const model = withImageBytes(held.model, principal !== LOCAL_PRINCIPAL.id);
      const confident = withConfidence(model, this.#options.calibrate);
      return { model: spending(this.#readingTools(scope, confident)), release };
    };
  }

  #readingTools(scope: RunScope, model: Model): Model {
    const { interpreter } = this.#options.tools();
    if (!this.#options.tools().read) return model;
    return withToolReading(model, {
      // The interpreter's own calls are taken as they are.
      applies: ({ step }) => !step.includes(INTERPRETER_STEP),
      interpreter: (options) => createInterpreter({ model: interpreter, ask: this.#asking(scope, options) }),
      nameCall: ({ step }, index, id) => scope.nameCall(step, index, id),
      onUnclear: () => void (scope.unclearToolCalls = true),
    });
  }

  /** For parts of Tutti that ask a model on their own: its steps come below those of the call that it is for. */
  #asking(scope: RunScope, options: CallOptions): Ask {
    return async (target, input, { signal, key = 'ask' }) => {
      const step = `${options.step}${INTERPRETER_STEP}${key}`;
      const parts = this.#callMember(
        scope,
        target,
        { operation: 'chat', input },
        { ...options, step, signal, wantsConfidence: true },
        key,
      );
      return collectAsked(parts, step, (part) => scope.recorder.accept(part));
    };
  }

  /** Settles when no call uses the backend. One that is no longer configured gets no new ones. */
  async whenIdle(backend: Backend): Promise<void> {
    await this.#calls.get(backend)?.over.promise;
  }

  #began(backend: Backend): void {
    const calls = this.#calls.get(backend) ?? { count: 0, over: deferred() };
    calls.count++;
    this.#calls.set(backend, calls);
  }

  #ended(backend: Backend): void {
    const calls = this.#calls.get(backend);
    if (calls === undefined || --calls.count > 0) return;
    this.#calls.delete(backend);
    calls.over.resolve();
  }
}

/**
 * A grammar of one's own is for admins: llama.cpp's matcher takes seconds a token for some small ones (nested repetitions of
 * what may be empty), and every call of the runner waits with it. JSON schemas are turned into grammars that it is quick with.
 */
function checkGrammar(request: ExecuteRequest, principal: Principal): void {
  if (request.operation !== 'chat' || principal.role === 'admin') return;
  if ((request.input as ChatInput).response_format?.type !== 'grammar') return;
  throw new TuttiError('forbidden', 'A grammar of your own needs a key with `role: admin`. Use a JSON schema instead.', {
    param: 'response_format',
  });
}

function routeRequest(request: ExecuteRequest): RouteRequest {
  const {
    model,
    capability,
    backend,
    principal = LOCAL_PRINCIPAL,
    metadata,
    complexity,
    requiresSpeed,
    commit,
    policy,
    requestedBy,
  } = request;
  return {
    target: model === undefined || model === 'auto' ? (capability ?? model ?? null) : model,
    ...(backend !== undefined && { backend }),
    operation: request.operation,
    input: request.input,
    principal,
    key: KEYLESS_PRINCIPALS.includes(principal.id) ? '' : principal.id,
    stream: commit !== 'finish',
    ...(metadata && { metadata }),
    ...(complexity !== undefined && { complexity }),
    ...(requiresSpeed !== undefined && { requiresSpeed }),
    ...(policy !== undefined && { policy }),
    ...(requestedBy !== undefined && { requestedBy }),
  };
}

/** Begins the steps of what the interpreter asks. */
const INTERPRETER_STEP = '/interpreter:';

/** The decision where the request brought its own orchestration. */
function decisionFor({ descriptor }: Orchestration): RouteDecision {
  const reason = 'given with the request';
  return {
    target: descriptor.id,
    resolvedBy: 'inline',
    candidates: [{ model: descriptor.id, score: null, reason }],
    excluded: [],
  };
}

function parentOf(step: string): string | null {
  const end = step.lastIndexOf('/');
  return end < 0 ? null : step.slice(0, end);
}
