/** A strategy is how an orchestration combines calls. Its only effect is `call`. */
import type { ZodType } from 'zod';
import type { ChatInput } from './chat.ts';
import type { Clock } from './clock.ts';
import type { Confidence } from './confidence.ts';
import type { CallOptions, ModelDescriptor } from './model.ts';
import type { Operation, Operations } from './operations.ts';
import type { CallOverrides, ChildAnswer, StrategyReport } from './orchestrated.ts';
import type { Part } from './part.ts';
import type { Capability, ModelId, StepPath } from './vocabulary.ts';

/** An operation and its input. */
export interface StrategyRequest<O extends Operation = Operation> {
  readonly operation: O;
  readonly input: Operations[O]['input'];
  /** Whom the model that is called may ask while it answers: ids, aliases, orchestrations. */
  readonly consult?: readonly string[];
}

/**
 * A child call. It starts when it is first iterated or `answer` is called, and may be taken once, in one of the two ways.
 * What is to be known of its inner steps (how it came about, what it used) reaches the run by itself.
 */
export interface ChildRun extends AsyncIterable<Part> {
  readonly key: string;
  readonly step: StepPath;
  /**
   * The whole answer; after an iteration to the end, what was iterated. Errors: the child's own; `member_timeout` when its
   * time was over; `cancelled` when the strategy stopped it.
   */
  answer(): Promise<ChildAnswer>;
  /**
   * Its content and its `finish` as the strategy's own, as they come: `yield* child` makes the child the author of the
   * answer. Leaving the iteration stops it.
   */
  [Symbol.asyncIterator](): AsyncIterator<Part>;
}

/** How a child is called. */
export interface ChildOptions {
  /** Milliseconds after which the child is stopped with `member_timeout`. Default: no limit of its own. */
  readonly timeoutMs?: number;
  /** Stops this child alone. */
  readonly signal?: AbortSignal;
  /** What it is asked for, as results and traces name it. Default: the key. */
  readonly role?: string;
  /** False: its confidence is not needed, so that no probabilities are computed. Default true. */
  readonly confidence?: boolean;
  /**
   * True: the strategy goes on without it. Failure assistance may still help it, but does not pause the run to ask a person
   * about it. Default false.
   */
  readonly optional?: boolean;
  /** The key of the call that was of no use, in whose place this one is made. The run counts it as a fallback. */
  readonly insteadOf?: string | undefined;
}

/** What a strategy is given: its config, the request, and `call`, its only effect. */
export interface StrategyContext<C> {
  readonly config: C;
  readonly request: StrategyRequest;
  readonly options: CallOptions;
  /** What this call changes of the config; empty for orchestrations below the one that the caller named. */
  readonly overrides: CallOverrides;
  /**
   * Calls a member. `key` names the child's step and must be unique in this run of the strategy: finished calls are
   * journaled by it, so that running the strategy again replays them instead of calling.
   */
  call<O extends Operation>(key: string, target: string, request: StrategyRequest<O>, options?: ChildOptions): ChildRun;
  /**
   * What this ended call gave is of no use. When the strategy runs again, the call is made again: for a run that fails by it and
   * may be resumed. And the key may be used again in this run: for going back to an earlier call; it then is another step
   * (`key.anew1`), whose result takes the place of the one before.
   */
  forget(key: string): void;
  /** What is known of a model, alias (its first model) or orchestration; null for capabilities, `auto`, and names that nothing has. */
  describe(target: string): ModelDescriptor | null;
  /** The best models for a capability by the routing policy, best first; orchestrations are not among them. */
  find(capability: Capability, count: number): readonly ModelId[];
  /** Tells of a conflict or decision, or how a result is to be shown. */
  report(report: StrategyReport): void;
  /**
   * Asks the person behind the request. The run pauses (its status is `waiting`) by an error that passes through the strategy;
   * when the reply is there the strategy runs again, finished calls are replayed, and this gives the reply.
   */
  waitForUser(key: string, question: string): Promise<string>;
  /**
   * Throws what ends the whole run: the caller's cancel, the run's deadline, a pause. Any other error of a child is given
   * back, so that the strategy may go on without it.
   */
  rethrow(error: unknown): MemberError;
  /** Models that other parts of Tutti use for their own work. */
  readonly settings: StrategySettings;
  readonly clock: Clock;
  /** 0 ≤ x < 1; the same numbers when the run is run again. */
  random(): number;
  readonly signal: AbortSignal;
}

