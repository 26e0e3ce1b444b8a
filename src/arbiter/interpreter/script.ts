/**
 * Reads a short program as the calls it makes: values are put into variables, and known tools are called with them. Anything
 * that could take another course (a definition, a loop, a condition) is a program to look at, not a call.
 */
import { callsOfValue, type FoundCall } from './call-shapes.ts';
import { Expression, plainName, readLiteral, WrittenCall } from './literal.ts';
import type { ToolIndex } from './tool-index.ts';

const SKIPPED = /(?:[ \t]*(?:#[^\n]*|\/\/[^\n]*|(?:import|from)\s[^\n]*|;)?\n)*[ \t]*(?:#[^\n]*$|(?:import|from)\s[^\n]*$)?/y;
const TARGETS = /(?:const\s+|let\s+|var\s+)?([\p{L}_][\p{L}\p{N}_]*(?:\s*,\s*[\p{L}_][\p{L}\p{N}_]*)*)\s*=(?!=)\s*/uy;
const PREFIX = /(?:await|return)\s+/y;

/** The calls of known tools that a program makes, or null when it is none of the simple kind. */
export function readScript(code: string, tools: ToolIndex): FoundCall[] | null {
  const text = `${code.trim()}\n`;
  const variables = new Map<string, unknown>();
  const calls: FoundCall[] = [];
  let at = 0;
  for (;;) {
    at = behind(SKIPPED, text, at);
    if (text.slice(at).trim() === '') return calls;
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
    for (const [i, name] of names.entries()) variables.set(name, names.length === 1 && values.length > 1 ? values : values[i]);
    for (const value of values) {
      if (value instanceof WrittenCall) calls.push(...known(value, tools));
    }
    // The result of a call is not known yet.
    for (const name of names) if (variables.get(name) instanceof WrittenCall) variables.delete(name);
  }
}

function known(value: WrittenCall, tools: ToolIndex): FoundCall[] {
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

function behind(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(text)?.[0].length ?? 0);
}
