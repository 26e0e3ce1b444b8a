import type { ToolCall } from '../contracts/chat.ts';
import type { Clock } from '../contracts/clock.ts';
import type { Confidence } from '../contracts/confidence.ts';
import type { ChildAnswer, ModelResult } from '../contracts/orchestrated.ts';
import { isContent, type FinishPart, type Part, type StepError, type TokenLogprob } from '../contracts/part.ts';
import { partsOf, type ChildRun } from '../contracts/strategy.ts';
import { addUsage, type Usage } from '../contracts/usage.ts';
import type { ModelId, StepPath } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred } from '../lib/deferred.ts';
import { LinkedAbort } from '../lib/linked-abort.ts';
import type { JournalEntry } from './journal.ts';

export interface MemberRunOptions {
  readonly key: string;
  readonly role: string;
  readonly target: string;
  readonly step: StepPath;
  /** The step of the strategy that calls it. */
  readonly own: StepPath;
  /** Starts the call. Nothing happens before. */
  readonly start: (signal: AbortSignal) => AsyncIterable<Part>;
  /** Any of them stops it. */
  readonly signals: readonly AbortSignal[];
  readonly timeoutMs: number | undefined;
  /** Gets every part that is not the answer's. With `tellContent` the answer's, too: for those who watch members at work. */
  readonly trace: (part: Part) => void;
  readonly tellContent: boolean;
  /** What an earlier part of the run has of this call. */
  readonly replay: JournalEntry | undefined;
  readonly onEnd: (run: MemberRun, entry: JournalEntry | null) => void;
  readonly clock: Clock;
}

/** One child call of a strategy, see `ChildRun`. */
export class MemberRun implements ChildRun {
  readonly key: string;
  readonly role: string;
  readonly step: StepPath;
  readonly #options: MemberRunOptions;
  readonly #draft = new Draft();
  readonly #trace: Part[] = [];
  readonly #over = deferred<void>();
  #taken = false;
  #hasEnded = false;
  /** Ended well, so that `answer` needs no iteration. */
  #complete = false;
  #startedAt = 0;
  #ms = 0;
  #model: ModelId;
  #usage: Usage | null = null;
  #error: StepError | null = null;

  constructor(options: MemberRunOptions) {
    this.#options = options;
    this.key = options.key;
    this.role = options.role;
    this.step = options.step;
    this.#model = options.target;
  }

  /** Whether it was started and has not ended. */
  get isWorking(): boolean {
    return this.#taken && !this.#hasEnded;
  }

  /** Settles when the call has ended, in whatever way; of a call that was started. */
  get ended(): Promise<void> {
    return this.#over.promise;
  }

  async answer(): Promise<ChildAnswer> {
    if (!this.#complete) {
      for await (const _part of this) {
        // The draft has it.
      }
    }
    return this.#options.replay?.answer ?? this.#draft.answer(this.key, this.#model, this.#usage);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Part> {
    if (this.#taken) throw new TuttiError('internal_error', `The call ${this.key} was taken twice.`);
    this.#taken = true;
    return this.#options.replay === undefined ? this.#live() : this.#replayed(this.#options.replay);
  }

  *#retell({ trace }: JournalEntry): Generator<Part> {
    for (const part of trace) {
      yield part.type === 'step-start' || part.type === 'step-end' ? { ...part, replayed: true } : part;
    }
  }

  async *#replayed(entry: JournalEntry): AsyncGenerator<Part> {
    for (const part of this.#retell(entry)) {
      this.#look(part);
      this.#options.trace(part);
    }
    this.#ms = entry.ms;
    this.#end(null, entry);
    yield* partsOf(entry.answer, this.#options.own);
  }

  async *#live(): AsyncGenerator<Part> {
    const { own, step, trace, tellContent } = this.#options;
    this.#startedAt = this.#options.clock.monotonic();
    using stop = new LinkedAbort(...this.#options.signals);
    using _timer = this.#timeout(stop);
    let finish: FinishPart | null = null;
    try {
      for await (const part of this.#options.start(stop.signal)) {
        if (part.step !== step || !(isContent(part) || part.type === 'finish')) {
          this.#look(part);
          if (part.type !== 'progress') this.#trace.push(part);
          trace(part);
          continue;
        }
        if (tellContent) trace(part);
        this.#draft.add(part);
        // A finish is held back until the call has ended well.
        if (part.type === 'finish') finish = { ...part, step: own };
        else yield { ...part, step: own };
      }
      if (finish === null) throw new TuttiError('stream_truncated', `The answer of ${this.key} ended without its closing part.`);
    } catch (thrown) {
      const error = TuttiError.from(thrown, 'backend_error');
      this.#end(error, null);
      throw error;
    } finally {
      // The strategy left the iteration.
      if (this.#error === null && finish === null) {
        const error = new TuttiError('cancelled', `${this.key} was not needed any more.`);
        this.#end(error, null);
        stop.abort(error);
      }
    }
    const ms = this.#options.clock.monotonic() - this.#startedAt;
    this.#end(null, { answer: this.#draft.answer(this.key, this.#model, this.#usage), trace: this.#trace, ms });
    yield finish;
  }

