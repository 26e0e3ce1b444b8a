/** A strategy is how an orchestration combines calls. Its only effect is `call`. */
import type { ZodType } from 'zod';
import type { Clock } from './clock.ts';
import type { CallOptions } from './model.ts';
import type { Operation, Operations } from './operations.ts';
import { isContent, type Part } from './part.ts';
import type { StepPath } from './vocabulary.ts';

/** An operation and its input. */
export interface StrategyRequest<O extends Operation = Operation> {
  readonly operation: O;
  readonly input: Operations[O]['input'];
}

/**
 * A child call under way: iterate it for its parts. Leaving the iteration stops it. The child's answer comes as parts of
 * `step`; parts of other steps tell how it came about and are passed on as they are.
 */
export interface ChildRun extends AsyncIterable<Part> {
  readonly step: StepPath;
}

/** A part of a child's answer as the strategy's own; other parts stay as they are. */
export function asOwn(part: Part, child: ChildRun, own: StepPath): Part {
  return part.step === child.step && (isContent(part) || part.type === 'finish') ? { ...part, step: own } : part;
}

/** What a strategy is given: its config, the request, and `call`, its only effect. */
export interface StrategyContext<C> {
  readonly config: C;
  readonly request: StrategyRequest;
  readonly options: CallOptions;
  /**
   * Calls a member. `key` names the child's step and must be unique in this run of the strategy: finished calls are
   * journaled by it, so that running the strategy again replays them.
   */
  call<O extends Operation>(key: string, target: string, request: StrategyRequest<O>): ChildRun;
  readonly clock: Clock;
  /** 0 ≤ x < 1 */
  random(): number;
  readonly signal: AbortSignal;
}

/** A way of combining calls, as the config names it. */
export interface StrategyDefinition<C = unknown> {
  /** The word after `strategy:`. */
  readonly strategy: string;
  readonly config: ZodType<C>;
  /** Which models it may call and which operations it answers: lets the config check find unknown members, cycles and bad quorums. */
  describe(config: C): { readonly members: readonly string[]; readonly operations: readonly string[] };
  /** Yields the answer's parts for its own step (`context.options.step`) between those of its children. */
  run(context: StrategyContext<C>): AsyncIterable<Part>;
}

/** A strategy whose config is of any type: what a list of strategies holds. */
export type AnyStrategyDefinition = Omit<StrategyDefinition<never>, 'config'> & { readonly config: ZodType };
