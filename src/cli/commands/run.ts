/** `tutti run`: one question to one model, to several that work together or apart, or many questions to one. */
import type { WireDetails } from '../../server/wire/answer.ts';
import { TuttiError } from '../../errors/error.ts';
import type { Api } from '../api.ts';
import { attachments, CHAT, readJson, readTools, type AskRequest } from '../ask.ts';
import type { CommandRun } from '../commands.ts';
import type { CommandContext } from '../context.ts';
import { explain } from '../explain.ts';
import { runBatch, runParallel } from '../many.ts';
import { orchestratedBody, type StrategyOptions } from '../orchestrated.ts';
import { question, textOf } from '../question.ts';
import { parameters, settings, toolChoice, tuttiSettings, type AskOptions } from '../settings.ts';
import { askWithReplies, howToReply, isWaiting, readFromTerminal, replyTo, WAITING } from '../waiting.ts';

export interface RunOptions extends AskOptions, StrategyOptions {
  readonly system?: string;
  readonly capability?: string;
  readonly from?: string;
  readonly models?: string;
  readonly batch?: string;
  readonly reply?: string;
  readonly resume?: string;
  readonly image?: readonly string[];
  readonly audio?: readonly string[];
  readonly file?: readonly string[];
  readonly schema?: string;
  readonly tools?: string;
  readonly toolChoice?: string;
  readonly explain?: boolean;
}

export const run: CommandRun = async (context, args, given) => {
  const options = given as RunOptions;
  checkTogether(options);
  if (options.batch !== undefined) return runBatch(context, args, options);
  if (options.models !== undefined) return runParallel(context, args, options);
  if (options.capability === 'embedding' && options.strategy === undefined) {
    return embed(context, await textOf(args), options);
  }
  const request = await requestOf(args, options);
  await using api = await context.connect();
  return await answer(api, context, request, options);
};

/** Options of which only one says whom to ask. */
const WHOM = ['strategy', 'from', 'models', 'batch', 'reply', 'resume'] as const;
/** Options that make no sense without another. */
const NEEDS_STRATEGY = ['numModels', 'voting', 'stages', 'confidenceThreshold', 'set'] as const;

function checkTogether(options: RunOptions): void {
  const [first, second] = WHOM.filter((name) => options[name] !== undefined);
  if (first !== undefined && second !== undefined) {
    throw new TuttiError('invalid_request', `--${first} and --${second} do not go together.`);
  }
  const lonely = NEEDS_STRATEGY.find((name) => options[name] !== undefined);
  if (lonely === undefined || options.strategy !== undefined) return;
  const flag = lonely.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new TuttiError('invalid_request', `--${flag} needs --strategy: an orchestration that is configured has its own.`);
}

async function requestOf(args: readonly string[], options: RunOptions): Promise<AskRequest> {
  const { reply, resume, strategy, from, capability } = options;
  if (reply !== undefined) return replyTo(reply, await textOf(args));
  if (resume !== undefined) return { path: `/api/runs/${encodeURIComponent(resume)}/resume`, body: {} };
  if (strategy === undefined && from === undefined) {
    const { model, text } = await question(args, options);
    return {
      path: CHAT,
      body: { model, messages: await messages(text, options), ...settings(options), ...(await constraints(options)) },
    };
  }
  const { logprobs, ...shape } = await constraints(options);
  const common = {
    input: await messages(await textOf(args), options),
    parameters: { ...parameters(options), ...(logprobs === true && { logprobs }) },
    ...shape,
    ...tuttiSettings(options),
    ...(capability !== undefined && { capability }),
  };
  if (strategy !== undefined) {
    return { path: '/api/inference/orchestrated', body: { ...common, ...(await orchestratedBody(options)), strategy } };
  }
  return { path: '/api/inference', body: { ...common, requesting_model: from } };
}

/** Exit status 3 when the answer is a question, and nobody is there to answer it. */
async function answer(api: Api, context: CommandContext, request: AskRequest, options: RunOptions): Promise<number> {
  const { output, signal } = context;
  const readReply = process.stdin.isTTY === true && !output.json ? readFromTerminal : null;
  let runId: string | null = null;
  let details: WireDetails | null = null;
  try {
    const asked = await askWithReplies(api, context, request, { readReply, onRun: (id) => (runId = id) });
    details = asked.tutti;
    if (output.json) output.data(asked);
    if (!isWaiting(asked)) return 0;
    if (asked.run_id !== null && !signal.aborted) output.note(howToReply(api, asked.run_id));
    return WAITING;
  } catch (error) {
    // An error before the first byte of the answer carries its run itself.
    if (TuttiError.isInstance(error)) {
      if (typeof error.details.run_id === 'string') runId = error.details.run_id;
      details = (error.tutti as WireDetails | undefined) ?? null;
    }
    throw error;
  } finally {
    // Why a run failed is what one wants explained most.
    if (options.explain === true && runId !== null && !signal.aborted) await explain(api, output, runId, details);
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
  if (options.logprobs === true) body.logprobs = true;
  if (options.schema !== undefined) {
    body.response_format = {
      type: 'json_schema',
      json_schema: { name: 'answer', schema: await readJson(options.schema), strict: true },
    };
  }
  if (options.tools !== undefined) body.tools = await readTools(options.tools);
  if (options.toolChoice !== undefined) body.tool_choice = toolChoice(options.toolChoice);
  return body;
}

async function embed({ connect, output, signal }: CommandContext, text: string, options: RunOptions): Promise<void> {
  await using api = await connect();
  const body = { capability: 'embedding', input: text, ...(options.backend !== undefined && { backend: options.backend }) };
  const embedded = await api.call<{ output: { vectors: number[][] } }>('POST', '/api/inference', body, signal);
  if (output.json) output.data(embedded);
  else output.line(JSON.stringify(embedded.output.vectors[0]));
}
