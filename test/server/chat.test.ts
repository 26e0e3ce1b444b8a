import { describe, expect, it } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import { deferred } from '../../src/lib/deferred.ts';
import { chat, startServer } from './harness.ts';

const user = (content: string) => [{ role: 'user' as const, content }];
const ask = { model: 'fake:echo', messages: user('Hello there') };

describe('the official client', () => {
  it('gets a whole answer, with usage and the run’s id', async () => {
    await using harness = await startServer();
    const { data, response } = await harness.client().chat.completions.create(ask).withResponse();
    expect(data).toMatchObject({
      object: 'chat.completion',
      model: 'fake:echo',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello there' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 2, completion_tokens: 2, total_tokens: 4 },
    });
    const run = response.headers.get('x-tutti-run-id') ?? '';
    expect(data.id).toBe(`chatcmpl-${run}`);
    expect(harness.tutti.runs.get(run)).toMatchObject({ target: 'fake:echo', principal: 'anonymous', status: 'completed' });
  });

  it('gets a stream of deltas, and the usage at the end when it asks for it', async () => {
    await using harness = await startServer();
    const stream = await harness
      .client()
      .chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } });
    const chunks = await Array.fromAsync(stream);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? null)).toEqual(['', 'Hello', ' there', null, null]);
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 4 } });
  });

  it('gets n choices', async () => {
    await using harness = await startServer();
    const whole = await harness.client().chat.completions.create({ ...ask, n: 3 });
    expect(whole.choices.map(({ index, message }) => [index, message.content])).toEqual([
      [0, 'Hello there'],
      [1, 'Hello there'],
      [2, 'Hello there'],
    ]);
    const stream = harness.client().chat.completions.stream({ ...ask, n: 2 });
    const { choices } = await stream.finalChatCompletion();
    expect(choices.map(({ message }) => message.content)).toEqual(['Hello there', 'Hello there']);
  });

  it('stops at a stop sequence and at the limit of tokens', async () => {
    await using harness = await startServer();
    const stopped = await harness.client().chat.completions.create({ ...ask, stop: [' there'] });
    expect(stopped.choices[0]).toMatchObject({ message: { content: 'Hello' }, finish_reason: 'stop' });
    const limited = await harness.client().chat.completions.create({ ...ask, max_completion_tokens: 1 });
    expect(limited.choices[0]).toMatchObject({ message: { content: 'Hello' }, finish_reason: 'length' });
  });

  it('gets log probabilities, whole and streamed', async () => {
    const tokens = [{ text: 'Yes', logprob: -0.1, top: { No: -2.5 } }];
    await using harness = await startServer({ fake: { models: { sure: { answer: { tokens } } } } });
    const body = { model: 'fake:sure', messages: user('?'), logprobs: true, top_logprobs: 2 };
    const whole = await harness.client().chat.completions.create(body);
    const expected = { token: 'Yes', logprob: -0.1, bytes: [89, 101, 115] };
    expect(whole.choices[0]?.logprobs?.content).toEqual([
      { ...expected, top_logprobs: [expected, { token: 'No', logprob: -2.5, bytes: [78, 111] }] },
    ]);
    const chunks = await Array.fromAsync(await harness.client().chat.completions.create({ ...body, stream: true }));
    expect(chunks[1]?.choices[0]?.logprobs).toEqual(whole.choices[0]?.logprobs);
  });

  it('gets tool calls, whole and put together from a stream', async () => {
    const toolCalls = [
      { id: 'call_1', name: 'add', arguments: { a: 1, b: 2 } },
      { id: 'call_2', name: 'now', arguments: {} },
    ];
    await using harness = await startServer({ fake: { models: { tools: { answer: { toolCalls } } } } });
    const add = { type: 'function' as const, function: { name: 'add', parameters: { type: 'object' } } };
    const now = { type: 'function' as const, function: { name: 'now', parameters: { type: 'object' } } };
    const body = { model: 'fake:tools', messages: user('1 + 2'), tools: [add, now], tool_choice: 'auto' as const };
    const whole = await harness.client().chat.completions.create(body);
    expect(whole.choices[0]).toMatchObject({
      message: {
        content: null,
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'add', arguments: '{"a":1,"b":2}' } },
          { id: 'call_2', type: 'function', function: { name: 'now', arguments: '{}' } },
        ],
      },
      finish_reason: 'tool_calls',
    });
    const streamed = await harness.client().chat.completions.stream(body).finalChatCompletion();
    expect(streamed.choices[0]?.message.tool_calls).toMatchObject(whole.choices[0]?.message.tool_calls ?? []);
    expect(harness.backend.calls[0]?.input).toMatchObject({ tools: [add, now], tool_choice: 'auto' });
  });

  it('gets reasoning beside the answer', async () => {
    await using harness = await startServer({ fake: { models: { deep: { answer: { reasoning: 'hm', text: 'yes' } } } } });
    const body = { model: 'fake:deep', messages: user('?') };
    const whole = await harness.client().chat.completions.create(body);
    expect(whole.choices[0]?.message).toMatchObject({ content: 'yes', reasoning_content: 'hm' });
    const chunks = await Array.fromAsync(await harness.client().chat.completions.create({ ...body, stream: true }));
    expect(chunks[1]?.choices[0]?.delta).toEqual({ reasoning_content: 'hm' });
  });

  it('reaches the model with every setting, pictures and all', async () => {
    const image = { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
    const capabilities = ['text_generation', 'vision'];
    await using harness = await startServer({ fake: { models: { eye: { answer: 'a cat', descriptor: { capabilities } } } } });
    const schema = { name: 'animal', schema: { type: 'object' }, strict: true };
    await harness.client().chat.completions.create({
      model: 'fake:eye',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, image] }],
      temperature: 0.5,
      top_p: 0.9,
      seed: 7,
      presence_penalty: 1,
      response_format: { type: 'json_schema', json_schema: schema },
    });
    expect(harness.backend.calls[0]?.input).toMatchObject({
      messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, image] }],
      temperature: 0.5,
      top_p: 0.9,
      seed: 7,
      presence_penalty: 1,
      response_format: { type: 'json_schema', json_schema: schema },
    });
  });

  it('gets vectors as numbers and as base64', async () => {
    const embed = (text: string) => [text.length, 0.5];
    await using harness = await startServer({ fake: { models: { vec: { embed } } } });
    // The client asks for base64 unless told otherwise, and decodes it.
    const decoded = await harness.client().embeddings.create({ model: 'fake:vec', input: ['ab', 'c'] });
    expect(decoded.data.map(({ index, embedding }) => [index, [...embedding]])).toEqual([
      [0, [2, 0.5]],
      [1, [1, 0.5]],
    ]);
    const plain = await harness.client().embeddings.create({ model: 'fake:vec', input: 'abc', encoding_format: 'float' });
    expect(plain).toMatchObject({ object: 'list', model: 'fake:vec', data: [{ embedding: [3, 0.5] }] });
    expect(plain.usage.prompt_tokens).toBeGreaterThan(0);
    const best = await harness.client().embeddings.create({ model: 'embedding', input: 'abc', dimensions: 1 });
    expect(best.model).toBe('fake:vec');
    expect(harness.backend.calls.at(-1)?.input).toMatchObject({ dimensions: 1 });
  });
});

