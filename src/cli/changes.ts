/** `key=value` words as an object: `quality.vision=0.8 fallbacks=a,b pinned=true load.device=gpu:0`. */
import { parse } from 'yaml';
import { TuttiError } from '../errors/error.ts';

/** Keys that hold lists: their values are separated by commas. */
const LISTS = new Set(['fallbacks', 'capabilities']);

/** Values are read as YAML, so numbers, booleans, `null` and `[lists]` are what they look like. Errors: `invalid_request`. */
export function parseChanges(words: readonly string[]): Record<string, unknown> {
  const changes = new Map<string, unknown>();
  for (const word of words) {
    const equals = word.indexOf('=');
    const path = word.slice(0, Math.max(0, equals)).split('.');
    if (path.includes('')) throw new TuttiError('invalid_request', `\`${word}\` is not key=value.`);
    setIn(changes, path, readValue(path.join('.'), word.slice(equals + 1)));
  }
  return toObject(changes);
}

function readValue(key: string, text: string): unknown {
  if (LISTS.has(key) && !text.startsWith('['))
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  try {
    return parse(text) as unknown;
  } catch {
    return text; // Not YAML, so it can only be meant as text.
  }
}

function setIn(target: Map<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) return void target.set(key, value);
  const inner = target.get(key) ?? new Map<string, unknown>();
  if (!(inner instanceof Map)) throw new TuttiError('invalid_request', `\`${key}\` is given a value and keys below it.`);
  target.set(key, inner);
  setIn(inner as Map<string, unknown>, rest, value);
}

/** Maps take any key, objects are what is sent. */
function toObject(map: ReadonlyMap<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    [...map].map(([key, value]) => [key, value instanceof Map ? toObject(value as Map<string, unknown>) : value]),
  );
}
