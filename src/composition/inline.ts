/** Orchestrations that come with a call: checked as those of the config are, and gone with the run. */
import { z } from 'zod';
import { fromCamel } from '../config/camel.ts';
import { formatPath, plainIssues } from '../config/issues.ts';
import { shapeOf } from '../config/walk.ts';
import type { Clock } from '../contracts/clock.ts';
import type { InlineOrchestration } from '../contracts/library.ts';
import type { AnyStrategyDefinition } from '../contracts/strategy.ts';
import type { Capability, ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { nearest } from '../lib/nearest.ts';
import { capabilityNotFound } from '../registry/resolve.ts';
import { namedModels, placeOfModels, withModelsAt } from './inline-models.ts';
import { Orchestration, orchestrationCommon } from './orchestration.ts';

export interface InlineOptions {
  readonly strategies: ReadonlyMap<string, AnyStrategyDefinition>;
  /** The best models for a capability, best first. */
  readonly find: (capability: Capability, count: number) => readonly ModelId[];
  /** Throws when nothing has the name. */
  readonly resolve: (target: string) => unknown;
  /** Those that some model has. */
  readonly capabilities: () => readonly Capability[];
  readonly clock: Clock;
}

/** How many models a capability gives where the call does not say (`num_models`). */
const NUM_MODELS = 3;

/** Errors: `invalid_request` with the path of the wrong key; `model_not_found`; `no_model_for_capability`. */
export function inlineOrchestration(given: InlineOrchestration, options: InlineOptions): Orchestration {
  const definition = options.strategies.get(given.strategy);
  if (definition === undefined) throw unknownStrategy(given.strategy, options.strategies.keys());
  const schema = z.looseObject({ ...shapeOf(entrySchema(definition)), capability: z.string(), num_models: z.number() });
  const { common, own } = splitCommon(fromCamel(schema, { ...given }) as Record<string, unknown>);
  const config = parse(definition.config, withModels(definition, own, options));
  const orchestration = new Orchestration({
    name: `inline:${definition.strategy}`,
    definition,
    config: config as never, // what its own schema gave
    common: parse(z.strictObject(orchestrationCommon), common),
    clock: options.clock,
  });
  for (const member of definition.describe(config as never).members) options.resolve(member);
  return orchestration;
}

/** A strategy's keys and those that are common to all: to find keys, not to validate. */
export function entrySchema(definition: AnyStrategyDefinition): z.core.$ZodType {
  const shape = shapeOf(definition.config);
  return shape === null ? definition.config : z.looseObject({ ...shape, ...orchestrationCommon });
}

/** The keys that every orchestration has, and the strategy's own. */
export function splitCommon(entry: Readonly<Record<string, unknown>>): {
  common: Record<string, unknown>;
  own: Record<string, unknown>;
} {
  const isCommon = ([key]: [string, unknown]): boolean => Object.hasOwn(orchestrationCommon, key);
  const entries = Object.entries(entry);
  return {
    common: Object.fromEntries(entries.filter(isCommon)),
    own: Object.fromEntries(entries.filter((pair) => !isCommon(pair))),
  };
}

/** The entry with the models of its `capability`, where the strategy has no such key of its own. */
function withModels(
  definition: AnyStrategyDefinition,
  entry: Record<string, unknown>,
  { find, capabilities }: InlineOptions,
): Record<string, unknown> {
  const { capability, num_models: count = NUM_MODELS, ...rest } = entry;
  const shape = shapeOf(definition.config) ?? {};
  const place = placeOfModels(shape);
  if (typeof capability !== 'string' || Object.hasOwn(shape, 'capability') || place === null) return entry;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1) {
    throw new TuttiError('invalid_request', 'num_models: a whole number, at least 1', { param: 'num_models' });
  }
  const named = namedModels(rest, place);
  const others = find(capability, count + named.length).filter((id) => !named.includes(id));
  const more = others.slice(0, Math.max(0, count - named.length));
  if (named.length + more.length === 0) throw capabilityNotFound(capability, capabilities());
  return more.length === 0 ? rest : withModelsAt(rest, place, more);
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = plainIssues(parsed.error.issues);
  const param = formatPath(issue?.path ?? []);
  throw new TuttiError('invalid_request', `${param}: ${issue?.reason ?? 'not as it should be'}`, { param });
}

function unknownStrategy(strategy: string, known: Iterable<string>): TuttiError {
  const names = [...known];
  const [guess] = nearest(strategy, names, 1);
  const hint = guess === undefined ? '' : `; did you mean \`${guess}\`?`;
  return new TuttiError('invalid_request', `There is no strategy \`${strategy}\`${hint} (known: ${names.join(', ')})`, {
    param: 'strategy',
  });
}
