/**
 * JSON Schema as a GBNF grammar of llama.cpp. What a grammar cannot hold to is refused with its place, never ignored:
 * an answer that was promised to fit must fit. Pure annotations (`title`, `description`, `default` …) say nothing here.
 *
 * Objects list their properties in the schema's order, required ones always, others if the model wants them.
 */
import type { JsonSchema } from '../../../contracts/chat.ts';
import { TuttiError } from '../../../errors/error.ts';
import { integerRange, numberRange } from './number-grammar.ts';

/** The name of the rule for any JSON object. */
export const ANY_OBJECT = 'object';

/** Rules that every grammar may use. The limits keep a lost model from writing blanks or digits for ever. */
const BASE: Readonly<Record<string, string>> = {
  ws: '| " " | "\\n" [ \\t]{0,20}',
  char: '[^"\\\\\\x7F\\x00-\\x1F] | "\\\\" (["\\\\bfnrt/] | "u" [0-9a-fA-F]{4})',
  string: '"\\"" char* "\\""',
  boolean: '"true" | "false"',
  null: '"null"',
  integer: '"-"? ("0" | [1-9] [0-9]{0,15})',
  number: 'integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?',
  value: 'object | array | string | number | boolean | null',
  object: '"{" ws (string ":" ws value ("," ws string ":" ws value)*)? ws "}"',
  array: '"[" ws (value ("," ws value)*)? ws "]"',
  date: '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])',
  time: '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,9})? ("Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9])',
};

const FORMATS: Readonly<Record<string, string>> = {
  date: '"\\"" date "\\""',
  time: '"\\"" time "\\""',
  'date-time': '"\\"" date "T" time "\\""',
  uuid: '"\\"" [0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12} "\\""',
};

/** Keywords that do not constrain. */
const ANNOTATIONS = new Set(
  '$schema $id $comment $anchor $defs definitions title description default examples example deprecated readOnly writeOnly strict nullable contentMediaType contentEncoding'.split(
    ' ',
  ),
);
const BOUNDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'];

const BY_TYPE: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties', 'propertyNames'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'format'],
  integer: BOUNDS,
  number: BOUNDS,
  boolean: [],
  null: [],
};

export class GrammarBuilder {
  readonly #rules = new Map<string, string>(Object.entries(BASE));
  readonly #refs = new Map<string, string>();
  /** How many ways a rule can begin: one where nothing is said. */
  readonly #starts = new Map<string, number>();
  /** Where the schema stands in the request. */
  #place = '';
  #repeats = 0;
  #document: JsonSchema = {};
  #count = 0;
  #depth = 0;

