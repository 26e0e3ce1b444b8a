import { describe, expect, it } from 'vitest';
import { deferred } from '../../src/lib/deferred.ts';
import { TuttiError } from '../../src/errors/error.ts';
import { parseSse } from '../../src/lib/sse.ts';
import { chat, startServer, type Harness } from './harness.ts';

/** A request without a socket, as the command line makes them when no server runs. */
async function inject(harness: Harness, url: string, body?: object, signal?: AbortSignal) {
  const response = await harness.server.inject({
    method: body === undefined ? 'GET' : 'POST',
    url,
    payloadAsStream: true,
    ...(body && { payload: body }),
    ...(signal && { signal }),
  });
  return { response, body: response.stream() };
}

describe('a request without a socket', () => {
  it('is answered whole', async () => {
    await using harness = await startServer();
    const { response, body } = await inject(harness, '/v1/chat/completions', chat());
    expect(response.statusCode).toBe(200);
    expect(JSON.parse(Buffer.concat(await Array.fromAsync(body)).toString())).toMatchObject({ object: 'chat.completion' });
  });

  it('is streamed, however much it is', async () => {
    const text = Array.from({ length: 5000 }, (_, i) => `${'word'.repeat(10)}${i} `);
    await using harness = await startServer({ fake: { models: { echo: { answer: { text } } } } });
    const { response, body } = await inject(harness, '/v1/chat/completions', chat({ stream: true }));
    expect(response.headers['x-tutti-run-id']).toMatch(/^run_/);
    const events = await Array.fromAsync(parseSse(body));
    expect(events).toHaveLength(text.length + 3);
    expect(events.at(-1)?.data).toBe('[DONE]');
  });

  it('is streamed, however slowly it is read', async () => {
    const text = Array.from({ length: 200 }, () => 'word'.repeat(1000));
    const gates = Object.fromEntries(text.map((_, i) => [i, new Promise<void>((resolve) => void setImmediate(resolve))]));
    await using harness = await startServer({ fake: { models: { echo: { answer: { text, gates } } } } });
    const { body } = await inject(harness, '/v1/chat/completions', chat({ stream: true }));
    let events = 0;
    for await (const { data } of parseSse(body)) {
      events += 1;
      await new Promise<void>((resolve) => void setImmediate(resolve));
      if (data === '[DONE]') break;
    }
    expect(events).toBe(text.length + 3);
  });

  it('ends with the error when its stream fails', async () => {
    const gate = deferred();
    const answer = {
      text: ['One', ' two'],
      gates: { 1: gate.promise },
      failAfter: { deltas: 1, error: new TuttiError('upstream_error', 'gone') },
    };
    await using harness = await startServer({ fake: { models: { echo: { answer } } } });
    const { body } = await inject(harness, '/v1/chat/completions', chat({ stream: true }));
    gate.resolve();
    const events = await Array.fromAsync(parseSse(body));
    expect(events.at(-1)?.data).toContain('"code":"upstream_error"');
  });

  it.each([true, false])('stops the run when it is given up (stream: %s)', async (stream) => {
    const answer = { text: ['One', ' two'], gates: { [stream ? 1 : 0]: deferred().promise } };
    await using harness = await startServer({ fake: { models: { echo: { answer } } } });
    const giveUp = new AbortController();
    const called = harness.backend.nextCall();
    const answered = inject(harness, '/v1/chat/completions', chat({ stream }), giveUp.signal);
    const read = answered.then(({ body }) => Array.fromAsync(body));
    const call = await called;
    if (stream) await answered;
    giveUp.abort();
    await expect(read).rejects.toThrow();
    await call.ended;
    expect(call.state).toBe('cancelled');
  });
});
