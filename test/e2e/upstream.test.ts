/** Servers behind the server that refuse, stall, cut off and talk nonsense. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createFakeUpstream, type FakeUpstream, type UpstreamBehaviour } from '../../src/testing/fake-upstream.ts';
import { CHAT, chat, serve, type Served } from './served.ts';

let bad: FakeUpstream;
let good: FakeUpstream;
let served: Served;
beforeAll(async () => {
  bad = await createFakeUpstream({ models: { moody: { answer: 'One two three four.' } } });
  good = await createFakeUpstream({ models: { steady: { answer: 'Here I am.' } } });
  const backend = (upstream: FakeUpstream, timeout: number): object => ({
    type: 'openai-compatible',
    base_url: `${upstream.url}/v1`,
    timeout_seconds: timeout,
  });
  served = await serve({
    config: {
      backends: {
        bad: backend(bad, 0.2),
        good: backend(good, 60),
        gone: { type: 'openai-compatible', base_url: 'http://127.0.0.1:9/v1', models: ['x'] },
      },
      orchestrations: { safe: { strategy: 'fallback', members: ['bad:moody', 'good:steady'] } },
      routing: { retries: 0, circuit_breaker: { failures: 1000 } },
    },
  });
});
afterEach(() => expect(served.program.stderr).not.toMatch(/a bug|internal_error/));
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  await Promise.all([bad.stop(), good.stop()]);
});

const sse = (...chunks: object[]): string => chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('');
const delta = (content: string): object => ({
  id: 'x',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'moody',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
});

// oxfmt-ignore
const FAULTS: readonly [what: string, behaviour: UpstreamBehaviour, code: RegExp][] = [
  ['resets the connection', { refuse: true }, /^upstream_unreachable$/],
  ['is out of order', { status: 500, body: { error: { message: 'out of luck' } } }, /^upstream_error$/],
  ['refuses the key', { status: 401, body: { error: { message: 'Incorrect API key' } } }, /^upstream_unauthorized$/],
  ['limits the rate', { status: 429, retryAfter: 3600 }, /^upstream_rate_limited$/],
  ['says a rate limit in a date long past', { status: 429, retryAfter: 'Wed, 21 Oct 2015 07:28:00 GMT' }, /^upstream_rate_limited$/],
  ['stalls before its answer', { stall: 'before head' }, /^upstream_timeout$/],
  ['stalls after its head', { stall: 'after head' }, /^upstream_timeout$/],
  ['sends a page', { replay: '<html>Welcome to nginx!</html>', contentType: 'text/html' }, /^upstream_invalid$/],
  ['sends nothing', { replay: '' }, /^stream_truncated$/],
  ['sends nonsense', { replay: 'data: {"choices": [{"delta": \n\n' }, /^upstream_invalid$/],
  ['sends JSON of another kind', { replay: 'data: [1,2]\n\ndata: "x"\n\ndata: null\n\ndata: {"choices": 5}\n\n' }, /^(upstream_invalid|stream_truncated)$/],
  ['sends bytes', { replay: Uint8Array.from({ length: 5000 }, (_, i) => i % 256) }, /^(upstream_invalid|stream_truncated)$/],
  ['sends an error in its stream', { replay: 'data: {"error":{"message":"overloaded"}}\n\n' }, /^upstream_error$/],
  ['redirects to itself', { status: 302, headers: { location: '/v1/chat/completions' } }, /^upstream_/],
];

describe('an upstream that', () => {
  it.each(FAULTS)('%s gives an error, and another model answers where there is one', async (_what, behaviour, code) => {
    bad.next([behaviour, behaviour, behaviour, behaviour]);
    const { json, status } = await served.chat('bad:moody');
    expect(json.error?.code).toMatch(code);
    expect(status).toBeGreaterThanOrEqual(400);
    const refused = await served.fetch(CHAT, chat('bad:moody', { stream: true }));
    expect(await refused.text()).toMatch(/"code":"(upstream|stream)_/);
    expect(await served.chat('safe')).toMatchObject({ status: 200, json: { choices: [{ message: { content: 'Here I am.' } }] } });
    expect(await (await served.stream('safe')).ended()).toMatchObject({ text: 'Here I am.', complete: true, error: null });
  });

  // oxfmt-ignore
  it.each<[string, UpstreamBehaviour, RegExp]>([
    ['cuts the stream', { replay: sse(delta('One '), delta('two')), afterwards: 'reset' }, /^(upstream_unreachable|stream_truncated)$/],
    ['ends the stream before its end', { replay: sse(delta('One '), delta('two')) }, /^(stream_truncated)$/],
    ['falls silent', { replay: sse(delta('One '), delta('two')), afterwards: 'silence' }, /^(upstream_timeout|stream_truncated)$/],
    ['goes mad', { replay: `${sse(delta('One '), delta('two'))}data: {{{\n\n` }, /^(upstream_invalid|stream_truncated)$/],
    ['fails', { replay: `${sse(delta('One '), delta('two'))}data: {"error":{"message":"overloaded"}}\n\n` }, /^(upstream_error|stream_truncated)$/],
  ])('%s in the middle ends a stream with an error and never as if complete', async (_what, behaviour, code) => {
    bad.next([behaviour, behaviour, behaviour]);
    for (const model of ['bad:moody', 'safe']) {
      const stream = await (await served.stream(model)).ended();
      // What came in one go with the fault was not sent yet, so the answer is an error of its own.
      if (stream.status === 200) expect(stream.text).toBe('One two');
      expect(stream).toMatchObject({ complete: false, error: { code: expect.stringMatching(code) } });
    }
    // What was shown cannot be taken back; what was not shown can.
    expect(await served.chat('safe')).toMatchObject({ status: 200, json: { choices: [{ message: { content: 'Here I am.' } }] } });
  });

  it('is not there at all is named', async () => {
    const { status, json } = await served.chat('gone:x');
    expect({ status, code: json.error?.code }).toEqual({ status: 502, code: 'upstream_unreachable' });
    expect(json.error?.message).toMatch(/127\.0\.0\.1:9/);
  });

  it('is told when the client has left', async () => {
    const never = Promise.withResolvers<void>();
    good.next({ answer: { text: ['One', ' two'], gates: { 1: never.promise } } });
    const called = good.nextRequest('/v1/chat');
    const leave = new AbortController();
    await (await served.stream('good:steady', {}, { signal: leave.signal })).begun();
    leave.abort();
    expect(await (await called).ended).toBe('aborted');
  });
});
