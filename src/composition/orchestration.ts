/** An orchestration as a model: runs its strategy, whose only effect is to call members. */
import type { Clock } from '../contracts/clock.ts';
import type { CallOptions, Model, ModelDescriptor } from '../contracts/model.ts';
import type { Operation, Operations } from '../contracts/operations.ts';
import type { Part } from '../contracts/part.ts';
import type { ChildRun, AnyStrategyDefinition, StrategyRequest } from '../contracts/strategy.ts';
import type { StepPath } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';

/** Starts a call below an orchestration's step. */
export type CallMember = (target: string, request: StrategyRequest, options: CallOptions, name: string) => AsyncIterable<Part>;

export interface OrchestrationOptions {
  readonly name: string;
  readonly definition: AnyStrategyDefinition;
  /** Already validated. */
  readonly config: never;
  readonly clock: Clock;
  /** Default: `Math.random`. */
  readonly random?: () => number;
}

/** Steps this deep below the root are a loop: config checks find the plain ones, `auto` and rules can make others. */
const MAX_DEPTH = 24;

/** One orchestration of the config. `forRun` makes the model that one run calls. */
export class Orchestration {
  readonly descriptor: ModelDescriptor;
  readonly #options: OrchestrationOptions;

  constructor(options: OrchestrationOptions) {
    this.#options = options;
    const { members, operations } = options.definition.describe(options.config);
    this.descriptor = {
      id: options.name,
      backend: null,
      name: options.name,
      capabilities: [],
      operations,
      metadata: { strategy: options.definition.strategy, members },
    };
  }

  forRun(callMember: CallMember): Model {
    return { descriptor: this.descriptor, call: (operation, input, options) => this.#run(operation, input, options, callMember) };
  }

  #run<O extends Operation>(
    operation: O,
    input: Operations[O]['input'],
    options: CallOptions,
    callMember: CallMember,
  ): AsyncIterable<Part> {
    const { name, definition, config, clock, random = Math.random } = this.#options;
    if (options.step.split('/').length > MAX_DEPTH) {
      throw new TuttiError(
        'orchestration_loop',
        `The orchestration ${name} is called within itself without end: step ${options.step}.`,
      );
    }
    const used = new Set<string>();
    const call = (key: string, target: string, request: StrategyRequest): ChildRun => {
      if (used.has(key))
        throw new TuttiError('internal_error', `The strategy ${definition.strategy} used the step key ${key} twice.`);
      used.add(key);
      const step = childStep(options.step, key);
      const parts = callMember(target, request, { ...options, step }, key);
      return { step, [Symbol.asyncIterator]: () => parts[Symbol.asyncIterator]() };
    };
    return definition.run({ config, request: { operation, input }, options, call, clock, random, signal: options.signal });
  }
}

/** Keys may hold model ids; slashes would look like levels. */
function childStep(step: StepPath, key: string): StepPath {
  return `${step}/${key.replaceAll('/', '∕')}`;
}
