/**
 * One attempt at one model: waits for it, calls it, checks its stream, and lets it go.
 *
 * The model speaks for the attempt's step (`root/0`). Its content and `finish` go on as those of the caller's step
 * (`root`); its usage stays with the attempt. A `finish` is held back until the stream has ended well, so that nothing
 * that fails ever looks complete.
 */
import type { ChatInput } from '../contracts/chat.ts';
import type { Confidence } from '../contracts/confidence.ts';
import type { CallOptions, Model } from '../contracts/model.ts';
import type { Operation, Operations } from '../contracts/operations.ts';
import { LogprobMeter } from '../contracts/logprob-meter.ts';
import type { FinishPart, Part, StepEnd, StepOutcome, TokenLogprob } from '../contracts/part.ts';
import { addUsage, costOf, type Usage } from '../contracts/usage.ts';
import type { ModelId, StepPath } from '../contracts/vocabulary.ts';
import type { Clock } from '../contracts/clock.ts';
import { TuttiError } from '../errors/error.ts';
import type { LoadProgress } from '../pool/contract.ts';
import { toStepError } from './failures.ts';
import type { Speed } from './measurements.ts';

/** A model that may be called until it is released. */
export interface OpenedModel {
  readonly model: Model;
  /** Gives it back. Called exactly once, when the model has stopped working for this call. */
  release(): Promise<void>;
}

export interface OpenCallOptions extends CallOptions {
  /** Told while it waits for room (`queue`) and while the weights are read (`load`). */
  readonly onProgress: (progress: LoadProgress) => void;
}

/** Gets a model ready to be called: a lease of the pool, a binding to a remote one, an orchestration. */
export type Open = (model: ModelId, options: OpenCallOptions) => Promise<OpenedModel>;

export interface AttemptOptions<O extends Operation = Operation> {
  readonly model: ModelId;
  readonly operation: O;
  readonly input: Operations[O]['input'];
  /** `step` is the attempt's, `signal` stops it. */
  readonly call: CallOptions;
  /** The step whose content it is. */
  readonly answers: StepPath;
  /** Keep content back until the stream has ended well. */
  readonly withhold: boolean;
  readonly open: Open;
  readonly emit: (part: Part) => void;
  /** Called when giving the model back fails; the answer stands. */
  readonly onReleaseError: (error: unknown) => void;
  readonly clock: Clock;
}

export class Attempt<O extends Operation = Operation> {
  readonly #options: AttemptOptions<O>;
  readonly #startedAt: number;
  /** Of single calls; there are several when choices are made by several calls. */
  readonly #usages = new Map<number, Usage>();
  readonly #finishes = new Map<number, FinishPart>();
  /** By choice, for models that give probabilities but make nothing of them. */
  readonly #meters = new Map<number, LogprobMeter>();
  readonly #withheld: Part[] = [];
  #committed = false;
  #calledAt: number | null = null;
  #firstContentAt: number | null = null;
  #endedAt: number | null = null;
  #orchestration = false;
  #costUsd: number | null | undefined;
  #calls = 1;

