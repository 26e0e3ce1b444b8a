/** The whole config: the sections of all parts, put together, and the checks that need more than one of them. */
import { z } from 'zod';
import type { AnyBackendDefinition } from '../contracts/backend.ts';
import type { ModelRegistration } from '../contracts/registration.ts';
import type { AnyStrategyDefinition } from '../contracts/strategy.ts';
import { BACKEND_ID_PATTERN, isKnownCapability, type BackendId } from '../contracts/vocabulary.ts';
import type { ConfigShape } from '../config/load.ts';
import { plainIssues } from '../config/issues.ts';
import { shapeOf } from '../config/walk.ts';
import { TuttiError } from '../errors/error.ts';
import { nearest } from '../lib/nearest.ts';
import { promptsConfig } from '../arbiter/prompts/schema.ts';
import { poolSchema } from '../pool/schema.ts';
import { modelEntrySchema } from '../registry/schema.ts';
import { compileRules } from '../router/rules.ts';
import { orchestratorSchema, routingSchema } from '../router/schema.ts';
import { reviewSchema, runsSchema } from '../runs/schema.ts';
import { serverSchema } from '../server/schema.ts';
import { DEFAULT_ALIASES } from './default-aliases.ts';
import { DISCOVERABLE } from './discovery.ts';
import { EMBEDDED_BACKEND } from './embedded.ts';
import { entrySchema as orchestrationSchema, splitCommon } from './inline.ts';
import { orchestrationCommon } from './orchestration.ts';
import { findCycles, unknownTargets, type KnownNames, type Reference } from './orchestration-graph.ts';

/** Keys of every backend, whatever its type: read by the composition, not by the backend's own schema. */
export const backendCommon = {
  /** The model that answers when a call names only this backend. */
  default_model: z.string().min(1).optional(),
};

const backendEntry = z.looseObject({ type: z.string().min(1), ...backendCommon });
const orchestrationEntry = z.looseObject({ strategy: z.string().min(1) });

const named = (pattern: RegExp, what: string): z.ZodString => z.string().regex(pattern, what);

/** `interpreter:`: how tool calls are read that models write in their own ways. */
const interpreterSchema = z
  .strictObject({
    model: z.string().min(1).default('embedded:tools').describe('Mends calls that cannot be read or do not fit their schema.'),
    context_window: z.int().min(64).optional().describe('Tokens, when it is less than the model’s own.'),
    read: z
      .boolean()
      .default(true)
      .describe('Read calls in the text of every answer to a request with tools. Off: only by `/api/tools/interpret`.'),
    doubt: z
      .boolean()
      .default(true)
      .describe('Drop calls written as text that the question, one in English, does not ask for. Off: each written call counts.'),
    second_opinion: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A capable model that is asked about written calls whose tool has no word in common with the question. Default: none, so they count.',
      ),
  })
  .describe('How tool calls are read that models write in their own ways.');

const mediatorSchema = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .optional()
      .describe('Shortens answers for another model’s window. Default: the model that is to read them.'),
  })
  .describe('How one model’s answer is handed to another.');

const failuresSchema = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .optional()
      .describe('A reasoning model that says what to do when a member fails. Default: none, so a fixed table says.'),
    max_interventions: z
      .int()
      .min(0)
      .max(10)
      .default(0)
      .describe('How often in a run what it says is carried out. 0: failures are the strategy’s own affair.'),
  })
  .describe('What is done when a member fails for a reason that no rule covers.');

export const configSchema = z.strictObject({
  server: serverSchema.prefault({}),
  /** Where the database, downloads and logs live. Relative to the config file. */
  data_dir: z.string().min(1).default('./.tutti'),
  backends: z
    .record(
      named(
        BACKEND_ID_PATTERN,
        'a backend’s name has lower-case letters, digits, dashes and underscores, and begins with a letter',
      ),
      backendEntry,
    )
    .optional(),
  models: z.record(z.string().min(1), modelEntrySchema).default({}),
  aliases: z.record(z.string().min(1), z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])).default({}),
  /** Packages or files that export backends, models or strategies. */
  plugins: z.array(z.string().min(1)).default([]),
  pool: poolSchema.prefault({}),
  orchestrator: orchestratorSchema.prefault({}),
  routing: routingSchema.prefault({}),
  orchestrations: z.record(z.string().min(1), orchestrationEntry).default({}),
  runs: runsSchema.prefault({}),
  review: reviewSchema.prefault({}),
  interpreter: interpreterSchema.prefault({}),
  mediator: mediatorSchema.prefault({}),
  failures: failuresSchema.prefault({}),
  /** Templates of one's own for `tutti/prompts`, by phase. */
  prompts: promptsConfig.default({}),
});
/** The validated config, in the file's spelling: snake_case, seconds, MiB. */
export type TuttiConfig = z.output<typeof configSchema>;