  #timeout(stop: LinkedAbort): Disposable | undefined {
    const { timeoutMs, clock } = this.#options;
    if (timeoutMs === undefined || !Number.isFinite(timeoutMs)) return undefined;
    return clock.after(timeoutMs, () =>
      stop.abort(new TuttiError('member_timeout', `${this.key} did not answer within ${inSeconds(timeoutMs)}.`)),
    );
  }

  /** Which model works for it, and what its calls take. */
  #look(part: Part): void {
    if (part.type === 'step-start' && part.parent === this.step && part.model !== null) this.#model = part.model;
    if (part.type === 'step-end' && part.usage !== undefined)
      this.#usage = addUsage(this.#usage ?? { inputTokens: 0, outputTokens: 0 }, part.usage);
  }

  #end(error: TuttiError | null, entry: JournalEntry | null): void {
    if (this.#startedAt > 0) this.#ms = this.#options.clock.monotonic() - this.#startedAt;
    if (error !== null) this.#error = { code: error.code, message: error.message, retryable: error.retryable };
    else this.#complete = true;
    this.#hasEnded = true;
    this.#options.onEnd(this, entry);
    this.#over.resolve();
  }

  result(content?: unknown): ModelResult {
    const { replay } = this.#options;
    const answer = replay?.answer ?? this.#draft.answer(this.key, this.#model, this.#usage);
    const success = this.#error === null;
    return {
      model: this.#model,
      role: this.role,
      success,
      content: success ? (content ?? contentOf(answer)) : null,
      error: this.#error,
      confidence: success ? answer.confidence : null,
      executionTimeMs: this.#ms,
      usage: this.#usage,
    };
  }
}

/** What is left of a phase's time is no round number. */
function inSeconds(ms: number): string {
  return `${Math.max(1, Math.round(ms)) / 1000} s`;
}

function contentOf(answer: ChildAnswer): unknown {
  if (answer.artifact !== undefined) return answer.artifact.value;
  return answer.text === '' && answer.toolCalls.length > 0 ? answer.toolCalls : answer.text;
}

/** Gathers the first choice of a child. */
class Draft {
  readonly #text: string[] = [];
  readonly #reasoning: string[] = [];
  readonly #logprobs: TokenLogprob[] = [];
  readonly #calls: { id: string; name: string; arguments: string[] }[] = [];
  #artifact: { kind: string; value: unknown } | undefined;
  #finish: { reason: FinishPart['reason']; confidence: Confidence | null } = { reason: 'stop', confidence: null };

  add(part: Part): void {
    if (!('choice' in part) || part.choice !== 0) return;
    switch (part.type) {
      case 'text-delta':
        this.#text.push(part.text);
        if (part.logprobs !== undefined) this.#logprobs.push(...part.logprobs);
        return;
      case 'reasoning-delta':
        this.#reasoning.push(part.text);
        return;
      case 'tool-call-delta': {
        const call = (this.#calls[part.index] ??= { id: '', name: '', arguments: [] });
        call.id ||= part.id ?? '';
        call.name += part.name ?? '';
        call.arguments.push(part.arguments ?? '');
        return;
      }
      case 'artifact':
        this.#artifact = { kind: part.kind, value: part.value };
        return;
      case 'finish':
        this.#finish = { reason: part.reason, confidence: part.confidence ?? null };
        return;
      default:
        part satisfies never;
    }
  }

  answer(key: string, model: ModelId, usage: Usage | null): ChildAnswer {
    return {
      key,
      model,
      text: this.#text.join(''),
      reasoning: this.#reasoning.length === 0 ? null : this.#reasoning.join(''),
      toolCalls: this.#calls.filter(Boolean).map((call): ToolCall => ({
        id: call.id,
        type: 'function',
        function: { name: call.name, arguments: call.arguments.join('') },
      })),
      finishReason: this.#finish.reason,
      confidence: this.#finish.confidence,
      ...(this.#artifact !== undefined && { artifact: this.#artifact }),
      ...(this.#logprobs.length > 0 && { logprobs: this.#logprobs }),
      usage,
    };
  }
}