describe('a chat request', () => {
  it('passes unknown fields on to remote models', async () => {
    await using harness = await startServer();
    const response = await harness.fetch('/v1/chat/completions', { body: chat({ service_tier: 'flex' }) });
    expect(harness.backend.calls[0]?.input).toMatchObject({ extra: { service_tier: 'flex' } });
    expect(response.headers.has('x-tutti-ignored')).toBe(false);
  });

  it.each([false, true])('names unknown fields that a local model ignores (stream: %s)', async (stream) => {
    await using harness = await startServer({ fake: { residency: 'local' } });
    const response = await harness.fetch('/v1/chat/completions', { body: chat({ stream, service_tier: 'flex', 'ä ö': 1 }) });
    expect(response.headers.get('x-tutti-ignored')).toBe('service_tier, %C3%A4%20%C3%B6');
    await response.text();
  });

  it('takes Tutti’s own settings, and keeps metadata with the run', async () => {
    await using harness = await startServer();
    const tutti = { backend: 'fake', priority: 3, timeout: 60, metadata: { a: 1 } };
    const response = await harness.fetch('/v1/chat/completions', { body: chat({ model: 'echo', metadata: { b: '2' }, tutti }) });
    expect(harness.backend.calls[0]?.options).toMatchObject({ priority: 3, deadline: expect.any(Number) });
    const run = harness.tutti.runs.get(response.headers.get('x-tutti-run-id') ?? '');
    expect(run?.metadata).toEqual({ a: 1, b: '2' });
  });

  it('is answered by `auto` when it names no model', async () => {
    await using harness = await startServer({ tutti: { orchestrator: { default_chat_model: 'fake:echo' } } });
    const response = await harness.fetch('/v1/chat/completions', { body: { messages: user('Hi') } });
    expect(response.status).toBe(200);
    expect(harness.tutti.runs.get(response.headers.get('x-tutti-run-id') ?? '')?.target).toBe('auto');
  });

  it('tells of itself when another model had to answer', async () => {
    const down = { failBefore: new TuttiError('upstream_unreachable', 'no route') };
    await using harness = await startServer({
      fake: { models: { a: { answer: down }, b: { answer: 'from b' } } },
      tutti: { models: { 'fake:a': { fallbacks: ['fake:b'] } } },
    });
    const expected = {
      run_id: expect.stringMatching(/^run_/),
      confidence: null,
      models_used: ['fake:b'],
      fallback_chain: ['fake:a', 'fake:b'],
      execution_time_ms: expect.any(Number),
      usage_by_model: { 'fake:b': { input_tokens: 1, output_tokens: 2 } },
      cost_usd: null,
    };
    const body = { model: 'fake:a', messages: user('Hi') };
    const whole = await (await harness.fetch('/v1/chat/completions', { body })).json();
    expect(whole).toMatchObject({ model: 'fake:b', tutti: expected });
    const chunks = await Array.fromAsync(await harness.client().chat.completions.create({ ...body, stream: true }));
    expect(chunks.at(-1)).toMatchObject({ choices: [{ finish_reason: 'stop' }], tutti: expected });
    expect(chunks.slice(0, -1).every((chunk) => !('tutti' in chunk))).toBe(true);
  });

  it('tells how an orchestration answered', async () => {
    await using harness = await startServer({
      fake: { models: { a: { answer: 'from a' }, dead: { answer: { failBefore: new TuttiError('upstream_error', 'down') } } } },
      tutti: {
        routing: { retries: 0 },
        orchestrations: {
          safe: { strategy: 'fallback', members: ['fake:dead', 'inner'] },
          inner: { strategy: 'fallback', members: ['fake:a'] },
        },
      },
    });
    const details = { strategy: 'fallback', models_used: ['fake:a'], fallback_chain: ['fake:dead', 'fake:a'] };
    const answer = await (await harness.fetch('/v1/chat/completions', { body: chat({ model: 'safe' }) })).json();
    expect(answer).toMatchObject({ choices: [{ message: { content: 'from a' } }], tutti: details });
    const native = await (await harness.fetch('/api/inference', { body: { model: 'safe', input: 'Hi' } })).json();
    expect(native).toMatchObject({ output: 'from a', tutti: details });
  });
});