/** Why a member gave no answer. */
export interface MemberError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  /** What failure assistance says that the strategy should do; a strategy that cannot goes on as without it. */
  readonly advice?: FailureAdvice;
}

/** What failure assistance leaves to the strategy. */
export interface FailureAdvice {
  /** `rollback`: go back to an earlier phase. `change_phase`: go on with another. */
  readonly action: 'rollback' | 'change_phase';
  /** The phase or step meant, one of `StrategyDescription.phases` if the adviser is right; null: none was named. */
  readonly phase: string | null;
  /** What went wrong, in words for a model. */
  readonly cause: string;
}

/** Models that other parts of Tutti use for their own work, and what strategies may do with them. */
export interface StrategySettings {
  /** `interpreter.model`; null: none. */
  readonly interpreter: ModelId | null;
  /** False: no model may consult another (`orchestrator.enable_collaboration`). */
  readonly collaboration: boolean;
  /** How alike two texts are, 0..1, by an embedding model. Absent when there is none. */
  readonly similarity?: ((a: string, b: string) => Promise<number>) | undefined;
  /** Tokens of a text by the own tokenizer of the model that a name means; null when it cannot be asked here. */
  readonly countTokens?: (target: string, text: string) => Promise<number | null>;
}

/** What an orchestration's members are, for the checks that need more than its own config. */
export interface StrategyDescription {
  /** Which models it may call: ids, aliases, orchestrations, capabilities. */
  readonly members: readonly string[];
  /** Names by which a call may choose among members (`CallOverrides.members`) beside those of `members`. */
  readonly names?: readonly string[];
  readonly operations: readonly string[];
  /**
   * What advice on a failure may name: stages, roles, phases, in their order. Without them a `rollback` or `change_phase` has no
   * meaning here. Default none.
   */
  readonly phases?: readonly string[];
  /** Whether the answer is one member's own, so that its token probabilities can be given. Default false. */
  readonly singleAuthor?: boolean;
}

/** A way of combining calls, as the config names it. */
export interface StrategyDefinition<C = unknown> {
  /** The word after `strategy:`. */
  readonly strategy: string;
  readonly config: ZodType<C>;
  /** Lets the config check find unknown members and cycles. */
  describe(config: C): StrategyDescription;
  /** Yields the parts of its own step alone: `context.options.step`. Ends with one `finish`, or throws. */
  run(context: StrategyContext<C>): AsyncIterable<Part>;
}

/** A strategy whose config is of any type: what a list of strategies holds. */
export type AnyStrategyDefinition = Omit<StrategyDefinition<never>, 'config'> & { readonly config: ZodType };

/** A whole answer as parts of a strategy's own step. `confidence` in place of the answer's. */
export function* partsOf(
  answer: Pick<ChildAnswer, 'text' | 'reasoning' | 'toolCalls' | 'finishReason' | 'confidence' | 'artifact' | 'logprobs'>,
  step: StepPath,
  confidence: Confidence | null = answer.confidence,
): Generator<Part> {
  const choice = 0;
  if (answer.reasoning !== null && answer.reasoning !== '')
    yield { type: 'reasoning-delta', step, choice, text: answer.reasoning };
  const { text, logprobs } = answer;
  if (text !== '') yield { type: 'text-delta', step, choice, text, ...(logprobs !== undefined && { logprobs }) };
  for (const [index, call] of answer.toolCalls.entries()) {
    const { name, arguments: args } = call.function;
    yield { type: 'tool-call-delta', step, choice, index, id: call.id, name, arguments: args };
  }
  if (answer.artifact !== undefined) yield { type: 'artifact', step, choice, ...answer.artifact };
  yield { type: 'finish', step, choice, reason: answer.finishReason, confidence };
}

/** The text of a request's last user message; '' for operations without one. */
export function questionOf({ operation, input }: StrategyRequest): string {
  if (operation !== 'chat') return '';
  const message = (input as ChatInput).messages.findLast(({ role }) => role === 'user');
  const content = message?.content ?? '';
  if (typeof content === 'string') return content;
  return content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}