export interface Kinds {
  readonly backends: ReadonlyMap<string, AnyBackendDefinition>;
  readonly strategies: ReadonlyMap<string, AnyStrategyDefinition>;
}

/** What there is beside the config. */
export interface Surroundings {
  /** Backends that are made in code; null: none are, so that a config without `backends:` gets those that are found. */
  readonly backends: readonly BackendId[] | null;
  /** What plug-ins register. */
  readonly models: readonly ModelRegistration[];
}

/** The config's shape with the kinds of backends and strategies that are there: built in ones and those of plug-ins. */
export function configShape(kinds: Kinds, around: Surroundings = { backends: null, models: [] }): ConfigShape<TuttiConfig> {
  return {
    schema: configSchema,
    entrySchema: (path, data) => entrySchema(kinds, path, data),
    check: (config, issue) => check(kinds, around, config, issue),
  };
}

/** The keys of one backend's entry that its kind reads: not `type`, and what is common to all only if it asks for it. */
export function ownBackendConfig(
  definition: AnyBackendDefinition,
  entry: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const own = shapeOf(definition.config) ?? {};
  return Object.fromEntries(
    Object.entries(entry).filter(([key]) => key !== 'type' && (!Object.hasOwn(backendCommon, key) || Object.hasOwn(own, key))),
  );
}

function entrySchema(kinds: Kinds, path: readonly PropertyKey[], data: unknown): z.core.$ZodType | null {
  if (path.length !== 2) return null;
  const entry = ((data as Record<string, Record<string, unknown> | undefined>)[String(path[0])] ?? {})[String(path[1])] as
    | Record<string, unknown>
    | undefined;
  if (path[0] === 'backends') {
    const definition = kinds.backends.get(String(entry?.type));
    return definition === undefined ? null : withCommon(definition.config);
  }
  if (path[0] === 'orchestrations') {
    const definition = kinds.strategies.get(String(entry?.strategy));
    return definition === undefined ? null : orchestrationSchema(definition);
  }
  return null;
}

/** The kind's keys and those that are common to all. Refinements are not in it: it serves to find keys, not to validate. */
function withCommon(own: z.ZodType): z.core.$ZodType {
  const shape = shapeOf(own);
  return shape === null ? own : z.strictObject({ ...backendCommon, ...shape, type: z.string() });
}

type Report = (path: readonly PropertyKey[], reason: string) => void;

function check(kinds: Kinds, around: Surroundings, config: TuttiConfig, issue: Report): void {
  for (const [id, entry] of Object.entries(config.backends ?? {})) {
    const definition = kinds.backends.get(entry.type);
    if (definition === undefined) {
      issue(
        ['backends', id, 'type'],
        `there is no kind of backend \`${entry.type}\`; known: ${[...kinds.backends.keys()].join(', ')}`,
      );
      continue;
    }
    report(definition.config.safeParse(ownBackendConfig(definition, entry)), ['backends', id], issue);
  }
  try {
    compileRules(config.routing.rules);
  } catch (error) {
    const failure = TuttiError.from(error);
    const index = failure.details.rule;
    issue(['routing', 'rules', ...(typeof index === 'number' ? [index, 'when'] : [])], failure.message);
  }
  checkNames(config, issue);
  const members = checkOrchestrations(kinds, config, issue);
  checkTargets(config, members, { ...around, kinds }, issue);
}

function report(result: z.ZodSafeParseResult<unknown>, prefix: readonly PropertyKey[], issue: Report): void {
  for (const { path, reason } of plainIssues(result.error?.issues ?? [], prefix)) issue(path, reason);
}

/** Orchestrations and aliases never take a backend's, a capability's, each other's or `auto`'s name. */
function checkNames(config: TuttiConfig, issue: Report): void {
  const backends = new Set([EMBEDDED_BACKEND, ...Object.keys(config.backends ?? {})]);
  for (const [section, names] of [
    ['aliases', config.aliases],
    ['orchestrations', config.orchestrations],
  ] as const) {
    for (const name of Object.keys(names)) {
      if (name === 'auto') issue([section, name], '`auto` is a word of Tutti’s own');
      else if (backends.has(name)) issue([section, name], 'a backend has this name');
      else if (isKnownCapability(name)) issue([section, name], 'a capability has this name');
      else if (section === 'aliases' && Object.hasOwn(config.orchestrations, name))
        issue([section, name], 'an orchestration has this name');
      else if (name.includes(':') && backends.has(name.slice(0, name.indexOf(':'))))
        issue([section, name], 'this would hide a model of that backend');
    }
  }
}