describe('a stream', () => {
  it('that fails before its first delta is an error with its own status', async () => {
    const answer = { failBefore: new TuttiError('upstream_rate_limited', 'slow down', { retryAfter: 7 }) };
    await using harness = await startServer({ fake: { models: { echo: { answer } } }, tutti: { routing: { retries: 0 } } });
    const response = await harness.fetch('/v1/chat/completions', { body: chat({ stream: true }) });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('7');
    expect(response.headers.get('x-tutti-run-id')).toMatch(/^run_/);
    expect(await response.json()).toMatchObject({ error: { code: 'upstream_rate_limited' } });
  });

  it('that fails later ends with the error, never as if complete', async () => {
    const gate = deferred();
    const error = new TuttiError('stream_truncated', 'cut off');
    const answer = { text: ['One', ' two', ' three'], failAfter: { deltas: 2, error }, gates: { 1: gate.promise } };
    await using harness = await startServer({ fake: { models: { echo: { answer } } } });
    const response = await harness.fetch('/v1/chat/completions', { body: chat({ stream: true }) });
    expect(response.status).toBe(200);
    const reader = textReader(response);
    await reader.until('"content":"One"');
    gate.resolve();
    await expect(reader.until('[DONE]')).rejects.toThrow('the stream ended without [DONE]');
    expect(reader.text).toMatch(/data: \{"error":\{[^\n]*"code":"stream_truncated"[^\n]*\n\n$/);
    expect(reader.text).not.toContain('[DONE]');
  });

  it('that fails is an error of the official client, too', async () => {
    const gate = deferred();
    const answer = { text: ['One', ' two'], cutAfter: 1, gates: { 1: gate.promise } };
    await using harness = await startServer({ fake: { models: { echo: { answer } } } });
    const stream = await harness.client().chat.completions.create({ ...ask, stream: true });
    const read = async (): Promise<void> => {
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'One') gate.resolve();
    };
    await expect(read()).rejects.toMatchObject({ code: 'stream_truncated' });
  });

  it('stops the run when its client leaves', async () => {
    const answer = { text: ['One', ' two'], gates: { 1: deferred().promise } };
    await using harness = await startServer({ fake: { models: { echo: { answer } } } });
    const stream = await harness.client().chat.completions.create({ ...ask, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'One') break;
    await harness.backend.calls[0]?.ended;
    expect(harness.backend.calls[0]?.state).toBe('cancelled');
    await harness.events.next('run.cancelled');
  });

  it('stops a whole answer, too, when its client leaves', async () => {
    const gate = deferred();
    await using harness = await startServer({ fake: { models: { echo: { answer: { text: 'x', gate: gate.promise } } } } });
    const leaving = new AbortController();
    const called = harness.backend.nextCall();
    const response = harness.fetch('/v1/chat/completions', { body: chat(), signal: leaving.signal });
    const call = await called;
    leaving.abort();
    await expect(response).rejects.toThrow();
    await call.ended;
    expect(call.state).toBe('cancelled');
  });

  it('waits for a slow reader without losing anything', async () => {
    const words = Array.from({ length: 20_000 }, (_, i) => `${'word'.repeat(8)}${i} `);
    await using harness = await startServer({ fake: { models: { echo: { answer: { text: words } } } } });
    const response = await harness.fetch('/v1/chat/completions', { body: chat({ stream: true }) });
    await harness.backend.calls[0]?.ended; // generation does not wait for the client
    const deltas = (await response.text()).matchAll(/"content":"(word[^"]*)"/g);
    expect(Array.from(deltas, ([, text]) => text)).toEqual(words);
  });

  it('says what it waits for while a model loads, and that it lives while nothing happens', async () => {
    const load = deferred();
    const answer = deferred();
    const models = { slow: { load: { gate: load.promise, progress: [0.42] }, answer: { text: 'done', gate: answer.promise } } };
    await using harness = await startServer({ fake: { residency: 'local', models }, server: { keep_alive_seconds: 5 } });
    const loading = harness.events.next('model.loading', ({ data }) => data.fraction === 0.42);
    const pending = harness.fetch('/v1/chat/completions', { body: chat({ model: 'fake:slow', stream: true }) });
    await loading;
    harness.clock.advance(1000);
    const response = await pending;
    const reader = textReader(response);
    await reader.until(': loading fake:slow 40%');
    load.resolve();
    await harness.events.next('model.loaded');
    harness.clock.advance(5000);
    await reader.until(': keep-alive');
    answer.resolve();
    await reader.until('[DONE]');
    expect(reader.text).toContain('"content":"done"');
  });
});

function textReader(response: Response) {
  const chunks = (response.body ?? new ReadableStream<Uint8Array>()).pipeThrough(new TextDecoderStream()).getReader();
  const reader = {
    text: '',
    async until(wanted: string): Promise<void> {
      while (!reader.text.includes(wanted)) {
        const { value, done } = await chunks.read();
        if (done) throw new Error(`the stream ended without ${wanted}: ${reader.text}`);
        reader.text += value;
      }
    },
  };
  return reader;
}
