import type {
  EmbeddingModelV4,
  LanguageModelV2,
  LanguageModelV3,
  LanguageModelV4,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import { afterEach, describe, expect, it } from 'vitest';
import type { ChatInput } from '../../contracts/chat.ts';
import { SILENT_LOGGER } from '../../contracts/logger.ts';
import { LOCAL_PRINCIPAL } from '../../contracts/principal.ts';
import { deferred } from '../../lib/deferred.ts';
import { backendContract } from '../../testing/backend-contract.ts';
import type { ContractSubject } from '../../testing/backend-contract-setup.ts';
import { collect, collectParts } from '../../testing/collect.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { aiSdkBackend } from './backend.ts';
import { callOptions } from './call-options.ts';
import { aiSdkKind } from './schema.ts';

const ask = (content: string, rest: Partial<ChatInput> = {}): ChatInput => ({ messages: [{ role: 'user', content }], ...rest });
const image: ChatInput = {
  messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }] }],
};
const TIMEOUT_MS = 60_000;

/** Stream parts, errors to throw, or `hang`: nothing more comes until the call is cancelled. */
type Script = readonly (LanguageModelV4StreamPart | Error | 'hang')[];

const usage = {
  inputTokens: { total: 3, noCache: 1, cacheRead: 2, cacheWrite: 0 },
  outputTokens: { total: 5, text: 4, reasoning: 1 },
};
const finish = (unified: 'stop' | 'tool-calls' = 'stop'): LanguageModelV4StreamPart => ({
  type: 'finish',
  usage,
  finishReason: { unified, raw: unified },
});
const text = (delta: string): LanguageModelV4StreamPart => ({ type: 'text-delta', id: '0', delta });

interface FakeLanguageModel extends LanguageModelV4 {
  readonly calls: Parameters<LanguageModelV4['doStream']>[0][];
  /** Settles once a stream of it was cancelled. */
  readonly cancelled: Promise<void>;
}

function languageModel(script: Script | ((prompt: unknown) => Script), modelId = 'fake'): FakeLanguageModel {
  const cancelled = deferred();
  const calls: FakeLanguageModel['calls'] = [];
  return {
    specificationVersion: 'v4',
    provider: 'fake.chat',
    modelId,
    supportedUrls: {},
    calls,
    cancelled: cancelled.promise,
    doGenerate: () => Promise.reject(new Error('Tutti always streams')),
    async doStream(options) {
      calls.push(options);
      const steps = [...(typeof script === 'function' ? script(options.prompt) : script)];
      const [first] = steps;
      if (first instanceof Error) throw first;
      const stream = new ReadableStream<LanguageModelV4StreamPart>(
        {
          pull(controller) {
            const next = steps.shift();
            if (next === undefined) controller.close();
            else if (next === 'hang') return new Promise(() => {});
            else if (next instanceof Error) controller.error(next);
            else controller.enqueue(next);
            return undefined;
          },
          cancel: () => cancelled.resolve(),
        },
        { highWaterMark: 0 },
      );
      return { stream };
    },
  };
}

function apiError(statusCode: number, message: string, responseHeaders: Record<string, string> = {}): Error {
  const responseBody = JSON.stringify({ error: { message } });
  return Object.assign(new Error(message), {
    name: 'AI_APICallError',
    statusCode,
    responseBody,
    responseHeaders,
    isRetryable: true,
  });
}

const vectors: EmbeddingModelV4 & { readonly sizes: number[] } = {
  specificationVersion: 'v4',
  provider: 'fake.embedding',
  modelId: 'vectors',
  maxEmbeddingsPerCall: 2,
  supportsParallelCalls: false,
  sizes: [],
  async doEmbed({ values }) {
    this.sizes.push(values.length);
    return { embeddings: values.map((value) => [value.length, 3, 4]), usage: { tokens: values.length }, warnings: [] };
  },
};

