/** What a name means. Pure: the registry passes in what it knows. */
import { TuttiError } from '../errors/error.ts';
import { nearest } from '../lib/nearest.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { BackendId, Capability, ModelId } from '../contracts/vocabulary.ts';
import { CAPABILITIES, isKnownCapability } from '../contracts/vocabulary.ts';
import { AUTO, backendPrefix } from './names.ts';

/** What a target turned out to be, and by which rule. */
export type Resolution =
  | { readonly by: 'id' | 'orchestration' | 'backend' | 'name'; readonly model: ModelDescriptor }
  /** The models that the alias lists, in its order: those whose backend is configured. At least one. */
  | { readonly by: 'alias'; readonly models: readonly ModelDescriptor[] }
  /** `registry.find` has its models; there may be none. */
  | { readonly by: 'capability'; readonly capability: Capability }
  | { readonly by: 'auto' };

export interface Names {
  readonly backends: ReadonlySet<BackendId>;
  readonly aliases: ReadonlyMap<string, readonly ModelId[]>;
  /** The model that answers for an id, after swaps; also one that a backend may know without listing it. */
  model(id: ModelId): ModelDescriptor | undefined;
  registered(id: ModelId): boolean;
  /** The ids that have this name after their backend's prefix. */
  named(name: string): ReadonlySet<ModelId> | undefined;
  hasCapability(word: string): boolean;
  notFound(name: string): TuttiError;
}

/**
 * 1. an id as it stands, which an orchestration's name is, too; or an alias
 * 2. the text before the first colon is a backend, the rest its name for a model, whatever that looks like
 * 3. a bare name that exactly one backend has (never `auto` or a capability: a backend cannot take these words away)
 * 4. a capability, or `auto`
 * 5. not found
 */
export function resolveTarget(names: Names, target: string, backend?: BackendId): Resolution {
  if (backend !== undefined) return resolveAtBackend(names, target, backend);
  // 1 and 2: `model` knows registered ids, and those that a backend's prefix makes.
  const model = names.model(target);
  if (model !== undefined) {
    const by = model.backend === null ? 'orchestration' : names.registered(target) ? 'id' : 'backend';
    return { by, model };
  }
  const alias = names.aliases.get(target);
  if (alias !== undefined) return { by: 'alias', models: aliasModels(names, target, alias) };
  // 3 and 4
  const isWord = target === AUTO || isKnownCapability(target) || names.hasCapability(target);
  if (!isWord) {
    const named = onlyOneNamed(names, target);
    if (named !== undefined) return { by: 'name', model: named };
    throw names.notFound(target);
  }
  return target === AUTO ? { by: 'auto' } : { by: 'capability', capability: target };
}

function resolveAtBackend(names: Names, target: string, backend: BackendId): Resolution {
  if (!names.backends.has(backend)) throw unknownBackend(backend, names.backends);
  // The prefix may be given as well: `backend: ollama`, `model: ollama:qwen3`.
  const id = backendPrefix(target, names.backends) === backend ? target : `${backend}:${target}`;
  const model = names.model(id) ?? names.model(`${backend}:${target}`);
  if (model === undefined) throw names.notFound(id);
  return { by: 'backend', model };
}

function aliasModels(names: Names, alias: string, targets: readonly ModelId[]): ModelDescriptor[] {
  const models = new Map<ModelId, ModelDescriptor>();
  for (const target of targets) {
    const model = names.model(target) ?? onlyOneNamed(names, target);
    if (model !== undefined) models.set(model.id, model);
  }
  if (models.size > 0) return [...models.values()];
  throw new TuttiError(
    'model_not_found',
    `None of the models of the alias \`${alias}\` is there: ${targets.join(', ')}. Configure the backend of one of them.`,
    { details: { model: alias, targets } },
  );
}

