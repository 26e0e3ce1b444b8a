/**
 * Executes requests: routes them, dispatches to models and orchestrations, records the run.
 *
 * Everything that a config decides is in a `Snapshot`; each run keeps the one it began with, so a reload never changes a
 * run under way.
 */
import type { Backend } from '../contracts/backend.ts';
import type { Clock } from '../contracts/clock.ts';
import type { ExecuteRequest, Execution } from '../contracts/library.ts';
import type { CallOptions } from '../contracts/model.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { Operation } from '../contracts/operations.ts';
import type { Part } from '../contracts/part.ts';
import { KEYLESS_PRINCIPALS, LOCAL_PRINCIPAL, type Principal } from '../contracts/principal.ts';
import type { StrategyRequest } from '../contracts/strategy.ts';
import { DEFAULT_PRIORITY, type BackendId, type ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';
import type { Lease } from '../pool/contract.ts';
import type { Pool } from '../pool/pool.ts';
import type { Registry } from '../registry/registry.ts';
import type { Open } from '../router/attempt.ts';
import type { Dispatcher } from '../router/dispatcher.ts';
import type { RouteRequest, Router } from '../router/router.ts';
import type { RunRecorder } from '../runs/recorder.ts';
import { ROOT } from '../runs/run-tree.ts';
import type { Runs } from '../runs/runs.ts';
import { withImageBytes } from './image-bytes.ts';
import type { Orchestration } from './orchestration.ts';

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
}

/** What a call below the root needs of its run. */
interface RunScope {
  readonly snapshot: Snapshot;
  readonly recorder: RunRecorder;
  readonly request: ExecuteRequest;
}

export class Engine {
  readonly #options: EngineOptions;
  #refusal: TuttiError | null = null;
  /** Calls under way, by the backend that answers them. */
  readonly #calls = new Map<Backend, { count: number; readonly over: Deferred<void> }>();

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** From now on every new request gets this error; what runs goes on. */
  refuse(error: TuttiError): void {
    this.#refusal = error;
  }

  /** Errors of routing are thrown at once; everything later comes through `parts`. */
  execute<O extends Operation>(request: ExecuteRequest<O>): Execution {
    if (this.#refusal !== null) throw this.#refusal;
    const { runs, clock } = this.#options;
    const snapshot = this.#options.snapshot();
    const principal = request.principal ?? LOCAL_PRINCIPAL;
    checkGrammar(request, principal);
    const decision = snapshot.router.route(routeRequest(request));
    const stop = new AbortController();
    const recorder = runs.start(
      {
        principal: principal.id,
        operation: request.operation,
        type: typeof decision.features?.type === 'string' ? decision.features.type : null,
        target: decision.target,
        choices: request.operation === 'chat' ? ((request.input as ChatInput).n ?? 1) : 1,
        ...(request.metadata && { metadata: request.metadata }),
        input: request.input,
      },
      { cancel: () => stop.abort(new TuttiError('cancelled', 'The run was cancelled.')) },
    );
    recorder.routed(decision);
    const signal = request.signal === undefined ? stop.signal : AbortSignal.any([request.signal, stop.signal]);
    const options: CallOptions = {
      signal,
      step: ROOT,
      principal,
      priority: request.priority ?? DEFAULT_PRIORITY,
      ...(request.timeout !== undefined && { deadline: clock.now() + request.timeout }),
    };
    const scope: RunScope = { snapshot, recorder, request };
    const parts = snapshot.dispatcher.dispatch({
      decision,
      operation: request.operation,
      input: request.input,
      options,
      commit: request.commit ?? 'first-content',
      open: this.#open(scope),
      onFallback: (fallback) => recorder.fallback(fallback),
    });
    return { runId: recorder.id, parts: recorder.tap(parts), record: () => recorder.record() };
  }

  /** A member's call: a step of its own below the orchestration's, with the attempts of the dispatcher below it. */
  async *#callMember(
    scope: RunScope,
    target: string,
    request: StrategyRequest,
    options: CallOptions,
    name: string,
  ): AsyncGenerator<Part> {
    const { snapshot, recorder } = scope;
    const { step } = options;
    const now = (): number => this.#options.clock.now();
    yield { type: 'step-start', step, parent: parentOf(step), kind: 'member', name, model: null, at: now() };
    try {
      const decision = snapshot.router.route({ ...routeRequest({ ...scope.request, ...request }), target, backend: undefined });
      yield* snapshot.dispatcher.dispatch({
        decision,
        operation: request.operation,
        input: request.input,
        options,
        // Who wants a whole answer is shown nothing of a member that fails half-way, so the strategy may ask another.
        commit: scope.request.commit ?? 'first-content',
        open: this.#open(scope),
        onFallback: (fallback) => recorder.fallback(fallback),
      });
      yield { type: 'step-end', step, outcome: 'completed', at: now() };
    } catch (thrown) {
      const error = TuttiError.from(thrown);
      const { code, message, retryable } = error;
      yield {
        type: 'step-end',
        step,
        outcome: code === 'cancelled' ? 'cancelled' : 'failed',
        error: { code, message, retryable },
        at: now(),
      };
      throw error;
    }
  }

  #open(scope: RunScope): Open {
    return async (id: ModelId, options) => {
      const { registry, pool } = this.#options;
      const orchestration = scope.snapshot.orchestrations.get(id);
      if (orchestration !== undefined) {
        const model = orchestration.forRun((target, request, own, name) => this.#callMember(scope, target, request, own, name));
        return { model, release: async () => {} };
      }
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
      return { model: withImageBytes(held.model, principal !== LOCAL_PRINCIPAL.id), release };
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
  const { model, capability, backend, principal = LOCAL_PRINCIPAL, metadata, complexity, requiresSpeed, commit } = request;
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
  };
}

function parentOf(step: string): string | null {
  const end = step.lastIndexOf('/');
  return end < 0 ? null : step.slice(0, end);
}
