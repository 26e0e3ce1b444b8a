/** `key=value` words as an object: `quality.vision=0.8 fallbacks=a,b pinned=true load.device=gpu:0`. */
import { parse } from 'yaml';
import { TuttiError } from '../errors/error.ts';

/** Keys that hold lists: their values are separated by commas. */
const LISTS = new Set(['fallbacks', 'capabilities']);

/** Values are read as YAML, so numbers, booleans, `null` and `[lists]` are what they look like. */
export function parseChanges(words: readonly string[]): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals < 1) throw new TuttiError('invalid_request', `\`${word}\` is not key=value.`);
    const path = word.slice(0, equals).split('.');
    setIn(changes, path, readValue(path.join('.'), word.slice(equals + 1)));
  }
  return changes;
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

function setIn(target: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) target[key] = value;
  else setIn((target[key] ??= {}) as Record<string, unknown>, rest, value);
}
