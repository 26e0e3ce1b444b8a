import type { ServerResponse } from 'node:http';
import type { ChatInput } from '../contracts/chat.ts';
import { asArray, asObject, asString } from '../lib/json-value.ts';
import { countWords, deltasOf, usageOf, type FakeAnswer, type FakeDelta } from './fake-answer.ts';
import { inputTexts } from './fake-upstream-openai.ts';
import { cutOff, passGate, sendJson, type Exchange, type UpstreamModel } from './fake-exchange.ts';

const GIB = 2 ** 30;

/** Ollama's own protocol. */
export async function handleOllama(exchange: Exchange): Promise<void> {
  const { path, response, models, resident } = exchange;
  switch (path) {
    case '/api/version':
      return sendJson(response, 200, { version: '0.12.0' });
    case '/api/tags':
      return sendJson(response, 200, { models: [...models].map(([name, model]) => tag(name, model)) });
    case '/api/ps':
      return sendJson(response, 200, { models: [...resident.keys()].map((name) => running(name, models.get(name) ?? {})) });
    case '/api/pull':
      return pull(exchange);
    default:
  }
  const name = asString(exchange.body['model']) ?? asString(exchange.body['name']) ?? '';
  const model = models.get(name) ?? models.get(`${name}:latest`);
  if (!model) return sendJson(response, 404, { error: `model '${name}' not found` });
  switch (path) {
    case '/api/show':
      return sendJson(response, 200, show(model));
    case '/api/embed':
      return embed(exchange, model, name);
    case '/api/chat':
    case '/api/generate':
      return answer(exchange, model, name);
    default:
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found');
  }
}

function capabilitiesOf(model: UpstreamModel): readonly string[] {
  return model.capabilities ?? (model.embed ? ['embedding'] : ['completion']);
}

function details(): object {
  return {
    parent_model: '',
    format: 'gguf',
    family: 'llama',
    families: ['llama'],
    parameter_size: '1.2B',
    quantization_level: 'Q4_K_M',
  };
}

function tag(name: string, model: UpstreamModel): object {
  return {
    name,
    model: name,
    modified_at: '2026-01-01T00:00:00Z',
    size: model.size ?? GIB,
    digest: `digest-of-${name}`,
    details: details(),
  };
}

function running(name: string, model: UpstreamModel): object {
  const size = model.size ?? GIB;
  return {
    ...tag(name, model),
    size,
    size_vram: size,
    expires_at: '2026-01-01T00:05:00Z',
    context_length: model.contextWindow ?? 4096,
  };
}

function show(model: UpstreamModel): object {
  return {
    details: details(),
    model_info: {
      'general.architecture': 'llama',
      'general.parameter_count': 1_235_814_432,
      'llama.context_length': model.contextWindow ?? 131_072,
      'llama.embedding_length': 2048,
    },
    capabilities: capabilitiesOf(model),
  };
}

async function pull({ body, response, models }: Exchange): Promise<void> {
  const name = asString(body['model']) ?? asString(body['name']) ?? '';
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  line(response, { status: 'pulling manifest' });
  if (name.startsWith('missing')) {
    line(response, { error: 'pull model manifest: file does not exist' });
    return void response.end();
  }
  for (const completed of [0, 512, 1024]) {
    line(response, { status: 'pulling 8eeb52dfb3bb', digest: 'sha256:8eeb52dfb3bb', total: 1024, completed });
    if (name.startsWith('endless')) await passGate(response, new Promise(() => {}));
  }
  models.set(name, {});
  line(response, { status: 'verifying sha256 digest' });
  line(response, { status: 'success' });
  response.end();
}

function line(response: ServerResponse, value: object): void {
  response.write(`${JSON.stringify(value)}\n`);
}

async function answer(exchange: Exchange, model: UpstreamModel, name: string): Promise<void> {
  const { body, response, path, resident } = exchange;
  const isChat = path === '/api/chat';
  const asks = isChat ? asArray(body['messages']).length > 0 : (asString(body['prompt']) ?? '') !== '';
  if (!asks) {
    // Without a prompt it only loads, or unloads with keep_alive 0.
    const unload = body['keep_alive'] === 0;
    if (unload) resident.delete(name);
    else resident.set(name, { loadedAt: resident.size });
    return sendJson(response, 200, { ...said(name, isChat, {}), done: true, done_reason: unload ? 'unload' : 'load' });
  }
  if (!capabilitiesOf(model).includes('completion')) return sendJson(response, 400, { error: `"${name}" does not support chat` });
  if (body['tools'] && !capabilitiesOf(model).includes('tools')) {
    return sendJson(response, 400, { error: `registry.ollama.ai/library/${name} does not support tools` });
  }
  resident.set(name, { loadedAt: resident.size });
  await speak(exchange, exchange.answerOf(model, name), { name, isChat });
}

