/** `/api/inference`: one question, many to one model, or one to many models; inputs may hold images, sounds and files. */
import { z } from 'zod';
import {
  chatMessage,
  type ChatMessage,
  responseFormat,
  toolCallSchema,
  toolChoice,
  toolDefinition,
} from '../../contracts/chat.ts';
import type { Answer, ExecuteRequest, RunRequest } from '../../contracts/library.ts';
import { operationOf } from '../../contracts/vocabulary.ts';
import { collectAnswer } from '../../composition/answer.ts';
import { toChatInput } from '../../composition/chat-request.ts';
import type { MediaAccess } from '../../composition/media.ts';
import type { BatchResult } from '../../tutti.ts';
import { toWireErrorBody } from '../errors.ts';
import { readLocalImages } from '../media-urls.ts';
import { tuttiSettings, toCallSettings } from '../openai/chat-request.ts';
import { mediaAccess, nameRun, type Call } from '../route.ts';
import { toWireDetails, toWireUsage, wireDetails, wireUsage } from '../wire/answer.ts';

const media = z.strictObject({
  type: z.enum(['image', 'audio', 'file']),
  path: z.string().min(1).optional().describe('Only inside `server.file_roots`.'),
  url: z.string().min(1).optional().describe('`https:`, `http:` or `data:`.'),
  data: z.string().min(1).optional().describe('Base64.'),
  media_type: z.string().optional(),
});
const part = z.union([z.strictObject({ type: z.literal('text'), text: z.string() }), media]);
const input = z
  .union([z.string().min(1, 'the input must not be empty'), z.array(chatMessage).min(1), z.array(part).min(1)])
  .describe('A text; parts (text, image, audio, file); or chat messages.');

const common = {
  ...tuttiSettings.shape,
  model: z.string().min(1).optional().describe('A model’s id, an alias, an orchestration, a capability or `auto` (the default).'),
  parameters: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Settings of the call, by OpenAI’s names: temperature, max_tokens …'),
  tools: z.array(toolDefinition).optional(),
  tool_choice: toolChoice.optional(),
  response_format: responseFormat.optional(),
};

export const inferenceBody = z.strictObject({ ...common, input });
export const batchBody = z.strictObject({ ...common, inputs: z.array(input).min(1).max(10_000) });
export const parallelBody = z.union([
  z.strictObject({ requests: z.array(inferenceBody).min(1).max(256) }),
  z.strictObject({ ...common, model: z.never().optional(), models: z.array(z.string().min(1)).min(1).max(256), input }),
]);
type InferenceBody = z.output<typeof inferenceBody>;

export const wireAnswer = z.strictObject({
  model: z.string().describe('The model whose answer it is.'),
  output: z.unknown().describe('The text; vectors for embeddings.'),
  tool_calls: z.array(toolCallSchema).optional(),
  finish_reason: z.string(),
  usage: wireUsage,
  tutti: wireDetails,
});
export type WireAnswer = z.infer<typeof wireAnswer>;

const itemError = z.looseObject({ message: z.string(), code: z.string() });
export const wireResults = z.strictObject({
  results: z
    .array(z.union([wireAnswer.extend({ index: z.int() }), z.strictObject({ index: z.int(), error: itemError })]))
    .describe('In the order of the requests; each has `output` or `error`.'),
});
export type WireResults = z.infer<typeof wireResults>;

export async function infer(call: Call<InferenceBody>): Promise<WireAnswer> {
  const { tutti } = call.services;
  const request = await toRunRequest(call, call.body);
  const execution = tutti.execute({ ...callOf(request), ...(await operationOn(request, mediaAccess(call))), commit: 'finish' });
  nameRun(call, execution.runId);
  return toWireAnswer(await collectAnswer(execution));
}

/** Texts for embedding are embedded, everything else is a conversation. */
async function operationOn(request: RunRequest, access: MediaAccess): Promise<Pick<ExecuteRequest, 'operation' | 'input'>> {
  if (operationOf(request.capability ?? request.model ?? '') === 'embed' && typeof request.input === 'string') {
    return { operation: 'embed', input: { input: request.input } };
  }
  return { operation: 'chat', input: await toChatInput(request, access) };
}

export async function inferBatch(call: Call<z.output<typeof batchBody>>): Promise<WireResults> {
  const { inputs, ...rest } = call.body;
  const { input: _, ...shared } = await toRunRequest(call, { ...rest, input: '' });
  const access = mediaAccess(call);
  const request = { ...shared, inputs: await Promise.all(inputs.map((each) => toRunInput(each, access))) };
  return toWireResults(await call.services.tutti.runBatch(request, access));
}

export async function inferParallel(call: Call<z.output<typeof parallelBody>>): Promise<WireResults> {
  const { body } = call;
  if ('requests' in body) {
    const requests = await Promise.all(body.requests.map((request) => toRunRequest(call, request)));
    return toWireResults(await call.services.tutti.runParallel({ requests }, mediaAccess(call)));
  }
  const { models, ...rest } = body;
  const { model: _, ...request } = await toRunRequest(call, rest);
  return toWireResults(await call.services.tutti.runParallel({ ...request, models }, mediaAccess(call)));
}

async function toRunRequest(call: Call<unknown, unknown>, body: InferenceBody): Promise<RunRequest> {
  const { model, input: given, parameters, tools, tool_choice, response_format, ...settings } = body;
  return {
    ...toCallSettings(settings),
    ...(model !== undefined && { model }),
    ...(parameters !== undefined && { parameters }),
    ...(tools !== undefined && { tools }),
    ...(tool_choice !== undefined && { toolChoice: tool_choice }),
    ...(response_format !== undefined && { responseFormat: response_format }),
    input: await toRunInput(given, mediaAccess(call)),
    principal: call.principal,
    signal: call.signal,
  };
}

/** What a request says beside its input. */
function callOf({
  input: _input,
  parameters: _parameters,
  tools: _tools,
  toolChoice: _toolChoice,
  responseFormat: _responseFormat,
  ...rest
}: RunRequest) {
  return rest;
}

async function toRunInput(given: InferenceBody['input'], access: MediaAccess): Promise<RunRequest['input']> {
  if (typeof given === 'string') return given;
  if (isConversation(given)) return readLocalImages(given, access);
  return given.map((item) => {
    if (item.type === 'text') return item;
    const { media_type, ...rest } = item;
    return { ...rest, ...(media_type !== undefined && { mediaType: media_type }) };
  });
}

function isConversation(given: readonly object[]): given is ChatMessage[] {
  return given.every((item) => 'role' in item);
}

function toWireAnswer(answer: Answer): WireAnswer {
  return {
    model: answer.model,
    output: answer.output,
    ...(answer.toolCalls.length > 0 && { tool_calls: [...answer.toolCalls] }),
    finish_reason: answer.finishReason,
    usage: toWireUsage(answer.usage),
    tutti: toWireDetails(answer),
  };
}

function toWireResults(results: readonly BatchResult[]): WireResults {
  return {
    results: results.map(({ index, answer, error }) =>
      answer === undefined ? { index, error: { ...toWireErrorBody(error).error } } : { index, ...toWireAnswer(answer) },
    ),
  };
}
