/** `tutti run --batch` and `--models`: many questions to one model, one question to many models. */
import { TuttiError } from '../errors/error.ts';
import { attachments, read } from './ask.ts';
import type { RunOptions } from './commands/run.ts';
import type { CommandContext } from './context.ts';
import { style } from './output.ts';
import { STANDARD_INPUT, textOf } from './question.ts';
import { parameters, tuttiSettings } from './settings.ts';

interface Result {
  readonly index: number;
  readonly output?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/** The same question to each of `--models`. Exit status 1 when one of them failed. */
export async function runParallel(
  { output, connect, signal }: CommandContext,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  const models = (options.models ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (models.length === 0) throw new TuttiError('invalid_request', '--models needs ids separated by commas.');
  const text = await textOf(args);
  const parts = await attachments(options);
  const content = parts.length === 0 ? text : [{ type: 'text', text }, ...parts];
  await using api = await connect();
  const body = { ...common(options), models, input: withSystem(content, options) };
  const { results } = await api.call<{ results: Result[] }>('POST', '/api/inference/parallel', body, signal);
  return print(output, results, (i) => models[i] ?? String(i + 1));
}

/** Each line of the file to one model. Exit status 1 when one of them failed. */
export async function runBatch(
  { output, connect, signal }: CommandContext,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  const file = options.batch ?? '-';
  const inputs = batchInputs(file === '-' ? await STANDARD_INPUT.read() : (await read(file)).toString('utf8'), file);
  await using api = await connect();
  const body = {
    ...common(options),
    ...(args[0] === undefined ? {} : { model: args[0] }),
    ...(options.capability !== undefined && { capability: options.capability }),
    inputs: inputs.map((input) => withSystem(input, options)),
  };
  const { results } = await api.call<{ results: Result[] }>('POST', '/api/inference/batch', body, signal);
  return print(output, results, (i) => String(i + 1));
}

/** The inputs of a JSONL text: each line a text in quotes, a conversation, or an object with one of these as `input`. */
export function batchInputs(text: string, file: string): unknown[] {
  const inputs = text.split('\n').flatMap((line, i): unknown[] => {
    if (line.trim() === '') return [];
    try {
      const value: unknown = JSON.parse(line);
      return [typeof value === 'object' && value !== null && 'input' in value ? value.input : value];
    } catch (cause) {
      const message = `${file}:${i + 1} is not JSON. Each line is a text in quotes, or {"input": …}.`;
      throw new TuttiError('invalid_json', message, { cause });
    }
  });
  if (inputs.length === 0) throw new TuttiError('invalid_request', `${file} has no lines: there is nothing to ask.`);
  return inputs;
}

function common(options: RunOptions): Record<string, unknown> {
  return { ...tuttiSettings(options), parameters: parameters(options) };
}

/** A conversation when there are instructions, else the input as it is. */
function withSystem(input: unknown, { system }: RunOptions): unknown {
  const isConversation =
    Array.isArray(input) && input.some((item: unknown) => typeof item === 'object' && item !== null && 'role' in item);
  if (isConversation) return system === undefined ? input : [{ role: 'system', content: system }, ...(input as unknown[])];
  if (system === undefined && typeof input === 'string') return input;
  return [...(system === undefined ? [] : [{ role: 'system', content: system }]), { role: 'user', content: input }];
}

function print(output: CommandContext['output'], results: readonly Result[], label: (index: number) => string): number {
  for (const result of results) {
    if (output.json) output.data(result);
    else output.line(`${style('bold', label(result.index))}\t${resultText(result)}`);
  }
  const failed = results.filter((result) => result.error !== undefined).length;
  if (failed > 0 && results.length > 1) output.note(`${failed} of ${results.length} failed.`);
  return failed > 0 ? 1 : 0;
}

function resultText({ error, output }: Result): string {
  if (error !== undefined) return style('red', `${error.message} (${error.code})`);
  return typeof output === 'string' ? output : JSON.stringify(output);
}
