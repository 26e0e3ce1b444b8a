import type { Clock } from '../contracts/clock.ts';
import type { EventBus, EventData } from '../contracts/event.ts';
import type { FinishPart, Part, StepError, StepOutcome } from '../contracts/part.ts';
import type { RouteDecision, RunRecord } from '../contracts/run.ts';
import type { Price } from '../contracts/usage.ts';
import type { BackendId, Capability, ModelId, RunId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { newId } from '../lib/id.ts';
import { ContentKeeper } from './content.ts';
import type { RunJournal } from './journal-rows.ts';
import { RunTree, ROOT } from './run-tree.ts';
import { Tap } from './tap.ts';

/** What is known of a run before it begins. */
export interface RunMeta {
  /** Default: a new one. */
  readonly id?: RunId;
  /** `Principal.id` */
  readonly principal: string;
  readonly operation: string;
  /** The kind of work. Default null: not known. */
  readonly type?: Capability | null;
  /** What the caller asked for. */
  readonly target: string;
  /** How many choices were asked for: the run is complete when each has its `finish`. Default 1. */
  readonly choices?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Kept only with `storeContent`. */
  readonly input?: unknown;
  /** When the run began, if it goes on after a pause or failure. Epoch milliseconds. */
  readonly resumedFrom?: number;
}

/** Scores below which a person should look. */
export interface ReviewLimits {
  readonly suggestedBelow: number;
  readonly neededBelow: number;
}
export const REVIEW_LIMITS: ReviewLimits = { suggestedBelow: 0.7, neededBelow: 0.5 };

export interface RecorderOptions {
  readonly meta: RunMeta;
  readonly bus: EventBus;
  readonly clock: Clock;
  /** `runs.store_content`: keep the input and the answer with the run. Default false. */
  readonly storeContent?: boolean;
  readonly review?: ReviewLimits;
  /** Prices the steps whose `step-end` brings no cost. Default: their cost is unknown. */
  readonly priceOf?: (model: ModelId) => Price | undefined;
  /** Called once with the whole run, and with what it goes on with if it can, before the event that says that it ended. */
  readonly onEnd?: (run: RunRecord, journal: RunJournal | null) => void;
}

/**
 * Builds the record of one run while its parts flow by, and says on the bus what happens.
 *
 * It is `running` and changes once, in `#end`, to `completed`, `failed`, `cancelled` or `waiting`; what comes after that
 * is ignored. Nothing of it decides anything for the run: it only looks.
 */
export class RunRecorder {
  readonly id: RunId;
  readonly #meta: RunMeta;
  readonly #bus: EventBus;
  readonly #clock: Clock;
  readonly #review: ReviewLimits;
  readonly #onEnd: RecorderOptions['onEnd'];
  readonly #tree: RunTree;
  readonly #content: ContentKeeper | null;
  readonly #startedAt: number;
  readonly #startedMono: number;
  readonly #origin: { readonly runId: RunId; readonly principal: string };
  #route: RouteDecision | null = null;
  #author: { model: ModelId; backend: BackendId | null } | null = null;
  #fallbacks = 0;
  #conflicts = 0;
  #cacheHit = false;
  #metadata: Readonly<Record<string, unknown>>;
  #question: string | null = null;
  #journal: RunJournal | null = null;
  readonly #finished = new Set<number>();
  #ended: RunRecord | null = null;

  constructor({ meta, bus, clock, storeContent = false, review = REVIEW_LIMITS, priceOf, onEnd }: RecorderOptions) {
    this.id = meta.id ?? newId('run', clock.now());
    this.#meta = meta;
    this.#bus = bus;
    this.#clock = clock;
    this.#review = review;
    this.#onEnd = onEnd;
    this.#metadata = meta.metadata ?? {};
    this.#content = storeContent ? new ContentKeeper(meta.input) : null;
    const earlier = meta.resumedFrom === undefined ? 0 : clock.now() - meta.resumedFrom;
    this.#startedAt = clock.now() - earlier;
    this.#startedMono = clock.monotonic() - earlier;
    this.#tree = new RunTree({ clock, priceOf, name: meta.target });
    this.#origin = { runId: this.id, principal: meta.principal };
    const { target, operation, principal, resumedFrom } = meta;
    bus.publish(
      'run.started',
      { target, operation, principal, ...(resumedFrom !== undefined && { resumed: true }) },
      this.#origin,
    );
  }

  /** The router's decision. */
  routed(decision: RouteDecision): void {
    if (this.#ended) return;
    this.#route = decision;
    this.#bus.publish('run.routed', decision, this.#origin);
  }

  /** One candidate failed and the next is tried. */
  fallback(fallback: EventData['run.fallback']): void {
    if (this.#ended) return;
    this.#fallbacks++;
    this.#bus.publish('run.fallback', fallback, this.#origin);
  }

  /** Whose answer the caller gets, where the tree of steps does not say it. */
  answeredBy(model: ModelId, backend: BackendId | null = null): void {
    this.#author = { model, backend };
  }

  /** Members contradicted each other. */
  conflict(count = 1): void {
    this.#conflicts += count;
  }

  /** The answer came from the cache. */
  cacheHit(): void {
    this.#cacheHit = true;
  }

  /** Adds to the run's metadata. */
  annotate(metadata: Readonly<Record<string, unknown>>): void {
    this.#metadata = { ...this.#metadata, ...metadata };
  }

  /** The run pauses with a question: when its parts end, its status is `waiting` and not `completed`. */
  wait(question: string): void {
    this.#question = question;
  }

  /** The run can go on with this after it has ended. Stored with it where its content is. */
  canGoOn(journal: RunJournal): void {
    if (this.#content !== null) this.#journal = journal;
  }

  /** Looks at one part. For the parts of a stream, `tap` does it. */
  accept(part: Part): void {
    if (this.#ended) return;
    switch (part.type) {
      case 'text-delta':
      case 'reasoning-delta':
      case 'tool-call-delta':
      case 'artifact':
        this.#tree.content(part.step);
        if (this.#content !== null && part.step === ROOT) this.#content.add(part);
        return;
      case 'step-start': {
        this.#tree.start(part);
        if (part.replayed === true) return;
        const { type: _, ...data } = part;
        this.#bus.publish('step.started', data, this.#origin);
        return;
      }
      case 'step-end':
        this.#tree.end(part);
        if (part.replayed !== true) this.#publishStepEnd(part.step);
        return;
      case 'progress': {
        const { type: _, ...data } = part;
        this.#bus.publish('step.progress', data, this.#origin);
        return;
      }
      case 'usage':
        this.#tree.usage(part);
        return;
      case 'finish':
        this.#tree.finish(part);
        if (part.step === ROOT) this.#finished.add(part.choice);
        return;
      default:
        part satisfies never;
    }
  }

  #publishStepEnd(path: string): void {
    const step = this.#tree.record(path);
    const finish: FinishPart['reason'] | null = this.#tree.finishReason(path);
    this.#bus.publish(
      'step.finished',
      {
        step: path,
        outcome: step.status === 'running' ? 'completed' : step.status,
        ...(step.error !== null && { error: step.error }),
        ...(step.usage !== null && { usage: step.usage }),
        costUsd: step.costUsd,
        confidence: step.confidence,
        firstTokenMs: step.firstTokenMs,
        at: step.endedAt ?? this.#clock.now(),
        ...(finish !== null && { finish }),
      },
      this.#origin,
    );
  }

  /** True once every choice of the answer has its `finish`. */
  get answered(): boolean {
    return this.#finished.size >= (this.#meta.choices ?? 1);
  }

  /** The run ended well (or waits). Does nothing when it has ended. */
  complete(): void {
    this.#end(this.#question === null ? 'completed' : 'waiting', null);
  }

  /** The run ended with an error; one with the code `cancelled` is a cancellation. Does nothing when it has ended. */
  fail(error: unknown): void {
    const { code, message, retryable } = TuttiError.from(error);
    this.#end(code === 'cancelled' ? 'cancelled' : 'failed', { code, message, retryable });
  }

  /** The caller left. Does nothing when the run has ended. */
  cancel(): void {
    this.fail(new TuttiError('cancelled', 'The caller left before the answer was complete.'));
  }

  #end(status: 'completed' | 'failed' | 'cancelled' | 'waiting', error: StepError | null): void {
    if (this.#ended) return;
    const outcome: StepOutcome = status === 'waiting' ? 'completed' : status;
    for (const path of this.#tree.closeOpen(outcome, error)) this.#publishStepEnd(path);
    const run = this.#record(status, error);
    this.#ended = run;
    this.#onEnd?.(run, this.#journal);
    switch (status) {
      case 'completed':
        this.#bus.publish('run.completed', { run }, this.#origin);
        this.#publishReview(run);
        return;
      case 'failed':
        this.#bus.publish('run.failed', { run, error: error! }, this.#origin); // `fail` always gives one
        return;
      case 'cancelled':
        this.#bus.publish('run.cancelled', { run }, this.#origin);
        return;
      case 'waiting':
        this.#bus.publish('run.waiting', { question: this.#question ?? '' }, this.#origin);
        return;
      default:
        status satisfies never;
    }
  }

  #publishReview({ confidence }: RunRecord): void {
    const review = reviewOf(confidence?.score ?? null, this.#review);
    if (confidence === null || review === 'none') return;
    this.#bus.publish('run.review', { review, score: confidence.score }, this.#origin);
  }

  /** The run as it stands. */
  record(): RunRecord {
    return this.#ended ?? this.#record('running', null);
  }

  #record(status: RunRecord['status'], error: StepError | null): RunRecord {
    const { principal, operation, target, type = null } = this.#meta;
    const author = this.#author ?? this.#tree.author();
    return {
      id: this.id,
      principal,
      operation,
      type,
      target,
      model: author?.model ?? null,
      backend: author?.backend ?? null,
      status,
      startedAt: this.#startedAt,
      // Not from the time of day, which may be set back meanwhile.
      endedAt: status === 'running' ? null : this.#startedAt + Math.round(this.#clock.monotonic() - this.#startedMono),
      firstTokenMs: this.#tree.answerFirstTokenMs(),
      ...this.#tree.totals(),
      confidence: this.#tree.record(ROOT).confidence,
      error,
      conflicts: this.#conflicts,
      fallbacks: this.#fallbacks,
      cacheHit: this.#cacheHit,
      route: this.#route,
      metadata: this.#metadata,
      ...(this.#content !== null && { content: this.#content.content() }),
      steps: this.#tree.records(),
    };
  }

  /**
   * The same parts, seen on their way. The run is `completed` when they end (or when the consumer leaves after the last
   * `finish`), `cancelled` when the consumer leaves earlier, `failed` when they throw; parts that end without a `finish`
   * for each choice throw `stream_truncated`.
   */
  tap(parts: AsyncIterable<Part>): AsyncIterableIterator<Part, undefined> {
    return new Tap(this, parts[Symbol.asyncIterator]());
  }
}

/** Whether a person should look at an answer of this confidence. Unknown is not low. */
export function reviewOf(score: number | null, limits: ReviewLimits = REVIEW_LIMITS): 'none' | 'suggested' | 'needed' {
  if (score === null || score >= limits.suggestedBelow) return 'none';
  return score < limits.neededBelow ? 'needed' : 'suggested';
}

/** Records a run from its parts: `new RunRecorder(options).tap(parts)`. */
export function recordRun({ parts, ...options }: RecorderOptions & { parts: AsyncIterable<Part> }): AsyncIterable<Part> {
  return new RunRecorder(options).tap(parts);
}
