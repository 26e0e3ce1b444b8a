/**
 * How well the interpreter reads what models write: a JSONL of recorded answers, each with the tools that were offered and
 * the calls that are right. A row is `{id, category, model, question, functions, raw, possible_answer}` in the manner of the
 * Berkeley Function-Calling Leaderboard; `possible_answer` is null where no call is right (category `relevance`).
 *
 *     node --conditions tutti-source bench/quality/tool-calls.ts <file.jsonl>
 */
import { readFile } from 'node:fs/promises';
import type { JsonSchema, ToolCall, ToolDefinition } from '../../src/contracts/chat.ts';
import { asArray, asObject, parseJson, type JsonObject } from '../../src/lib/json-value.ts';
import { TuttiError } from '../../src/errors/error.ts';
import { createInterpreter } from '../../src/arbiter/interpreter/interpreter.ts';

/** A recorded answer. */
export interface ToolCallRow {
  readonly id: string;
  readonly category: string;
  readonly model: string;
  /** What was asked: a text, or the messages of a conversation. */
  readonly question: string | readonly AskedMessage[] | readonly (readonly AskedMessage[])[];
  readonly functions: readonly { readonly name: string; readonly description?: string; readonly parameters: JsonSchema }[];
  /** All that the model wrote. */
  readonly raw: string;
  /** By function (with `_1`, `_2` … where one is called several times), by parameter: accepted values. `""`: may be left out. */
  readonly possible_answer: Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>> | null;
}

/** One of the messages that a model was asked with. */
export interface AskedMessage {
  readonly role: string;
  readonly content: string;
}

/** Right answers of all. */
export interface Tally {
  readonly right: number;
  readonly of: number;
  readonly accuracy: number;
}

/** What was measured. */
export interface ToolCallScore {
  readonly overall: Tally;
  readonly byCategory: Readonly<Record<string, Tally>>;
  /** Rows that were answered wrongly. */
  readonly wrong: readonly { readonly id: string; readonly model: string; readonly calls: readonly ToolCall[] }[];
}

/** Reads a text with these tools; the question is null when the user said more than that. The default is the interpreter without a model. */
export type ReadCalls = (
  text: string,
  tools: readonly ToolDefinition[],
  question: string | null,
) => readonly ToolCall[] | Promise<readonly ToolCall[]>;

const alone = createInterpreter({
  model: null,
  ask: () => Promise.reject(new TuttiError('internal_error', 'there is no model')),
});

const withoutModel: ReadCalls = async (text, tools, question) =>
  (await alone.interpret({ text, tools, question: question ?? undefined })).toolCalls;

/** The question of a row, when it is all that the user said. */
export function questionOf({ question }: Pick<ToolCallRow, 'question'>): string | null {
  if (typeof question === 'string') return question;
  const [only, ...others] = question.flat().filter(({ role }) => role !== 'system');
  return only === undefined || only.role !== 'user' || others.length > 0 ? null : only.content;
}

/** Scores a reader on recorded answers. */
export async function scoreToolCalls(rows: readonly ToolCallRow[], read: ReadCalls = withoutModel): Promise<ToolCallScore> {
  const counts = new Map<string, { right: number; of: number }>();
  const wrong: { id: string; model: string; calls: readonly ToolCall[] }[] = [];
  for (const row of rows) {
    const calls = await read(row.raw, toolsOf(row), questionOf(row));
    const count = counts.get(row.category) ?? { right: 0, of: 0 };
    counts.set(row.category, count);
    count.of++;
    if (isRight(calls, row)) count.right++;
    else wrong.push({ id: row.id, model: row.model, calls });
  }
  const all = [...counts.values()].reduce((sum, one) => ({ right: sum.right + one.right, of: sum.of + one.of }), {
    right: 0,
    of: 0,
  });
  return {
    overall: tally(all),
    byCategory: Object.fromEntries([...counts].map(([category, one]) => [category, tally(one)])),
    wrong,
  };
}

function tally({ right, of }: { right: number; of: number }): Tally {
  return { right, of, accuracy: of === 0 ? 0 : right / of };
}

/** The row's functions as tools: their schemas name Python's types. */
export function toolsOf(row: ToolCallRow): ToolDefinition[] {
  return row.functions.map(({ name, description, parameters }) => ({
    type: 'function',
    function: { name, ...(description !== undefined && { description }), parameters: jsonSchemaOf(parameters) },
  }));
}

