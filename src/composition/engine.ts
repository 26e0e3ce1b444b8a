/**
 * Executes requests: routes them, dispatches to models and orchestrations, records the run.
 *
 * Everything that a config decides is in a `Snapshot`; each run keeps the one it began with, so a reload never changes a
 * run under way.
 */
import type { Backend } from '../contracts/backend.ts';
import type { ExecuteRequest, Execution, RunDetails } from '../contracts/library.ts';
import type { CallOptions } from '../contracts/model.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { Confidence } from '../contracts/confidence.ts';
import type { Operation } from '../contracts/operations.ts';
import type { BudgetLimits } from '../contracts/orchestrated.ts';
import type { Part } from '../contracts/part.ts';
import { LOCAL_PRINCIPAL, type Principal } from '../contracts/principal.ts';
import type { RouteDecision } from '../contracts/run.ts';
import { questionOf, type AnyStrategyDefinition, type StrategySettings } from '../contracts/strategy.ts';
import { DEFAULT_PRIORITY, type RunId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import type { Dispatcher } from '../router/dispatcher.ts';
import type { Router } from '../router/router.ts';
import { Authors } from '../host/authors.ts';
import { Journal } from '../host/journal.ts';
import { ROOT } from '../runs/run-tree.ts';
import type { Runs } from '../runs/runs.ts';
import { detailsOf } from './answer.ts';
import { Calls, type CallsOptions } from './calls.ts';
import { inlineOrchestration } from './inline.ts';
import { Leases, type LeasesOptions } from './leases.ts';
import { checkAddresses, checkGrammar, decisionFor, describeTarget, findModels, routeRequest } from './route-request.ts';
import { Orchestration, withBudget } from './orchestration.ts';
import { workStrategy, type Performed, type Work, type WorkOptions } from './perform.ts';
import { ResumableRuns, type ResumableRun } from './resumable-runs.ts';
import { AFTER_STEP, LOOKED_BACK_AT, lookingBack } from './looking-back.ts';
import { reviewed, type ReviewSettings } from './review.ts';
import { similarityOf } from './similarity.ts';
import { RunScope, type ScopeEffects } from './run-scope.ts';

/** What one state of the config decides. */
export interface Snapshot {
  readonly router: Router;
  readonly dispatcher: Dispatcher;
  readonly orchestrations: ReadonlyMap<string, Orchestration>;
}

export interface EngineOptions extends LeasesOptions, Omit<CallsOptions, 'leases'> {
  readonly runs: Runs;
  readonly snapshot: () => Snapshot;
  readonly strategies: () => ReadonlyMap<string, AnyStrategyDefinition>;
  /** `orchestrator.max_calls_per_run` */
  readonly maxCalls: () => number;
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
  readonly #calls: Calls;
  readonly #leases: Leases;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#resumable = new ResumableRuns(options.clock, options.runs);
    this.#leases = new Leases(options);
    this.#calls = new Calls({ ...options, leases: this.#leases });
    this.#effects = {
      callMember: (...call) => this.#calls.member(...call),
      describe: (_scope, target) => describeTarget(options.registry, target),
      find: ({ snapshot, request, journal }, capability, count) =>
        journal.found(`${capability} ${count}`, () => findModels(snapshot, request, capability, count)),
      settings: (scope, call) => this.#settings(scope, call),
      authors: new Authors(),
    };
  }

  #settings(scope: RunScope, call: CallOptions): StrategySettings {
    const { registry } = this.#options;
    const similarity = similarityOf(this.#calls, scope, call);
    return {
      ...this.#options.settings(),
      // Looked for only where it is wanted.
      get similarity() {
        return registry.withCapability('embedding').length > 0 ? similarity : undefined;
      },
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
   * done again. Errors: `run_not_found`, `not_waiting`, `run_not_kept`, `stored_data_unreadable`, `invalid_request` without a
   * reply to a question.
   */
  resume(id: RunId, { reply, ...call }: ResumeRequest = {}): Execution {
    const known = this.#options.runs.get(id, call.principal);
    if (known === undefined) throw new TuttiError('run_not_found', `There is no run ${id}, or no longer.`, { param: 'run' });
    const kept = this.#resumable.get(known);
    if (kept.waiting === null) {
      if (reply !== undefined)
        throw new TuttiError('not_waiting', `The run ${id} is ${known.status} and does not wait for a reply.`, { param: 'run' });
    } else {
      if (reply === undefined || reply.trim() === '') {
        throw new TuttiError('invalid_request', `The run waits for a reply to: ${kept.waiting.question}`, { param: 'reply' });
      }
      kept.journal.setReply(kept.waiting.step, reply);
    }
    const { signal: _signal, ...request } = kept.request;
    const { principal: _viewer, ...fresh } = call;
    const execution = this.#start({ ...request, ...fresh }, { journal: kept.journal, id, startedAt: known.startedAt });
    this.#resumable.forget(id);
    return execution;
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

  /** Settles when no call uses the backend. One that is no longer configured gets no new ones. */
  whenIdle(backend: Backend): Promise<void> {
    return this.#leases.whenIdle(backend);
  }

  /** The question that a run waits with; null when it does not wait. */
  questionOf(id: RunId): string | null {
    return this.#resumable.questionOf(id);
  }

  #start(request: ExecuteRequest, earlier: Earlier): Execution {
    if (this.#refusal !== null) throw this.#refusal;
    const { runs, clock } = this.#options;
    const snapshot = this.#options.snapshot();
    if (snapshot.router.isLocalOnly) checkAddresses(request);
    const principal = request.principal ?? LOCAL_PRINCIPAL;
    const inline = earlier.inline ?? this.#inline(request, snapshot, earlier.journal);
    const isWork = earlier.inline !== undefined;
    const decision = inline === null ? snapshot.router.route(routeRequest(request)) : decisionFor(inline, { isWork });
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
    const orchestrated = inline !== null || decision.candidates.some(({ model }) => snapshot.orchestrations.has(model));
    const looksBack = snapshot.router.looksBack && inline === null && LOOKED_BACK_AT.has(decision.resolvedBy);
    const options = withBudget(plain, orchestrated || looksBack ? this.#limits(request) : request.budget, clock);
    const scope = new RunScope({ snapshot, recorder, request, journal: earlier.journal, inline, effects: this.#effects });
    const dispatched = looksBack
      ? this.#lookingBack(scope, decision, options)
      : this.#calls.answering(scope, decision, request, options);
    const task = questionOf(request);
    const details = (): RunDetails => detailsOf(recorder.record(), scope.outcome, task, this.#options.review());
    const parts = orchestrated
      ? this.#pausing(scope, reviewed(dispatched, this.#options.review(), earlier.journal), {
          details,
          // Work of Tutti's own is begun anew by who asked for it.
          keep: (waiting) => !isWork && this.#resumable.keep(recorder, { request, journal: earlier.journal, waiting }),
        })
      : dispatched;
    return { runId: recorder.id, parts: recorder.tap(parts), record: () => recorder.record(), details };
  }

  #limits({ budget }: ExecuteRequest): BudgetLimits {
    const most = this.#options.maxCalls();
    return { ...budget, maxCalls: Math.min(most, budget?.maxCalls ?? most) };
  }

  #lookingBack(scope: RunScope, decision: RouteDecision, options: CallOptions): AsyncIterable<Part> {
    const { request, snapshot, recorder } = scope;
    const { operation, input } = request;
    return lookingBack(this.#calls.answering(scope, decision, request, { ...options, wantsConfidence: true }), {
      signal: options.signal,
      judge: (response) =>
        snapshot.router.afterwards(routeRequest(request), { ...response, unclearToolCalls: scope.unclearToolCalls }),
      call: (target, reason) => this.#calls.member(scope, target, { operation, input }, { ...options, step: AFTER_STEP }, reason),
      answeredBy: (model, backend) => recorder.answeredBy(model, backend),
    });
  }

  /** The same parts. A pause becomes an answer: the question. What can go on later is kept. */
  async *#pausing(
    { request, recorder, journal }: RunScope,
    parts: AsyncIterable<Part>,
    { details, keep }: { details: () => RunDetails; keep: (waiting: ResumableRun['waiting']) => void },
  ): AsyncGenerator<Part> {
    let said = false;
    let over = false;
    try {
      for await (const part of parts) {
        said ||= part.type === 'text-delta' && part.step === ROOT;
        yield part;
      }
      over = true;
    } catch (thrown) {
      over = true;
      const error = TuttiError.from(thrown);
      if (error.code !== 'awaiting_input') {
        // One that was cancelled, too: the reply that it was given is not lost with its client.
        if (journal.size > 0) keep(null);
        const now = this.#options.clock.now();
        const status = error.code === 'cancelled' ? 'cancelled' : 'failed';
        throw error.with({ tutti: { ...details(), status, executionTimeMs: now - recorder.record().startedAt } });
      }
      const step = String(error.details.step);
      keep({ step, question: error.message });
      recorder.wait(error.message);
      // Of the answer that is held back for a review: the question itself has none.
      const confidence = (error.details.confidence ?? null) as Confidence | null; // set by `reviewed` alone
      const choices = request.operation === 'chat' ? ((request.input as ChatInput).n ?? 1) : 1;
      for (let choice = 0; choice < choices; choice++) {
        yield { type: 'text-delta', step: ROOT, choice, text: said ? `\n\n${error.message}` : error.message };
        yield { type: 'finish', step: ROOT, choice, reason: 'stop', confidence };
      }
    } finally {
      // Left by whoever read it.
      if (!over && !recorder.answered && journal.size > 0) keep(null);
    }
  }

  #inline(request: ExecuteRequest, snapshot: Snapshot, journal: Journal): Orchestration | null {
    const given = request.orchestration;
    if (given === undefined) return null;
    const { registry, clock, strategies } = this.#options;
    return inlineOrchestration(given, {
      strategies: strategies(),
      find: (capability, count) =>
        journal.found(`${capability} ${count}`, () => findModels(snapshot, request, capability, count)),
      resolve: (target) => registry.resolve(target),
      capabilities: () => registry.capabilities().map(({ capability }) => capability),
      clock,
    });
  }
}
