import { describe, expect, it } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import { deferred } from '../../src/lib/deferred.ts';
import { parseSse } from '../../src/lib/sse.ts';
import { startServer, type Harness } from './harness.ts';

const down = new TuttiError('upstream_error', 'The provider fell over.');
const ask = (harness: Harness, body: object, headers: Record<string, string> = {}) =>
  harness.fetch('/stream', { body: { query: 'Hello there', ...body }, headers });
const EVENTS = { accept: 'text/event-stream' };

describe('/stream', () => {
  it('gives the answer as plain text', async () => {
    await using harness = await startServer();
    const response = await ask(harness, { model: 'fake:echo' });
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(harness.tutti.runs.get(response.headers.get('x-tutti-run-id') ?? '')).toMatchObject({ target: 'fake:echo' });
    expect(await response.text()).toBe('Hello there');
  });

  it('gives it while it is written', async () => {
    const rest = deferred();
    const answer = { text: 'one two', gates: { 1: rest.promise } };
    await using harness = await startServer({ fake: { models: { slow: { answer } } } });
    const response = await ask(harness, { model: 'fake:slow' });
    const reader = response.body!.getReader(); // an answer with text has a body
    const text = ({ value }: { value?: Uint8Array }) => Buffer.from(value ?? []).toString();
    expect(text(await reader.read())).toBe('one');
    rest.resolve();
    expect(text(await reader.read())).toBe(' two');
    expect((await reader.read()).done).toBe(true);
  });

  it('asks the backend that is named, or whoever `auto` finds', async () => {
    await using harness = await startServer({ tutti: { orchestrator: { default_chat_model: 'fake:echo' } } });
    expect(await (await ask(harness, { backend: 'fake' })).text()).toBe('Hello there');
    expect((await ask(harness, { backend: 'nope' })).status).toBe(404);
    await ask(harness, {});
    expect(harness.tutti.runs.list({}).runs[0]).toMatchObject({ target: 'auto' });
  });

  it('gives events where they are accepted', async () => {
    await using harness = await startServer();
    const response = await ask(harness, { model: 'fake:echo' }, EVENTS);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const events: string[] = [];
    for await (const { data } of parseSse(response.body ?? new ReadableStream())) events.push(data);
    expect(events).toEqual(['{"text":"Hello"}', '{"text":" there"}', '[DONE]']);
  });

  it.each([
    ['text', {}],
    ['events', EVENTS],
  ])('is cut when the answer fails in the middle of its %s, never ended cleanly', async (_what, headers) => {
    const failure = deferred();
    const answer = { text: 'one two', gates: { 1: failure.promise }, failAfter: { deltas: 1, error: down } };
    await using harness = await startServer({ fake: { models: { half: { answer } } }, tutti: { routing: { retries: 0 } } });
    const response = await ask(harness, { model: 'fake:half' }, headers);
    expect(response.status).toBe(200);
    let text = '';
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk as Uint8Array);
        failure.resolve();
      }
    })();
    await expect(reading).rejects.toThrow();
    expect(text).not.toContain('[DONE]');
    if ('accept' in headers) expect(text).toContain('"code":"upstream_error"');
    else expect(text).toBe('one');
  });

  it('answers with the error itself where nothing was said yet', async () => {
    const answer = { failBefore: down };
    await using harness = await startServer({ fake: { models: { dead: { answer } } }, tutti: { routing: { retries: 0 } } });
    const response = await ask(harness, { model: 'fake:dead' });
    expect([response.status, await response.json()]).toMatchObject([502, { error: { code: 'upstream_error' } }]);
    expect((await ask(harness, { query: '' })).status).toBe(400);
  });

  it('stops the run when the client leaves', async () => {
    const answer = { text: 'one two', gates: { 1: new Promise(() => {}) } };
    await using harness = await startServer({ fake: { models: { slow: { answer } } } });
    const leaving = new AbortController();
    const response = await harness.fetch('/stream', { body: { query: '?', model: 'fake:slow' }, signal: leaving.signal });
    await response.body!.getReader().read(); // an answer with text has a body
    leaving.abort();
    await harness.events.next('run.cancelled');
    expect(harness.backend.calls[0]?.state).toBe('cancelled');
  });
});
