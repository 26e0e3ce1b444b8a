/** What the routes below `/api/inference` take, and what of it goes where. */
import { z } from 'zod';
import type { MediaAccess } from '../../composition/media.ts';
import { chatMessage, responseFormat, toolChoice, toolDefinition, type ChatMessage } from '../../contracts/chat.ts';
import type { CallRequest, RunRequest } from '../../contracts/library.ts';
import { TuttiError } from '../../errors/error.ts';
import { readLocalImages } from '../media-urls.ts';
import { lookUp } from '../model-lookup.ts';
import { toCallSettings, tuttiSettings } from '../openai/chat-request.ts';
import { mediaAccess, type Call } from '../route.ts';

const media = z.strictObject({
  type: z.enum(['image', 'audio', 'file']),
  path: z.string().min(1).optional().describe('Only inside `server.file_roots`.'),
  url: z.string().min(1).optional().describe('`https:`, `http:` or `data:`.'),
  data: z.string().min(1).optional().describe('Base64.'),
  media_type: z.string().optional(),
});
const part = z.union([z.strictObject({ type: z.literal('text'), text: z.string() }), media]);
export const runInput = z
  .union([z.string().min(1, 'the input must not be empty'), z.array(chatMessage).min(1), z.array(part).min(1)])
  .describe('A text; parts (text, image, audio, file); or chat messages.');

/** How the model is to answer: fields that every way of asking has. */
export const answerFields = {
  parameters: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Settings of the call, by OpenAI’s names: temperature, max_tokens …'),
  tools: z.array(toolDefinition).optional(),
  tool_choice: toolChoice.optional(),
  response_format: responseFormat.optional(),
};

/** All fields but the input. */
export const requestFields = {
  ...tuttiSettings.shape,
  ...answerFields,
  model: z.string().min(1).optional().describe('A model’s id, an alias, an orchestration, a capability or `auto` (the default).'),
};

export const runRequest = z.strictObject({
  ...requestFields,
  requesting_model: z
    .string()
    .min(1)
    .optional()
    .describe('The model on whose behalf this is asked: the best other one with the `capability` answers.'),
  input: runInput,
});
export type RunRequestBody = z.output<typeof runRequest>;

/** Errors: those of reading media; `feature_disabled` and `model_not_found` where another model asks. */
export async function toRunRequest(call: Call<unknown, unknown>, body: RunRequestBody): Promise<RunRequest> {
  const { model, input, parameters, tools, tool_choice, response_format, requesting_model, ...settings } = body;
  return {
    ...toCallSettings(settings),
    ...(model !== undefined && { model }),
    ...(parameters !== undefined && { parameters }),
    ...(tools !== undefined && { tools }),
    ...(tool_choice !== undefined && { toolChoice: tool_choice }),
    ...(response_format !== undefined && { responseFormat: response_format }),
    ...(requesting_model !== undefined && { requestedBy: collaborator(call, body) }),
    input: await toRunInput(input, mediaAccess(call)),
    principal: call.principal,
    signal: call.signal,
  };
}

/** The id of the model that asks. */
function collaborator(call: Call<unknown, unknown>, { requesting_model = '', model, capability }: RunRequestBody): string {
  const { tutti } = call.services;
  tutti.checkCollaboration();
  if (model !== undefined) {
    const message = 'With `requesting_model` the `capability` chooses who answers: leave `model` out.';
    throw new TuttiError('invalid_request', message, { param: 'model' });
  }
  if (capability === undefined) {
    throw new TuttiError('invalid_request', 'With `requesting_model` goes a `capability`.', { param: 'capability' });
  }
  return lookUp(tutti, requesting_model).id;
}

/** What a request says beside its input. */
export function callOf({
  input: _input,
  parameters: _parameters,
  tools: _tools,
  toolChoice: _toolChoice,
  responseFormat: _responseFormat,
  ...rest
}: RunRequest): CallRequest {
  return rest;
}

export async function toRunInput(given: RunRequestBody['input'], access: MediaAccess): Promise<RunRequest['input']> {
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
