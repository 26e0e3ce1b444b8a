import type { ChatInput, ToolCall } from '../contracts/chat.ts';
import type { Clock } from '../contracts/clock.ts';
import type { Confidence } from '../contracts/confidence.ts';
import type { EventData } from '../contracts/event.ts';
import type { CallOptions, ModelDescriptor } from '../contracts/model.ts';
import type { CallOverrides, Conflict, Decision, ModelResult } from '../contracts/orchestrated.ts';
import type { FinishReason, Part } from '../contracts/part.ts';
import { LOCAL_PRINCIPAL } from '../contracts/principal.ts';
import type { StrategyDefinition, StrategyRequest, StrategySettings } from '../contracts/strategy.ts';
import { TuttiError } from '../errors/error.ts';
import { Journal } from '../host/journal.ts';
import { runStrategy, type MemberPlace } from '../host/strategy-host.ts';
import { deferred } from '../lib/deferred.ts';
import { checkParts } from './check-parts.ts';
import { FakeClock } from './fake-clock.ts';

/** What a scripted member says. */
export interface MemberAnswer {
  readonly text?: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly confidence?: Confidence | number | null;
  readonly finishReason?: FinishReason;
  /** Fails with it instead, after what was said. */
  readonly error?: Error;
  /** Settles before it says anything. */
  readonly after?: Promise<unknown>;
  /** Never answers: works until it is stopped. */
  readonly hangs?: true;
}
/** Its answers in turn (the last one again and again), or what it makes of each call. */
export type MemberScript =
  | string
  | MemberAnswer
  | readonly (string | MemberAnswer)[]
  | ((call: MemberCall) => string | MemberAnswer | Promise<string | MemberAnswer>);

/** One call that a scripted member got. */
export interface MemberCall {
  readonly key: string;
  readonly target: string;
  readonly input: ChatInput;
  readonly options: CallOptions;
  /** Whether the strategy goes on without it. */
  readonly optional: boolean;
  /** From 0, for each target. */
  readonly index: number;
}

/** A run of a strategy with scripted members. */
export interface StrategyRun {
  /** Targets by what they answer. Any other target fails with `model_not_found`. */
  readonly members: Readonly<Record<string, MemberScript>>;
  readonly input?: string | Partial<ChatInput>;
  readonly overrides?: CallOverrides;
  readonly describe?: Readonly<Record<string, Partial<ModelDescriptor>>>;
  /** Models by capability, best first. */
  readonly find?: Readonly<Record<string, readonly string[]>>;
  readonly settings?: Partial<StrategySettings>;
  readonly signal?: AbortSignal;
  readonly deadline?: number;
  readonly journal?: Journal;
  readonly seed?: string;
  readonly clock?: Clock;
}

/** What came of it. */
export interface StrategyOutcome {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly confidence: Confidence | null;
  readonly finishReason: FinishReason | null;
  /** null when it ended well. */
  readonly error: TuttiError | null;
  readonly calls: readonly MemberCall[];
  /** Keys of the calls that were stopped before their end. */
  readonly stopped: readonly string[];
  readonly results: Readonly<Record<string, ModelResult>>;
  readonly conflicts: readonly Conflict[];
  readonly decisions: readonly Decision[];
  /** Calls that were made in the place of one that was of no use. */
  readonly fallbacks: readonly EventData['run.fallback'][];
  readonly parts: readonly Part[];
  /** Hand it to a later run: finished calls are replayed. */
  readonly journal: Journal;
}

const STEP = 'root/0';

/**
 * Runs a strategy with scripted members and checks that its parts are in order. `config` is what a user would write.
 *
 * @example
 * const { text } = await runScripted(fallbackStrategy, { strategy: 'fallback', members: ['a', 'b'] }, { members: { a: { error }, b: 'hi' } });
 */
export async function runScripted<C>(
  definition: StrategyDefinition<C>,
  config: unknown,
  run: StrategyRun,
): Promise<StrategyOutcome> {
  const script = new Script(run);
  const { journal = new Journal(), clock = new FakeClock() } = run;
  const conflicts: Conflict[] = [];
  const decisions: Decision[] = [];
  const fallbacks: EventData['run.fallback'][] = [];
  const results: Record<string, ModelResult> = {};
  const parts: Part[] = [];
  let error: TuttiError | null = null;
  try {
    const stream = runStrategy({
      definition,
      config: definition.config.parse(config),
      request: { operation: 'chat', input: toInput(run.input) },
      options: {
        signal: run.signal ?? new AbortController().signal,
        step: STEP,
        principal: LOCAL_PRINCIPAL,
        priority: 0,
        ...(run.deadline !== undefined && { deadline: run.deadline }),
      },
      ...(run.overrides && { overrides: run.overrides }),
      effects: {
        callMember: (target, request, options, place) => script.call(target, request, options, place),
        describe: (target) => script.describe(target),
        find: (capability, count) => (run.find?.[capability] ?? []).slice(0, count),
        report: (report) => {
          if (report.type === 'conflict') conflicts.push(report);
          if (report.type === 'decision') decisions.push(report);
        },
        result: (key, result) => void (results[key] = result),
        fellBack: (fallback) => void fallbacks.push(fallback),
        settings: { interpreter: null, collaboration: true, ...run.settings },
      },
      journal,
      seed: run.seed ?? 'seed',
      clock,
    });
    for await (const part of stream) parts.push(part);
    checkParts(
      parts.filter((part) => part.step === STEP),
      { step: STEP, choices: 1 },
    );
  } catch (thrown) {
    if (!TuttiError.isInstance(thrown)) throw thrown;
    error = thrown;
  }
  return {
    ...summary(parts),
    error,
    calls: script.calls,
    stopped: script.stopped,
    results,
    conflicts,
    decisions,
    fallbacks,
    parts,
    journal,
  };
}

