/** Asking a chat model from the command line: what `run` and `chat` share. */
import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { TuttiError } from '../errors/error.ts';
import type { WireDetails } from '../server/wire/answer.ts';
import { readEvents, type Api } from './api.ts';
import { style, type Output } from './output.ts';
import { watchLoading } from './loading.ts';
import { printCalls } from './tool-calls.ts';

/** The path of OpenAI's chat completions. */
export const CHAT = '/v1/chat/completions';

/** Where to ask, and what: `/v1/chat/completions`, or a route of Tutti's own that streams the same chunks. */
export interface AskRequest {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** One chunk of a streamed chat completion, as far as the command line reads it. */
interface Chunk {
  readonly model: string;
  readonly choices: readonly {
    readonly delta: {
      readonly content?: string | null;
      readonly reasoning_content?: string | null;
      readonly tool_calls?: readonly {
        readonly index: number;
        readonly id?: string;
        readonly function?: { readonly name?: string; readonly arguments?: string };
      }[];
    };
    readonly logprobs?: { readonly content: readonly { readonly token: string; readonly logprob: number }[] } | null;
    readonly finish_reason: string | null;
  }[];
  readonly usage?: unknown;
  readonly tutti?: WireDetails;
}

/** An answer, as `--json` prints it. */
export interface Asked {
  readonly run_id: string | null;
  readonly model: string;
  readonly text: string;
  readonly tool_calls: { id: string; name: string; arguments: string }[];
  readonly finish_reason: string | null;
  readonly usage: unknown;
  readonly tutti: WireDetails | null;
  readonly logprobs: { token: string; logprob: number }[];
}

/** Streams the answer to the terminal and gives it back. With `--json` nothing is printed here. */
export async function ask(
  api: Api,
  output: Output,
  { path, body }: AskRequest,
  { signal, onRun }: { readonly signal: AbortSignal; readonly onRun?: (runId: string | null) => void },
): Promise<Asked> {
  const printer = createPrinter(output);
  const answer: { -readonly [K in keyof Asked]: Asked[K] } = {
    run_id: null,
    model: typeof body.model === 'string' ? body.model : '',
    text: '',
    tool_calls: [],
    finish_reason: null,
    usage: null,
    tutti: null,
    logprobs: [],
  };
  const loading = watchLoading(api, output);
  try {
    const request = { ...body, stream: true, ...(path === CHAT && { stream_options: { include_usage: true } }) };
    const { response, runId } = await api.open('POST', path, request, signal);
    answer.run_id = runId;
    onRun?.(runId);
    let done = false;
    for await (const { data } of readEvents(response)) {
      loading.stop();
      if (data === '[DONE]') done = true;
      else addChunk(answer, JSON.parse(data) as Chunk, printer);
    }
    if (!done) throw new TuttiError('stream_truncated', 'The answer broke off: the stream ended without its closing event.');
  } catch (error) {
    printer.breakOff();
    throw error;
  } finally {
    loading.stop();
  }
  printer.end(answer);
  return answer;
}

function addChunk(answer: { -readonly [K in keyof Asked]: Asked[K] }, chunk: Chunk, printer: Printer): void {
  answer.model = chunk.model;
  answer.usage = chunk.usage ?? answer.usage;
  answer.tutti = chunk.tutti ?? answer.tutti;
  const choice = chunk.choices[0];
  if (choice === undefined) return;
  printer.reasoning(choice.delta.reasoning_content ?? '');
  printer.text(choice.delta.content ?? '');
  answer.text += choice.delta.content ?? '';
  for (const call of choice.delta.tool_calls ?? []) {
    const entry = (answer.tool_calls[call.index] ??= { id: call.id ?? '', name: '', arguments: '' });
    entry.name += call.function?.name ?? '';
    entry.arguments += call.function?.arguments ?? '';
  }
  for (const { token, logprob } of choice.logprobs?.content ?? []) answer.logprobs.push({ token, logprob });
  answer.finish_reason = choice.finish_reason ?? answer.finish_reason;
}

interface Printer {
  reasoning(text: string): void;
  text(text: string): void;
  end(answer: Asked): void;
  /** What is printed next begins a line of its own. */
  breakOff(): void;
}

/** On a terminal thoughts are dim and before the answer; elsewhere the answer stands alone on standard output. */
function createPrinter(output: Output): Printer {
  if (output.json) return { reasoning() {}, text() {}, end() {}, breakOff() {} };
  let thinking = false;
  let inLine = false;
  const endThoughts = (): void => {
    if (thinking) output.line('\n');
    thinking = false;
  };
  return {
    reasoning(text) {
      if (text === '' || !output.interactive) return;
      thinking = true;
      inLine = true;
      output.write(style('dim', text));
    },
    text(text) {
      if (text === '') return;
      endThoughts();
      inLine = true;
      output.write(text);
    },
    end(answer) {
      endThoughts();
      printRest(output, answer);
    },
    breakOff() {
      if (inLine) output.line();
    },
  };
}

function printRest(output: Output, answer: Asked): void {
  if (answer.text !== '') output.line();
  printCalls(output, answer.tool_calls);
  if (answer.finish_reason === 'length') output.note('(the answer was cut at the longest length; see --max-tokens)');
  for (const { token, logprob } of answer.logprobs)
    output.line(`${(Math.exp(logprob) * 100).toFixed(1).padStart(6)} %  ${JSON.stringify(token)}`);
}

const TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.pdf': 'application/pdf',
  '.txt': 'text/plain',
  '.md': 'text/markdown',
  '.csv': 'text/csv',
  '.json': 'application/json',
};

/** The files as parts of a message: read here, because the server may run elsewhere. */
export async function attachments(files: {
  image?: readonly string[];
  audio?: readonly string[];
  file?: readonly string[];
}): Promise<unknown[]> {
  const parts: unknown[] = [];
  for (const path of files.image ?? []) parts.push({ type: 'image_url', image_url: { url: await dataUrl(path, 'image/png') } });
  for (const path of files.audio ?? []) {
    parts.push({
      type: 'input_audio',
      input_audio: { data: (await read(path)).toString('base64'), format: extname(path).slice(1) || 'wav' },
    });
  }
  for (const path of files.file ?? [])
    parts.push({ type: 'file', file: { filename: basename(path), file_data: await dataUrl(path, 'application/octet-stream') } });
  return parts;
}

async function dataUrl(path: string, fallback: string): Promise<string> {
  return `data:${TYPES[extname(path).toLowerCase()] ?? fallback};base64,${(await read(path)).toString('base64')}`;
}

export async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new TuttiError('file_not_found', `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

export async function readJson(path: string): Promise<unknown> {
  const text = (await read(path)).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TuttiError('invalid_json', `${path} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** A list of tools, or an object that has one as `tools`. */
export async function readTools(path: string): Promise<unknown> {
  const tools = await readJson(path);
  return Array.isArray(tools) ? tools : (tools as { tools?: unknown } | null)?.tools;
}
