/**
 * The dispatcher acts on a routing decision: it tries the candidates in order until one answers.
 *
 * Every attempt is a child step (`root/0`, `root/1` …), also the only one. Parts of the answer come as those of the
 * caller's own step. A failed attempt is followed, as `failures.ts` judges, by the same model, the next candidate, or the
 * end. Once content was passed on nothing follows: the stream throws and never finishes.
 *
 * Generation does not wait for the consumer: parts are queued, and a model is released as soon as it has stopped. Leaving
 * the iteration aborts the call and waits until the model has stopped, up to `STOP_GRACE_MS`; a model that still works
 * then is waited for in the background, and released only when it has stopped.
 */
import type { Clock } from '../contracts/clock.ts';
import type { EventData } from '../contracts/event.ts';
import type { Logger } from '../contracts/logger.ts';
import type { CallOptions, ModelDescriptor } from '../contracts/model.ts';
import type { Operation, Operations } from '../contracts/operations.ts';
import type { Part } from '../contracts/part.ts';
import type { RouteCandidate, RouteDecision } from '../contracts/run.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { Channel } from '../lib/channel.ts';
import { Attempt, type Open } from './attempt.ts';
import type { CircuitBreakers } from './breakers.ts';
import { CallScope } from './call-scope.ts';
import type { ModelDirectory } from './directory.ts';
import { errorOfAll, judge, toStepError, type FailedAttempt } from './failures.ts';
import type { Measurements } from './measurements.ts';

export interface DispatcherOptions {
  readonly directory: Pick<ModelDirectory, 'describe'>;
  readonly breakers: CircuitBreakers;
  readonly measurements: Measurements;
  /** `routing.retries`. */
  readonly retries: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface DispatchRequest<O extends Operation = Operation> {
  readonly decision: RouteDecision;
  readonly operation: O;
  readonly input: Operations[O]['input'];
  /** `step` is the caller's: attempts are its children. */
  readonly options: CallOptions;
  /**
   * When no other model may take over any more: `first-content` passes content on at once; `finish` passes on nothing but
   * progress and steps until a model has finished, so any failure can be made up for.
   */
  readonly commit: 'first-content' | 'finish';
  readonly open: Open;
  /** Whether an id that the directory does not know is an orchestration: one that came with the request. */
  readonly isOrchestration?: (model: ModelId) => boolean;
  /** A candidate failed and the next one is tried. */
  readonly onFallback?: (fallback: EventData['run.fallback']) => void;
}

/** How long a stopped call waits for its model to confirm. Milliseconds. */
export const STOP_GRACE_MS = 5000;

export class Dispatcher {
  readonly #options: DispatcherOptions;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /**
   * Nothing happens before the first part is asked for. Ends with the `finish` of every choice, or throws a `TuttiError`:
   * the only model's own error, or `all_models_failed`; `cancelled`, `deadline_exceeded`.
   */
  async *dispatch<O extends Operation>(request: DispatchRequest<O>): AsyncGenerator<Part> {
    const { signal, deadline } = request.options;
    using scope = new CallScope({ signal, deadline, clock: this.#options.clock });
    const parts = new Channel<Part>(() => scope.leave());
    const work = this.#tryAll(request, scope, (part) => parts.push(part)).then(
      () => parts.close(),
      (error: unknown) => parts.fail(error),
    );
    try {
      for await (const part of parts) yield part;
    } finally {
      await work;
    }
  }

  async #tryAll<O extends Operation>(request: DispatchRequest<O>, scope: CallScope, emit: (part: Part) => void): Promise<void> {
    const { candidates } = request.decision;
    const failed: FailedAttempt[] = [];
    for (const [index, candidate] of candidates.entries()) {
      const following = candidates[index + 1];
      for (let retried = 0; ; retried++) {
        const why = retried === 0 ? candidate.reason : `again after ${failed.at(-1)?.error.code}`;
        const outcome = await this.#try(request, { ...candidate, reason: why }, { number: failed.length, scope, emit });
        if (outcome === null) return;
        const { error, committed } = outcome;
        if (scope.error !== null) throw scope.error;
        failed.push({ model: candidate.model, error });
        const verdict = judge(error, { committed, retried, retries: this.#options.retries, others: following !== undefined });
        if (verdict.do === 'stop') throw error;
        if (verdict.do === 'next') break;
        await scope.wait(verdict.afterMs);
      }
      const last = failed.at(-1);
      if (following !== undefined && last !== undefined) {
        request.onFallback?.({ from: candidate.model, to: following.model, error: toStepError(last.error) });
      }
    }
    throw errorOfAll(failed);
  }

  /** null when it answered. */
  async #try<O extends Operation>(
    request: DispatchRequest<O>,
    candidate: RouteCandidate,
    context: { number: number; scope: CallScope; emit: (part: Part) => void },
  ): Promise<{ error: TuttiError; committed: boolean } | null> {
    const { clock, breakers, log, measurements } = this.#options;
    const { scope, emit } = context;
    const { model } = candidate;
    const parent = request.options.step;
    const step = `${parent}/${context.number}`;
    // One that came with the request is in no directory.
    const orchestrated = request.isOrchestration?.(model) === true;
    const known = orchestrated ? null : this.#describe(model);
    const backend = known?.backend ?? null;
    const kind = orchestrated || known?.backend === null ? 'orchestration' : 'call';
    emit({
      type: 'step-start',
      step,
      parent,
      kind,
      name: model,
      model,
      ...(backend !== null && { backend }),
      reason: candidate.reason,
      at: clock.now(),
    });
    const attempt = new Attempt({
      model,
      operation: request.operation,
      input: request.input,
      call: { ...request.options, signal: scope.signal, step },
      answers: parent,
      withhold: request.commit === 'finish',
      open: request.open,
      emit,
      onReleaseError: (error) => log.error({ err: error, model }, 'giving a model back failed'),
      clock,
    });
    const watch = breakers.watch(model, backend);
    const error = await this.#outcome(attempt, scope, model);
    if (error === null) {
      watch.settle('success');
      measurements.record(model, attempt.speed);
      attempt.flush();
    } else watch.settle(scope.error === null ? error : 'unknown');
    emit(attempt.end(error));
    if (error !== null) return { error, committed: attempt.committed };
    attempt.finish();
    return null;
  }

  #describe(model: ModelId): ModelDescriptor | null {
    try {
      return this.#options.directory.describe(model);
    } catch (error) {
      // It was removed after the decision: opening it will say so, as the attempt's error.
      if (TuttiError.isInstance(error)) return null;
      throw error;
    }
  }

  async #outcome(attempt: Attempt<never> | Attempt, scope: CallScope, model: string): Promise<TuttiError | null> {
    if (scope.error !== null) return scope.error;
    const run = attempt.run().then(
      () => ({ error: null }),
      (error: unknown) => ({ error: scope.error ?? toTuttiError(error, model) }),
    );
    const ended = await scope.settled(run, STOP_GRACE_MS);
    if (ended !== null) return ended.error;
    this.#options.log.warn({ model }, 'a stopped call still works; its model stays in use until it has stopped');
    return scope.error;
  }
}

/** An exception that is not ours is a bug of the backend. */
function toTuttiError(error: unknown, model: string): TuttiError {
  if (TuttiError.isInstance(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new TuttiError('backend_error', `${model} failed: ${message}`, { cause: error });
}