interface Subject extends ContractSubject {
  readonly clock: FakeClock;
  readonly endless: FakeLanguageModel;
}

function subject(): Subject {
  const clock = new FakeClock();
  const endless = languageModel([text('one'), 'hang']);
  const backend = aiSdkBackend({
    id: 'sdk',
    clock,
    timeoutSeconds: TIMEOUT_MS / 1000,
    models: {
      hello: languageModel([{ type: 'stream-start', warnings: [] }, text('hello '), text('there'), finish()]),
      thinker: languageModel([{ type: 'reasoning-delta', id: '0', delta: 'hm hm' }, text('so it is'), finish()]),
      caller: {
        model: languageModel([
          { type: 'tool-input-start', id: 'a', toolName: 'add' },
          { type: 'tool-input-delta', id: 'a', delta: '{"a":' },
          { type: 'tool-input-delta', id: 'a', delta: '1}' },
          { type: 'tool-call', toolCallId: 'a', toolName: 'add', input: '{"a":1}' },
          { type: 'tool-call', toolCallId: 'b', toolName: 'add', input: '{"a":2}' },
          { type: 'tool-call', toolCallId: 'c', toolName: 'search', input: '{}', providerExecuted: true },
          finish('tool-calls'),
        ]),
        capabilities: ['text_generation', 'tool_calling'],
      },
      json: languageModel([text('{"sum": 3}'), finish()]),
      seer: languageModel([text('a cat'), finish()], 'gpt-4o'),
      cut: languageModel([text('one')]),
      endless,
      vectors,
      unauthorized: languageModel([apiError(401, 'bad key')]),
      limited: languageModel([apiError(429, 'slow down', { 'retry-after': '7' })]),
      broken: languageModel([text('x'), { type: 'error', error: apiError(500, 'out of luck') }]),
      torn: languageModel([text('x'), new Error('socket hang up')]),
      unknown: languageModel([Object.assign(new Error('no such model: unknown'), { name: 'AI_NoSuchModelError' })]),
      deaf: languageModel(['hang']),
    },
  });
  return { backend, clock, endless };
}

const fault = (
  model: string,
  name: string,
  code: 'upstream_unauthorized' | 'upstream_rate_limited' | 'upstream_error' | 'upstream_timeout',
) => ({
  name,
  model,
  input: ask('hi'),
  code,
  retryable: true,
});

backendContract<Subject>(
  'ai-sdk',
  {
    create: async () => subject(),
    chat: { model: 'hello', input: ask('hi'), text: 'hello there' },
    usage: 'reported',
    cancel: { model: 'endless', input: ask('go'), stopped: ({ endless }) => endless.cancelled },
    choices: { unsupported: 'the AI SDK has no n' },
    reasoning: { model: 'thinker', input: ask('why?'), reasoning: 'hm hm', text: 'so it is' },
    logprobs: { unsupported: 'the AI SDK has none' },
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
    refusedImages: { model: 'hello', input: image },
    embeddings: { model: 'vectors', input: { input: ['a', 'bc', 'def'], dimensions: 2 }, count: 3 },
    unknownModel: { model: 'unknown', input: ask('hi') },
    truncation: { model: 'cut', input: ask('hi') },
    crash: { unsupported: 'nothing of the model runs in a process of its own' },
    faults: [
      fault('unauthorized', 'a refused key', 'upstream_unauthorized'),
      { ...fault('limited', 'a limited rate, with the time to wait', 'upstream_rate_limited'), retryAfter: 7 },
      fault('broken', 'an error inside the stream', 'upstream_error'),
      fault('torn', 'a stream that breaks', 'upstream_error'),
      {
        ...fault('deaf', 'a model that never answers', 'upstream_timeout'),
        during: async ({ clock }) => {
          await clock.timerSet();
          clock.advance(TIMEOUT_MS);
        },
      },
    ],
  },
  { describe, it },
);

