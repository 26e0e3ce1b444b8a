/** A strategy is how an orchestration combines calls. Its only effect is `call`. */
import type { ZodType } from 'zod';
import type { Clock } from './clock.ts';
import type { CallOptions } from './model.ts';
import type { Operation, Operations } from './operations.ts';
import type { Part } from './part.ts';

export interface StrategyRequest<O extends Operation = Operation> {
  readonly operation: O;
  readonly input: Operations[O]['input'];
}

/** A child call under way: iterate it for its parts. Leaving the iteration stops it. */
export type ChildRun = AsyncIterable<Part>;

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

export interface StrategyDefinition<C = unknown> {
  /** The word after `strategy:`. */
  readonly strategy: string;
  readonly config: ZodType<C>;
  /** Which models it may call and which operations it answers: lets the config check find unknown members, cycles and bad quorums. */
  describe(config: C): { readonly members: readonly string[]; readonly operations: readonly string[] };
  /** Yields the answer's parts for its own step (`context.options.step`) between those of its children. */
  run(context: StrategyContext<C>): AsyncIterable<Part>;
}
