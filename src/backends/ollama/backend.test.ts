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
import { findOllama } from './host.ts';
import { ollamaBackend, ollamaConfig } from './schema.ts';

const ask = (content: string, rest: Partial<ChatInput> = {}): ChatInput => ({ messages: [{ role: 'user', content }], ...rest });
const image: ChatInput = {
  messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }] }],
};
const tools: ChatInput['tools'] = [{ type: 'function', function: { name: 'add', parameters: { type: 'object' } } }];
const TIMEOUT_MS = 60_000;
const GIB = 2 ** 30;

async function subject(config: Record<string, unknown> = {}): Promise<UpstreamSubject> {
  const upstream = await createFakeUpstream({
    models: {
      'echo:latest': { contextWindow: 8192 },
      thinker: { answer: { reasoning: 'hm hm', text: 'so it is' }, capabilities: ['completion', 'thinking'] },
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
        capabilities: ['completion', 'tools'],
      },
      json: { answer: '{"sum": 3}' },
      seer: { answer: 'a cat', capabilities: ['completion', 'vision'] },
      cut: { answer: { text: 'one two three', cutAfter: 2 } },
      endless: { answer: { text: 'one two', gates: { 1: deferred().promise } } },
      vectors: { embed: (text) => [text.length, 3, 4] },
    },
  });
  const clock = new FakeClock();
  const context: BackendContext = { id: 'up', dataDir: '/nonexistent', log: SILENT_LOGGER, clock };
  const parsed = ollamaConfig.parse({ base_url: upstream.url, timeout_seconds: TIMEOUT_MS / 1000, ...config });
  const backend = await ollamaBackend.create(parsed, context);
  const dispose = async (): Promise<void> => {
    await upstream[Symbol.asyncDispose]();
    expect(clock.pendingTimers, 'a timer was left behind').toBe(0);
  };
  return { backend, upstream, clock, dispose };
}

