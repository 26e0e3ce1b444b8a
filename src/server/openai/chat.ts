/** `POST /v1/chat/completions`. */
import type { FastifyReply } from 'fastify';
import type { ChatInput } from '../../contracts/chat.ts';
import type { Execution } from '../../contracts/library.ts';
import { collectAnswer } from '../../composition/answer.ts';
import { readLocalImages } from '../media-urls.ts';
import { mediaAccess, nameRun, type Call } from '../route.ts';
import type { ChatCompletion } from '../wire/chat.ts';
import { detailsIfTelling } from '../details.ts';
import { toChatCompletion } from './chat-completion.ts';
import { toCallSettings, toChatInput, type ChatRequest } from './chat-request.ts';
import { chatIdentity, streamChat } from './chat-stream.ts';
import { nameIgnored } from './unknown-fields.ts';

export async function chatCompletions(call: Call<ChatRequest>): Promise<ChatCompletion | FastifyReply> {
  const { body, services } = call;
  const settings = body.tutti ?? {};
  const metadata = { ...body.metadata, ...settings.metadata };
  const messages = await readLocalImages(body.messages, mediaAccess(call));
  const input = { ...toChatInput(body, call.request.body), messages };
  const execution = services.tutti.execute({
    ...toCallSettings(settings),
    operation: 'chat',
    model: body.model,
    input,
    metadata,
    principal: call.principal,
    signal: call.signal,
    commit: body.stream ? 'first-content' : 'finish',
  });
  nameRun(call, execution.runId);
  // Who asks for a confidence is to see it.
  const tellAll = settings.confidence ?? false;
  if (!body.stream) return whole(call, execution, { input, tellAll });
  return streamChat(call, execution, {
    target: body.model,
    includeUsage: body.stream_options?.include_usage ?? false,
    choices: input.n ?? 1,
    steps: settings.steps ?? false,
    tellAll,
    extra: input.extra,
  });
}

async function whole(
  call: Call<ChatRequest>,
  execution: Execution,
  { input, tellAll }: { readonly input: ChatInput; readonly tellAll: boolean },
): Promise<ChatCompletion> {
  const answer = await collectAnswer(execution);
  const run = execution.record();
  nameIgnored(call, run, input.extra);
  const tutti = detailsIfTelling(execution.details(), run, tellAll);
  return toChatCompletion(answer, { ...chatIdentity(execution), tutti });
}
