/** The embedded models do what their cards say, through all of Tutti: the same items, every twentieth of them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChatMessage, ToolDefinition } from '../../src/contracts/chat.ts';
import type { Answer, RunRequest } from '../../src/contracts/library.ts';
import { createTutti, type Tutti } from '../../src/tutti.ts';

interface Item {
  readonly prompt?: string;
  readonly messages?: readonly ChatMessage[];
  readonly tools?: readonly ToolDefinition[];
  /** What the text must be; of several, any. */
  readonly answer?: string;
  readonly text?: string;
  readonly accept?: readonly string[];
  readonly expected?: readonly { readonly name: string; readonly arguments: unknown }[];
}

const EVERY = 20;
/** Points that a twentieth of the items may lie below the whole: three standard deviations of so small a sample. */
const TOLERANCE = 15;
const models = join(import.meta.dirname, '..', '..', 'models');

function itemsOf(model: string): Item[] {
  const lines = readFileSync(join(models, 'eval', `${model === 'tools' ? 'tools' : 'skills'}.jsonl`), 'utf8')
    .trim()
    .split('\n');
  const every = model === 'tools' ? EVERY / 2 : EVERY;
  return lines.filter((_, i) => i % every === 0).map((line) => JSON.parse(line) as Item);
}

function claimed(model: string): number {
  const card = readFileSync(join(models, 'cards', `${model}.md`), 'utf8');
  const [, figure] = /\*\*Overall ([\d.]+) %/.exec(card) ?? expect.fail(`the card of ${model} names no overall figure`);
  return Number(figure);
}

function requestOf(model: string, { prompt, messages, tools }: Item): RunRequest {
  return { model: `embedded:${model}`, input: messages ?? prompt ?? '', ...(tools && { tools }), parameters: { maxTokens: 300 } };
}

function isRight(item: Item, answer: Answer): boolean {
  if (item.expected !== undefined) {
    const calls = answer.toolCalls.map((call) => ({ name: call.function.name, arguments: parsed(call.function.arguments) }));
    return JSON.stringify(calls) === JSON.stringify(item.expected);
  }
  return [item.answer, item.text, ...(item.accept ?? [])].includes(answer.text.trim());
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // Not JSON is wrong, not broken.
  }
}

describe('the embedded models', () => {
  let folder: string;
  let tutti: Tutti;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tutti-weights-'));
    tutti = await createTutti({ data_dir: folder, environment: {}, log: 'silent', discover: false });
  });
  afterAll(async () => {
    await tutti.close();
    rmSync(folder, { recursive: true });
  });

  it.each(['nano', 'mini-a', 'mini-b', 'mini-c', 'base', 'tools'])('%s is as good as its card says', async (model) => {
    const items = itemsOf(model);
    const results = await tutti.runParallel({ requests: items.map((item) => requestOf(model, item)) });
    const right = results.filter(({ answer }, i) => answer !== undefined && isRight(items[i] ?? {}, answer));
    expect((100 * right.length) / items.length).toBeGreaterThanOrEqual(claimed(model) - TOLERANCE);
  });
});