backendContract<UpstreamSubject>(
  'ollama',
  {
    create: () => subject(),
    chat: { model: 'echo:latest', input: ask('hello there'), text: 'hello there' },
    usage: 'reported',
    cancel: {
      model: 'endless',
      input: ask('go'),
      stopped: ({ upstream }) => Promise.all(upstream.requests.map((request) => request.ended)),
    },
    choices: { unsupported: 'the protocol has no n' },
    reasoning: { model: 'thinker', input: ask('why?'), reasoning: 'hm hm', text: 'so it is' },
    logprobs: { model: 'odds', input: ask('?', { logprobs: true, top_logprobs: 1 }), text: 'yes' },
    tools: {
      model: 'caller',
      input: ask('1, 2', { tools }),
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
    refusedImages: { model: 'echo:latest', input: image },
    embeddings: { model: 'vectors', input: { input: ['a', 'bc'], dimensions: 2 }, count: 2 },
    unknownModel: { model: 'nobody', input: ask('hi') },
    truncation: { model: 'cut', input: ask('hi') },
    crash: { unsupported: 'nothing of the server runs here' },
    faults: upstreamFaults({
      model: 'echo:latest',
      input: ask('hi'),
      stream: 'application/x-ndjson',
      timeoutMs: TIMEOUT_MS,
      errorBody: (message) => ({ error: message }),
    }),
  },
  { describe, it },
);

describe('ollama', () => {
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
  async function chat({ backend }: UpstreamSubject, name: string, input: ChatInput) {
    const model = (await backend.list(signal)).find((one) => one.name === name);
    if (!model) throw new Error(`no ${name}`);
    await using open = await backend.open(model, { placement: { device: 'cpu' }, signal });
    return await collect(open.call('chat', input, options));
  }
  const loads = ({ upstream }: UpstreamSubject) =>
    upstream.requests.filter(({ path }) => path === '/api/generate').map(({ body }) => [body?.['model'], body?.['keep_alive']]);

  it('describes models by what the server shows, and asks for that once', async () => {
    const made = await start();
    const list = await made.backend.list(signal);
    await made.backend.list(signal);
    expect(list.find((model) => model.name === 'seer')).toMatchObject({
      id: 'up:seer',
      capabilities: expect.arrayContaining(['text_generation', 'vision']) as string[],
      sizeBytes: GIB,
      parameters: 1_235_814_432,
      metadata: { quantization: 'Q4_K_M' },
    });
    expect(list.find((model) => model.name === 'echo:latest')?.contextWindow).toBe(8192);
    expect(list.find((model) => model.name === 'vectors')?.operations).toEqual(['embed']);
    expect(made.upstream.requests.filter(({ path }) => path === '/api/show')).toHaveLength(list.length);
  });

  it('pulls with progress, and lists the model afterwards', async () => {
    const made = await start();
    const progress = await Array.fromAsync(made.backend.pull?.('new:1b', { signal }) ?? []);
    expect(progress.at(0)).toEqual({ item: 'new:1b', doneBytes: 0, totalBytes: null, status: 'pulling manifest' });
    expect(progress.at(2)).toMatchObject({ item: 'sha256:8eeb52dfb3bb', doneBytes: 512, totalBytes: 1024 });
    expect(progress.at(-1)?.status).toBe('success');
    expect((await made.backend.list(signal)).map((model) => model.name)).toContain('new:1b');
  });

  it('says when there is nothing to pull', async () => {
    const made = await start();
    await expect(Array.fromAsync(made.backend.pull?.('missing:1b', { signal }) ?? [])).rejects.toMatchObject({
      code: 'model_not_found',
    });
  });

  it('stops a pull that is cancelled, at the server too', async () => {
    const made = await start();
    const controller = new AbortController();
    const pulling = (async () => {
      for await (const { totalBytes } of made.backend.pull?.('endless:1b', { signal: controller.signal }) ?? []) {
        if (totalBytes !== null) controller.abort();
      }
    })();
    await expect(pulling).rejects.toMatchObject({ code: 'cancelled' });
    expect(await made.upstream.requests.at(-1)?.ended).toBe('aborted');
  });

  it('ends a pull that the server breaks off with an error', async () => {
    const made = await start();
    made.upstream.next({ replay: '{"status":"pulling manifest"}\n', contentType: 'application/x-ndjson' });
    await expect(Array.fromAsync(made.backend.pull?.('x', { signal }) ?? [])).rejects.toMatchObject({ code: 'pull_failed' });
  });

  it('loads and unloads by name, and says what is in memory', async () => {
    const made = await start({ keep_alive: '10m' });
    const { residents } = made.backend;
    await residents?.load('echo', signal);
    expect(await residents?.running(signal)).toEqual([{ model: 'up:echo:latest', memory: { 'gpu:0': GIB } }]);
    await residents?.unload('echo', signal);
    expect(await residents?.running(signal)).toEqual([]);
    expect(loads(made)).toEqual([
      ['echo:latest', '10m'],
      ['echo:latest', 0],
    ]);
    await expect(residents?.load('nobody', signal)).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('loads an embedding model by its own path', async () => {
    const made = await start();
    await made.backend.residents?.load('vectors', signal);
    expect(await made.backend.residents?.running(signal)).toHaveLength(1);
    expect(loads(made)).toEqual([]);
  });

  it('makes room inside gpu_memory_limit_mb, the least recently used first', async () => {
    const made = await start({ gpu_memory_limit_mb: 2500 });
    for (const name of ['echo:latest', 'json', 'echo:latest', 'seer']) await chat(made, name, ask('hi'));
    expect([...made.upstream.resident.keys()]).toEqual(['echo:latest', 'seer']);
    expect(loads(made)).toEqual([['json', 0]]);
  });

  it('waits for calls in use instead of unloading under them', async () => {
    const made = await start({ gpu_memory_limit_mb: 1500 });
    const gate = deferred();
    made.upstream.models.set('gated', { answer: { text: 'x', gate: gate.promise } });
    const begun = made.upstream.nextRequest('/api/chat');
    const first = chat(made, 'gated', ask('hi'));
    await begun;
    const looked = made.upstream.nextRequest('/api/ps');
    const second = chat(made, 'json', ask('hi'));
    await looked;
    expect(loads(made)).toEqual([]);
    gate.resolve();
    await Promise.all([first, second]);
    expect(loads(made)).toEqual([['gated', 0]]);
  });

  it('refuses a model that is larger than the limit, with the numbers', async () => {
    const made = await start({ gpu_memory_limit_mb: 512 });
    await expect(chat(made, 'json', ask('hi'))).rejects.toMatchObject({
      code: 'model_too_large',
      details: { needs_mb: 1229, limit_mb: 512 },
    });
  });

  it('says whether it is well', async () => {
    const made = await start();
    expect(await made.backend.health?.(signal)).toMatchObject({ ok: true, message: `Ollama 0.12.0 at ${made.upstream.url}` });
    await made.upstream.stop();
    expect(await made.backend.health?.(signal)).toMatchObject({ ok: false });
  });

  it('is found without a config', async () => {
    const made = await start();
    expect(await findOllama(signal, { host: made.upstream.url })).toEqual({ baseUrl: made.upstream.url, version: '0.12.0' });
    await made.upstream.stop();
    expect(await findOllama(signal, { host: made.upstream.url })).toBeNull();
  });
});
