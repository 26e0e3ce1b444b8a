import { describe, expect, it } from 'vitest';
import { deferred } from '../../src/lib/deferred.ts';
import { chat, startServer, type Harness } from './harness.ts';

/** A server with a call under way that ends when `gate` opens. */
async function busy(stream: boolean) {
  const gate = deferred();
  const answer = { text: ['One', ' two'], gates: { 1: gate.promise } };
  const harness = await startServer({ fake: { models: { echo: { answer } } } });
  const called = harness.backend.nextCall();
  const response = harness.fetch('/v1/chat/completions', { body: chat({ stream }) });
  const call = await called;
  if (stream) await response;
  return { harness, gate, response, call };
}

const refused = async (harness: Harness) => {
  const response = await harness.fetch('/v1/chat/completions', { body: chat() });
  return { status: response.status, connection: response.headers.get('connection'), json: await response.json() };
};

describe('a server that stops', () => {
  it.each([false, true])('finishes what runs and refuses what comes (stream: %s)', async (stream) => {
    const { harness, gate, response } = await busy(stream);
    await using _ = harness;
    const closed = harness.server.close({ graceMs: 60_000 });
    expect(await refused(harness)).toMatchObject({
      status: 503,
      connection: 'close',
      json: { error: { code: 'shutting_down' } },
    });
    const health = await harness.fetch('/healthz');
    const ready = await harness.fetch('/readyz');
    expect([health.status, ready.status]).toEqual([200, 503]);
    expect(await ready.json()).toMatchObject({ ready: false, reasons: ['The server is shutting down.'] });
    gate.resolve();
    const text = await (await response).text();
    expect(text).toContain(stream ? 'data: [DONE]' : '"content":"One two"');
    await closed;
    await expect(harness.fetch('/healthz')).rejects.toThrow();
  });

  it('aborts what is left when the time is over, and says so', async () => {
    const { harness, response, call } = await busy(false);
    await using _ = harness;
    const closed = harness.server.close({ graceMs: 5000 });
    harness.clock.advance(5000);
    const answer = await response;
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { code: 'shutting_down' } });
    await closed;
    await call.ended;
    expect(call.state).toBe('cancelled');
  });

  it('can be hurried', async () => {
    const { harness, response, call } = await busy(false);
    await using _ = harness;
    const closed = harness.server.close({ graceMs: 60_000 });
    await harness.server.close({ graceMs: 0 });
    await closed;
    expect((await response).status).toBe(503);
    await call.ended;
  });

  it('ends a stream that does not end in time, and tells why', async () => {
    const { harness, response, call } = await busy(true);
    await using _ = harness;
    const reader = ((await response).body as ReadableStream<Uint8Array>).getReader();
    const closed = harness.server.close({ graceMs: 0 });
    let text = '';
    const read = async (): Promise<void> => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        text += Buffer.from(value).toString();
      }
    };
    await read();
    expect(text).toContain('"code":"shutting_down"');
    expect(text).not.toContain('[DONE]');
    await closed;
    expect(call.state).toBe('cancelled');
  });

  it('may be told so twice, and before it listened', async () => {
    await using harness = await startServer();
    await Promise.all([harness.server.close(), harness.server.close({ graceMs: 1 })]);
    await harness.server.close();
  });
});
