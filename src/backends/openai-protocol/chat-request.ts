import type { ChatInput, ChatMessage } from '../../contracts/chat.ts';
import { TuttiError } from '../../errors/error.ts';
import type { Quirks } from './quirks.ts';

/** The body of a streaming Chat Completions request. Pure. Errors: `unsupported_parameter` for a grammar that the server cannot take. */
export function chatRequest(model: string, input: ChatInput, quirks: Quirks): Record<string, unknown> {
  const { messages, extra, max_tokens, max_completion_tokens, response_format, ...settings } = input;
  const body: Record<string, unknown> = { ...quirks.fixed, ...extra, model, messages: chatMessages(messages, quirks) };
  const limit = max_completion_tokens ?? max_tokens ?? quirks.defaultMaxTokens;
  if (limit !== undefined) body[quirks.maxTokensField ?? 'max_tokens'] = limit;
  const unwanted = leftOut(model, quirks);
  for (const [key, value] of Object.entries(settings)) {
    if (value == null || unwanted.has(key)) continue;
    if (key === 'n' && (value === 1 || !quirks.nativeChoices)) continue;
    body[quirks.rename?.[key] ?? key] = value;
  }
  if (quirks.logprobsAsCount && body['logprobs'] !== undefined) {
    body['logprobs'] = body['logprobs'] === true ? Math.max(1, input.top_logprobs ?? 1) : 0;
    delete body['top_logprobs'];
  }
  if (Array.isArray(body['tools']) && body['tools'].length === 0) delete body['tools']; // an empty list is an error at most servers
  if (response_format?.type === 'grammar') {
    if (quirks.grammarField == null) {
      throw new TuttiError('unsupported_parameter', `${model} cannot be constrained to a grammar here. Use a JSON schema.`, {
        param: 'response_format',
      });
    }
    body[quirks.grammarField] = response_format.grammar;
  } else if (response_format && response_format.type !== 'text') {
    body['response_format'] = response_format;
  }
  body['stream'] = true;
  if (quirks.streamOptions ?? true) body['stream_options'] = { include_usage: true };
  else delete body['stream_options'];
  return body;
}

function leftOut(model: string, { leaveOut = [], leaveOutFor = [] }: Quirks): ReadonlySet<string> {
  const name = model.slice(model.lastIndexOf('/') + 1);
  return new Set([...leaveOut, ...leaveOutFor.filter(({ models }) => models.test(name)).flatMap(({ settings }) => settings)]);
}

function chatMessages(messages: readonly ChatMessage[], quirks: Quirks): readonly unknown[] {
  return messages.map((message) => {
    if (message.role === 'developer' && !quirks.developerRole) return withoutFields({ ...message, role: 'system' }, quirks);
    if (message.role !== 'assistant' || message.reasoning_content == null) return withoutFields(message, quirks);
    const { reasoning_content, ...rest } = message;
    const field = quirks.reasoningField ?? null;
    return withoutFields(field === null ? rest : { ...rest, [field]: reasoning_content }, quirks);
  });
}

function withoutFields(message: object, { leaveOutOfMessages }: Quirks): object {
  if (!leaveOutOfMessages) return message;
  return Object.fromEntries(Object.entries(message).filter(([key]) => !leaveOutOfMessages.includes(key)));
}
