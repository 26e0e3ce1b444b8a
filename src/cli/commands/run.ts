/** `tutti run`: one question to one model, to several, or many questions to one. */
import { TuttiError } from '../../errors/error.ts';
import { ask, attachments, read, readJson, settings, type AskOptions } from '../ask.ts';
import type { Api } from '../api.ts';
import type { CommandContext } from '../context.ts';
import type { CommandRun } from '../program.ts';
import { explain } from '../explain.ts';
import { style } from '../output.ts';

interface RunOptions extends AskOptions {
  readonly system?: string;
  readonly capability?: string;
  readonly models?: string;
  readonly batch?: string;
  readonly image?: readonly string[];
  readonly audio?: readonly string[];
  readonly file?: readonly string[];
  readonly schema?: string;
  readonly tools?: string;
  readonly explain?: boolean;
}

export const run: CommandRun = async (context, args, given) => {
  const options = given as RunOptions;
  if (options.batch !== undefined) return runBatch(context, args, options);
  if (options.models !== undefined) return runParallel(context, args, options);
  const { model, text } = await question(args, options);
  await using api = await context.connect();
  if (options.capability === 'embedding') return embed(api, context, model, text);
  const answer = await ask(
    api,
    context.output,
    { model, messages: await messages(text, options), ...settings(options), ...(await constraints(options)) },
    context.signal,
  );
  if (context.output.json) context.output.data(answer);
  if (options.explain === true && answer.runId !== null) await explain(api, context.output, answer.runId);
};

/** The first word is the model when there is a second, or when the text comes from standard input. */
async function question(args: readonly string[], options: RunOptions): Promise<{ model: string; text: string }> {
  const chosen = options.capability ?? (options.backend === undefined ? undefined : 'auto');
  const piped = process.stdin.isTTY !== true;
  if (chosen !== undefined) return { model: chosen, text: await textOf(args, piped) };
  if (args.length >= 2) return { model: args[0] ?? 'auto', text: await textOf(args.slice(1), piped) };
  if (args.length === 1 && piped) {
    const text = await readStdin();
    if (text.trim() !== '') return { model: args[0] ?? 'auto', text };
  }
  return { model: 'auto', text: await textOf(args, false) };
}

async function textOf(words: readonly string[], piped: boolean): Promise<string> {
  const text = words.length > 0 && words[0] !== '-' ? words.join(' ') : piped || words[0] === '-' ? await readStdin() : '';
  if (text.trim() === '')
    throw new TuttiError(
      'invalid_request',
      'There is no question. Write it after the model: tutti run embedded:base "What is 2 + 2?"',
    );
  return text;
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function messages(text: string, options: RunOptions): Promise<unknown[]> {
  const parts = await attachments(options);
  return [
    ...(options.system === undefined ? [] : [{ role: 'system', content: options.system }]),
    { role: 'user', content: parts.length === 0 ? text : [{ type: 'text', text }, ...parts] },
  ];
}

async function constraints(options: RunOptions): Promise<Record<string, unknown>> {
  const body: Record<string, unknown> = {};
  if (options.schema !== undefined) {
    body.response_format = {
      type: 'json_schema',
      json_schema: { name: 'answer', schema: await readJson(options.schema), strict: true },
    };
  }
  if (options.tools !== undefined) {
    const tools = await readJson(options.tools);
    body.tools = Array.isArray(tools) ? tools : (tools as { tools?: unknown }).tools;
  }
  return body;
}

async function embed(api: Api, { output, signal }: CommandContext, model: string, text: string): Promise<void> {
  const answer = await api.call<{ model: string; data: { embedding: number[] }[] }>(
    'POST',
    '/v1/embeddings',
    { model, input: text },
    signal,
  );
  if (output.json) output.data(answer);
  else output.line(JSON.stringify(answer.data[0]?.embedding));
}

interface Result {
  readonly index: number;
  readonly output?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  readonly tutti?: { readonly models_used?: readonly string[] };
}

async function runParallel(
  { output, connect, signal }: CommandContext,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  const models = (options.models ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (models.length === 0)
    throw new TuttiError('invalid_request', '--models needs ids separated by commas.', { param: 'models' });
  const input = await textOf(args, process.stdin.isTTY !== true);
  await using api = await connect();
  const { results } = await api.call<{ results: Result[] }>(
    'POST',
    '/api/inference/parallel',
    { models, input, parameters: parameters(options) },
    signal,
  );
  return print(output, results, (i) => models[i] ?? String(i));
}

async function runBatch(
  { output, connect, signal }: CommandContext,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  const lines = (await read(options.batch ?? ''))
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const inputs = lines.map((line, i) => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === 'object' && value !== null && 'input' in value ? value.input : value;
    } catch (cause) {
      throw new TuttiError(
        'invalid_json',
        `${options.batch}:${i + 1} is not JSON. Each line is a text in quotes, or {"input": …}.`,
        { cause },
      );
    }
  });
  await using api = await connect();
  const body = { model: args[0] ?? options.capability ?? 'auto', inputs, parameters: parameters(options) };
  const { results } = await api.call<{ results: Result[] }>('POST', '/api/inference/batch', body, signal);
  return print(output, results, (i) => String(i + 1));
}

function parameters(options: RunOptions): Record<string, unknown> {
  const { tutti: _tutti, ...plain } = settings(options);
  return plain;
}

function print(output: CommandContext['output'], results: readonly Result[], label: (index: number) => string): number {
  if (output.json) for (const result of results) output.data(result);
  else {
    for (const result of results) {
      const body =
        result.error === undefined ? String(result.output) : style('red', `${result.error.message} (${result.error.code})`);
      output.line(`${style('bold', label(result.index))}\t${body}`);
    }
  }
  return results.every((result) => result.error !== undefined) && results.length > 0 ? 1 : 0;
}