class Script {
  readonly calls: MemberCall[] = [];
  readonly stopped: string[] = [];
  readonly #run: StrategyRun;

  constructor(run: StrategyRun) {
    this.#run = run;
  }

  describe(target: string): ModelDescriptor | null {
    if (!Object.hasOwn(this.#run.members, target) && this.#run.describe?.[target] === undefined) return null;
    const base = { id: target, backend: 'fake', name: target, capabilities: ['text_generation'], operations: ['chat'] };
    return { ...base, ...this.#run.describe?.[target] };
  }

  async *call(
    target: string,
    { input }: StrategyRequest,
    options: CallOptions,
    { name: key, optional }: MemberPlace,
  ): AsyncGenerator<Part> {
    const { step, signal } = options;
    const script = this.#run.members[target];
    if (script === undefined) throw new TuttiError('model_not_found', `No model is called ${target}.`);
    const index = this.calls.filter((call) => call.target === target).length;
    const call: MemberCall = { key, target, input: input as ChatInput, options, optional, index };
    this.calls.push(call);
    let ended = false;
    try {
      const answer = await untilAborted(answerOf(script, call), signal);
      if (answer.after !== undefined) await untilAborted(answer.after, signal);
      if (answer.hangs) await untilAborted(new Promise(() => {}), signal);
      const choice = 0;
      if (answer.text !== undefined && answer.text !== '') yield { type: 'text-delta', step, choice, text: answer.text };
      for (const [i, { id, function: called }] of (answer.toolCalls ?? []).entries()) {
        yield { type: 'tool-call-delta', step, choice, index: i, id, name: called.name, arguments: called.arguments };
      }
      if (answer.error !== undefined) throw answer.error;
      yield { type: 'usage', step, usage: { inputTokens: 1, outputTokens: 1 } };
      const reason = answer.finishReason ?? ((answer.toolCalls?.length ?? 0) > 0 ? 'tool_calls' : 'stop');
      ended = true;
      yield { type: 'finish', step, choice, reason, confidence: toConfidence(answer.confidence) };
    } catch (error) {
      ended = !signal.aborted;
      throw error;
    } finally {
      if (!ended) this.stopped.push(key);
    }
  }
}

async function answerOf(script: MemberScript, call: MemberCall): Promise<MemberAnswer> {
  const given =
    typeof script === 'function'
      ? await script(call)
      : Array.isArray(script)
        ? script[Math.min(call.index, script.length - 1)]
        : script;
  const answer = given as string | MemberAnswer | undefined;
  return typeof answer === 'string' ? { text: answer } : (answer ?? { text: '' });
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = deferred<never>();
  const stop = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function toConfidence(given: Confidence | number | null | undefined): Confidence | null {
  return typeof given === 'number' ? { score: given, method: 'logprobs', calibrated: false } : (given ?? null);
}

function toInput(input: StrategyRun['input'] = 'question?'): ChatInput {
  if (typeof input === 'string') return { messages: [{ role: 'user', content: input }] };
  return { messages: [{ role: 'user', content: 'question?' }], ...input };
}

function summary(parts: readonly Part[]): Pick<StrategyOutcome, 'text' | 'toolCalls' | 'confidence' | 'finishReason'> {
  const own = parts.filter((part) => part.step === STEP);
  const finish = own.find((part) => part.type === 'finish');
  const calls: { id: string; name: string; arguments: string }[] = [];
  for (const part of own) {
    if (part.type !== 'tool-call-delta') continue;
    const call = (calls[part.index] ??= { id: '', name: '', arguments: '' });
    call.id += part.id ?? '';
    call.name += part.name ?? '';
    call.arguments += part.arguments ?? '';
  }
  return {
    text: own.map((part) => (part.type === 'text-delta' ? part.text : '')).join(''),
    toolCalls: calls.map(({ id, name, arguments: args }) => ({ id, type: 'function', function: { name, arguments: args } })),
    confidence: finish?.confidence ?? null,
    finishReason: finish?.reason ?? null,
  };
}
