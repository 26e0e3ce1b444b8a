/** The models that the configured folders hold. Heads of files are read once, and again when a file changes. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import type { Logger } from '../../contracts/logger.ts';
import { TuttiError } from '../../errors/error.ts';
import { nearest } from '../../lib/nearest.ts';
import { shapeOf, type Shape } from './estimate.ts';
import { readGgufHead, type GgufHead } from './gguf.ts';
import type { LoraAdapter } from './protocol.ts';
import type { LlamaCppConfig, ModelSettings } from './schema.ts';

export interface CatalogEntry {
  readonly name: string;
  /** The file, or the first part of a split one. */
  readonly path: string;
  readonly settings: ModelSettings;
  /** Bytes on disk, all parts together. */
  readonly sizeBytes: number;
  /** What the file says of itself, or why it cannot be used. */
  readonly facts: ModelFacts | TuttiError;
}

export interface ModelFacts {
  readonly head: GgufHead;
  readonly shape: Shape;
  /** All parts together. */
  readonly parameters: number;
  readonly weightBytes: number;
  readonly layerBytes: ReadonlyMap<number, number>;
  readonly chatTemplate: string | null;
  readonly generates: boolean;
}

interface Cached {
  readonly stamp: string;
  readonly head: GgufHead | TuttiError;
}

interface Found {
  readonly name: string;
  readonly path: string;
  readonly parts: readonly string[];
}

const DEEPEST = 4;
const SPLIT = /-(\d{5})-of-(\d{5})\.gguf$/i;
/** llama.cpp's pooling types that give one vector for a text (mean, first or last token), and the one that ranks. */
const POOLED = new Set([1, 2, 3]);
const RANKS = 4;

export class Catalog {
  readonly #config: LlamaCppConfig;
  readonly #directory: string;
  readonly #log: Logger;
  readonly #heads = new Map<string, Cached>();
  readonly #warned = new Set<string>();
  #last: ReadonlyMap<string, CatalogEntry> = new Map();

  constructor(config: LlamaCppConfig, directory: string, log: Logger) {
    this.#config = config;
    this.#directory = directory;
    this.#log = log;
  }

