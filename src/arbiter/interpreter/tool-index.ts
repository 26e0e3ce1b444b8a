/** The tools that may be called, found by the names that models write for them. */
import type { ToolDefinition } from '../../contracts/chat.ts';
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

  constructor(definitions: readonly ToolDefinition[]) {
    this.tools = definitions.map(knownTool);
    for (const tool of this.tools) {
      this.#exact.set(tool.name, tool);
      add(this.#loose, loosely(tool.name), tool);
      if (tool.name.includes('.')) add(this.#last, loosely(lastSegment(tool.name)), tool);
    }
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
    return this.#last.get(loosely(bare)) ?? null;
  }

  /** Whether a written name means a tool. */
  isName(name: string): boolean {
    return this.find(name) !== null;
  }

  /** Whether a word may become the name of a tool when more is written. */
  mayBecomeName(word: string): boolean {
    const loose = loosely(word);
    const short = loosely(word.replace(PREFIX, ''));
    const known = [...this.#loose.keys(), ...this.#last.keys()];
    return (
      known.some((name) => name.startsWith(loose) || name.startsWith(short)) ||
      PREFIXES.some((prefix) => prefix.startsWith(loose))
    );
  }

  /** Whether a written name means a tool by more than its last segment: what may be looked for inside other text. */
  isFullName(name: string): boolean {
    const tool = this.find(name);
    return tool !== null && loosely(name.replace(PREFIX, '')) === loosely(tool.name);
  }
}

/** Tools from their definitions. */
export function toolIndex(definitions: readonly ToolDefinition[]): ToolIndex {
  return new ToolIndex(definitions);
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
  return name.replaceAll(/[\s._\-/:\\]+/g, '').toLowerCase();
}

function lastSegment(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/** A second tool of the same spelling makes it ambiguous. */
function add(map: Map<string, KnownTool | null>, key: string, tool: KnownTool): void {
  map.set(key, map.has(key) ? null : tool);
}
