/**
 * Holds arguments against a tool's JSON schema and changes what can be changed without loss: `"5"` is 5 where a number is
 * wanted, one value becomes a list of one. What cannot be is a problem in words that a model understands.
 */
import { asArray, asObject, asString, type JsonObject } from '../../lib/json-value.ts';
import { Expression, readLiteral, WrittenCall } from './literal.ts';
import type { KnownTool } from './tool-index.ts';

/** Arguments that fit, or the first thing that is wrong with them. */
export type Checked =
  | {
      readonly ok: true;
      readonly arguments: Readonly<Record<string, unknown>>;
      /** Something had to be changed. */
      readonly changed: boolean;
    }
  | { readonly ok: false; readonly problem: string };

/** A value that fits, or why it does not. */
type Fit = { readonly value: unknown; readonly changed: boolean } | { readonly problem: string };

/** Checks all arguments of a call. Unknown parameters are a problem unless the schema allows more. */
export function checkArguments(given: Readonly<Record<string, unknown>>, tool: KnownTool): Checked {
  const { schema } = tool;
  const fit = fitObject(given, { ...schema, type: 'object', additionalProperties: openToMore(schema) }, tool.name, true);
  if ('problem' in fit) return { ok: false, problem: fit.problem };
  return { ok: true, arguments: fit.value as Record<string, unknown>, changed: fit.changed }; // an object, as its schema says
}

/** Only a schema that says so, or that names no parameters at all, takes others. */
function openToMore(schema: JsonObject): unknown {
  const more = schema['additionalProperties'];
  if (more !== undefined) return more;
  return asObject(schema['properties']) === null;
}

function fitObject(given: Readonly<Record<string, unknown>>, schema: JsonObject, at: string, top = false): Fit {
  const properties = asObject(schema['properties']) ?? {};
  const more = schema['additionalProperties'];
  const result: Record<string, unknown> = {};
  let changed = false;
  for (const [written, value] of Object.entries(given)) {
    const key = parameterOf(written, properties);
    if (key === null) {
      if (more === false) {
        // What was left empty says nothing and may go.
        if (value === null) {
          changed = true;
          continue;
        }
        return { problem: top ? `unknown parameter ${written}` : `${at} has no ${written}` };
      }
      const fit = fitValue(value, asObject(more) ?? {}, written);
      if ('problem' in fit) return fit;
      result[written] = fit.value;
      changed ||= fit.changed;
      continue;
    }
    if (key in result) return { problem: `${key} is given twice` };
    const own = asObject(properties[key]) ?? {};
    const isRequired = asArray(schema['required']).includes(key);
    // `null` for an optional parameter means that it is left out.
    if (value === null && !isRequired && !typesOf(own).includes('null') && typesOf(own).length > 0) {
      changed = true;
      continue;
    }
    const fit = fitValue(value, own, key);
    if ('problem' in fit) return fit;
    result[key] = fit.value;
    changed ||= fit.changed || key !== written;
  }
  for (const key of asArray(schema['required'])) {
    if (typeof key === 'string' && !(key in result)) return { problem: `missing parameter ${key}` };
  }
  return { value: result, changed };
}

/** A parameter by its name, or by one that differs in case and separators only. */
function parameterOf(written: string, properties: JsonObject): string | null {
  if (Object.hasOwn(properties, written)) return written;
  const wanted = plain(written);
  const fitting = Object.keys(properties).filter((key) => plain(key) === wanted);
  return fitting.length === 1 ? (fitting[0] ?? null) : null;
}

function plain(name: string): string {
  return name.replaceAll(/[\s_\-\\.]+/g, '').toLowerCase();
}

function typesOf(schema: JsonObject): readonly string[] {
  const { type } = schema;
  if (typeof type === 'string') return [type];
  return asArray(type).filter((one) => typeof one === 'string');
}

function fitValue(value: unknown, schema: JsonObject, at: string): Fit {
  if (value instanceof WrittenCall) return { problem: `${at} must be a value, not the call ${value.name}(…)` };
  if (value instanceof Expression) return fitExpression(value, schema, at);
  const choices = asArray(schema['anyOf'] ?? schema['oneOf']);
  if (choices.length > 0) return fitChoice(value, choices, schema, at);
  if ('const' in schema) return fitEnum(value, [schema['const']], at);
  const options = schema['enum'];
  if (Array.isArray(options)) {
    if (Array.isArray(value) && typesOf(schema).includes('array')) return fitArray(value, { items: { enum: options } }, at);
    return fitEnum(value, options, at);
  }
  const types = typesOf(schema);
  if (types.length === 0) return literal(value, at);
  const exact = types.find((type) => isOf(value, type));
  if (exact !== undefined) return fitType(value, exact, schema, at);
  let problem: Fit | null = null;
  for (const type of types) {
    const fit = fitType(value, type, schema, at);
    if (!('problem' in fit)) return fit;
    problem ??= fit;
  }
  return problem ?? literal(value, at);
}

/** Without a schema any value will do, as long as it holds no variables. */
function literal(value: unknown, at: string): Fit {
  if (Array.isArray(value)) return fitArray(value, {}, at);
  const object = asObject(value);
  return object === null ? { value, changed: false } : fitObject(object, { additionalProperties: true }, at);
}

/** The first of several schemas that takes the value as it is, else the first that takes it changed. */
function fitChoice(value: unknown, choices: readonly unknown[], schema: JsonObject, at: string): Fit {
  const { anyOf: _any, oneOf: _one, ...base } = schema;
  const fits = choices.map((choice) => fitValue(value, { ...base, ...asObject(choice) }, at));
  const good = fits.filter((fit) => 'changed' in fit);
  return good.find((fit) => !fit.changed) ?? good[0] ?? fits[0] ?? { value, changed: false };
}

