import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { deferred } from '../lib/deferred.ts';
import { createFakeUpstream, cutBytes, type FakeUpstream } from './fake-upstream.ts';

describe('the fake upstream', () => {
  const started: FakeUpstream[] = [];
  afterEach(async () => {
    for (const upstream of started.splice(0)) await upstream[Symbol.asyncDispose]();
  });
  async function start(models?: Parameters<typeof createFakeUpstream>[0]): Promise<{ upstream: FakeUpstream; client: OpenAI }> {
    const upstream = await createFakeUpstream(models);
    started.push(upstream);
    return { upstream, client: new OpenAI({ baseURL: `${upstream.url}/v1`, apiKey: 'k', maxRetries: 0 }) };
  }
  const messages = [{ role: 'user' as const, content: 'hello there' }];

  it('speaks to the official client: whole and streamed, with usage', async () => {
    const { client } = await start();
    const whole = await client.chat.completions.create({ model: 'tiny', messages });
    expect(whole.choices[0]?.message.content).toBe('hello there');
    let text = '';
    let tokens = 0;
    for await (const chunk of await client.chat.completions.create({
      model: 'tiny',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    })) {
      text += chunk.choices[0]?.delta.content ?? '';
      tokens = chunk.usage?.total_tokens ?? tokens;
    }
    expect([text, tokens]).toEqual(['hello there', 4]);
  });

  it('gives choices, tool calls, log-probabilities and embeddings', async () => {
    const { client } = await start({
      models: {
        caller: { answer: { toolCalls: [{ name: 'add', arguments: { a: 1 } }] } },
        odds: { answer: { tokens: [{ text: 'yes', logprob: -0.1, top: { no: -2 } }] } },
        vectors: { embed: (text) => [text.length] },
      },
    });
    const called = await client.chat.completions.create({ model: 'caller', messages, n: 2 });
    expect(called.choices.map((choice) => choice.finish_reason)).toEqual(['tool_calls', 'tool_calls']);
    expect(called.choices[1]?.message.tool_calls?.[0]).toMatchObject({ function: { name: 'add', arguments: '{"a":1}' } });
    const odds = await client.chat.completions.create({ model: 'odds', messages, logprobs: true, top_logprobs: 2 });
    expect(odds.choices[0]?.logprobs?.content?.[0]?.top_logprobs.map((top) => top.token)).toEqual(['yes', 'no']);
    const embedded = await client.embeddings.create({ model: 'vectors', input: ['a', 'bc'], encoding_format: 'float' });
    expect(embedded.data.map((entry) => entry.embedding)).toEqual([[1], [2]]);
    expect((await client.models.list()).data.map((model) => model.id)).toEqual(['caller', 'odds', 'vectors']);
  });

  it('misbehaves once for each behaviour that it was given, then answers', async () => {
    const { upstream, client } = await start();
    upstream.next([{ status: 429, retryAfter: 3 }, { refuse: true }]);
    const call = () => client.chat.completions.create({ model: 'tiny', messages });
    await expect(call()).rejects.toMatchObject({ status: 429 });
    await expect(call()).rejects.toThrow(/connection/i);
    expect((await call()).choices[0]?.message.content).toBe('hello there');
    expect(upstream.requests).toHaveLength(3);
  });

  it('sees that a client leaves in the middle', async () => {
    const { upstream, client } = await start({
      models: { slow: { answer: { text: 'one two', gates: { 1: deferred().promise } } } },
    });
    const stream = await client.chat.completions.create({ model: 'slow', messages, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    expect(await upstream.requests[0]?.ended).toBe('aborted');
  });

  it('has no model of an unknown name', async () => {
    const { client } = await start();
    await expect(client.chat.completions.create({ model: 'nobody', messages })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });
});

describe('cutBytes', () => {
  it('cuts into pieces of a size, or at positions', () => {
    const text = (pieces: Uint8Array[]): string[] => pieces.map((piece) => Buffer.from(piece).toString());
    expect(text(cutBytes(Buffer.from('abcde'), 2))).toEqual(['ab', 'cd', 'e']);
    expect(text(cutBytes(Buffer.from('abcde'), [3, 1, 99]))).toEqual(['a', 'bc', 'de']);
    expect(text(cutBytes(Buffer.from('abc'), undefined))).toEqual(['abc']);
  });
});