describe('ai-sdk', () => {
  const signal = new AbortController().signal;
  const options = { signal, step: 'root', principal: LOCAL_PRINCIPAL, priority: 0 };
  const disposals: (() => PromiseLike<void>)[] = [];
  afterEach(async () => {
    for (const dispose of disposals.splice(0)) await dispose();
  });
  async function chat(model: LanguageModelV2 | LanguageModelV3 | LanguageModelV4, input: ChatInput) {
    const backend = aiSdkBackend({ id: 'sdk', models: { m: { model, capabilities: ['text_generation', 'vision'] } } });
    disposals.push(() => backend[Symbol.asyncDispose]());
    const [descriptor] = await backend.list(signal);
    if (!descriptor) throw new Error('no model');
    await using open = await backend.open(descriptor, { placement: { device: 'cpu' }, signal });
    return await collect(open.call('chat', input, options));
  }
  /** The same model, as an older version of the specification has it. */
  const asVersion = (model: FakeLanguageModel, specificationVersion: string) => ({ ...model, specificationVersion });

  it('counts as version 4 does, by kind', async () => {
    const model = languageModel([text('x'), finish()]);
    expect((await chat(model, ask('hi'))).usage).toEqual({
      inputTokens: 3,
      outputTokens: 5,
      cachedInputTokens: 2,
      reasoningTokens: 1,
    });
  });

  it('wraps models of version 2, which count flat and say the reason bare', async () => {
    const flat = { type: 'finish', usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 }, finishReason: 'length' };
    const model = languageModel([text('x'), flat as unknown as LanguageModelV4StreamPart]);
    const answer = await chat(asVersion(model, 'v2') as unknown as LanguageModelV2, image);
    expect(answer).toMatchObject({ finish: 'length', usage: { inputTokens: 1, outputTokens: 2 } });
    expect(model.calls[0]?.prompt).toEqual([{ role: 'user', content: [{ type: 'file', mediaType: 'image/png', data: 'aGk=' }] }]);
  });

  it('wraps models of version 3', async () => {
    const model = languageModel([text('x'), finish()]);
    expect(await chat(asVersion(model, 'v3') as unknown as LanguageModelV3, ask('hi'))).toMatchObject({
      text: 'x',
      finish: 'stop',
    });
  });

  it('counts itself when the model does not, and says so', async () => {
    const none = {
      total: undefined,
      noCache: undefined,
      cacheRead: undefined,
      cacheWrite: undefined,
      text: undefined,
      reasoning: undefined,
    };
    const model = languageModel([
      text('12345678'),
      { ...finish(), usage: { inputTokens: none, outputTokens: none } } as LanguageModelV4StreamPart,
    ]);
    expect((await chat(model, ask('hi'))).usage).toMatchObject({ outputTokens: 2, estimated: true });
  });

  it('tells the model to stop by its signal', async () => {
    const { backend, endless } = subject();
    disposals.push(() => backend[Symbol.asyncDispose]());
    const descriptor = (await backend.list(signal)).find((model) => model.name === 'endless');
    if (!descriptor) throw new Error('no model');
    await using open = await backend.open(descriptor, { placement: { device: 'cpu' }, signal });
    for await (const part of open.call('chat', ask('go'), options)) if (part.type === 'text-delta') break;
    expect(endless.calls[0]?.abortSignal?.aborted).toBe(true);
  });

  it('ends running calls when it is disposed of', async () => {
    const { backend } = subject();
    const descriptor = (await backend.list(signal)).find((model) => model.name === 'deaf');
    if (!descriptor) throw new Error('no model');
    const open = await backend.open(descriptor, { placement: { device: 'cpu' }, signal });
    const call = collectParts(open.call('chat', ask('go'), options));
    await Promise.all([expect(call).rejects.toMatchObject({ code: 'closed' }), backend[Symbol.asyncDispose]()]);
    expect(await open.closed).toBeNull();
  });

  it('splits embeddings by the limit of the provider', async () => {
    const { backend } = subject();
    disposals.push(() => backend[Symbol.asyncDispose]());
    const descriptor = (await backend.list(signal)).find((model) => model.name === 'vectors');
    if (!descriptor) throw new Error('no model');
    await using open = await backend.open(descriptor, { placement: { device: 'cpu' }, signal });
    vectors.sizes.length = 0;
    const { vectors: answer, usage: counted } = await collect(open.call('embed', { input: ['a', 'bc', 'def'] }, options));
    expect(vectors.sizes).toEqual([2, 1]);
    expect(answer.map((vector) => vector[0])).toEqual([1, 2, 3]);
    expect(counted).toEqual({ inputTokens: 3, outputTokens: 0 });
  });

  it('knows well-known models by their names, and takes what is given', async () => {
    const backend = aiSdkBackend({
      id: 'sdk',
      models: { seer: languageModel([], 'gpt-4o'), own: { model: languageModel([]), contextWindow: 10 } },
    });
    expect(await backend.list(signal)).toMatchObject([
      { id: 'sdk:seer', contextWindow: 128_000, metadata: { provider: 'fake.chat', model: 'gpt-4o' } },
      { id: 'sdk:own', contextWindow: 10, capabilities: ['text_generation'] },
    ]);
  });

  it('comes through a plug-in as a kind of backend', async () => {
    const kind = aiSdkKind('acme', { models: { m: languageModel([text('hi'), finish()]) } });
    const context = { id: 'a', dataDir: '/nonexistent', log: SILENT_LOGGER, clock: new FakeClock() };
    await using backend = await kind.create(kind.config.parse({ timeout_seconds: 5 }), context);
    expect((await backend.list(signal)).map((model) => model.id)).toEqual(['a:m']);
  });
});