function fitEnum(value: unknown, options: readonly unknown[], at: string): Fit {
  if (options.includes(value)) return { value, changed: false };
  const one = Array.isArray(value) && value.length === 1 ? value[0] : value;
  const wanted = plain(String(one));
  const fitting = options.filter((option) => plain(String(option)) === wanted);
  if (fitting.length === 1) return { value: fitting[0], changed: true };
  return { problem: `${at} must be one of ${options.map((option) => JSON.stringify(option)).join(', ')}` };
}

function isOf(value: unknown, type: string): boolean {
  switch (type) {
    case 'string':
    case 'boolean':
    case 'number':
      return typeof value === type;
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return asObject(value) !== null;
    case 'null':
      return value === null;
    default:
      return false;
  }
}

function fitType(value: unknown, type: string, schema: JsonObject, at: string): Fit {
  const wrong: Fit = { problem: `${at} must be of type ${type}` };
  switch (type) {
    case 'string':
      return fitString(value, at, wrong);
    case 'integer':
    case 'number':
      return fitNumber(value, type, wrong);
    case 'boolean':
      return fitBoolean(value, wrong);
    case 'null':
      return value === null ? { value, changed: false } : wrong;
    case 'array': {
      if (Array.isArray(value)) return fitArray(value, schema, at);
      const written = typeof value === 'string' ? writtenValue(value) : undefined;
      if (Array.isArray(written)) return changed(fitArray(written, schema, at));
      const numbers = typeof value === 'string' ? numbersApart(value, schema) : null;
      if (numbers !== null) return changed(fitArray(numbers, schema, at));
      return value === null ? wrong : changed(fitArray([value], schema, at));
    }
    case 'object': {
      const written = typeof value === 'string' ? writtenValue(value) : value;
      const object = Array.isArray(written) ? null : asObject(written);
      if (object === null) return wrong;
      const fit = fitObject(object, schema, at);
      return written === value ? fit : changed(fit);
    }
    default:
      return literal(value, at); // a type of somebody's own
  }
}

/** `1, 2, 3` where numbers are wanted. With words it would not be certain that a comma is not part of one. */
function numbersApart(text: string, schema: JsonObject): string[] | null {
  const wanted = typesOf(asObject(schema['items']) ?? {});
  const parts = text.split(',').map((part) => part.trim());
  const areNumbers = wanted.includes('integer') || wanted.includes('number');
  return areNumbers && parts.length > 1 && parts.every((part) => numberOf(part) !== null) ? parts : null;
}

function fitArray(values: readonly unknown[], schema: JsonObject, at: string): Fit {
  const items = asObject(schema['items']) ?? {};
  const result: unknown[] = [];
  let any = false;
  for (const [i, value] of values.entries()) {
    const fit = fitValue(value, items, `${at}[${i}]`);
    if ('problem' in fit) return fit;
    result.push(fit.value);
    any ||= fit.changed;
  }
  return { value: result, changed: any };
}

function fitString(value: unknown, at: string, wrong: Fit): Fit {
  if (typeof value === 'string') return { value, changed: false };
  if (typeof value === 'number' || typeof value === 'boolean') return { value: String(value), changed: true };
  if (Array.isArray(value) && value.length === 1 && typeof value[0] === 'string') return { value: value[0], changed: true };
  return asObject(value) === null ? wrong : { problem: `${at} must be a string, not an object` };
}

function fitNumber(value: unknown, type: 'integer' | 'number', wrong: Fit): Fit {
  const number = typeof value === 'string' ? numberOf(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) return wrong;
  if (type === 'integer' && !Number.isInteger(number)) return wrong;
  return { value: number, changed: number !== value };
}

/** A number in a string; thousands may be apart (`1,000`). Units are not taken off: that would lose something. */
function numberOf(text: string): number | null {
  const bare = text.trim();
  const digits = /^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$/.test(bare) ? bare.replaceAll(',', '') : bare;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(digits) ? Number(digits) : null;
}

function fitBoolean(value: unknown, wrong: Fit): Fit {
  if (typeof value === 'boolean') return { value, changed: false };
  const word = asString(value)?.trim().toLowerCase();
  if (word === 'true' || word === 'yes') return { value: true, changed: true };
  if (word === 'false' || word === 'no') return { value: false, changed: true };
  if (value === 0 || value === 1) return { value: value === 1, changed: true };
  return wrong;
}

/** The list or object that a string holds. */
function writtenValue(text: string): unknown {
  const read = readLiteral(text);
  return read !== null && text.slice(read.end).trim() === '' ? read.value : undefined;
}

/** Words without quotes are values where the schema knows them, and formulas and dates where it wants text. Variables are none. */
function fitExpression({ source }: Expression, schema: JsonObject, at: string): Fit {
  if (Array.isArray(schema['enum'])) return changed(fitEnum(source, schema['enum'], at));
  const types = typesOf(schema);
  const isText = types.length === 0 || types.includes('string');
  if (isText && isWrittenOut(source)) return { value: source, changed: true };
  return { problem: `${at} must be a value, not ${source}` };
}

/**
 * `2021-12-31`, `5km`, `3*x**2 + 1`, `Boston`: begins with a digit, computes something, or is capitalised as no variable is. Other
 * names, and single letters, stand for something.
 */
function isWrittenOut(source: string): boolean {
  return /^\d/.test(source) || /[*/+^]/.test(source) || /^\p{Lu}\p{Ll}{2,}$/u.test(source);
}

function changed(fit: Fit): Fit {
  return 'problem' in fit ? fit : { value: fit.value, changed: true };
}