  /** The whole grammar, with `rule` as its root. */
  finish(rule: string): string {
    return [`root ::= ${rule}`, ...Array.from(this.#rules, ([name, body]) => `${name} ::= ${body}`)].join('\n');
  }

  text(text: string): string {
    return literal(text);
  }

  sequence(items: readonly string[]): string {
    return this.#rule(items.join(' '), this.#startsOf(items[0]));
  }

  oneOf(items: readonly string[]): string {
    if (items.length === 1) return items[0] ?? '';
    return this.#rule(
      items.join(' | '),
      items.reduce((sum, item) => sum + this.#startsOf(item), 0),
    );
  }

  /** The rule of a schema. `path` names it in errors. */
  schema(schema: JsonSchema, path: string): string {
    this.#document = schema;
    this.#place = path;
    this.#refs.clear();
    return this.#convert(schema, path);
  }

  /** FunctionGemma's arguments: keys without quotes, strings between `<escape>`. */
  gemmaObject(schema: JsonSchema, path: string): string {
    this.#document = schema;
    this.#place = path;
    this.#refs.clear();
    const properties = object(schema['properties'] ?? {}, `${path}.properties`);
    const required = new Set(strings(schema['required'] ?? [], `${path}.required`));
    const members = Object.entries(properties).map(([key, value]) => ({
      rule: this.sequence([
        literal(`${key}:`),
        this.#gemmaValue(object(value, `${path}.properties.${key}`), `${path}.properties.${key}`),
      ]),
      required: required.has(key),
    }));
    return this.sequence(['"{"', this.#members(members, '","'), '"}"']);
  }

  #gemmaValue(schema: JsonSchema, path: string): string {
    if (Array.isArray(schema['enum']))
      return this.oneOf(schema['enum'].map((v) => literal(typeof v === 'string' ? `<escape>${v}<escape>` : JSON.stringify(v))));
    switch (schema['type']) {
      case 'string':
        return this.sequence([literal('<escape>'), '[^<\\x00-\\x1F]*', literal('<escape>')]);
      case 'object':
        return this.gemmaObject(schema, path);
      case 'array': {
        const item = this.#gemmaValue(object(schema['items'] ?? { type: 'string' }, `${path}.items`), `${path}.items`);
        return this.sequence(['"["', `(${item} ("," ${item})*)?`, '"]"']);
      }
      default:
        return this.#convert(schema, path);
    }
  }

  #rule(body: string, starts = 1): string {
    if (starts > MOST_WAYS) throw refused(this.#place, `leaves more than ${MOST_WAYS} ways to go on at one place`);
    if (this.#count > MOST_RULES) throw refused(this.#place, 'is too large to be enforced while the answer is written');
    const name = `r${this.#count++}`;
    this.#rules.set(name, body);
    if (starts > 1) this.#starts.set(name, starts);
    return name;
  }

  #startsOf(rule: string | undefined): number {
    return (rule !== undefined && this.#starts.get(rule)) || 1;
  }

  #convert(schema: unknown, path: string): string {
    if (this.#depth === MOST_LEVELS) throw refused(path, `lies more than ${MOST_LEVELS} levels deep`);
    this.#depth++;
    try {
      return this.#ruleOf(schema, path);
    } finally {
      this.#depth--;
    }
  }

  #ruleOf(schema: unknown, path: string): string {
    if (schema === true) return 'value';
    if (schema === false) throw refused(path, 'allows no value at all');
    const given = object(schema, path);
    if ('$ref' in given) return this.#reference(given['$ref'], path);
    if ('const' in given) return this.#only(given, ['const', 'type'], path, () => literal(JSON.stringify(given['const'])));
    if ('enum' in given) {
      const values = given['enum'];
      if (!Array.isArray(values) || values.length === 0) throw refused(`${path}.enum`, 'must be a list with at least one value');
      if (values.length > MOST_VALUES) throw refused(`${path}.enum`, `can have at most ${MOST_VALUES} values`);
      return this.#only(given, ['enum', 'type'], path, () => this.oneOf(values.map((value) => literal(JSON.stringify(value)))));
    }
    for (const key of ['anyOf', 'oneOf', 'allOf'] as const) {
      const list = given[key];
      if (list === undefined) continue;
      if (!Array.isArray(list) || list.length === 0) throw refused(`${path}.${key}`, 'must be a list with at least one schema');
      if (key === 'allOf' && list.length > 1) throw refused(`${path}.allOf`, 'can hold only one schema');
      return this.#only(given, [key, 'type'], path, () =>
        this.oneOf(list.map((item, i) => this.#convert(item, `${path}.${key}[${i}]`))),
      );
    }
    return this.#typed(given, path);
  }

  #typed(given: JsonSchema, path: string): string {
    const declared = given['type'] ?? impliedType(given);
    const types = Array.isArray(declared) ? declared : declared === undefined ? [] : [declared];
    const allowed = types.flatMap((type) => BY_TYPE[String(type)] ?? []);
    this.#only(given, ['type', ...allowed], path, () => '');
    const rules = types.map((type) => this.#ofType(String(type), given, path));
    if (given['nullable'] === true && !types.includes('null')) rules.push('null');
    return rules.length === 0 ? 'value' : this.oneOf(rules);
  }

  #ofType(type: string, given: JsonSchema, path: string): string {
    switch (type) {
      case 'object':
        return this.#object(given, path);
      case 'array':
        return this.#array(given, path);
      case 'string':
        return this.#string(given, path);
      case 'integer':
      case 'number':
        return this.#number(type, given, path);
      case 'boolean':
      case 'null':
        return type;
      default:
        throw refused(`${path}.type`, `names no JSON type: ${type}`);
    }
  }

  #number(type: 'integer' | 'number', given: JsonSchema, path: string): string {
    if (!BOUNDS.some((key) => given[key] !== undefined)) return type;
    const low = tighter(bound(given, 'minimum', path), bound(given, 'exclusiveMinimum', path), (a, b) => a > b);
    const high = tighter(bound(given, 'maximum', path), bound(given, 'exclusiveMaximum', path), (a, b) => a < b);
    const lowest = low.value !== null && type === 'integer' && low.excluded ? low.value + 1n : low.value;
    const highest = high.value !== null && type === 'integer' && high.excluded ? high.value - 1n : high.value;
    const excludes = { low: low.excluded, high: high.excluded };
    const rule = type === 'integer' ? integerRange(lowest, highest) : numberRange(lowest, highest, excludes);
    if (rule === '') throw refused(path, 'has bounds that leave no number');
    return this.#rule(rule);
  }

  /** Refuses what stands beside the keywords that are understood here. */
  #only(given: JsonSchema, keywords: readonly string[], path: string, make: () => string): string {
    for (const key of Object.keys(given))
      if (!keywords.includes(key) && !ANNOTATIONS.has(key))
        throw refused(`${path}.${key}`, 'cannot be enforced while the answer is written');
    return make();
  }

  #reference(ref: unknown, path: string): string {
    if (typeof ref !== 'string' || !ref.startsWith('#')) throw refused(`${path}.$ref`, 'must point into the same schema (#/…)');
    const known = this.#refs.get(ref);
    if (known !== undefined) return known;
    const name = `ref${this.#refs.size}-${this.#count++}`;
    this.#refs.set(ref, name); // before it is converted: schemas may refer to themselves
    let target: unknown = this.#document;
    for (const step of ref.slice(1).split('/').filter(Boolean)) {
      const key = decoded(step).replaceAll('~1', '/').replaceAll('~0', '~');
      target = typeof target === 'object' && target !== null && Object.hasOwn(target, key) ? Reflect.get(target, key) : undefined;
    }
    if (target === undefined) throw refused(`${path}.$ref`, `points to nothing: ${ref}`);
    const rule = this.#convert(target, ref);
    this.#rules.set(name, rule);
    this.#starts.set(name, this.#startsOf(rule));
    return name;
  }

