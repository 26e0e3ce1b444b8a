/** An orchestration as a model: runs its strategy, whose only effect is to call members. */
import { z } from 'zod';
import type { ChatInput } from '../contracts/chat.ts';
import type { Clock } from '../contracts/clock.ts';
import type { CallOptions, Model, ModelDescriptor } from '../contracts/model.ts';
import type { Operation, Operations } from '../contracts/operations.ts';
import type { BudgetLimits, CallOverrides } from '../contracts/orchestrated.ts';
import type { Part } from '../contracts/part.ts';
import type { AnyStrategyDefinition } from '../contracts/strategy.ts';
import { TuttiError } from '../errors/error.ts';
import { RunBudget } from '../host/budget.ts';
import type { Journal } from '../host/journal.ts';
import { runStrategy, type HostEffects } from '../host/strategy-host.ts';

/** `budget:` of an orchestration and of a call: seconds, US dollars. */
export const budgetSchema = z.strictObject({
  max_calls: z.int().min(1).optional().describe('Calls of models in the whole tree.'),
  max_tokens: z.int().min(1).optional().describe('Tokens of prompts and answers together.'),
  max_cost_usd: z.number().positive().optional(),
  max_seconds: z.number().positive().optional(),
});

/** Keys of every orchestration, whatever its strategy: read here, not by the strategy's own schema. */
export const orchestrationCommon = {
  /** What all calls below it may consume together. */
  budget: budgetSchema.optional(),
  /** Shown by `tutti models`, and told to models that may use it. */
  description: z.string().min(1).optional(),
};
type Common = z.output<z.ZodObject<typeof orchestrationCommon>>;

export function toBudgetLimits(budget: z.output<typeof budgetSchema>): BudgetLimits {
  const { max_calls, max_tokens, max_cost_usd, max_seconds } = budget;
  return {
    ...(max_calls !== undefined && { maxCalls: max_calls }),
    ...(max_tokens !== undefined && { maxTokens: max_tokens }),
    ...(max_cost_usd !== undefined && { maxCostUsd: max_cost_usd }),
    ...(max_seconds !== undefined && { maxTime: max_seconds * 1000 }),
  };
}

/** The call's options with a budget's limits on top of those that hold already. */
export function withBudget(options: CallOptions, limits: BudgetLimits | undefined, clock: Clock): CallOptions {
  if (limits === undefined) return options;
  const until = limits.maxTime === undefined ? Infinity : clock.now() + limits.maxTime;
  const deadline = Math.min(until, options.deadline ?? Infinity);
  return {
    ...options,
    budget: new RunBudget(limits, options.budget),
    ...(deadline < Infinity && { deadline }),
  };
}

export interface OrchestrationOptions {
  readonly name: string;
  readonly definition: AnyStrategyDefinition;
  /** Already validated. */
  readonly config: never;
  readonly common?: Common;
  readonly clock: Clock;
}

/** What one run gives to the orchestrations in it. */
export interface RunEffects {
  /** For the orchestration that is called so. */
  host(orchestration: Orchestration, options: CallOptions): HostEffects;
  overrides(step: string): CallOverrides;
  readonly journal: Journal;
  /** Of the run: its id. */
  readonly seed: string;
  readonly tellContent: boolean;
}

/** Steps this deep below the root are a loop: config checks find the plain ones, `auto` and rules can make others. */
const MAX_DEPTH = 24;

/** One orchestration: of the config, or given with a call. `forRun` makes the model that one run calls. */
export class Orchestration {
  readonly descriptor: ModelDescriptor;
  readonly #options: OrchestrationOptions;

  constructor(options: OrchestrationOptions) {
    this.#options = options;
    const { members, operations } = options.definition.describe(options.config);
    const description = options.common?.description;
    this.descriptor = {
      id: options.name,
      backend: null,
      name: options.name,
      capabilities: [],
      operations,
      metadata: { strategy: options.definition.strategy, members, ...(description !== undefined && { description }) },
    };
  }

  get strategy(): string {
    return this.#options.definition.strategy;
  }

  forRun(effects: RunEffects): Model {
    return { descriptor: this.descriptor, call: (operation, input, options) => this.#run(operation, input, options, effects) };
  }

  #run<O extends Operation>(
    operation: O,
    input: Operations[O]['input'],
    options: CallOptions,
    effects: RunEffects,
  ): AsyncIterable<Part> {
    const { name, definition, config, common, clock } = this.#options;
    const { step } = options;
    if (step.split('/').length > MAX_DEPTH) {
      throw new TuttiError('orchestration_loop', `The orchestration ${name} is called within itself without end: step ${step}.`);
    }
    if (operation === 'chat' && (input as ChatInput).logprobs === true && definition.describe(config).singleAuthor !== true) {
      const why = 'several models make its answer, so there are no token probabilities of it';
      throw new TuttiError('unsupported_parameter', `${name} cannot give \`logprobs\`: ${why}.`, { param: 'logprobs' });
    }
    return runStrategy({
      definition,
      config,
      request: { operation, input },
      options: withBudget(options, common?.budget && toBudgetLimits(common.budget), clock),
      overrides: effects.overrides(step),
      effects: effects.host(this, options),
      journal: effects.journal,
      seed: `${effects.seed}/${step}`,
      clock,
      tellContent: effects.tellContent,
    });
  }
}
