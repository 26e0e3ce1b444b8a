/**
 * From `tutti.yaml`, the environment and flags to one validated, frozen config. Flags beat environment beats file.
 * Every error has file, line and reason, and all are reported together.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { LineCounter, isScalar, parseDocument, visit, type Document } from 'yaml';
import type { z } from 'zod';
import { TuttiError } from '../errors/error.ts';
import { expand, readOverrides, type Environment } from './environment.ts';
import { SourceMap, formatIssue, fromZod, type ConfigIssue } from './issues.ts';
import { shapeOf, schemaAt } from './walk.ts';

export const DEFAULT_CONFIG_FILE = 'tutti.yaml';

/** What the composition root knows about the config beyond its outer schema. */
export interface ConfigShape<T> {
  readonly schema: z.ZodType<T>;
  /** The schema of an entry whose type depends on its data (`backends.<id>` by `type`). null: the outer schema says it all. */
  entrySchema?(path: readonly PropertyKey[], data: unknown): z.core.$ZodType | null;
  /** Checks across keys: unknown members, cycles. Reports through `issue`. */
  check?(config: T, issue: (path: readonly PropertyKey[], reason: string) => void): void;
}

export interface LoadOptions {
  /** Default: `TUTTI_CONFIG`, else `tutti.yaml` in `directory` when there is one. */
  readonly file?: string;
  /** Default: the working directory. */
  readonly directory?: string;
  /** Default: `process.env`. `.env` beside the config fills what it lacks. */
  readonly environment?: Environment;
  /** Values that beat all others, e.g. from flags: `{server: {port: 9000}}`. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** The config itself in place of a file. */
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface LoadedConfig<T> {
  readonly config: T;
  /** Absolute path, or null when there was no file. */
  readonly file: string | null;
  /** Where relative paths of the config start. */
  readonly directory: string;
  readonly warnings: readonly string[];
  readonly environment: Environment;
}

/** Errors: `config_not_found`, `environment_missing`, `config_invalid` (`details.issues` has all). */
export function loadConfig<T>(shape: ConfigShape<T>, options: LoadOptions = {}): LoadedConfig<T> {
  const directory = resolve(options.directory ?? process.cwd());
  const given = options.environment ?? process.env;
  const file = options.data === undefined ? findFile(options.file ?? given.TUTTI_CONFIG, directory) : null;
  const base = file === null ? directory : dirname(file);
  const environment = { ...readDotEnv(base), ...given };
  const { data, map } = file === null ? { data: clonePlain(options.data ?? {}), map: emptyMap() } : readFile(file, environment);

  const warnings: string[] = [];
  const typeAt = (path: readonly PropertyKey[]) => shape.entrySchema?.(path, data) ?? schemaAtWithEntries(shape, path, data);
  const { overrides, unknown } = readOverrides(shape.schema, data, environment, typeAt);
  for (const variable of unknown)
    warnings.push(`The environment variable ${variable} matches no key of the config and is ignored.`);
  for (const { variable, path, value } of overrides) {
    setIn(data, path, value);
    map.override(path, `the environment variable ${variable}`);
  }
  merge(data, options.overrides ?? {});
  for (const path of leavesOf(options.overrides ?? {})) map.override(path, 'a flag, or in code');

  const config = validate(shape, data, map);
  return { config: deepFreeze(config), file, directory: base, warnings, environment };
}

function findFile(named: string | undefined, directory: string): string | null {
  if (named !== undefined && named !== '') {
    const file = resolve(directory, named);
    if (!existsSync(file))
      throw new TuttiError('config_not_found', `There is no config file at ${file}. \`tutti config init\` writes one.`);
    return file;
  }
  const file = join(directory, DEFAULT_CONFIG_FILE);
  return existsSync(file) ? file : null;
}

function readDotEnv(directory: string): Record<string, string> {
  const file = join(directory, '.env');
  if (!existsSync(file)) return {};
  return Object.fromEntries(
    Object.entries(parseEnv(readFileSync(file, 'utf8'))).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function emptyMap(): SourceMap {
  return new SourceMap(null, null, new LineCounter());
}

function readFile(file: string, environment: Environment): { data: Record<string, unknown>; map: SourceMap } {
  const lines = new LineCounter();
  const text = readText(file);
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const map = new SourceMap(file, document, lines);
  const issueAt = (position: number, reason: string): ConfigIssue => {
    const { line, col } = lines.linePos(position);
    return { file, line, column: col, path: '', reason };
  };
  if (document.errors.length > 0) {
    // What an unquoted one looks like to YAML is a map inside the map.
    const hint = text.includes('${') ? ' (a `${VAR}` inside { } or [ ] must be quoted)' : '';
    fail(document.errors.map((error) => issueAt(error.pos[0], error.message + hint)));
  }
  const endless = endlessAliases(document);
  if (endless.length > 0) fail(endless.map((position) => issueAt(position, 'this alias stands inside what it stands for')));
  expandDocument(document, environment, map);
  const data: unknown = toValue(document, map) ?? {};
  if (typeof data !== 'object' || data === null || Array.isArray(data)) fail([map.issue([], 'the config must be a map of keys')]);
  return { data: data as Record<string, unknown>, map };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const { message } = cause as Error; // the file system's
    throw new TuttiError('config_not_found', `The config file ${file} cannot be read: ${message}.`, { cause });
  }
}

/** Where aliases stand that would make a value hold itself. */
function endlessAliases(document: Document): number[] {
  const positions: number[] = [];
  visit(document, {
    Alias(_key, alias, ancestors) {
      const target = alias.resolve(document);
      if (ancestors.some((ancestor) => ancestor === target)) positions.push(alias.range?.[0] ?? 0);
    },
  });
  return positions;
}

function toValue(document: Document, map: SourceMap): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    // The one thing that parsing does not find: aliases of aliases that grow without measure.
    return fail([map.issue([], cause instanceof Error ? cause.message : String(cause))]);
  }
}

