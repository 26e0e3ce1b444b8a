/** Reads a stretch of text that is nothing but calls: one, a list, or several one after the other. */
import { jsonrepair } from 'jsonrepair';
import { parseJson } from '../../lib/json-value.ts';
import { argumentsOf, callsOfValue, type FoundCall } from './call-shapes.ts';
import { Expression, readLiteral } from './literal.ts';
import type { ToolIndex } from './tool-index.ts';

/** The calls at the start of a text. */
export interface Sequence {
  readonly calls: readonly FoundCall[];
  /** The index behind the last of them. */
  readonly end: number;
  /** Something was read, also if it was an empty list. */
  readonly any: boolean;
}

/** What may stand between two calls. */
const BETWEEN = /(?:\s|[,;]|\band\b|\bthen\b|^\s*(?:\d+[.)]|[-*•])\s)*/my;
/** Between a name and the object of its arguments. */
const TO_ARGUMENTS = /(?:\s|[:=(]|->|<\|[\w|]+\|>|\[ARGS\]|```(?:json)?\n)*(?=\{)/y;

/** Reads calls from `at` on, as many as there are. */
export function readSequence(text: string, tools: ToolIndex, at = 0): Sequence {
  const calls: FoundCall[] = [];
  let end = at;
  let any = false;
  for (;;) {
    const start = behind(BETWEEN, text, end);
    const next = readOne(text, start, tools);
    if (next === null) return { calls, end, any };
    calls.push(...next.calls);
    end = next.end;
    any = true;
  }
}

/** The calls of a text that holds nothing else, or null. */
export function readWhole(text: string, tools: ToolIndex): readonly FoundCall[] | null {
  const sequence = readSequence(text, tools);
  return sequence.any && /^[\s;,.]*$/.test(text.slice(sequence.end)) ? sequence.calls : null;
}

function readOne(text: string, at: number, tools: ToolIndex): { calls: FoundCall[]; end: number } | null {
  if (!/[[({"'`\p{L}_]/u.test(text.charAt(at))) return null;
  const read = readLiteral(text, at);
  if (read === null) return mendedObject(text, at, tools);
  if (read.value instanceof Expression) return nameThenObject(text, read.value.source, read.end, tools);
  const calls = callsOfValue(read.value, tools, read.mended);
  return calls === null ? null : { calls, end: read.end };
}

/** `f {"a": 1}`, `f: {…}`, a name and its arguments on two lines. */
function nameThenObject(text: string, name: string, at: number, tools: ToolIndex): { calls: FoundCall[]; end: number } | null {
  const tool = tools.find(name);
  const open = behind(TO_ARGUMENTS, text, at);
  if (tool === null || text.charAt(open) !== '{') return null;
  const read = readLiteral(text, open);
  const given = read === null ? null : argumentsOf(read.value);
  if (read === null || given === null) return null;
  const bracket = text.slice(at, open).includes('(') && text.charAt(read.end) === ')' ? 1 : 0;
  return { calls: [{ name, tool, arguments: given, mended: read.mended }], end: read.end + bracket };
}

/** JSON that is too broken for a reader of values: to the end of the text, as jsonrepair understands it. */
function mendedObject(text: string, at: number, tools: ToolIndex): { calls: FoundCall[]; end: number } | null {
  const rest = text.slice(at).trimEnd();
  if (!/^[[{]/.test(rest) || !/[\]}]$/.test(rest) || rest.length > LONGEST_MENDED) return null;
  const calls = callsOfValue(parseJson(mendedJson(rest)), tools, true);
  return calls === null || calls.length === 0 ? null : { calls, end: text.length };
}

/** jsonrepair's time grows faster than the text. */
const LONGEST_MENDED = 20_000;

function mendedJson(text: string): string {
  try {
    return jsonrepair(text);
  } catch {
    return ''; // beyond repair: no JSON
  }
}

function behind(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(text)?.[0].length ?? 0);
}
