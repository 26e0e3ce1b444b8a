/**
 * Reads a short program as the calls it makes: values are put into variables, and known tools are called with them. Anything
 * that could take another course (a definition, a loop, a condition) is a program to look at, not a call. Only a definition of a
 * tool itself is passed over: a model that writes one gives a body to what it was offered.
 */
import { callsOfValue, type FoundCall } from './call-shapes.ts';
import { Expression, isCalls, plainName, readLiteral, WrittenCall } from './literal.ts';
import type { ToolIndex } from './tool-index.ts';

const SKIPPED = /(?:[ \t]*(?:#[^\n]*|\/\/[^\n]*|(?:import|from)\s[^\n]*|;)?\n)*[ \t]*(?:#[^\n]*$|(?:import|from)\s[^\n]*$)?/y;
const TARGETS = /(?:const\s+|let\s+|var\s+)?([\p{L}_][\p{L}\p{N}_]*(?:\s*,\s*[\p{L}_][\p{L}\p{N}_]*)*)\s*=(?!=)\s*/uy;
const PREFIX = /(?:await|return)\s+/y;

const DEFINITION = /^def[ \t]+([\p{L}\p{N}_]+)[ \t]*\([^\n]*:[^\n]*\n(?:[ \t]+\S[^\n]*\n|[ \t]*\n)*/gmu;

/** A program with more of them is no short one. They are copied for each program of an answer. */
const MOST_VARIABLES = 256;
/** Variables hold variables: a few lines could stand for more than fits into memory. Characters and parts, of all values together. */
const MOST_WRITTEN = 1_000_000;
/** Deeper values are no arguments, and take stack wherever they are looked at. */
const MOST_LEVELS = 100;

/** What a program leaves behind. Those of one answer are read as one, like the cells of a notebook. */
export interface ScriptState {
  readonly variables: ReadonlyMap<string, unknown>;
  /** Variables for results that are still to come. A value that one is given later is made up. */
  readonly awaited: ReadonlySet<string>;
  /** A tool was given a body. */
  readonly definesTool: boolean;
  /** How much its values are together, written out. */
  readonly written: number;
}

/** Before any program. */
export const NOTHING_YET: ScriptState = { variables: new Map(), awaited: new Set(), definesTool: false, written: 0 };

/** The calls of known tools that a program makes, and what is known behind it; or null when it is none of the simple kind. */
export function readScript(
  code: string,
  tools: ToolIndex,
  before = NOTHING_YET,
): { readonly calls: FoundCall[]; readonly state: ScriptState } | null {
  const whole = `${code.trim()}\n`;
  const text = withoutToolBodies(whole, tools);
  const definesTool = before.definesTool || text !== whole;
  const variables = new Map(before.variables);
  const awaited = new Set(before.awaited);
  const calls: FoundCall[] = [];
  let { written } = before;
  let at = 0;
  for (;;) {
    at = behind(SKIPPED, text, at);
    if (text.slice(at).trim() === '') return { calls, state: { variables, awaited, definesTool, written } };
    TARGETS.lastIndex = at;
    const targets = TARGETS.exec(text);
    const names = targets === null ? [] : (targets[1] ?? '').split(',').map((name) => name.trim());
    at = behind(PREFIX, text, targets === null ? at : TARGETS.lastIndex);
    const values: unknown[] = [];
    do {
      const read = readLiteral(text, at);
      if (read === null || read.mended) return null;
      values.push(substitute(read.value, variables));
      at = behind(/[ \t]*/y, text, read.end);
    } while (text.charAt(at) === ',' && ++at > 0);
    if (!/^(?:;|#[^\n]*)?\s*(?:\n|$)/.test(text.slice(at))) return null;
    at = text.indexOf('\n', at);
    for (const value of values) {
      const { size, levels } = extentOf(value);
      written += size;
      if (written > MOST_WRITTEN || levels > MOST_LEVELS) return null;
    }
    for (const value of values) if (isCalls(value)) calls.push(...known(value, tools));
    for (const [i, name] of names.entries()) {
      const value = names.length === 1 && values.length > 1 ? values : values[i];
      if (isCalls(value)) {
        awaited.add(name);
        variables.delete(name);
      } else if (!awaited.has(name)) variables.set(name, value);
    }
    if (variables.size + awaited.size > MOST_VARIABLES) return null;
  }
}

/** A program without the definitions of known tools. */
export function withoutToolBodies(code: string, tools: ToolIndex): string {
  return code.replace(DEFINITION, (body, name: string) => (tools.isFullName(name) ? '' : body));
}

function known(value: unknown, tools: ToolIndex): FoundCall[] {
  return (callsOfValue(value, tools) ?? []).filter((call) => call.tool !== null && tools.isFullName(plainName(call.name)));
}

/** Variables by their values, where they are known. */
function substitute(value: unknown, variables: ReadonlyMap<string, unknown>): unknown {
  if (value instanceof Expression) return variables.has(value.source) ? variables.get(value.source) : value;
  if (value instanceof WrittenCall) {
    const positional = value.positional.map((item) => substitute(item, variables));
    const named = new Map([...value.named].map(([key, item]) => [key, substitute(item, variables)]));
    return new WrittenCall(value.name, positional, named);
  }
  if (Array.isArray(value)) return value.map((item) => substitute(item, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, substitute(item, variables)]));
}

interface Extent {
  readonly size: number;
  readonly levels: number;
}
/** Of values that several others hold: each is looked at once. */
const extents = new WeakMap<object, Extent>();

/** How large a value is when all that is in it is written out. */
function extentOf(value: unknown): Extent {
  if (typeof value !== 'object' || value === null) return { size: typeof value === 'string' ? value.length + 1 : 1, levels: 1 };
  const known = extents.get(value);
  if (known !== undefined) return known;
  const parts =
    value instanceof WrittenCall
      ? [...value.positional, ...value.named.values()]
      : Object.values(value as Record<string, unknown>);
  const inner = parts.map(extentOf);
  const extent = {
    size: inner.reduce((sum, { size }) => sum + size, 1),
    levels: inner.reduce((most, { levels }) => Math.max(most, levels), 0) + 1,
  };
  extents.set(value, extent);
  return extent;
}

function behind(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(text)?.[0].length ?? 0);
}
