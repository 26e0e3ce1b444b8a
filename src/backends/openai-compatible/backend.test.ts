import { afterEach, describe, expect, it } from 'vitest';
import type { BackendContext } from '../../contracts/backend.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import { SILENT_LOGGER } from '../../contracts/logger.ts';
import { LOCAL_PRINCIPAL } from '../../contracts/principal.ts';
import { deferred } from '../../lib/deferred.ts';
import { backendContract } from '../../testing/backend-contract.ts';
import { collect } from '../../testing/collect.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { createFakeUpstream } from '../../testing/fake-upstream.ts';
import { upstreamFaults, type UpstreamSubject } from '../../testing/upstream-faults.ts';
import { openAiCompatibleBackend, openAiCompatibleConfig } from './schema.ts';

const ask = (content: string, rest: Partial<ChatInput> = {}): ChatInput => ({ messages: [{ role: 'user', content }], ...rest });
const image: ChatInput = {
  messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }] }],
};
const TIMEOUT_MS = 60_000;

async function subject(config: Record<string, unknown> = {}): Promise<UpstreamSubject> {
  const upstream = await createFakeUpstream({
    models: {
      echo: { listed: { context_length: 4096 } },
      thinker: { answer: { reasoning: 'hm hm', text: 'so it is' } },
      odds: {
        answer: {
          tokens: [
            { text: 'ye', logprob: -0.1, top: { no: -2 } },
            { text: 's', logprob: 0 },
          ],
        },
      },
      caller: {
        answer: {
          toolCalls: [
            { name: 'add', arguments: { a: 1 } },
            { name: 'add', arguments: { a: 2 } },
          ],
        },
      },
      json: { answer: '{"sum": 3}' },
      seer: { answer: 'a cat', capabilities: ['completion', 'vision'], listed: { supports_image_in: true } },
      cut: { answer: { text: 'one two three', cutAfter: 2 } },
      endless: { answer: { text: 'one two', gates: { 1: deferred().promise } } },
      'embed-small': { embed: (text) => [text.length, 3, 4] },
    },
  });
  const clock = new FakeClock();
  const context: BackendContext = { id: 'up', dataDir: '/nonexistent', log: SILENT_LOGGER, clock };
  const parsed = openAiCompatibleConfig.parse({
    base_url: `${upstream.url}/v1`,
    preset: 'vllm',
    api_key: 'sk-secret-key',
    timeout_seconds: TIMEOUT_MS / 1000,
    ...config,
  });
  const backend = await openAiCompatibleBackend.create(parsed, context);
  const dispose = async (): Promise<void> => {
    await upstream[Symbol.asyncDispose]();
    expect(clock.pendingTimers, 'a timer was left behind').toBe(0);
  };
  return { backend, upstream, clock, dispose };
}

backendContract<UpstreamSubject>(
  'openai-compatible',
  {
    create: () => subject(),
    chat: { model: 'echo', input: ask('hello there'), text: 'hello there' },
    usage: 'reported',
    cancel: {
      model: 'endless',
      input: ask('go'),
      stopped: ({ upstream }) => Promise.all(upstream.requests.map((request) => request.ended)),
    },
    choices: { model: 'echo', input: ask('hi', { n: 2 }) },
    reasoning: { model: 'thinker', input: ask('why?'), reasoning: 'hm hm', text: 'so it is' },
    logprobs: { model: 'odds', input: ask('?', { logprobs: true, top_logprobs: 1 }), text: 'yes' },
    tools: {
      model: 'caller',
      input: ask('1, 2', { tools: [{ type: 'function', function: { name: 'add' } }] }),
      calls: [
        { name: 'add', arguments: { a: 1 } },
        { name: 'add', arguments: { a: 2 } },
      ],
    },
    jsonSchema: {
      model: 'json',
      input: ask('1 + 2', {
        response_format: { type: 'json_schema', json_schema: { name: 'sum', schema: { required: ['sum'] } } },
      }),
    },
    images: { model: 'seer', input: image, text: 'a cat' },
    refusedImages: { model: 'echo', input: image },
    embeddings: { model: 'embed-small', input: { input: ['a', 'bc'], dimensions: 2 }, count: 2 },
    unknownModel: { model: 'nobody', input: ask('hi') },
    truncation: { model: 'cut', input: ask('hi') },
    crash: { unsupported: 'nothing of the server runs here' },
    faults: upstreamFaults({
      model: 'echo',
      input: ask('hi'),
      stream: 'text/event-stream',
      timeoutMs: TIMEOUT_MS,
      errorBody: (message) => ({ error: { message, type: 'invalid_request_error' } }),
    }),
  },
  { describe, it },
);

