/** Who calls whom among orchestrations: cycles and members that cannot exist are found before anything runs. Pure. */
import { isKnownCapability } from '../contracts/vocabulary.ts';
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

export interface UnknownTarget {
  readonly orchestration: string;
  readonly target: string;
  /** `; did you mean …?` or nothing. */
  readonly hint: string;
}

/**
 * Members that no later discovery can make valid: a prefix that is no backend, a bare word that is nothing at all. Bare model
 * names may still be found at a backend, so a word without a colon only counts when there are no backends to ask (`null`:
 * the backends are discovered, nothing can be said).
 */
export function unknownTargets(
  members: ReadonlyMap<string, readonly string[]>,
  config: {
    readonly aliases: Aliases;
    readonly models: Readonly<Record<string, unknown>>;
    readonly orchestrations: Readonly<Record<string, unknown>>;
  },
  backends: ReadonlySet<string> | null,
  capability: RegExp,
): UnknownTarget[] {
  const unknown: UnknownTarget[] = [];
  const names = [...Object.keys(config.orchestrations), ...Object.keys(config.aliases), ...Object.keys(config.models)];
  const known = new Set([...names, 'auto']);
  for (const [orchestration, targets] of members) {
    for (const target of new Set(targets)) {
      if (known.has(target) || isKnownCapability(target)) continue;
      const prefix = target.includes(':') ? target.slice(0, target.indexOf(':')) : null;
      const possible =
        backends === null || (prefix === null ? backends.size > 1 || capability.test(target) : backends.has(prefix));
      if (possible) continue;
      const close = nearest(target, [...names, ...[...(backends ?? [])].map((id) => `${id}:`)], 1);
      unknown.push({ orchestration, target, hint: close.length === 0 ? '' : `; did you mean \`${close[0]}\`?` });
    }
  }
  return unknown;
}
