/** Answers that are data: JSON compared by content, and tool calls compared by what they would do. */
import type { ToolCall } from '../contracts/chat.ts';
import { parseJson } from '../lib/json-value.ts';
import { numberKey, parseNumber } from './number.ts';

/** Fields that explain an answer and are no part of it. */
const PROSE = new Set(
  'reasoning reason reasons explanation explain thought thoughts thinking rationale analysis steps confidence comment comments notes'.split(
    ' ',
  ),
);

/**
 * JSON text in one form, so that equal data has equal text: keys in order, numbers by value also where they were written as
 * strings (`"1,200"` is 1200), strings without outer spaces, fields of prose left out where others remain.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, field]) => field !== undefined);
    const telling = entries.filter(([key]) => !PROSE.has(key.toLowerCase()));
    const kept = telling.length > 0 ? telling : entries;
    const fields = kept.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
    return `{${fields.sort().join(',')}}`;
  }
  if (typeof value === 'number') return numberKey(value);
  if (typeof value !== 'string') return String(value);
  const number = /^[\s$-]*[\d.,]+\s*$/.test(value) ? parseNumber(value) : null;
  return number === null ? JSON.stringify(value.trim().replace(/\s+/g, ' ')) : numberKey(number);
}

/** The JSON value that a text is, or that one of its fenced blocks is (the last one that can be read). */
export function wholeJson(text: string): { value: unknown; form: number } | undefined {
  const whole = parseJson(text.trim());
  if (whole !== undefined) return { value: whole, form: 1 };
  if (!text.includes('```')) return undefined;
  for (const match of [...text.matchAll(/```(?:json)?\s*([\s\S]*?)(?:```|$)/gi)].toReversed()) {
    const value = parseJson(match[1]?.trim() ?? '');
    if (value !== undefined) return { value, form: 0.9 };
  }
  return undefined;
}

/** Brackets of prose and LaTeX that are looked at: each costs a walk through the text. */
const MAX_BRACKETS = 20;

/** The JSON value in a text: the whole text, a fenced block, or the first balanced object or array; undefined when there is none. */
export function jsonIn(text: string): { value: unknown; form: number } | undefined {
  const whole = wholeJson(text);
  if (whole !== undefined) return whole;
  let tries = 0;
  for (let at = text.search(/[[{]/); at >= 0 && tries < MAX_BRACKETS; at = nextOpen(text, at), tries++) {
    const end = balancedEnd(text, at);
    const value = end === null ? undefined : parseJson(text.slice(at, end));
    if (value !== undefined) return { value, form: 0.6 };
  }
  return undefined;
}

function nextOpen(text: string, at: number): number {
  const next = text.slice(at + 1).search(/[[{]/);
  return next < 0 ? -1 : at + 1 + next;
}

/** After the bracket that closes the one at `open`, strings skipped; null when it stays open. */
function balancedEnd(text: string, open: number): number | null {
  let depth = 0;
  let quoted = false;
  for (let at = open; at < text.length; at++) {
    const sign = text[at];
    if (quoted) {
      if (sign === '\\') at++;
      else if (sign === '"') quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === '{' || sign === '[') depth++;
    else if ((sign === '}' || sign === ']') && --depth === 0) return at + 1;
  }
  return null;
}

/** Calls in one form, whatever their order and ids. Arguments that are no JSON are compared as text. */
export function callsKey(calls: readonly ToolCall[]): string {
  const keys = calls.map(({ function: { name, arguments: text } }) => {
    const args = parseJson(text.trim() === '' ? '{}' : text);
    return `${name}(${args === undefined ? text.trim() : canonicalArguments(args)})`;
  });
  return keys.sort().join(';');
}

/** As JSON, but a tool may have a parameter called `reason`: every argument counts. */
function canonicalArguments(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return canonicalJson(value);
  return `{${Object.entries(value)
    .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`)
    .sort()
    .join(',')}}`;
}