describe('openai-compatible', () => {
  const disposals: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const dispose of disposals.splice(0)) await dispose();
  });
  const signal = new AbortController().signal;
  const options = { signal, step: 'root', principal: LOCAL_PRINCIPAL, priority: 0 };
  async function start(config: Record<string, unknown> = {}): Promise<UpstreamSubject> {
    const made = await subject(config);
    disposals.push(async () => {
      await made.backend[Symbol.asyncDispose]();
      await made.dispose?.();
    });
    return made;
  }
  async function chat({ backend }: UpstreamSubject, model: string, input: ChatInput) {
    const descriptor = { id: `up:${model}`, backend: 'up', name: model, capabilities: ['text_generation'], operations: ['chat'] };
    await using open = await backend.open(descriptor, { placement: { device: 'cpu' }, signal });
    return await collect(open.call('chat', input, options));
  }

  it('sends the key, asks for usage and passes on what it does not know', async () => {
    const made = await start({ headers: { 'x-title': 'tests' } });
    await chat(
      made,
      'echo',
      ask('hi', { temperature: 0.5, max_completion_tokens: 9, extra: { thinking: { type: 'enabled' }, stream: false } }),
    );
    const [request] = made.upstream.requests;
    expect(request?.headers).toMatchObject({ authorization: 'Bearer sk-secret-key', 'x-title': 'tests' });
    expect(request?.body).toEqual({
      model: 'echo',
      messages: [{ role: 'user', content: 'hi' }],
      temperature: 0.5,
      max_tokens: 9,
      thinking: { type: 'enabled' },
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it('keeps the query of its address, as Azure wants it', async () => {
    const made = await start();
    const config = openAiCompatibleConfig.parse({ base_url: `${made.upstream.url}/v1/?api-version=1` });
    const context: BackendContext = { id: 'azure', dataDir: '/nonexistent', log: SILENT_LOGGER, clock: made.clock };
    await using backend = await openAiCompatibleBackend.create(config, context);
    await backend.list(signal);
    expect(made.upstream.requests.at(-1)?.path).toBe('/v1/models?api-version=1');
  });

  it('uses connections again after whole answers', async () => {
    const made = await start();
    for (let i = 0; i < 6; i++) await chat(made, 'echo', ask('hi'));
    expect(made.upstream.connections).toBeLessThanOrEqual(2); // the next call may begin before the pool has its connection back
  });

  it('lists what the server says and what is known of a name', async () => {
    const { backend } = await start();
    const models = await backend.list(signal);
    expect(models.find((model) => model.name === 'echo')).toMatchObject({
      id: 'up:echo',
      contextWindow: 4096,
      nativeChoices: true,
    });
    expect(models.find((model) => model.name === 'seer')?.capabilities).toContain('vision');
    expect(models.find((model) => model.name === 'embed-small')?.operations).toEqual(['embed']);
  });

  it('keeps to the models of the config, also where the server has no list', async () => {
    const made = await start({ models: ['echo', 'own'] });
    made.upstream.next({ status: 404, body: '<html></html>' }, { path: '/v1/models' });
    expect((await made.backend.list(signal)).map((model) => model.id)).toEqual(['up:echo', 'up:own']);
    await expect(chat(made, 'json', ask('hi'))).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('makes no more calls at once than it may, larger priorities first', async () => {
    const made = await start({ max_concurrency: 1 });
    const gate = deferred();
    made.upstream.models.set('gated', { answer: { text: 'x', gate: gate.promise } });
    const first = made.upstream.nextRequest();
    const order: string[] = [];
    const call = async (name: string, priority: number): Promise<void> => {
      const descriptor = { id: 'up:gated', backend: 'up', name: 'gated', capabilities: [], operations: ['chat'] };
      await using open = await made.backend.open(descriptor, { placement: { device: 'cpu' }, signal });
      await collect(open.call('chat', ask(name), { ...options, priority }));
      order.push(name);
    };
    const running = call('first', 0);
    await first;
    const waiting = [call('low', 0), call('high', 5)];
    expect(made.upstream.requests).toHaveLength(1);
    gate.resolve();
    await Promise.all([running, ...waiting]);
    expect(order).toEqual(['first', 'high', 'low']);
  });

  it('never repeats the key in a message', async () => {
    const made = await start();
    made.upstream.next({ status: 401, body: { error: { message: 'Bad key sk-secret-key given' } } });
    await expect(chat(made, 'echo', ask('hi'))).rejects.toMatchObject({
      message: expect.not.stringContaining('sk-secret-key') as string,
    });
  });

  it('ends a stream that falls silent in the middle', async () => {
    const made = await start();
    const descriptor = { id: 'up:endless', backend: 'up', name: 'endless', capabilities: [], operations: ['chat'] };
    await using open = await made.backend.open(descriptor, { placement: { device: 'cpu' }, signal });
    const parts = open.call('chat', ask('go'), options)[Symbol.asyncIterator]();
    expect(await parts.next()).toMatchObject({ value: { type: 'text-delta', text: 'one' } });
    const next = parts.next();
    await new Promise((resolve) => setImmediate(resolve)); // it waits for the server from now on
    made.clock.advance(TIMEOUT_MS);
    await expect(next).rejects.toMatchObject({ code: 'upstream_timeout' });
    expect(made.clock.pendingTimers).toBe(0);
  });

  it('takes an answer that lacks [DONE] but not its reason', async () => {
    const made = await start();
    const chunk = { choices: [{ index: 0, delta: { content: 'hi' }, finish_reason: 'stop' }] };
    made.upstream.next({ replay: `data: ${JSON.stringify(chunk)}\n\n`, afterwards: 'reset' });
    expect(await chat(made, 'echo', ask('hi'))).toMatchObject({ text: 'hi', finish: 'stop', usage: { estimated: true } });
  });

  it('does not wait long for a server that keeps a finished stream open', async () => {
    const made = await start();
    const chunk = { choices: [{ index: 0, delta: { content: 'hi' }, finish_reason: 'stop' }] };
    made.upstream.next({ replay: `data: ${JSON.stringify(chunk)}\n\n`, afterwards: 'silence' });
    const descriptor = { id: 'up:echo', backend: 'up', name: 'echo', capabilities: [], operations: ['chat'] };
    await using open = await made.backend.open(descriptor, { placement: { device: 'cpu' }, signal });
    const parts = open.call('chat', ask('hi'), options)[Symbol.asyncIterator]();
    expect(await parts.next()).toMatchObject({ value: { text: 'hi' } });
    const rest = Array.fromAsync({ [Symbol.asyncIterator]: () => parts });
    await new Promise((resolve) => setImmediate(resolve));
    made.clock.advance(5000);
    expect((await rest).map((part) => part.type)).toEqual(['usage', 'finish']);
  });

  it('takes an answer in one piece from a server that cannot stream', async () => {
    const made = await start();
    const answer = {
      choices: [{ index: 0, message: { role: 'assistant', content: 'whole' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 1, completion_tokens: 2 },
    };
    made.upstream.next({ replay: JSON.stringify(answer), contentType: 'application/json', cut: 5 });
    expect(await chat(made, 'echo', ask('hi'))).toMatchObject({ text: 'whole', usage: { inputTokens: 1, outputTokens: 2 } });
  });

  it('says whether it is well', async () => {
    const made = await start();
    expect(await made.backend.health?.(signal)).toMatchObject({ ok: true });
    await made.upstream.stop();
    expect(await made.backend.health?.(signal)).toMatchObject({
      ok: false,
      message: expect.stringContaining('nothing listens') as string,
    });
  });

  it('knows whether a call leaves this machine', async () => {
    const { backend } = await start();
    expect(backend.onThisMachine).toBe(true);
    const context: BackendContext = { id: 'up', dataDir: '/nonexistent', log: SILENT_LOGGER, clock: new FakeClock() };
    await using far = await openAiCompatibleBackend.create(openAiCompatibleConfig.parse({ preset: 'openai' }), context);
    expect(far.onThisMachine).toBe(false);
  });

  it('wants an address or a preset', () => {
    expect(() => openAiCompatibleConfig.parse({})).toThrow(/base_url/);
  });
});