async function speak(
  { body, response }: Exchange,
  given: FakeAnswer,
  { name, isChat }: { name: string; isChat: boolean },
): Promise<void> {
  const options = asObject(body['options']) ?? {};
  const input = {
    messages: isChat ? body['messages'] : [{ role: 'user', content: body['prompt'] }],
    max_tokens: options['num_predict'],
    stop: options['stop'],
    logprobs: body['logprobs'],
    top_logprobs: body['top_logprobs'],
  } as unknown as ChatInput;
  await passGate(response, given.gate, given.delayMs);
  if (given.failBefore) return sendJson(response, 500, { error: given.failBefore.message });
  const { deltas, finish } = deltasOf(given, input);
  const usage = usageOf(given, input, deltas, 1);
  const end = {
    done: true,
    done_reason: finish === 'length' ? 'length' : 'stop',
    total_duration: 1,
    load_duration: 1,
    prompt_eval_count: usage.inputTokens,
    prompt_eval_duration: 1,
    eval_count: usage.outputTokens,
    eval_duration: 1,
  };
  const pieces = wholeCalls(deltas);
  if (body['stream'] === false)
    return sendJson(response, 200, {
      ...said(name, isChat, Object.assign({}, ...pieces.map(({ fields }) => fields), { content: textOf(deltas) })),
      ...end,
    });
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  for (const [index, { fields, logprobs }] of pieces.entries()) {
    await passGate(response, given.gates?.[index], index > 0 ? given.deltaDelayMs : 0);
    if (given.cutAfter === index) return cutOff(response);
    if (given.failAfter?.deltas === index) {
      line(response, { error: given.failAfter.error.message });
      return void response.end();
    }
    line(response, { ...said(name, isChat, fields), done: false, ...(logprobs && { logprobs }) });
  }
  await passGate(response, given.gates?.[pieces.length]);
  if (given.cutAfter !== undefined && given.cutAfter >= pieces.length) return cutOff(response);
  line(response, { ...said(name, isChat, { content: '' }), ...end });
  response.end();
}

interface Piece {
  readonly fields: { content?: string; thinking?: string; tool_calls?: object[] };
  readonly logprobs?: object[];
}

/** Ollama sends a tool call in one piece, its arguments as an object. */
function wholeCalls(deltas: readonly FakeDelta[]): Piece[] {
  const pieces: Piece[] = [];
  const calls: { name: string; arguments: string }[] = [];
  for (const delta of deltas) {
    if (delta.type === 'text-delta') {
      const logprobs = delta.logprobs?.map(({ token, logprob, bytes, top }) => ({ token, logprob, bytes, top_logprobs: top }));
      pieces.push({ fields: { content: delta.text }, ...(logprobs && { logprobs }) });
    } else if (delta.type === 'reasoning-delta') pieces.push({ fields: { content: '', thinking: delta.text } });
    else {
      const call = (calls[delta.index] ??= { name: delta.name ?? '', arguments: '' });
      call.arguments += delta.arguments ?? '';
    }
  }
  for (const call of calls) {
    const fn = { name: call.name, arguments: JSON.parse(call.arguments) as unknown };
    pieces.push({ fields: { content: '', tool_calls: [{ function: fn }] } });
  }
  return pieces;
}

function textOf(deltas: readonly FakeDelta[]): string {
  return deltas.map((delta) => (delta.type === 'text-delta' ? delta.text : '')).join('');
}

function said(name: string, isChat: boolean, { content = '', ...rest }: { content?: string; [key: string]: unknown }): object {
  const common = { model: name, created_at: '2026-01-01T00:00:00Z' };
  return isChat ? { ...common, message: { role: 'assistant', content, ...rest } } : { ...common, response: content, ...rest };
}

function embed({ body, response, resident }: Exchange, model: UpstreamModel, name: string): void {
  if (!model.embed) return sendJson(response, 400, { error: 'this model does not support embeddings' });
  resident.set(name, { loadedAt: resident.size });
  const texts = inputTexts(body['input']);
  sendJson(response, 200, {
    model: name,
    embeddings: texts.map((text) => model.embed?.(text)),
    prompt_eval_count: countWords(texts.join(' ')),
  });
}