  #object(given: JsonSchema, path: string): string {
    const properties = object(given['properties'] ?? {}, `${path}.properties`);
    const required = new Set(strings(given['required'] ?? [], `${path}.required`));
    const members = Object.entries(properties).map(([key, value]) => ({
      rule: this.#member(key, this.#convert(value, `${path}.properties.${key}`)),
      required: required.has(key),
    }));
    for (const key of required)
      if (!Object.hasOwn(properties, key)) members.push({ rule: this.#member(key, 'value'), required: true });
    const names = given['propertyNames'];
    if (names !== undefined && JSON.stringify(names) !== '{"type":"string"}')
      throw refused(`${path}.propertyNames`, 'cannot be enforced while the answer is written');
    const more = given['additionalProperties'];
    // A schema without properties means "any object"; with properties, others only when it says so.
    if (members.length === 0 && more === undefined) return ANY_OBJECT;
    if (more !== undefined && more !== false) {
      const value = more === true ? 'value' : this.#convert(more, `${path}.additionalProperties`);
      const pair = this.sequence(['string', '":"', 'ws', value]);
      members.push({ rule: this.sequence([pair, `("," ws ${pair})*`]), required: false });
    }
    return this.sequence(['"{"', 'ws', this.#members(members, '"," ws'), 'ws', '"}"']);
  }

  #member(key: string, value: string): string {
    return this.sequence([literal(`${JSON.stringify(key)}:`), 'ws', value]);
  }

  /** All orders but the schema's own are left out: they would need a rule for every subset. */
  #members(members: readonly { readonly rule: string; readonly required: boolean }[], comma: string): string {
    // `after` is what may follow once something stands there, `fresh` what may stand first.
    let after = '';
    let fresh = '';
    for (const { rule, required } of members.toReversed()) {
      const rest = after;
      const begun = this.sequence([rule, rest].filter(Boolean));
      // With each that may be left out there is one more way to go on.
      const ways = OPTIONAL_WEIGHT + this.#startsOf(rest);
      after = required
        ? this.sequence([comma, begun])
        : this.#rule(`(${comma} ${begun})${rest === '' ? '?' : ` | ${rest}`}`, ways);
      fresh = required ? begun : this.#rule(fresh === '' ? `${begun}?` : `${begun} | ${fresh}`, ways);
    }
    return fresh;
  }

  #array(given: JsonSchema, path: string): string {
    const least = count(given['minItems'], 0, `${path}.minItems`);
    const most = count(given['maxItems'], Number.POSITIVE_INFINITY, `${path}.maxItems`);
    if (most < least) throw refused(`${path}.maxItems`, 'is below minItems');
    const first = given['prefixItems'];
    if (first !== undefined) {
      if (!Array.isArray(first) || first.length === 0)
        throw refused(`${path}.prefixItems`, 'must be a list with at least one schema');
      if (given['items'] !== undefined && given['items'] !== false) throw refused(`${path}.items`, 'cannot follow prefixItems');
      const items = first.map((item, i) => this.#convert(item, `${path}.prefixItems[${i}]`));
      return this.sequence(['"["', 'ws', items.join(' "," ws '), 'ws', '"]"']);
    }
    if (most === 0) return this.sequence(['"["', 'ws', '"]"']);
    const item = given['items'] === undefined ? 'value' : this.#convert(given['items'], `${path}.items`);
    const list = `${item} ("," ws ${item})${this.#repeat(Math.max(0, least - 1), most - 1)}`;
    return this.sequence(['"["', 'ws', least === 0 ? `(${list})?` : list, 'ws', '"]"']);
  }

  #repeat(least: number, most: number): string {
    this.#repeats += most === Number.POSITIVE_INFINITY ? least : most;
    if (this.#repeats > MOST_REPEATS_TOGETHER) {
      throw refused(this.#place, `can have limits of lengths of at most ${MOST_REPEATS_TOGETHER} together`);
    }
    if (most === Number.POSITIVE_INFINITY) return least === 0 ? '*' : `{${least},}`;
    return `{${least},${most}}`;
  }

  #string(given: JsonSchema, path: string): string {
    const least = count(given['minLength'], 0, `${path}.minLength`);
    const most = count(given['maxLength'], Number.POSITIVE_INFINITY, `${path}.maxLength`);
    const format = given['format'];
    // Other formats are notes to the reader, as the JSON Schema standard has it.
    const rule = typeof format === 'string' && Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
    if (rule !== undefined) return this.#rule(rule);
    if (most < least) throw refused(`${path}.maxLength`, 'is below minLength');
    if (least === 0 && most === Number.POSITIVE_INFINITY) return 'string';
    return this.sequence(['"\\""', `char${this.#repeat(least, most)}`, '"\\""']);
  }
}

