/** Checks data against a JSON Schema that somebody else wrote. Ajv enters here, when the first schema does. */
import { createRequire } from 'node:module';
import type * as Ajv from 'ajv/dist/2020.js';
import { matchesInTime } from './bounded-match.ts';

/** Compiling takes time that grows with the schema. */
const MAX_CHARACTERS = 65_536;

/** Why data does not fit, for people (`/city must be string`); null when it fits. */
export type SchemaCheck = (value: unknown) => string | null;

/** Patterns of the schema run in bounded time, see `matchesInTime`. */
const boundedPattern = Object.assign(
  (pattern: string, flags: string) => {
    const expression = new RegExp(pattern, flags);
    // Ajv tells patterns apart by `toString`.
    return { test: (text: string): boolean => matchesInTime(expression, text) === true, toString: () => String(expression) };
  },
  { code: 'RegExp' },
);

type Compiled = { readonly check: SchemaCheck } | { readonly problem: string };

const require = createRequire(import.meta.url);
/** By the schema's object: making a check takes milliseconds, using it microseconds. */
const compiled = new WeakMap<object, Compiled>();

/**
 * A check for a schema (draft 2020-12, which reads most of draft 7; formats are not checked), or what is wrong with the
 * schema. `$ref` reaches inside the schema alone. Made once for each object, which must not be changed afterwards.
 */
export function schemaCheck(schema: object): Compiled {
  const known = compiled.get(schema) ?? compile(schema);
  compiled.set(schema, known);
  return known;
}

function compile(schema: object): Compiled {
  if (JSON.stringify(schema).length > MAX_CHARACTERS) return { problem: `it has more than ${MAX_CHARACTERS} characters` };
  const { Ajv2020 } = require('ajv/dist/2020.js') as typeof Ajv;
  // One Ajv a schema: it keeps every schema that it has seen.
  const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false, code: { regExp: boundedPattern } });
  try {
    const { $schema: _draft, ...plain } = { $schema: undefined, ...schema };
    const validate = ajv.compile(plain);
    return { check: (value) => (validate(value) ? null : ajv.errorsText(validate.errors, { dataVar: '' }).trim()) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
