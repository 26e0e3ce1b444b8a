/** Requests and their answers: one, many, streamed; with images; by backend; as vectors. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import { deferred } from '../../src/lib/deferred.ts';
import { FakeBackend } from '../../src/testing/fake-backend.ts';
import { createFakeUpstream } from '../../src/testing/fake-upstream.ts';
import { chat, startServer } from '../server/harness.ts';
import { row } from './row.ts';
import { call, codeOf, get } from './wire.ts';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const IMAGE = { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } };
const seeing = { descriptor: { capabilities: ['text_generation', 'vision', 'star_gazing'] }, answer: 'a cat' };
const down = new TuttiError('upstream_error', 'down', { retryable: true });

describe('asking', () => {
  row('execute_task(capability, task, parameters)', async () => {
    await using harness = await startServer({ fake: { models: { eyes: seeing } } });
    const { tutti, backend } = harness;
    const input = [
      { type: 'text', text: 'What is it?' },
      { type: 'image', data: PNG },
    ] as const;
    const answer = await tutti.run({ capability: 'star_gazing', input, parameters: { temperature: 0, maxTokens: 9 } });
    expect(answer).toMatchObject({ text: 'a cat', output: 'a cat', model: 'fake:eyes', finishReason: 'stop' });
    const body = { capability: 'star_gazing', input, parameters: { temperature: 0, max_tokens: 9 } };
    expect((await call(harness, 'POST', '/api/inference', body)).body).toMatchObject({ model: 'fake:eyes', output: 'a cat' });
    const called = { temperature: 0, max_tokens: 9, messages: [{ content: [{ type: 'text', text: 'What is it?' }, IMAGE] }] };
    expect(backend.calls.map((made) => made.input)).toMatchObject([called, called]);
  });

  row('text + images', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tutti-images-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, 'cat.png');
    await writeFile(path, Buffer.from(PNG, 'base64'));
    await using harness = await startServer({
      fake: { models: { eyes: seeing, blind: {} } },
      server: { file_roots: [directory] },
    });
    const { tutti, backend } = harness;
    const url = IMAGE.image_url.url;
    for (const image of [{ path }, { url }, { data: PNG }, { data: Buffer.from(PNG, 'base64') }])
      await tutti.run({ model: 'fake:eyes', input: [{ type: 'image', ...image }] });
    await call(harness, 'POST', '/api/inference', { model: 'fake:eyes', input: [{ type: 'image', path }] });
    await call(
      harness,
      'POST',
      '/v1/chat/completions',
      chat({ model: 'fake:eyes', messages: [{ role: 'user', content: [IMAGE] }] }),
    );
    expect(backend.calls).toHaveLength(6);
    for (const { input } of backend.calls) expect(input).toMatchObject({ messages: [{ content: [IMAGE] }] });
    // Who cannot see is told in words, by a model that can; where there is none, it is refused.
    await tutti.run({ model: 'fake:blind', input: [{ type: 'image', path }] });
    expect(JSON.stringify(backend.calls.at(-1)?.input)).toContain('a cat');
    await using unseeing = await startServer({ fake: { models: { blind: {} } } });
    expect(await codeOf(unseeing.tutti.run({ model: 'fake:blind', input: [{ type: 'image', data: PNG }] }))).toBe(
      'unsupported_input',
    );
    // An Ollama takes bytes only, so an address is fetched for it.
    await using upstream = await createFakeUpstream({ models: { llava: { capabilities: ['completion', 'vision'] } } });
    const web = createServer((_request, response) => response.end(Buffer.from(PNG, 'base64'))).listen(0, '127.0.0.1');
    await once(web, 'listening');
    onTestFinished(() => web.close().closeAllConnections());
    const address = `http://127.0.0.1:${(web.address() as AddressInfo).port}/cat.png`;
    const backends = { o: { type: 'ollama', base_url: upstream.url } };
    await using other = await startServer({ tutti: { backends } });
    await other.tutti.run({ model: 'o:llava', input: [{ type: 'image', url: address }] });
    expect(upstream.requests.at(-1)?.body).toMatchObject({ messages: [{ images: [PNG] }] });
    const content = [{ type: 'image_url', image_url: { url: address } }];
    const private_ = await call(
      other,
      'POST',
      '/v1/chat/completions',
      chat({ model: 'o:llava', messages: [{ role: 'user', content }] }),
    );
    expect(private_).toMatchObject({ status: 403, body: { error: { code: 'file_not_allowed' } } });
  });

  row('POST /api/inference/', async () => {
    await using harness = await startServer({ fake: { models: { eyes: seeing } } });
    for (const target of [{ model: 'fake:eyes' }, { capability: 'star_gazing' }, { backend: 'fake' }]) {
      for (const path of ['/api/inference', '/api/inference/']) {
        const { status, body } = await call(harness, 'POST', path, { ...target, input: 'x', parameters: { seed: 1 } });
        expect(status).toBe(200);
        expect(body).toMatchObject({ output: 'a cat', usage: { output_tokens: 2 }, tutti: { run_id: expect.any(String) } });
      }
    }
    expect((await harness.tutti.run({ model: 'fake:eyes', input: 'x' })).usage).toEqual({ inputTokens: 1, outputTokens: 2 });
  });

  row('POST /api/inference/batch', async () => {
    const answer = (input: { messages: { content?: unknown }[] }) =>
      input.messages[0]?.content === 'bad' ? { failBefore: down } : `re: ${String(input.messages[0]?.content)}`;
    await using harness = await startServer({ fake: { models: { a: { answer } } }, tutti: { routing: { retries: 0 } } });
    const inputs = ['one', 'bad', 'three'];
    const results = await harness.tutti.runBatch({ model: 'fake:a', inputs });
    expect(results).toMatchObject([
      { index: 0, answer: { text: 're: one' } },
      { index: 1, error: { code: 'upstream_error' } },
      { index: 2, answer: { text: 're: three' } },
    ]);
    expect((await call(harness, 'POST', '/api/inference/batch', { model: 'fake:a', inputs })).body).toMatchObject({
      results: [
        { index: 0, output: 're: one', tutti: { run_id: expect.any(String) } },
        { index: 1, error: { code: 'upstream_error' } },
        { index: 2, output: 're: three' },
      ],
    });
  });

  row('POST /api/inference/parallel', async () => {
    const gate = deferred();
    const slow = { answer: { text: 'A', gate: gate.promise } };
    await using harness = await startServer({ fake: { models: { a: slow, b: { answer: () => (gate.resolve(), 'B') } } } });
    const models = ['fake:a', 'fake:b'];
    const texts = (await harness.tutti.runParallel({ models, input: 'x' })).map((result) => result.answer?.text);
    expect(texts).toEqual(['A', 'B']); // at once, or the first would wait for ever
    const requests = models.map((model) => ({ model, input: 'x' }));
    expect((await harness.tutti.runParallel({ requests })).map(({ answer }) => answer?.model)).toEqual(models);
    for (const body of [{ models, input: 'x' }, { requests }]) {
      const answered = await call(harness, 'POST', '/api/inference/parallel', body);
      expect(answered.body).toMatchObject({
        results: [
          { index: 0, output: 'A' },
          { index: 1, output: 'B' },
        ],
      });
    }
  });

  row('generate_stream', async () => {
    await using harness = await startServer({ fake: { models: { a: { answer: 'one two' } } } });
    const texts: string[] = [];
    for await (const part of harness.tutti.stream({ model: 'fake:a', input: 'x' }))
      if (part.type === 'text-delta' && part.step === 'root') texts.push(part.text);
    expect(texts).toEqual(['one', ' two']);
    const stream = await harness.client().chat.completions.create({
      model: 'fake:a',
      messages: [{ role: 'user', content: 'x' }],
      stream: true,
    });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe('one two');
    const plain = await harness.fetch('/stream', { body: { query: 'x', backend: 'fake', model: 'a' } });
    expect(await plain.text()).toBe('one two');
    const headers = { accept: 'text/event-stream' };
    const events = await harness.fetch('/stream', { body: { query: 'x', model: 'fake:a' }, headers });
    expect(await events.text()).toBe('data: {"text":"one"}\n\ndata: {"text":" two"}\n\ndata: [DONE]\n\n');
  });

  row('set_fallback_chain(id, chain)', async () => {
    const models = { a: { answer: { failBefore: down } }, b: { answer: { failBefore: down } }, c: { answer: 'fine' } };
    await using harness = await startServer({ fake: { models }, tutti: { routing: { retries: 0 } } });
    const { tutti } = harness;
    tutti.setFallbacks('fake:a', ['fake:b', 'fake:c']);
    expect(await tutti.run({ model: 'fake:a', input: 'x' })).toMatchObject({
      text: 'fine',
      fallbackChain: ['fake:a', 'fake:b', 'fake:c'],
    });
    expect(() => tutti.setFallbacks('fake:a', ['nobody'])).toThrow(/no model `nobody`/);
    const { body } = await call(harness, 'PATCH', '/api/models/fake:b', { fallbacks: ['fake:c'] });
    expect(body).toMatchObject({ fallbacks: ['fake:c'] });
    const { body: answer } = await call(harness, 'POST', '/api/inference', { model: 'fake:b', input: 'x' });
    expect(answer).toMatchObject({ output: 'fine', tutti: { fallback_chain: ['fake:b', 'fake:c'] } });
  });

  row('EmbeddingService (768)', async () => {
    const vector = Array.from({ length: 768 }, (_, i) => i / 768);
    await using harness = await startServer({ fake: { models: { vec: { embed: () => vector } } } });
    const { tutti, backend } = harness;
    const { vectors } = await tutti.embed({ input: ['a', 'b'], model: 'fake:vec', dimensions: 768 });
    expect(vectors).toEqual([vector, vector]);
    expect(backend.calls[0]?.input).toMatchObject({ dimensions: 768 });
    const { data } = await harness.client().embeddings.create({ input: 'a', model: 'fake:vec', dimensions: 768 });
    expect(data[0]?.embedding).toHaveLength(768);
  });

  row('LLMBackend, OllamaBackend, OpenAIBackend', async () => {
    await using upstream = await createFakeUpstream({ models: { m: { answer: 'hello' } } });
    const backends = {
      o: { type: 'ollama', base_url: upstream.url },
      c: { type: 'openai-compatible', base_url: `${upstream.url}/v1`, api_key: 'secret' },
    };
    await using harness = await startServer({ tutti: { backends } });
    for (const model of ['o:m', 'c:m']) expect((await harness.tutti.run({ model, input: 'x' })).text).toBe('hello');
    expect(await get(harness, '/api/backends')).toMatchObject({
      backends: expect.arrayContaining([
        expect.objectContaining({ id: 'o', type: 'ollama', residency: 'remote', state: 'up' }),
        expect.objectContaining({ id: 'c', type: 'openai-compatible', residency: 'remote', state: 'up' }),
      ]),
    });
  });

  row('generate(prompt, backend, **kwargs), default_backend', async () => {
    await using upstream = await createFakeUpstream({ models: { first: { answer: '1' }, second: { answer: '2' } } });
    const ollama = { type: 'ollama', base_url: upstream.url };
    const backends = { o: { ...ollama, default_model: 'second' }, p: { ...ollama, default_model: 'first' } };
    await using harness = await startServer({ tutti: { backends, orchestrator: { default_backend: 'o' } } });
    const { tutti } = harness;
    expect(await tutti.run({ backend: 'o', input: 'x' })).toMatchObject({ model: 'o:second', text: '2' });
    expect(await tutti.run({ backend: 'p', input: 'x' })).toMatchObject({ model: 'p:first' });
    expect(await tutti.run({ backend: 'o', model: 'first', input: 'x' })).toMatchObject({ model: 'o:first' });
    expect(await tutti.run({ input: 'x' })).toMatchObject({ model: 'o:second' });
    const asked = await call(harness, 'POST', '/api/inference', { backend: 'o', input: 'x', parameters: { temperature: 0.5 } });
    expect(asked.body).toMatchObject({ model: 'o:second', output: '2' });
    expect(upstream.requests.at(-1)?.body).toMatchObject({ options: { temperature: 0.5 } });
    const chosen = await call(harness, 'POST', '/v1/chat/completions', chat({ model: 'auto', tutti: { backend: 'p' } }));
    expect(chosen.body).toMatchObject({ model: 'p:first' });
  });

  row('ValueError "Unknown backend"', async () => {
    await using harness = await startServer();
    const asking = harness.tutti.run({ backend: 'fakr', input: 'x' });
    await expect(asking).rejects.toMatchObject({ code: 'unknown_backend', message: /fakr.*\bfake\b/ });
    const bodies = { '/api/inference': { input: 'x', backend: 'fakr' }, '/stream': { query: 'x', backend: 'fakr' } };
    for (const [path, body] of Object.entries(bodies)) {
      const answered = await call(harness, 'POST', path, body);
      expect(answered).toMatchObject({ status: 404, body: { error: { code: 'unknown_backend', message: /\bfake\b/ } } });
    }
  });

  row('KimiK2Client(provider="auto")', async () => {
    await using upstream = await createFakeUpstream({ models: { 'moonshotai/kimi-k2': { answer: 'from openrouter' } } });
    const at = (preset: string, api_key?: string) => ({
      type: 'openai-compatible',
      preset,
      base_url: `${upstream.url}/v1`,
      ...(api_key !== undefined && { api_key }),
    });
    const backends = { moonshot: at('moonshot'), openrouter: at('openrouter', 'key-1'), groq: at('groq') };
    await using harness = await startServer({ tutti: { backends, environment: { GROQ_API_KEY: 'key-2' } } });
    const candidates = harness.tutti.registry.aliases.get('kimi-k2') ?? [];
    expect(candidates.map((id) => id.slice(0, id.indexOf(':')))).toEqual(['openrouter', 'groq']); // moonshot has no key
    expect((await harness.tutti.run({ model: 'kimi-k2', input: 'x' })).text).toBe('from openrouter');
    const { choices } = await harness.client().chat.completions.create({
      model: 'kimi-k2',
      messages: [{ role: 'user', content: 'x' }],
    });
    expect(choices[0]?.message.content).toBe('from openrouter');
    await using none = await startServer({ tutti: { backends: [new FakeBackend()] } });
    expect(await codeOf(none.tutti.run({ model: 'kimi-k2', input: 'x' }))).toBe('model_not_found');
  });
});
