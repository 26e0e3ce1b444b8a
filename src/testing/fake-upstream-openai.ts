import type { ChatInput } from '../contracts/chat.ts';
import type { TokenLogprob } from '../contracts/part.ts';
import { asArray, asObject, asString } from '../lib/json-value.ts';
import { formatSse } from '../lib/sse.ts';
import { countWords, deltasOf, usageOf, type FakeAnswer, type FakeDelta } from './fake-answer.ts';
import { cutOff, passGate, sendJson, type Exchange } from './fake-exchange.ts';

/** OpenAI's protocol: `/v1/models`, `/v1/chat/completions`, `/v1/embeddings`. */
export async function handleOpenAi(exchange: Exchange): Promise<void> {
  const { path, request, response, models, body } = exchange;
  if (path === '/v1/models' && request.method === 'GET') {
    const data = [...models].map(([id, model]) => ({ id, object: 'model', created: 0, owned_by: 'fake', ...model.listed }));
    return sendJson(response, 200, { object: 'list', data });
  }
  if (path === '/health') return sendJson(response, 200, { status: 'ok' });
  const model = models.get(asString(body['model']) ?? '');
  if (path === '/v1/chat/completions') return model ? chat(exchange, model) : noModel(exchange);
  if (path === '/v1/embeddings') return model ? embed(exchange, model) : noModel(exchange);
  response.writeHead(404, { 'content-type': 'text/html' }).end('<html><body><h1>404 page not found</h1></body></html>');
}

function noModel({ response, body }: Exchange): void {
  const message = `The model \`${String(body['model'])}\` does not exist or you do not have access to it.`;
  sendJson(response, 404, { error: { message, type: 'invalid_request_error', param: null, code: 'model_not_found' } });
}

async function chat(exchange: Exchange, model: Parameters<Exchange['answerOf']>[0]): Promise<void> {
  const { body, response } = exchange;
  const name = String(body['model']);
  const input = body as unknown as ChatInput;
  const sees = model.capabilities?.includes('vision') ?? false;
  if (!sees && JSON.stringify(body['messages']).includes('"image_url"')) {
    const message = 'image input is not supported by this model';
    return sendJson(response, 400, { error: { message, type: 'invalid_request_error', param: null, code: null } });
  }
  const answer = exchange.answerOf(model, name);
  await passGate(response, answer.gate, answer.delayMs);
  if (answer.failBefore)
    return sendJson(response, 500, { error: { message: answer.failBefore.message, type: 'server_error', code: null } });
  const { deltas, finish } = deltasOf(answer, input);
  const choices = input.n ?? 1;
  const usage = usageOf(answer, input, deltas, choices);
  const wireUsage = {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
  };
  if (body['stream'] !== true) {
    const message = wholeMessage(deltas);
    const logprobs = input.logprobs ? { content: deltas.flatMap(tokensOf) } : null;
    return sendJson(response, 200, {
      ...envelope(name, 'chat.completion'),
      choices: Array.from({ length: choices }, (_, index) => ({ index, message, logprobs, finish_reason: finish })),
      usage: wireUsage,
    });
  }
  await streamChat(exchange, { answer, deltas, finish, choices, name, usage: wireUsage });
}

interface Streamed {
  readonly answer: FakeAnswer;
  readonly deltas: readonly FakeDelta[];
  readonly finish: string;
  readonly choices: number;
  readonly name: string;
  readonly usage: object;
}

async function streamChat(
  { response, body }: Exchange,
  { answer, deltas, finish, choices, name, usage }: Streamed,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const withUsage = asObject(body['stream_options'])?.['include_usage'] === true;
  const send = (fields: object): void => {
    const chunk = {
      ...envelope(name, 'chat.completion.chunk'),
      ...fields,
      ...(withUsage && !('usage' in fields) && { usage: null }),
    };
    response.write(formatSse(JSON.stringify(chunk)));
  };
  const toAll = (delta: object, rest: object): void => {
    for (let index = 0; index < choices; index++)
      send({ choices: [{ index, delta, logprobs: null, finish_reason: null, ...rest }] });
  };
  toAll({ role: 'assistant', content: '' }, {});
  for (const [index, delta] of deltas.entries()) {
    await passGate(response, answer.gates?.[index], index > 0 ? answer.deltaDelayMs : 0);
    if (answer.cutAfter === index) return cutOff(response);
    if (answer.failAfter?.deltas === index) {
      response.end(
        formatSse(JSON.stringify({ error: { message: answer.failAfter.error.message, type: 'server_error', code: 500 } })),
      );
      return;
    }
    toAll(wireDelta(delta), delta.type === 'text-delta' && delta.logprobs ? { logprobs: { content: tokensOf(delta) } } : {});
  }
  await passGate(response, answer.gates?.[deltas.length]);
  if (answer.cutAfter !== undefined && answer.cutAfter >= deltas.length) return cutOff(response);
  toAll({}, { finish_reason: finish });
  if (withUsage) send({ choices: [], usage });
  response.end(formatSse('[DONE]'));
}

function envelope(model: string, object: string): object {
  return { id: 'chatcmpl-fake', object, created: 0, model, system_fingerprint: 'fp_fake' };
}

function wireDelta(delta: FakeDelta): object {
  switch (delta.type) {
    case 'text-delta':
      return { content: delta.text };
    case 'reasoning-delta':
      return { reasoning_content: delta.text };
    case 'tool-call-delta': {
      const fn = { ...(delta.name !== undefined && { name: delta.name }), arguments: delta.arguments ?? '' };
      return {
        tool_calls: [{ index: delta.index, ...(delta.id !== undefined && { id: delta.id, type: 'function' }), function: fn }],
      };
    }
    default:
      return delta satisfies never;
  }
}

function wholeMessage(deltas: readonly FakeDelta[]): object {
  let content = '';
  let reasoning = '';
  const calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[] = [];
  for (const delta of deltas) {
    if (delta.type === 'text-delta') content += delta.text;
    else if (delta.type === 'reasoning-delta') reasoning += delta.text;
    else {
      const call = (calls[delta.index] ??= {
        id: delta.id ?? '',
        type: 'function',
        function: { name: delta.name ?? '', arguments: '' },
      });
      call.function.arguments += delta.arguments ?? '';
    }
  }
  return {
    role: 'assistant',
    content: content === '' ? null : content,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

function tokensOf(delta: FakeDelta): object[] {
  const tokens: readonly TokenLogprob[] = delta.type === 'text-delta' ? (delta.logprobs ?? []) : [];
  return tokens.map(({ token, logprob, bytes, top }) => ({ token, logprob, bytes, top_logprobs: top }));
}

function embed({ body, response }: Exchange, model: Parameters<Exchange['answerOf']>[0]): void {
  if (!model.embed) {
    return sendJson(response, 400, {
      error: { message: 'This model does not embed.', type: 'invalid_request_error', code: null },
    });
  }
  const texts = inputTexts(body['input']);
  const tokens = countWords(texts.join(' '));
  sendJson(response, 200, {
    object: 'list',
    model: body['model'],
    data: texts.map((text, index) => ({ object: 'embedding', index, embedding: model.embed?.(text) })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}

export function inputTexts(input: unknown): string[] {
  return Array.isArray(input) && typeof input[0] !== 'number' ? asArray(input).map(String) : [String(input)];
}