/** `${PORT}` in a backend's entry is that backend's own: the port that it will be given. */
const BACKEND_OWN = new Set(['PORT']);

function expandDocument(document: Document, environment: Environment, map: SourceMap): void {
  const missing: { name: string; issue: ConfigIssue }[] = [];
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
      const path = pathOf(ancestors, key);
      const { text, missing: names } = expand(node.value, environment, path[0] === 'backends' ? BACKEND_OWN : undefined);
      for (const name of names) missing.push({ name, issue: map.issue(path, `the environment variable ${name} is not set`) });
      node.value = text;
    },
  });
  if (missing.length === 0) return;
  const names = [...new Set(missing.map((entry) => entry.name))];
  throw new TuttiError(
    'environment_missing',
    `${missing.map((entry) => formatIssue(entry.issue)).join('\n')}\nSet ${names.join(', ')}, put it into .env beside the config, or give a default: \${${names[0]}:-value}.`,
    { details: { issues: missing.map((entry) => entry.issue), variables: names } },
  );
}

function pathOf(ancestors: readonly unknown[], key: number | string | null): PropertyKey[] {
  const path: PropertyKey[] = [];
  for (const [i, node] of ancestors.entries()) {
    const next = ancestors[i + 1];
    if (isPair(node)) path.push(isScalar(node.key) ? String(node.key.value) : '');
    else if (isItems(node) && !isPair(next)) path.push(next === undefined ? Number(key) : node.items.indexOf(next));
  }
  return path;
}

function isPair(node: unknown): node is { key: unknown; value: unknown } {
  return typeof node === 'object' && node !== null && 'key' in node && 'value' in node && !('items' in node);
}

function isItems(node: unknown): node is { items: unknown[] } {
  return typeof node === 'object' && node !== null && 'items' in node && Array.isArray(node.items);
}

function validate<T>(shape: ConfigShape<T>, data: unknown, map: SourceMap): T {
  const result = shape.schema.safeParse(data);
  const issues: ConfigIssue[] = result.success ? [] : fromZod(withKnownKeys(result.error.issues, shape, data), map);
  const { config, cut } = result.success ? { config: result.data, cut: [] } : withoutBad(shape, data, result.error.issues);
  if (config !== null) {
    shape.check?.(config, (path, reason) => {
      if (!cut.some((name) => reason.includes(`\`${name}`))) issues.push(map.issue(path, reason));
    });
  }
  if (issues.length > 0) fail(issues);
  if (!result.success) throw result.error; // it has at least one issue
  return result.data;
}

/**
 * What can be checked further of a config with errors, so that all are told at once: the same without the entries that are
 * wrong. `cut`: the names of these; that somebody misses them is no error.
 */
function withoutBad<T>(
  shape: ConfigShape<T>,
  data: unknown,
  issues: readonly z.core.$ZodIssue[],
): { readonly config: T | null; readonly cut: readonly string[] } {
  const rest = isPlain(data) ? clonePlain(data) : {};
  const cut = new Set<string>();
  for (const { path } of issues) {
    const [section, name] = path.map(String);
    if (section === undefined) continue;
    const entries = rest[section];
    if (name !== undefined && isPlain(entries)) {
      cut.add(name);
      delete entries[name];
    } else delete rest[section];
  }
  const result = shape.schema.safeParse(rest);
  return { config: result.success ? result.data : null, cut: [...cut] };
}

/** Zod does not say which keys an object does have; a "did you mean" needs them. */
function withKnownKeys<T>(issues: readonly z.core.$ZodIssue[], shape: ConfigShape<T>, data: unknown): z.core.$ZodIssue[] {
  return issues.map((issue) => {
    if (issue.code !== 'unrecognized_keys') return issue;
    const schema = schemaAtWithEntries(shape, issue.path, data);
    return { ...issue, known: Object.keys((schema && shapeOf(schema)) ?? {}) };
  });
}

function schemaAtWithEntries<T>(shape: ConfigShape<T>, path: readonly PropertyKey[], data: unknown): z.core.$ZodType | null {
  for (let end = path.length; end > 0; end--) {
    const entry = shape.entrySchema?.(path.slice(0, end), data);
    if (entry != null) return schemaAt(entry, path.slice(end));
  }
  return schemaAt(shape.schema, path);
}

function fail(issues: readonly ConfigIssue[]): never {
  throw new TuttiError('config_invalid', issues.map(formatIssue).join('\n'), { details: { issues } });
}

function setIn(data: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let target = data;
  for (const key of path.slice(0, -1)) {
    const next = target[key];
    if (!isPlain(next)) target[key] = {};
    target = target[key] as Record<string, unknown>;
  }
  target[path.at(-1)!] = value; // a path has at least one key
}

function merge(target: Record<string, unknown>, source: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(source)) {
    if (value === undefined) continue;
    const present = target[key];
    if (isPlain(value) && isPlain(present)) merge(present, value);
    else target[key] = isPlain(value) ? clonePlain(value) : value;
  }
}

function* leavesOf(value: Readonly<Record<string, unknown>>, path: readonly string[] = []): Generator<readonly string[]> {
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    if (isPlain(inner)) yield* leavesOf(inner, [...path, key]);
    else yield [...path, key];
  }
}

/** A copy of the maps; other values (lists, models given in code) stay the same. */
function clonePlain(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, isPlain(inner) ? clonePlain(inner) : inner]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (!isPlain(value) && !Array.isArray(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