function onlyOneNamed(names: Names, name: string): ModelDescriptor | undefined {
  const ids = names.named(name);
  if (ids === undefined) return undefined;
  // After a swap two ids may be answered by one model, which is not ambiguous.
  const models = new Map<ModelId, ModelDescriptor>();
  for (const id of ids) {
    const model = names.model(id);
    if (model !== undefined) models.set(model.id, model);
  }
  if (models.size > 1) {
    const candidates = [...ids].sort();
    throw new TuttiError(
      'ambiguous_model',
      `Several models are called \`${name}\`: ${candidates.join(', ')}. Use one of these ids.`,
      {
        param: 'model',
        details: { model: name, candidates },
      },
    );
  }
  return models.values().next().value;
}

/** `others`: aliases and capabilities. At most three names are given, nearest first. */
export function modelNotFound(name: string, models: readonly ModelDescriptor[], others: readonly string[]): TuttiError {
  const known = new Map<string, string>(others.map((word) => [word, word]));
  for (const model of models) {
    known.set(model.name, model.id);
    known.set(model.id, model.id);
  }
  const asked = clipped(name);
  // Twice as many, as an id and its bare name may both be near.
  const near = nearest(asked, shortlist(asked, [...known.keys()]), 6);
  const names = [...new Set(near.map((word) => known.get(word) ?? word))].slice(0, 3);
  const hint = names.length > 0 ? `The nearest: ${names.join(', ')}.` : '`tutti models` lists all.';
  return new TuttiError('model_not_found', `There is no model \`${asked}\`. ${hint}`, {
    param: 'model',
    details: { model: asked, nearest: names },
  });
}

/** `had`: those that some model has. At most three others are named, nearest first. */
export function capabilityNotFound(word: string, had: readonly Capability[]): TuttiError {
  const asked = clipped(word);
  const others = new Set([...had, ...CAPABILITIES]);
  others.delete(asked);
  const near = nearest(asked, others, 3);
  const hint = near.length > 0 ? `The nearest: ${near.join(', ')}.` : '`tutti models` lists what each model can do.';
  return new TuttiError('no_model_for_capability', `\`${asked}\` is a capability that no model has. ${hint}`, {
    param: 'capability',
    details: { capability: asked, nearest: near },
  });
}

/** A name may be anything that somebody sent; a megabyte of it helps nobody, and takes a second to be compared. */
function clipped(name: string): string {
  return name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME).toWellFormed()}…`;
}

const LONGEST_NAME = 200;

export function unknownBackend(name: BackendId, backends: ReadonlySet<BackendId>): TuttiError {
  const known = [...backends].sort();
  const list = known.length > 0 ? `Configured: ${known.join(', ')}.` : 'None is configured.';
  const asked = clipped(name);
  return new TuttiError('unknown_backend', `There is no backend \`${asked}\`. ${list}`, {
    param: 'backend',
    details: { backend: asked, backends: known },
  });
}

/** Edit distances cost too much for thousands of names; those that share most pairs of letters are enough. */
const SHORTLIST = 200;

function shortlist(name: string, words: readonly string[]): readonly string[] {
  if (words.length <= SHORTLIST) return words;
  const wanted = new Set(pairs(name));
  return words
    .map((word) => ({ word, likeness: likeness(wanted, word) }))
    .sort((a, b) => b.likeness - a.likeness)
    .slice(0, SHORTLIST)
    .map(({ word }) => word);
}

function likeness(wanted: ReadonlySet<number>, word: string): number {
  let shared = 0;
  for (const pair of pairs(word)) if (wanted.has(pair)) shared++;
  return shared / (wanted.size + word.length);
}

/** Each two neighbouring letters as one number, which is quicker to look up than a string. */
function pairs(word: string): number[] {
  const lower = word.toLowerCase();
  const found: number[] = [];
  for (let i = 1; i < lower.length; i++) found.push(lower.charCodeAt(i - 1) * 0x10000 + lower.charCodeAt(i));
  return found;
}