function impliedType(given: JsonSchema): string | undefined {
  if ('properties' in given || 'required' in given || 'additionalProperties' in given) return 'object';
  if ('items' in given || 'prefixItems' in given) return 'array';
  return undefined;
}

function literal(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')}"`;
}

function object(value: unknown, path: string): JsonSchema {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(path, 'must be an object');
  return value as JsonSchema; // an object, checked on the line above
}

function strings(value: unknown, path: string): string[] {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) throw refused(path, 'must be a list of names');
  return value;
}

/** A bound that a grammar can hold to. Errors: `invalid_schema` when it is no whole number. */
function bound(given: JsonSchema, key: string, path: string): Bound {
  const value = given[key];
  const excluded = key.startsWith('exclusive');
  if (value === undefined) return { value: null, excluded };
  if (typeof value !== 'number' || !Number.isInteger(value)) throw refused(`${path}.${key}`, 'must be a whole number');
  return { value: BigInt(value), excluded };
}

interface Bound {
  readonly value: bigint | null;
  readonly excluded: boolean;
}

/** Of an inclusive and an exclusive bound the one that allows less. */
function tighter(inclusive: Bound, exclusive: Bound, beyond: (a: bigint, b: bigint) => boolean): Bound {
  if (exclusive.value === null) return inclusive;
  if (inclusive.value === null) return exclusive;
  return beyond(inclusive.value, exclusive.value) ? inclusive : exclusive;
}

/** Schemas within schemas, also by way of `$ref`: following them takes stack here and in llama.cpp. */
const MOST_LEVELS = 500;
/** Each token is held against every value that still fits: 2,000 take about 0.2 s, and four times that for twice as many. */
const MOST_VALUES = 2000;
/** The same for alternatives of any kind. Those of references multiply: a schema of a few lines could have millions. */
const MOST_WAYS = MOST_VALUES;
/** A property that may be left out costs more than a value: each way goes through all before it. */
const OPTIONAL_WEIGHT = 2;

/** A step of a reference. What is no percent-encoding stands for itself. */
function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step; // see above
  }
}

/** llama.cpp refuses repetitions above about 2,000; beyond, a limit is no limit of a grammar. */
const MOST_REPEATS = 2000;
/** It makes a rule of each repetition; all calls of the runner wait meanwhile, a second for so many. */
const MOST_REPEATS_TOGETHER = 50_000;
/** The same for rules that a schema has by itself: about three for each property. */
const MOST_RULES = 25_000;

function count(value: unknown, otherwise: number, path: string): number {
  if (value === undefined) return otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw refused(path, 'must be a whole number from 0 on');
  if (value > MOST_REPEATS) throw refused(path, `can be at most ${MOST_REPEATS}`);
  return value;
}

function refused(path: string, why: string): TuttiError {
  return new TuttiError('invalid_schema', `${path} ${why}.`, { param: path });
}
