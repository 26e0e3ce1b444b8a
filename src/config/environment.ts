/** The environment's part in the config: `${VAR}` inside the file, and `TUTTI_<PATH>` for any key. */
import { parse } from 'yaml';
import type { z } from 'zod';
import { recordValueOf, shapeOf } from './walk.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Names with this prefix that are not config keys. */
const RESERVED = new Set(['TUTTI_CONFIG', 'TUTTI_URL', 'TUTTI_API_KEY']);
const REFERENCE = /\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

export interface Expansion {
  readonly text: string;
  readonly missing: readonly string[];
}

/**
 * Replaces `${VAR}` and `${VAR:-default}`; `$${VAR}` stands for itself. An empty variable counts as set for the first
 * form and as unset for the second, as in a shell. Names in `keep` are left as they are.
 */
export function expand(text: string, environment: Environment, keep: ReadonlySet<string> = new Set()): Expansion {
  const missing: string[] = [];
  const result = text.replaceAll(REFERENCE, (all, escaped: string | undefined, name: string, fallback: string | undefined) => {
    if (escaped !== undefined) return all.slice(1);
    if (keep.has(name)) return all;
    const value = environment[name];
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) missing.push(name);
    return value ?? '';
  });
  return { text: result, missing };
}

export interface EnvironmentOverride {
  readonly variable: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

/**
 * The config keys that `TUTTI_*` variables set. `TUTTI_SERVER_PORT` is matched against the schema; names inside records
 * (`TUTTI_BACKENDS_OPENAI_API_KEY`) against the names that the file has. What matches nothing is returned as unknown.
 */
export function readOverrides(
  schema: z.core.$ZodType,
  fileData: unknown,
  environment: Environment,
  valueSchema: (path: readonly string[]) => z.core.$ZodType | null,
): { overrides: EnvironmentOverride[]; unknown: string[] } {
  const overrides: EnvironmentOverride[] = [];
  const unknown: string[] = [];
  for (const variable of Object.keys(environment).sort()) {
    const raw = environment[variable];
    if (!variable.startsWith('TUTTI_') || RESERVED.has(variable) || raw === undefined) continue;
    const path = match(schema, fileData, variable.slice('TUTTI_'.length), [], valueSchema);
    if (path === null) unknown.push(variable);
    else overrides.push({ variable, path, value: readValue(raw, valueSchema(path)) });
  }
  return { overrides, unknown };
}

function match(
  schema: z.core.$ZodType | null,
  data: unknown,
  rest: string,
  path: readonly string[],
  valueSchema: (path: readonly string[]) => z.core.$ZodType | null,
): string[] | null {
  if (schema === null) return null;
  const shape = shapeOf(schema);
  const inner = recordValueOf(schema);
  const fields = asRecord(data);
  const keys = shape !== null ? Object.keys(shape) : inner !== null ? Object.keys(fields) : [];
  // Longer names first, so that `max_loaded_models` is not read as `max` → `loaded_models`.
  for (const key of keys.sort((a, b) => b.length - a.length)) {
    const name = key.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
    const here = [...path, key];
    if (rest === name) return here;
    if (!rest.startsWith(`${name}_`)) continue;
    const found = match(valueSchema(here), fields[key], rest.slice(name.length + 1), here, valueSchema);
    if (found !== null) return found;
  }
  return null;
}

/** The text as the key's type: a number, boolean or list when the key takes one, else the text itself. */
function readValue(raw: string, schema: z.core.$ZodType | null): unknown {
  let value: unknown;
  try {
    value = parse(raw);
  } catch {
    return raw; // Not YAML, so it can only be meant as text.
  }
  if (typeof value === 'string' || schema === null) return raw;
  const accepts = (candidate: unknown): boolean => (schema as z.ZodType).safeParse(candidate).success;
  return accepts(value) || !accepts(raw) ? value : raw;
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
