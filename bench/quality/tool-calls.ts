/**
 * How well the interpreter reads what models write: a JSONL of recorded answers, each with the tools that were offered and
 * the calls that are right. A row is `{id, category, model, question, functions, raw, possible_answer}` in the manner of the
 * Berkeley Function-Calling Leaderboard; `possible_answer` is null where no call is right (category `relevance`). Answers are
 * judged as the leaderboard judges them (`accepted-calls.ts`).
 *
 *     node --conditions tutti-source bench/quality/tool-calls.ts <file.jsonl>
 */
import { readFile } from 'node:fs/promises';
import type { JsonSchema, ToolCall, ToolDefinition } from '../../src/contracts/chat.ts';
import { asObject, type JsonObject } from '../../src/lib/json-value.ts';
import { TuttiError } from '../../src/errors/error.ts';
import { createInterpreter } from '../../src/arbiter/interpreter/interpreter.ts';
import { areAccepted, type Accepted } from './accepted-calls.ts';

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
  /** By function, with `_1`, `_2` … where one is called several times. */
  readonly possible_answer: Readonly<Record<string, Accepted>> | null;
}

/** One of the messages that a model was asked with. */
export interface AskedMessage {
  readonly role: string;
  readonly content: string;
}

/**
 * How the model was told of the tools. `api`: through an API for tools. Such a model is on record here with the answers in which the
 * API gave no call: mostly prose, errors and code to look at, so that a reader finds little in them. `prompt`: in words, to answer in
 * words.
 */
export type ModelKind = 'prompt' | 'api';

/** By the leaderboard's names: `-FC`, `-FC-Auto`, and the models that it asks in no other way. */
export function kindOf(model: string): ModelKind {
  return /-fc(?:-auto)?$|functionary|firefunction|gemini/i.test(model) ? 'api' : 'prompt';
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
  readonly byKind: Readonly<Record<ModelKind, Tally>>;
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
  const categories = new Map<string, Count>();
  const kinds: Record<ModelKind, Count> = { prompt: { right: 0, of: 0 }, api: { right: 0, of: 0 } };
  const wrong: { id: string; model: string; calls: readonly ToolCall[] }[] = [];
  for (const row of rows) {
    const calls = await read(row.raw, toolsOf(row), questionOf(row));
    const category = categories.get(row.category) ?? { right: 0, of: 0 };
    categories.set(row.category, category);
    const right = isRight(calls, row);
    for (const count of [category, kinds[kindOf(row.model)]]) {
      count.of++;
      count.right += Number(right);
    }
    if (!right) wrong.push({ id: row.id, model: row.model, calls });
  }
  return {
    overall: tally({ right: rows.length - wrong.length, of: rows.length }),
    byCategory: Object.fromEntries([...categories].map(([category, one]) => [category, tally(one)])),
    byKind: { prompt: tally(kinds.prompt), api: tally(kinds.api) },
    wrong,
  };
}

interface Count {
  right: number;
  of: number;
}

function tally({ right, of }: Readonly<Count>): Tally {
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
  const functions = new Map(row.functions.map(({ name, parameters }) => [name, parameters]));
  const wanted = Object.entries(row.possible_answer).map(([key, accepted]) => {
    const name = functions.has(key) ? key : key.replace(/[ _]\d+$/, '');
    return { name, accepted, parameters: functions.get(name) ?? {} };
  });
  return areAccepted(calls, wanted);
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
    const { prompt, api } = score.byKind;
    const kinds = { 'told in the prompt': prompt, 'by an API, no call given': api };
    for (const [name, one] of Object.entries({ ...score.byCategory, ...kinds, overall: score.overall })) {
      process.stdout.write(`${name.padEnd(28)} ${(one.accuracy * 100).toFixed(1).padStart(5)} %  ${one.right}/${one.of}\n`);
    }
  }
}
