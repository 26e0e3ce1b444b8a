/**
 * `capability` and `num_models` in place of the models of an orchestration that comes with a call, or after those it names: the
 * best models for the capability, put where the strategy has its models. Pure.
 */
import type { ModelId } from '../contracts/vocabulary.ts';

/** The keys of a strategy's config under which its models stand. */
const PLACES = ['members', 'participants', 'reasoning', 'arms', 'specialists', 'roles'] as const;
type Place = (typeof PLACES)[number];
type Entry = Readonly<Record<string, unknown>>;

/** Where a strategy with these keys has its models; null: nowhere that a capability could fill. */
export function placeOfModels(keys: Entry): Place | null {
  return PLACES.find((place) => Object.hasOwn(keys, place)) ?? null;
}

/** The models that the entry names there. */
export function namedModels(entry: Entry, place: Place): readonly string[] {
  const given = entry[place];
  const all: unknown[] = Array.isArray(given) ? given : isMap(given) && !isMember(given) ? Object.values(given) : [given];
  return all.flatMap((one) => {
    const model = isMap(one) ? (one.model ?? one.use) : one;
    return typeof model === 'string' ? [model] : [];
  });
}

/** The entry with these models after those that it names; of `roles` those get them, in turn, that have none. */
export function withModelsAt(entry: Entry, place: Place, models: readonly ModelId[]): Entry {
  const given = entry[place];
  switch (place) {
    case 'members':
    case 'participants':
    case 'reasoning':
      return { ...entry, [place]: [...listOf(given), ...models] };
    case 'arms':
      return { ...entry, arms: [...listOf(given), ...models.map((use) => ({ use }))] };
    case 'specialists':
      return { ...entry, specialists: { ...(isMap(given) ? given : {}), ...byName(models, isMap(given) ? given : {}) } };
    case 'roles':
      return { ...entry, roles: cast(isMap(given) ? given : {}, listOf(entry.steps), models) };
    default:
      return place satisfies never;
  }
}

function listOf(given: unknown): readonly unknown[] {
  return Array.isArray(given) ? given : given === undefined || given === null ? [] : [given];
}

/** Specialists are called by the model's own name, as far as a tool's name allows it. */
function byName(models: readonly ModelId[], taken: Entry): Record<string, { model: ModelId }> {
  const named: Record<string, { model: ModelId }> = {};
  for (const model of models) {
    const plain = model.slice(model.indexOf(':') + 1).replace(/[^a-zA-Z0-9_-]+/g, '_');
    const name = (/^[a-zA-Z]/.test(plain) ? plain : `model_${plain}`).slice(0, 36);
    let free = name;
    for (let i = 2; Object.hasOwn(taken, free) || Object.hasOwn(named, free); i++) free = `${name}_${i}`;
    named[free] = { model };
  }
  return named;
}

function cast(roles: Entry, steps: readonly unknown[], models: readonly ModelId[]): Entry {
  const names = [...new Set([...Object.keys(roles), ...steps.map(String)])];
  let next = 0;
  const entries = names.map((name): [string, unknown] => {
    const role = roles[name];
    if (typeof role === 'string' || (isMap(role) && role.model !== undefined)) return [name, role];
    return [name, { ...(isMap(role) ? role : {}), model: models[next++ % models.length] }];
  });
  return Object.fromEntries(entries);
}

function isMember(given: Readonly<Record<string, unknown>>): boolean {
  return typeof given.model === 'string';
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
