/**
 * Whether calls are those that a row of the Berkeley Function-Calling Leaderboard accepts. The rules are those of its own checker
 * (version 1, Python):
 *
 * - as many calls as are wanted; for each wanted one, in their order, the first call that fits and is not taken yet;
 * - each parameter that is required, none that the function does not have, none without an accepted value; what is not given must
 *   be marked as optional (`""`);
 * - a value has its parameter's type, or that of the first accepted value: then it must be that very value;
 * - of strings, also in lists and as values of objects, case, blanks and `,./-_*^` do not count, and both quotes are one;
 * - in an object each key has a list of accepted values; what lies deeper must be just so;
 * - a list has the very length and order, and an empty one is accepted where the parameter may be left out.
 *
 * One difference is of JSON: 5.0 and 5 are the same number here, whichever the parameter wants.
 */
import type { ToolCall } from '../../src/contracts/chat.ts';
import { asArray, asObject, parseJson, type JsonObject } from '../../src/lib/json-value.ts';

/** By parameter: accepted values. `""`: may be left out. */
export type Accepted = Readonly<Record<string, readonly unknown[]>>;

/** A call that is wanted, and the function's parameters, with their types as Python names them. */
export interface WantedCall {
  readonly name: string;
  readonly accepted: Accepted;
  readonly parameters: JsonObject;
}

/** Whether these are the calls, in any order. */
export function areAccepted(calls: readonly ToolCall[], wanted: readonly WantedCall[]): boolean {
  if (calls.length !== wanted.length) return false;
  const left = [...calls];
  return wanted.every((want) => {
    const at = left.findIndex((call) => isAccepted(call, want));
    if (at < 0) return false;
    left.splice(at, 1);
    return true;
  });
}

function isAccepted(call: ToolCall, { name, accepted, parameters }: WantedCall): boolean {
  const given = asObject(parseJson(call.function.arguments));
  if (call.function.name !== name || given === null) return false;
  const properties = asObject(parameters['properties']) ?? {};
  if (asArray(parameters['required']).some((key) => typeof key === 'string' && !(key in given))) return false;
  if (Object.keys(given).some((key) => !(key in accepted) || !(key in properties))) return false;
  return Object.entries(accepted).every(([key, values]) =>
    key in given ? isAcceptedValue(given[key], values, asObject(properties[key]) ?? {}) : values.includes(''),
  );
}

type Kind = 'string' | 'number' | 'boolean' | 'array' | 'object' | 'null';

/** What JSON makes of the types; `any` is taken for text. */
const KINDS: Readonly<Record<string, Kind>> = {
  string: 'string',
  any: 'string',
  integer: 'number',
  float: 'number',
  number: 'number',
  boolean: 'boolean',
  array: 'array',
  tuple: 'array',
  dict: 'object',
  object: 'object',
};

function isAcceptedValue(given: unknown, values: readonly unknown[], schema: JsonObject): boolean {
  const declared = KINDS[String(schema['type'])];
  const first = values.find((value) => value !== '');
  const expected = first === undefined ? declared : kindOf(first);
  const kind = kindOf(given);
  if (kind !== declared && kind !== expected) return false;
  if (kind !== declared || expected !== declared) return values.some((value) => isSame(given, value));
  if (kind === 'string') return values.some((value) => isSameText(given, value));
  if (kind === 'object') return values.some((value) => isAcceptedObject(given, value));
  if (kind !== 'array') return values.includes(given);
  const items = KINDS[String(asObject(schema['items'])?.['type'])];
  return values.some((value) => isAcceptedList(asArray(given), value, items === 'object' ? isAcceptedObject : isSameText));
}

/** `""`, where nothing is accepted as well, stands for an empty list. */
function isAcceptedList(
  given: readonly unknown[],
  accepted: unknown,
  isItem: (item: unknown, wanted: unknown) => boolean,
): boolean {
  const wanted = accepted === '' ? [] : accepted;
  return Array.isArray(wanted) && given.length === wanted.length && given.every((item, i) => isItem(item, wanted[i]));
}

function isAcceptedObject(given: unknown, accepted: unknown): boolean {
  const [own, wanted] = [asObject(given), asObject(accepted)];
  if (own === null || wanted === null || Object.keys(own).some((key) => !(key in wanted))) return false;
  return Object.entries(wanted).every(([key, values]) =>
    key in own ? asArray(values).some((value) => isSameText(own[key], value)) : asArray(values).includes(''),
  );
}

/** Of strings, how they are written does not count. */
function isSameText(given: unknown, wanted: unknown): boolean {
  if (typeof given === 'string' && typeof wanted === 'string') return plain(given) === plain(wanted);
  return isSame(given, wanted);
}

function isSame(given: unknown, wanted: unknown): boolean {
  if (Array.isArray(given) && Array.isArray(wanted)) {
    return given.length === wanted.length && given.every((item, i) => isSame(item, wanted[i]));
  }
  const [own, other] = [asObject(given), asObject(wanted)];
  if (own === null || other === null) return given === wanted;
  const keys = Object.keys(own);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && isSame(own[key], other[key]));
}

function kindOf(value: unknown): Kind {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  const type = typeof value;
  return type === 'string' || type === 'number' || type === 'boolean' ? type : 'object';
}

function plain(text: string): string {
  return text
    .replaceAll(/[ ,./\-_*^]/g, '')
    .replaceAll("'", '"')
    .toLowerCase();
}