describe('call options of the AI SDK', () => {
  const model = languageModel([]);
  const signal = new AbortController().signal;

  it('carry settings, tools and format under its names', () => {
    const schema = { type: 'object' };
    const tools: ChatInput['tools'] = [{ type: 'function', function: { name: 'add', parameters: schema } }];
    const given = ask('hi', {
      max_tokens: 5,
      stop: 'x',
      top_p: 0.5,
      reasoning_effort: 'low',
      tools,
      tool_choice: { type: 'function', function: { name: 'add' } },
      response_format: { type: 'json_schema', json_schema: { name: 'n', schema } },
      extra: { style: 'terse', provider_options: { other: { a: 1 } } },
    });
    expect(callOptions(model, given, signal)).toEqual({
      prompt: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
      maxOutputTokens: 5,
      stopSequences: ['x'],
      topP: 0.5,
      reasoning: 'low',
      tools: [{ type: 'function', name: 'add', inputSchema: schema }],
      toolChoice: { type: 'tool', toolName: 'add' },
      responseFormat: { type: 'json', schema, name: 'n' },
      providerOptions: { fake: { style: 'terse' }, other: { a: 1 } },
      abortSignal: signal,
    });
  });

  it('carry a conversation with tools', () => {
    const { prompt } = callOptions(
      model,
      {
        messages: [
          { role: 'developer', content: 'be kind' },
          {
            role: 'assistant',
            content: null,
            reasoning_content: 'hm',
            tool_calls: [{ id: 'c', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }],
          },
          { role: 'tool', content: '3', tool_call_id: 'c' },
        ],
      },
      signal,
    );
    expect(prompt).toEqual([
      { role: 'system', content: 'be kind' },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'hm' },
          { type: 'tool-call', toolCallId: 'c', toolName: 'add', input: { a: 1 } },
        ],
      },
      {
        role: 'tool',
        content: [{ type: 'tool-result', toolCallId: 'c', toolName: 'add', output: { type: 'text', value: '3' } }],
      },
    ]);
  });

  it('refuse a grammar', () => {
    expect(() => callOptions(model, ask('hi', { response_format: { type: 'grammar', grammar: 'x' } }), signal)).toThrow(
      /grammar/,
    );
  });
});
