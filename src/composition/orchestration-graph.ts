/** Who calls whom among orchestrations: cycles and members that cannot exist are found before anything runs. Pure. */
import { CAPABILITY_PATTERN } from '../contracts/vocabulary.ts';
import { nearest } from '../lib/nearest.ts';

type Aliases = Readonly<Record<string, string | readonly string[]>>;

/** The first cycle, as the names along it (the first name again at the end), or null. */
export function findCycle(members: ReadonlyMap<string, readonly string[]>, aliases: Aliases): string[] | null {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): string[] | null => {
    if (done.has(name)) return null;
    const seen = path.indexOf(name);
    if (seen >= 0) return [...path.slice(seen), name];
    path.push(name);
    for (const next of [members.get(name) ?? [], aliases[name] ?? []].flat()) {
      const cycle = visit(next);
      if (cycle !== null) return cycle;
    }
    path.pop();
    done.add(name);
    return null;
  };
  for (const name of members.keys()) {
    const cycle = visit(name);
    if (cycle !== null) return cycle;
  }
  return null;
}

/** Somewhere in the config a model is named. */
export interface Reference {
  readonly path: readonly PropertyKey[];
  readonly target: string;
}

export interface UnknownTarget extends Reference {
  /** `; did you mean …?` or nothing. */
  readonly hint: string;
}

/** The names of a config, as far as targets can mean them. */
export interface KnownNames {
  readonly aliases: Readonly<Record<string, unknown>>;
  readonly models: Readonly<Record<string, unknown>>;
  readonly orchestrations: Readonly<Record<string, unknown>>;
  /** null: the backends are found at the start, so nothing can be said of them. */
  readonly backends: ReadonlySet<string> | null;
}

/**
 * Targets that no later discovery can make valid: a prefix that is no backend, a bare word that is nothing at all. A bare
 * word may still be a model's name at a backend, so it only counts when there is no backend to ask.
 */
export function unknownTargets(references: readonly Reference[], names: KnownNames): UnknownTarget[] {
  const { backends } = names;
  if (backends === null) return [];
  const own = [...Object.keys(names.orchestrations), ...Object.keys(names.aliases), ...Object.keys(names.models)];
  const known = new Set([...own, 'auto']);
  return references.flatMap(({ path, target }) => {
    if (known.has(target) || CAPABILITY_PATTERN.test(target)) return [];
    const prefix = target.includes(':') ? target.slice(0, target.indexOf(':')) : null;
    if (prefix === null ? backends.size > 1 : backends.has(prefix)) return [];
    const [close] = nearest(target, [...own, ...Array.from(backends, (id) => `${id}:`)], 1);
    return [{ path, target, hint: close === undefined ? '' : `; did you mean \`${close}\`?` }];
  });
}