  /** All models, also those whose file is broken. Files that are no models (adapters, projectors) are left out. */
  async entries(signal?: AbortSignal): Promise<CatalogEntry[]> {
    const found = new Map<string, Found>();
    for (const file of await this.#files()) if (!found.has(file.name)) found.set(file.name, file);
    for (const [name, { path }] of Object.entries(this.#config.models ?? {}))
      if (path !== undefined) found.set(name, await withParts(name, this.path(path)));
    const entries: CatalogEntry[] = [];
    for (const file of found.values()) {
      signal?.throwIfAborted();
      const entry = await this.#entry(file);
      if (entry !== null) entries.push(entry);
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#last = new Map(entries.map((entry) => [entry.name, entry]));
    return entries;
  }

  /** One model. The folders are only searched again when its file has changed or is not known. Errors: `model_not_found`. */
  async find(name: string): Promise<CatalogEntry> {
    const known = this.#last.get(name);
    if (known !== undefined && (await stampOf(known.path)).stamp === this.#heads.get(known.path)?.stamp) return known;
    const entries = await this.entries();
    const entry = this.#last.get(name);
    if (entry !== undefined) return entry;
    const names = entries.map((other) => other.name);
    const close = nearest(name, names);
    throw new TuttiError(
      'model_not_found',
      `There is no model file called ${name}.${close.length > 0 ? ` Near: ${close.join(', ')}.` : ''}`,
      { param: 'model', details: { candidates: close } },
    );
  }

  /** Configured folders that do not exist. */
  async missingFolders(): Promise<string[]> {
    const roots = [this.#config.models_dir ?? []].flat().map((root) => this.path(root));
    const there = await Promise.all(roots.map(exists));
    return roots.filter((_, i) => there[i] === false);
  }

  /** Absolute, with `~` as the home folder. */
  path(given: string): string {
    return given === '~' || given.startsWith('~/') ? join(homedir(), given.slice(1)) : resolve(this.#directory, given);
  }

  adapters(settings: ModelSettings): LoraAdapter[] {
    const given = settings.lora ?? this.#config.lora ?? [];
    return (Array.isArray(given) ? given : [given]).map((item) =>
      typeof item === 'string' ? { path: this.path(item), scale: 1 } : { path: this.path(item.path), scale: item.scale },
    );
  }

  /** The configured template, read from its file where a path was given. Null: the model's own. */
  async chatTemplate(settings: ModelSettings): Promise<string | null> {
    const given = settings.chat_template;
    if (given === undefined) return null;
    if (given.includes('{')) return given;
    try {
      return await readFile(this.path(given), 'utf8');
    } catch (error) {
      throw new TuttiError('config_invalid', `chat_template names a file that cannot be read: ${this.path(given)}`, {
        cause: error,
      });
    }
  }

  async #files(): Promise<Found[]> {
    const roots = [this.#config.models_dir ?? '~/models'].flat();
    const all: { root: string; path: string }[] = [];
    for (const root of roots) for (const path of await this.#walk(this.path(root), 0)) all.push({ root: this.path(root), path });
    const paths = new Set(all.map(({ path }) => path));
    const bare = all.filter(({ path }) => (SPLIT.exec(path)?.[1] ?? '00001') === '00001');
    const names = bare.map(({ path }) => plainName(path));
    return bare.map(({ root, path }, i) => {
      const name = names[i] ?? '';
      const taken = names.indexOf(name) !== i || names.lastIndexOf(name) !== i;
      // Two files of one name in different folders are told apart by the folder.
      return {
        name: taken
          ? relative(root, path)
              .replace(SPLIT, '')
              .replace(/\.gguf$/i, '')
          : name,
        path,
        parts: partsOf(path).filter((p) => paths.has(p) || p === path),
      };
    });
  }

  async #walk(folder: string, depth: number): Promise<string[]> {
    let items;
    try {
      items = await readdir(folder, { withFileTypes: true });
    } catch (error) {
      // A folder that is not there yet is common, and said by `health`; one that cannot be read is not.
      if (!isMissing(error)) this.#warnOnce(folder, `the folder ${folder} cannot be read`, error);
      return [];
    }
    items.sort((a, b) => (a.name < b.name ? -1 : 1));
    const paths: string[] = [];
    for (const item of items) {
      if (item.name.startsWith('.')) continue;
      const path = join(folder, item.name);
      if (item.isDirectory() && depth < DEEPEST) paths.push(...(await this.#walk(path, depth + 1)));
      else if (!item.isDirectory() && /\.gguf$/i.test(item.name)) paths.push(path);
    }
    return paths;
  }

  async #entry(found: Found): Promise<CatalogEntry | null> {
    const settings = this.#config.models?.[found.name] ?? {};
    const heads: GgufHead[] = [];
    let sizeBytes = 0;
    let error: TuttiError | null = null;
    for (const part of found.parts) {
      const { head, size } = await this.#head(part);
      sizeBytes += size;
      if (TuttiError.isInstance(head)) error ??= head;
      else heads.push(head);
    }
    const [first] = heads;
    error ??= missingParts(found);
    if (error !== null || first === undefined) {
      const facts = error ?? new TuttiError('invalid_model_file', `${found.path} holds no model.`);
      this.#warnOnce(found.path, facts.message);
      return { name: found.name, path: found.path, settings, sizeBytes, facts };
    }
    const facts = factsOf(heads, first);
    return facts === null ? null : { name: found.name, path: found.path, settings, sizeBytes, facts };
  }

  async #head(path: string): Promise<{ head: GgufHead | TuttiError; size: number }> {
    const { stamp, size } = await stampOf(path);
    const cached = this.#heads.get(path);
    if (cached?.stamp === stamp) return { head: cached.head, size };
    const head = await readGgufHead(path).catch((error: unknown) => TuttiError.from(error, 'invalid_model_file'));
    this.#heads.set(path, { stamp, head });
    this.#warned.delete(path);
    return { head, size };
  }

  #warnOnce(path: string, message: string, error?: unknown): void {
    if (this.#warned.has(path)) return;
    this.#warned.add(path);
    this.#log.warn({ path, ...(error !== undefined && { err: error }) }, message);
  }
}

/** What changes when a file does. A missing one has a stamp, too: reading it says what is wrong. */
async function stampOf(path: string): Promise<{ stamp: string; size: number }> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { stamp: `${size}:${mtimeMs}`, size };
  } catch {
    return { stamp: 'missing', size: 0 };
  }
}

function plainName(path: string): string {
  return basename(path)
    .replace(SPLIT, '')
    .replace(/\.gguf$/i, '');
}

/** All parts of a split model, from the name of the first. */
function partsOf(path: string): string[] {
  const match = SPLIT.exec(path);
  if (match === null) return [path];
  const count = Math.min(Number(match[2]), 999);
  return Array.from({ length: count }, (_, i) =>
    path.replace(SPLIT, `-${String(i + 1).padStart(5, '0')}-of-${match[2] ?? ''}.gguf`),
  );
}

async function withParts(name: string, path: string): Promise<Found> {
  const parts: string[] = [];
  for (const part of partsOf(path)) if (part === path || (await exists(part))) parts.push(part);
  return { name, path, parts };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false; // that it is not there is the answer
  }
}

function missingParts({ path, parts }: Found): TuttiError | null {
  const missing = partsOf(path).filter((part) => !parts.includes(part));
  if (missing.length === 0) return null;
  return new TuttiError(
    'invalid_model_file',
    `${path} is split, and parts are missing: ${missing.map((part) => basename(part)).join(', ')}.`,
  );
}

/** Null for files that are no model: adapters, vision projectors, matrices of importance, rerankers. */
function factsOf(heads: readonly GgufHead[], head: GgufHead): ModelFacts | null {
  const type = head.metadata.get('general.type');
  if (typeof type === 'string' && type !== 'model') return null;
  const shape = shapeOf(head);
  if (shape.architecture === 'clip' || shape.architecture === 'unknown') return null;
  const pooling = Number(head.metadata.get(`${shape.architecture}.pooling_type`) ?? 0);
  if (pooling === RANKS) return null;
  const template = head.metadata.get('tokenizer.chat_template');
  const layerBytes = new Map<number, number>();
  for (const part of heads)
    for (const [layer, bytes] of part.layerBytes) layerBytes.set(layer, (layerBytes.get(layer) ?? 0) + bytes);
  return {
    head,
    shape,
    parameters: heads.reduce((sum, part) => sum + part.parameters, 0),
    weightBytes: heads.reduce((sum, part) => sum + part.tensorBytes, 0),
    layerBytes,
    chatTemplate: typeof template === 'string' && template !== '' ? template : null,
    generates: !POOLED.has(pooling) && !/bert|embed/.test(shape.architecture),
  };
}