/** The members of each orchestration whose config is good. */
function checkOrchestrations(kinds: Kinds, config: TuttiConfig, issue: Report): Map<string, readonly string[]> {
  const members = new Map<string, readonly string[]>();
  for (const [name, entry] of Object.entries(config.orchestrations)) {
    const definition = kinds.strategies.get(entry.strategy);
    if (definition === undefined) {
      const [guess] = nearest(entry.strategy, kinds.strategies.keys(), 1);
      issue(
        ['orchestrations', name, 'strategy'],
        `there is no strategy \`${entry.strategy}\`${guess === undefined ? '' : `; did you mean \`${guess}\`?`} (known: ${[...kinds.strategies.keys()].join(', ')})`,
      );
      continue;
    }
    const { common, own } = splitCommon(entry);
    report(z.strictObject(orchestrationCommon).safeParse(common), ['orchestrations', name], issue);
    const parsed = definition.config.safeParse(own);
    report(parsed, ['orchestrations', name], issue);
    if (parsed.success) members.set(name, definition.describe(parsed.data as never).members);
  }
  const { cycles, more } = findCycles(members, config.aliases);
  for (const cycle of cycles) {
    const [name = ''] = cycle;
    issue([members.has(name) ? 'orchestrations' : 'aliases', name], `these call each other without end: ${cycle.join(' → ')}`);
  }
  if (more > 0) issue(['orchestrations'], `and ${more} more that call each other without end`);
  return members;
}

/** Whatever names a model must be able to mean one. */
function checkTargets(
  config: TuttiConfig,
  members: ReadonlyMap<string, readonly string[]>,
  around: Surroundings & { readonly kinds: Kinds },
  issue: Report,
): void {
  const { models, orchestrations, orchestrator, routing } = config;
  const references: Reference[] = [
    ...Array.from(members, ([name, targets]) =>
      targets.map((target) => ({ path: ['orchestrations', name, ...(placeOf(target, orchestrations[name]) ?? [])], target })),
    ).flat(),
    ...routing.rules.map(({ use }, i) => ({ path: ['routing', 'rules', i, 'use'], target: use })),
    ...DEFAULT_MODELS.map((key) => ({ path: ['orchestrator', key], target: orchestrator[key] })),
    ...(config.interpreter.second_opinion === undefined
      ? []
      : [{ path: ['interpreter', 'second_opinion'], target: config.interpreter.second_opinion }]),
    ...(['interpreter', 'mediator', 'failures'] as const).flatMap((section) => {
      const { model } = config[section];
      return model === undefined ? [] : [{ path: [section, 'model'], target: model }];
    }),
    ...Object.entries(models).flatMap(([id, { fallbacks = [] }]) =>
      fallbacks.map((target) => ({ path: ['models', id, 'fallbacks'], target })),
    ),
  ];
  const names = knownNames(config, around);
  for (const { path, target, hint } of unknownTargets(references, names)) {
    issue(path, `\`${target}\` is no model, alias, orchestration or capability${hint}`);
  }
  const { default_backend } = orchestrator;
  if (default_backend !== undefined && !names.backends.has(default_backend)) {
    const known = [...names.backends.keys()].join(', ');
    issue(['orchestrator', 'default_backend'], `there is no backend \`${default_backend}\`; known: ${known}`);
  }
}

function knownNames(
  config: TuttiConfig,
  { backends: made, models, kinds }: Surroundings & { readonly kinds: Kinds },
): KnownNames {
  const found = config.backends === undefined && made === null ? DISCOVERABLE : [];
  const entries = { [EMBEDDED_BACKEND]: { type: EMBEDDED_BACKEND }, ...config.backends };
  const backends = new Map<string, readonly string[] | null>([...found, ...(made ?? [])].map((id) => [id, null]));
  for (const [id, entry] of Object.entries(entries)) backends.set(id, modelNames(kinds.backends.get(entry.type), entry));
  return {
    aliases: { ...Object.fromEntries(DEFAULT_ALIASES.map((name) => [name, []])), ...config.aliases },
    models: { ...Object.fromEntries(models.map(({ id }) => [id, {}])), ...config.models },
    orchestrations: config.orchestrations,
    capabilities: new Set([...models, ...Object.values(config.models)].flatMap(({ capabilities = [] }) => capabilities)),
    backends,
  };
}

function modelNames(
  definition: AnyBackendDefinition | undefined,
  entry: Readonly<Record<string, unknown>>,
): readonly string[] | null {
  if (definition?.modelNames === undefined) return null;
  const parsed = definition.config.safeParse(ownBackendConfig(definition, entry));
  return parsed.success ? definition.modelNames(parsed.data as never) : null;
}

/** Where a text stands in a value, so that the error can name the line; null when it is not there as such. */
function placeOf(text: string, value: unknown): PropertyKey[] | null {
  if (value === text) return [];
  if (typeof value !== 'object' || value === null) return null;
  const inner: [PropertyKey, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  for (const [key, item] of inner) {
    const place = placeOf(text, item);
    if (place !== null) return [key, ...place];
  }
  return null;
}

const DEFAULT_MODELS = ['default_chat_model', 'default_code_model', 'default_vision_model'] as const;