  constructor(options: AttemptOptions<O>) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
  }

  /** Whether content was passed on. */
  get committed(): boolean {
    return this.#committed;
  }

  /** How fast the model was; loading is not in it. For successful attempts. */
  get speed(): Speed {
    if (this.#orchestration || this.#calledAt === null || this.#firstContentAt === null || this.#endedAt === null) {
      return { firstTokenMs: null, tokensPerSecond: null };
    }
    const tokens = this.#usage?.outputTokens ?? 0;
    const ms = this.#endedAt - this.#firstContentAt;
    const telling = this.#calls === 1 && tokens >= FEWEST_TOKENS && ms > 0;
    return {
      firstTokenMs: this.#firstContentAt - this.#calledAt,
      tokensPerSecond: telling ? ((tokens - 1) * 1000) / ms : null,
    };
  }

  /** Errors: whatever opening and calling throw, as it is; `stream_truncated`; `backend_error` for a stream out of order. */
  async run(): Promise<void> {
    const { open, model, call, emit } = this.#options;
    const onProgress = (progress: LoadProgress): void => emit({ model, ...progress, type: 'progress', step: call.step });
    const opened = await open(model, { ...call, onProgress });
    try {
      call.signal.throwIfAborted();
      this.#calledAt = this.#options.clock.monotonic();
      await this.#callAll(opened.model);
      this.#endedAt = this.#options.clock.monotonic();
    } finally {
      this.#settleCost(opened.model);
      await opened.release().catch(this.#options.onReleaseError);
    }
  }

  /** What was kept back. For successful attempts, before `end`. */
  flush(): void {
    for (const part of this.#withheld) this.#options.emit(part);
  }

  /** The `finish` of every choice. For successful attempts, after `end`. */
  finish(): void {
    for (const [, part] of [...this.#finishes].sort(([a], [b]) => a - b)) this.#options.emit(part);
  }

  end(error: TuttiError | null): StepEnd {
    const usage = this.#usage;
    const confidence: Confidence | null | undefined = this.#finishes.get(0)?.confidence;
    return {
      type: 'step-end',
      step: this.#options.call.step,
      outcome: outcomeOf(error),
      ...(error !== null && { error: toStepError(error) }),
      ...(usage !== undefined && { usage }),
      ...(this.#costUsd !== undefined && { costUsd: this.#costUsd }),
      ...(error === null && confidence !== undefined && { confidence }),
      firstTokenMs: this.#firstContentAt === null ? null : this.#firstContentAt - this.#startedAt,
      at: this.#options.clock.now(),
    };
  }

  get #usage(): Usage | undefined {
    const usages = [...this.#usages.values()];
    return usages.length === 0 ? undefined : usages.reduce(addUsage);
  }

  /** What an orchestration costs is the sum of its calls, which are steps of their own. */
  #settleCost(model: Model): void {
    const usage = this.#usage;
    if (usage === undefined || this.#orchestration) return;
    const { price } = model.descriptor;
    // A fee for the call is due once for each.
    const fees = (this.#usages.size - 1) * (price?.perCall ?? 0);
    const cost = costOf(usage, price);
    this.#costUsd = cost === null ? null : cost + fees;
  }

  async #callAll(model: Model): Promise<void> {
    const { operation, input, call } = this.#options;
    this.#orchestration = model.descriptor.backend === null;
    const wanted = operation === 'chat' ? ((input as ChatInput).n ?? 1) : 1;
    if (wanted === 1 || model.descriptor.nativeChoices === true) {
      await this.#consume(model.call(operation, input, call), call.step, null);
      this.#requireFinishes(wanted);
      return;
    }
    this.#calls = wanted;
    await this.#callEach(model, wanted);
    this.#requireFinishes(wanted);
  }

  /** One call for each choice, at once; the first failure stops the others. */
  async #callEach(model: Model, choices: number): Promise<void> {
    const { operation, call } = this.#options;
    const { n: _, ...single } = this.#options.input as ChatInput;
    const stop = new AbortController();
    const signal = AbortSignal.any([call.signal, stop.signal]);
    const calls = Array.from({ length: choices }, async (_unused, choice) => {
      // Steps inside an orchestration must not meet those of its other runs.
      using inner = this.#orchestration ? new InnerRun(this.#options, choice) : null;
      const step = inner?.step ?? call.step;
      // With one seed all choices would be the same.
      const input = { ...single, ...(single.seed != null && { seed: single.seed + choice }) };
      try {
        await this.#consume(model.call(operation, input, { ...call, signal, step }), step, choice);
      } catch (error) {
        inner?.failed(TuttiError.from(error, 'backend_error'));
        stop.abort(error);
        throw error;
      }
    });
    const results = await Promise.allSettled(calls);
    if (!results.some(({ status }) => status === 'rejected')) return;
    // The others failed because of the first.
    throw stop.signal.reason;
  }

  async #consume(parts: AsyncIterable<Part>, step: StepPath, onlyChoice: number | null): Promise<void> {
    for await (const part of parts) {
      // Parts of inner steps are for the trace.
      if (part.step === step) this.#take(part, onlyChoice);
      else this.#options.emit(part);
    }
  }

  #take(part: Part, onlyChoice: number | null): void {
    const { call, answers: step } = this.#options;
    switch (part.type) {
      case 'text-delta':
      case 'reasoning-delta':
      case 'tool-call-delta':
      case 'artifact':
        this.#content({ ...part, step, choice: onlyChoice ?? part.choice });
        return;
      case 'finish': {
        const choice = onlyChoice ?? part.choice;
        if (this.#finishes.has(choice)) throw this.#outOfOrder(`it finished choice ${choice} twice`);
        const confidence = part.confidence ?? this.#meters.get(choice)?.confidence();
        this.#finishes.set(choice, { ...part, step, choice, ...(confidence !== undefined && { confidence }) });
        return;
      }
      case 'usage': {
        this.#usages.set(onlyChoice ?? 0, part.usage);
        const usage = this.#usage ?? part.usage;
        this.#options.emit({ type: 'usage', step: call.step, usage });
        return;
      }
      case 'progress':
        this.#options.emit({ ...part, step: call.step });
        return;
      case 'step-start':
      case 'step-end':
        // The attempt itself says when its step starts and ends.
        return;
      default:
        part satisfies never;
    }
  }

  #content(part: Part & { choice: number }): void {
    if (this.#finishes.has(part.choice)) throw this.#outOfOrder(`it went on after finishing choice ${part.choice}`);
    this.#firstContentAt ??= this.#options.clock.monotonic();
    if (part.type === 'text-delta' && part.logprobs !== undefined) this.#measure(part.choice, part.logprobs);
    if (this.#options.withhold) this.#withheld.push(part);
    else {
      this.#committed = true;
      this.#options.emit(part);
    }
  }

  #measure(choice: number, logprobs: readonly TokenLogprob[]): void {
    let meter = this.#meters.get(choice);
    if (meter === undefined) this.#meters.set(choice, (meter = new LogprobMeter()));
    for (const token of logprobs) meter.add(token);
  }

  #requireFinishes(choices: number): void {
    for (let choice = 0; choice < choices; choice++) {
      if (this.#finishes.has(choice)) continue;
      const which = choices === 1 ? '' : ` of choice ${choice}`;
      throw new TuttiError('stream_truncated', `The stream of ${this.#options.model} ended without its closing event${which}.`);
    }
  }

  #outOfOrder(what: string): TuttiError {
    return new TuttiError('backend_error', `The stream of ${this.#options.model} is out of order: ${what}.`);
  }
}

/** Of fewer tokens the rate says little. */
const FEWEST_TOKENS = 8;

function outcomeOf(error: TuttiError | null): StepOutcome {
  if (error === null) return 'completed';
  return error.code === 'cancelled' ? 'cancelled' : 'failed';
}

/** The step of one of several runs of an orchestration. Disposing ends it. */
class InnerRun implements Disposable {
  readonly step: StepPath;
  readonly #options: Pick<AttemptOptions, 'emit' | 'clock'>;
  #error: TuttiError | null = null;

  constructor({ call, model, emit, clock }: Pick<AttemptOptions, 'call' | 'model' | 'emit' | 'clock'>, choice: number) {
    this.step = `${call.step}/${choice}`;
    this.#options = { emit, clock };
    const at = clock.now();
    emit({ type: 'step-start', step: this.step, parent: call.step, kind: 'orchestration', name: `choice ${choice}`, model, at });
  }

  failed(error: TuttiError): void {
    this.#error = error;
  }

  [Symbol.dispose](): void {
    const { emit, clock } = this.#options;
    const error = this.#error;
    emit({
      type: 'step-end',
      step: this.step,
      outcome: outcomeOf(error),
      ...(error !== null && { error: toStepError(error) }),
      at: clock.now(),
    });
  }
}
