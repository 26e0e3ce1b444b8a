/** Who calls whom among orchestrations: cycles and members that cannot exist are found before anything runs. Pure. */
import { CAPABILITIES, isKnownCapability } from '../contracts/vocabulary.ts';
import { nearest } from '../lib/nearest.ts';

type Aliases = Readonly<Record<string, string | readonly string[]>>;

export interface Cycles {
  /** The names along each (the first name again at the end), the shortest first, twenty at most. */
  readonly cycles: readonly (readonly string[])[];
  /** How many more there are. */
  readonly more: number;
}

/** What a person can look through. A few hundred that all call each other have thousands. */
const MOST_CYCLES = 20;

/** Of entangled cycles those that one walk meets. */
export function findCycles(members: ReadonlyMap<string, readonly string[]>, aliases: Aliases): Cycles {
  const cycles: string[][] = [];
  let found = 0;
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): void => {
    if (done.has(name)) return;
    const seen = path.indexOf(name);
    if (seen >= 0) {
      found++;
      keepShortest(cycles, path, seen);
      return;
    }
    path.push(name);
    for (const next of new Set([members.get(name) ?? [], aliases[name] ?? []].flat())) visit(next);
    path.pop();
    done.add(name);
  };
  for (const name of [...members.keys(), ...Object.keys(aliases)]) visit(name);
  return { cycles, more: found - cycles.length };
}

/** Of those of one length the ones that were met first. */
function keepShortest(cycles: string[][], path: readonly string[], from: number): void {
  const longer = cycles.findIndex((cycle) => cycle.length > path.length - from + 1);
  const place = longer < 0 ? cycles.length : longer;
  if (place >= MOST_CYCLES) return;
  cycles.splice(place, 0, [...path.slice(from), path[from] ?? '']);
  cycles.length = Math.min(cycles.length, MOST_CYCLES);
}

/** Somewhere in the config a model is named. */
export interface Reference {
  readonly path: readonly PropertyKey[];
  readonly target: string;
}

export interface UnknownTarget extends Reference {
  /** `; did you mean …?`, how it is to be written, or nothing. */
  readonly hint: string;
}

/** The names of a config, as far as targets can mean them. */
export interface KnownNames {
  readonly aliases: Readonly<Record<string, unknown>>;
  readonly models: Readonly<Record<string, unknown>>;
  readonly orchestrations: Readonly<Record<string, unknown>>;
  /** Those of users and plug-ins, beside the known ones. */
  readonly capabilities: ReadonlySet<string>;
  /** All that there may be; of those whose models are known without asking, their models' names. */
  readonly backends: ReadonlyMap<string, readonly string[] | null>;
}

/**
 * Targets that no later discovery can make valid: a prefix that is no backend, a model that its backend cannot have, a bare
 * word that is nothing here. In the config a backend's model is named in full: which bare names a backend will have cannot be
 * known, so that a misspelt orchestration would only show when it is called.
 */
export function unknownTargets(references: readonly Reference[], names: KnownNames): UnknownTarget[] {
  const { backends } = names;
  const own = [...Object.keys(names.orchestrations), ...Object.keys(names.aliases), ...Object.keys(names.models)];
  const known = new Set([...own, ...names.capabilities, 'auto']);
  return references.flatMap(({ path, target }) => {
    if (known.has(target) || isKnownCapability(target)) return [];
    const colon = target.indexOf(':');
    const models = colon < 0 ? undefined : backends.get(target.slice(0, colon));
    if (models === null || models?.includes(target.slice(colon + 1)) === true) return [];
    const listed = Array.from(backends, ([id, of]) => (of === null ? [`${id}:`] : of.map((name) => `${id}:${name}`))).flat();
    const [close] = nearest(target, [...own, ...names.capabilities, ...CAPABILITIES, ...listed], 1);
    if (close !== undefined) return [{ path, target, hint: `; did you mean \`${close}\`?` }];
    return [{ path, target, hint: colon < 0 ? `; a backend’s model is written \`<backend>:${target}\`` : '' }];
  });
}