const PYTHON_TYPES: Readonly<Record<string, string>> = {
  dict: 'object',
  float: 'number',
  int: 'integer',
  str: 'string',
  bool: 'boolean',
  list: 'array',
  tuple: 'array',
};

/** JSON Schema from one that names Python's types. `any` is no constraint at all. */
export function jsonSchemaOf(schema: JsonObject): JsonSchema {
  const result: JsonSchema = { ...schema };
  const type = schema['type'];
  if (type === 'any') delete result['type'];
  else if (typeof type === 'string') result['type'] = PYTHON_TYPES[type] ?? type;
  const properties = asObject(schema['properties']);
  if (properties !== null) {
    result['properties'] = Object.fromEntries(
      Object.entries(properties).map(([key, inner]) => [key, jsonSchemaOf(asObject(inner) ?? {})]),
    );
  }
  const items = asObject(schema['items']);
  if (items !== null) result['items'] = jsonSchemaOf(items);
  return result;
}

/** Whether the calls are those that the row accepts, in any order. */
export function isRight(calls: readonly ToolCall[], row: ToolCallRow): boolean {
  if (row.possible_answer === null) return calls.length === 0;
  const names = new Set(row.functions.map((one) => one.name));
  const wanted = Object.entries(row.possible_answer).map(([key, accepted]) => ({
    name: names.has(key) ? key : key.replace(/[ _]\d+$/, ''),
    accepted,
  }));
  if (wanted.length !== calls.length) return false;
  return (
    wanted.every((want) => {
      const at = remaining(calls, want.name, want.accepted);
      return at;
    }) && matching(calls, wanted)
  );
}

function remaining(calls: readonly ToolCall[], name: string, accepted: Readonly<Record<string, readonly unknown[]>>): boolean {
  return calls.some((call) => fits(call, name, accepted));
}

/** A one-to-one assignment of calls to what is wanted, by trying. */
function matching(
  calls: readonly ToolCall[],
  wanted: readonly { name: string; accepted: Readonly<Record<string, readonly unknown[]>> }[],
): boolean {
  const [first, ...others] = wanted;
  if (first === undefined) return true;
  return calls.some((call, i) => fits(call, first.name, first.accepted) && matching(calls.toSpliced(i, 1), others));
}

function fits(call: ToolCall, name: string, accepted: Readonly<Record<string, readonly unknown[]>>): boolean {
  const given = asObject(parseJson(call.function.arguments));
  if (call.function.name !== name || given === null) return false;
  if (Object.keys(given).some((key) => !(key in accepted))) return false;
  return Object.entries(accepted).every(([key, values]) =>
    key in given ? values.some((value) => equal(given[key], value)) : values.includes(''),
  );
}

/** Case, blanks and punctuation of strings do not count; nor does the order of keys. */
function equal(given: unknown, accepted: unknown): boolean {
  if (typeof given === 'string' && typeof accepted === 'string') return plain(given) === plain(accepted);
  if (Array.isArray(given) && Array.isArray(accepted)) {
    return given.length === accepted.length && given.every((value, i) => equal(value, accepted[i]));
  }
  const [a, b] = [asObject(given), asObject(accepted)];
  if (a !== null && b !== null) {
    const known = Object.keys(a).every((key) => key in b);
    return (
      known && Object.entries(b).every(([key, values]) => inObject(key, a, Array.isArray(values) ? asArray(values) : [values]))
    );
  }
  return given === accepted;
}

/** Inside of objects, too, each key has a list of accepted values. */
function inObject(key: string, given: JsonObject, values: readonly unknown[]): boolean {
  return key in given ? values.some((value) => equal(given[key], value)) : values.includes('');
}

function plain(text: string): string {
  return text
    .replaceAll(/[\s,./\-_*^]/g, '')
    .replaceAll("'", '"')
    .toLowerCase();
}

/** The rows of a file. */
export async function readRows(path: string): Promise<ToolCallRow[]> {
  const text = await readFile(path, 'utf8');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as ToolCallRow); // a data file of one's own choosing
}

if (import.meta.main) {
  const path = process.argv[2];
  if (path === undefined) {
    process.stderr.write('Usage: node --conditions tutti-source bench/quality/tool-calls.ts <file.jsonl>\n');
    process.exitCode = 2;
  } else {
    const score = await scoreToolCalls(await readRows(path));
    for (const [category, one] of [...Object.entries(score.byCategory), ['overall', score.overall] as const]) {
      process.stdout.write(`${category.padEnd(28)} ${(one.accuracy * 100).toFixed(1).padStart(5)} %  ${one.right}/${one.of}\n`);
    }
  }
}
