/** `tutti run`: one question to one model, to several, or many questions to one. */
import type { Api } from '../api.ts';
import { ask, attachments, readJson, settings, type AskOptions } from '../ask.ts';
import type { CommandRun } from '../commands.ts';
import type { CommandContext } from '../context.ts';
import { explain } from '../explain.ts';
import { runBatch, runParallel } from '../many.ts';
import { question } from '../question.ts';
import { TuttiError } from '../../errors/error.ts';

export interface RunOptions extends AskOptions {
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
  if (options.capability === 'embedding') return embed(context, text, options);
  const body = {
    model,
    messages: await messages(text, options),
    ...settings(options),
    ...(options.logprobs === true && { logprobs: true }),
    ...(await constraints(options)),
  };
  await using api = await context.connect();
  await answer(api, context, body, options);
};

async function answer(
  api: Api,
  { output, signal }: CommandContext,
  body: Readonly<Record<string, unknown>>,
  options: RunOptions,
): Promise<void> {
  let runId: string | null = null;
  try {
    const asked = await ask(api, output, body, { signal, onRun: (id) => (runId = id) });
    if (output.json) output.data(asked);
  } catch (error) {
    // An error before the first byte of the answer carries its run itself.
    if (TuttiError.isInstance(error) && typeof error.details.run_id === 'string') runId = error.details.run_id;
    throw error;
  } finally {
    // Why a run failed is what one wants explained most.
    if (options.explain === true && runId !== null && !signal.aborted) await explain(api, output, runId);
  }
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

async function embed({ connect, output, signal }: CommandContext, text: string, options: RunOptions): Promise<void> {
  await using api = await connect();
  const body = { capability: 'embedding', input: text, ...(options.backend !== undefined && { backend: options.backend }) };
  const embedded = await api.call<{ output: { vectors: number[][] } }>('POST', '/api/inference', body, signal);
  if (output.json) output.data(embedded);
  else output.line(JSON.stringify(embedded.output.vectors[0]));
}
