/** What an evaluation asks: JSON lines, each a question with the answer that is right. */
import { z } from 'zod';
import { chatMessage, toolDefinition, type ChatMessage, type ToolCall, type ToolDefinition } from '../contracts/chat.ts';
import { TuttiError } from '../errors/error.ts';

/** One question and what counts as right. */
export interface EvalItem {
  readonly id: string;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  /** The right answers, the usual one first; one of them is enough. Empty when calls are expected. */
  readonly answers: readonly string[];
  /** The calls that should be made, in any order; empty: none. null when a text is expected. */
  readonly calls: readonly ToolCall[] | null;
  /** What kind of question it is, by which figures are split: a capability, or a word of one's own. */
  readonly skill: string | null;
}

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const line = z
  .looseObject({
    id: text.optional(),
    prompt: z.string().min(1).optional(),
    /** The same, as many data sets call it. */
    question: z.string().min(1).optional(),
    input: z.string().min(1).optional(),
    messages: z.array(chatMessage).min(1).optional(),
    answer: text.optional(),
    /** The same, as many data sets call it; `text` in the embedded models' own test sets. */
    gold: text.optional(),
    text: text.optional(),
    accept: z.array(text).default([]),
    tools: z.array(toolDefinition).max(256).default([]),
    expected: z.array(z.looseObject({ name: z.string().min(1), arguments: z.record(z.string(), z.unknown()) })).optional(),
    skill: z.string().min(1).optional(),
    kind: z.string().min(1).optional(),
  })
  .superRefine((value, context) => {
    const asked = [value.prompt, value.question, value.input, value.messages];
    if (asked.filter((one) => one !== undefined).length !== 1)
      context.addIssue({ code: 'custom', message: 'it needs `prompt` or `messages`, and not both' });
    if ((value.answer ?? value.gold ?? value.text) === undefined && value.expected === undefined)
      context.addIssue({ code: 'custom', message: 'it needs `answer`, or `expected` for tool calls' });
  });

/**
 * The items of a JSONL text. Empty lines are left out; an item without an `id` is called by the number of its line.
 * Errors: `invalid_json` and `invalid_request`, with the file and the line; `invalid_request` when there are none.
 */
export function readItems(source: string, file: string): EvalItem[] {
  const ids = new Set<string>();
  const items = source.split('\n').flatMap((raw, index): EvalItem[] => {
    if (raw.trim() === '') return [];
    const where = `${file}:${index + 1}`;
    const item = toItem(parse(raw, where), String(index + 1), where);
    if (ids.has(item.id)) throw new TuttiError('invalid_request', `${where}: there is an item \`${item.id}\` already.`);
    ids.add(item.id);
    return [item];
  });
  if (items.length === 0) throw new TuttiError('invalid_request', `${file} has no lines: there is nothing to ask.`);
  return items;
}

function parse(raw: string, where: string): unknown {
  try {
    return JSON.parse(raw);
  } catch (cause) {
    throw new TuttiError('invalid_json', `${where} is not JSON. Each line is {"prompt": …, "answer": …}.`, { cause });
  }
}

function toItem(value: unknown, fallbackId: string, where: string): EvalItem {
  const parsed = line.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join('.')}: ${message}`,
    );
    throw new TuttiError('invalid_request', `${where}: ${problems.join('; ')}.`);
  }
  const { id, messages, accept, tools, expected, skill, kind } = parsed.data;
  const prompt = parsed.data.prompt ?? parsed.data.question ?? parsed.data.input ?? '';
  const usual = parsed.data.answer ?? parsed.data.gold ?? parsed.data.text;
  return {
    id: id ?? fallbackId,
    messages: messages ?? [{ role: 'user', content: prompt }],
    tools,
    answers: usual === undefined ? [] : [usual, ...accept],
    calls: expected?.map(toCall) ?? null,
    skill: skill ?? kind ?? null,
  };
}

function toCall({ name, arguments: args }: { name: string; arguments: Record<string, unknown> }, index: number): ToolCall {
  return { id: `expected_${index}`, type: 'function', function: { name, arguments: JSON.stringify(args) } };
}
