/** The tools that may be called, found by the names that models write for them. */
import type { ToolDefinition } from '../../contracts/chat.ts';
import { editDistance } from '../../lib/nearest.ts';
import { asArray, asObject, type JsonObject } from '../../lib/json-value.ts';

/** A tool with what reading a call needs of its schema. */
export interface KnownTool {
  readonly name: string;
  readonly definition: ToolDefinition;
  /** The names of its parameters, in the order of the schema. */
  readonly parameters: readonly string[];
  readonly required: readonly string[];
  /** The schemas of its parameters. */
  readonly properties: JsonObject;
  /** The schema of its arguments as a whole. */
  readonly schema: JsonObject;
}

/** Prefixes that providers put before names. */
const PREFIX = /^(?:functions?|tools?|default_api|api|namespace|print)[.:/]/i;

const PREFIXES = ['function', 'functions', 'tool', 'tools', 'defaultapi', 'api', 'namespace', 'print'];

export class ToolIndex {
  readonly tools: readonly KnownTool[];
  readonly #exact = new Map<string, KnownTool>();
  /** By a spelling that leaves out case and separators; null where two tools share it. */
  readonly #loose = new Map<string, KnownTool | null>();
  /** By the last segment of a dotted name. */
  readonly #last = new Map<string, KnownTool | null>();
  /** All spellings and prefixes, loosely: what a name may begin with. */
  readonly #beginnings: readonly string[];
  /** Whether misspelt names are found, too. */
  readonly respells: boolean;

  constructor(definitions: readonly ToolDefinition[], { respell = false }: ToolIndexOptions = {}) {
    this.respells = respell;
    this.tools = definitions.map(knownTool);
    for (const tool of this.tools) {
      this.#exact.set(tool.name, tool);
      add(this.#loose, loosely(tool.name), tool);
      if (tool.name.includes('.')) add(this.#last, loosely(lastSegment(tool.name)), tool);
    }
    this.#beginnings = [...this.#loose.keys(), ...this.#last.keys(), ...PREFIXES];
  }

  /**
   * The tool that a written name means, or null. `math_factorial`, `Math.Factorial` and `functions.math.factorial` all mean
   * `math.factorial`, and so does `factorial`, as long as only one tool fits.
   */
  find(name: string): KnownTool | null {
    const bare = name.trim().replace(/:\d+$/, '');
    const found = this.#exact.get(bare) ?? this.#loose.get(loosely(bare));
    if (found !== undefined) return found;
    const short = bare.replace(PREFIX, '');
    if (short !== bare) return this.find(short);
    const byEnd = this.#last.get(loosely(bare));
    if (byEnd !== undefined || !this.respells) return byEnd ?? null;
    const near = nearestSpelling(
      bare,
      this.tools.map((tool) => tool.name),
    );
    return near === null ? null : (this.#exact.get(near) ?? null);
  }

  /** Whether a written name means a tool. */
  isName(name: string): boolean {
    return this.find(name) !== null;
  }

  /** Whether a word may become the name of a tool when more is written. Asked for every letter of a stream. */
  mayBecomeName(word: string): boolean {
    const loose = loosely(word);
    for (const name of this.#beginnings) if (name.startsWith(loose)) return true;
    const short = word.replace(PREFIX, '');
    return short !== word && this.mayBecomeName(short);
  }

  /** Whether a written name means a tool by more than its last segment: what may be looked for inside other text. */
  isFullName(name: string): boolean {
    const tool = this.find(name);
    if (tool === null) return false;
    const short = loosely(name.replace(PREFIX, ''));
    return short === loosely(tool.name) || (this.respells && isNear(short, loosely(tool.name)));
  }
}

/** How names are found. */
export interface ToolIndexOptions {
  /** A misspelt name means the tool whose name is nearest, when only one is. For calls that have failed. */
  readonly respell?: boolean;
}

/** Tools from their definitions. */
export function toolIndex(definitions: readonly ToolDefinition[], options: ToolIndexOptions = {}): ToolIndex {
  return new ToolIndex(definitions, options);
}

/** The candidate that a misspelt word means, when only one is near: a letter in four may be wrong. */
export function nearestSpelling(word: string, candidates: readonly string[]): string | null {
  const wanted = loosely(word);
  const limit = slipsIn(wanted);
  const near = candidates
    .map((candidate) => ({ candidate, distance: editDistance(wanted, loosely(candidate), limit) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance);
  const [best, second] = near;
  return best === undefined || best.distance === second?.distance ? null : best.candidate;
}

function isNear(a: string, b: string): boolean {
  const limit = slipsIn(a);
  return editDistance(a, b, limit) <= limit;
}

function slipsIn(word: string): number {
  return word.length < 3 ? 0 : Math.max(1, Math.floor(word.length / 4));
}

function knownTool(definition: ToolDefinition): KnownTool {
  const schema = asObject(definition.function.parameters) ?? {};
  const properties = asObject(schema['properties']) ?? {};
  return {
    name: definition.function.name,
    definition,
    parameters: Object.keys(properties),
    required: asArray(schema['required']).filter((name) => typeof name === 'string'),
    properties,
    schema,
  };
}

function loosely(name: string): string {
  if (/^[a-z\d]*$/.test(name)) return name;
  return name.replaceAll(/[\s._\-/:\\]+/g, '').toLowerCase();
}

function lastSegment(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/** A second tool of the same spelling makes it ambiguous. */
function add(map: Map<string, KnownTool | null>, key: string, tool: KnownTool): void {
  map.set(key, map.has(key) ? null : tool);
}
