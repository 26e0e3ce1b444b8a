import { describe, expect, it } from 'vitest';
import { parseSse, type SseEvent } from '../../src/lib/sse.ts';
import type { WireEvent } from '../../src/server/wire-types.ts';
import { chat, startServer, type Harness } from './harness.ts';

const api_keys = [
  { name: 'root', key: 'admin-secret-1', role: 'admin' },
  { name: 'alice', key: 'alice-secret-1' },
  { name: 'bob', key: 'bob-secret-123' },
];

/** Follows events until the test lets go. */
async function follow(harness: Harness, query = '', options: { key?: string; headers?: Record<string, string> } = {}) {
  const leaving = new AbortController();
  const response = await harness.fetch(`/api/events${query}`, { ...options, signal: leaving.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const events = parseSse(response.body as never)[Symbol.asyncIterator]();
  return {
    response,
    /** The next so many, or fewer when the stream ends. */
    async next(count: number): Promise<(SseEvent & { wire: WireEvent })[]> {
      const found: (SseEvent & { wire: WireEvent })[] = [];
      while (found.length < count) {
        const { value, done } = await events.next();
        if (done) break;
        found.push({ ...value, wire: JSON.parse(value.data) as WireEvent });
      }
      return found;
    },
    [Symbol.dispose]: () => leaving.abort(),
  };
}

const ask = (harness: Harness, key?: string) => harness.fetch('/v1/chat/completions', { body: chat(), ...(key && { key }) });

describe('the events', () => {
  it('tell of a run from its start to its end', async () => {
    await using harness = await startServer();
    using stream = await follow(harness, '?types=run.*,step.*');
    const run = (await ask(harness)).headers.get('x-tutti-run-id');
    const events = await stream.next(5);
    expect(events.map(({ event }) => event)).toEqual([
      'run.started',
      'run.routed',
      'step.started',
      'step.finished',
      'run.completed',
    ]);
    expect(events.every(({ wire, event, id }) => wire.run_id === run && wire.type === event && String(wire.id) === id)).toBe(
      true,
    );
    expect(events[1]?.wire.data).toMatchObject({ resolved_by: 'id', candidates: [{ model: 'fake:echo' }] });
    expect(events[4]?.wire.data).toMatchObject({ run: { id: run, usage_by_model: { 'fake:echo': { input_tokens: 2 } } } });
  });

  it('go on where the last connection broke off', async () => {
    await using harness = await startServer();
    await ask(harness);
    using all = await follow(harness, '?types=run.*&since=0');
    const [first, ...rest] = await all.next(3);
    using resumed = await follow(harness, '?types=run.*', { headers: { 'last-event-id': first?.id ?? '' } });
    expect((await resumed.next(2)).map(({ id }) => id)).toEqual(rest.map(({ id }) => id));
  });

  it('can be those of one run', async () => {
    await using harness = await startServer();
    await ask(harness);
    const run = (await ask(harness)).headers.get('x-tutti-run-id');
    using stream = await follow(harness, `?since=0&types=run.started,run.completed&run=${run}`);
    expect((await stream.next(2)).map(({ wire }) => wire.run_id)).toEqual([run, run]);
  });

  it('of a run are seen by its own user and by admins only', async () => {
    await using harness = await startServer({ server: { api_keys } });
    await ask(harness, 'alice-secret-1');
    await ask(harness, 'bob-secret-123');
    const seen = async (key: string, count: number): Promise<unknown[]> => {
      using stream = await follow(harness, '?since=0&types=run.started', { key });
      return (await stream.next(count)).map(({ wire }) => wire.data.principal);
    };
    expect(await seen('alice-secret-1', 1)).toEqual(['alice']);
    expect(await seen('bob-secret-123', 1)).toEqual(['bob']);
    expect(await seen('admin-secret-1', 2)).toEqual(['alice', 'bob']);
  });

  it('that concern nobody in particular are seen by everybody', async () => {
    await using harness = await startServer({ server: { api_keys } });
    using stream = await follow(harness, '?types=model.*', { key: 'alice-secret-1' });
    harness.tutti.registry.register({ id: 'fake:new' });
    expect((await stream.next(1))[0]?.wire).toMatchObject({ type: 'model.registered', data: { model: 'fake:new' } });
  });

  it('end when the server stops', async () => {
    await using harness = await startServer();
    using stream = await follow(harness);
    await harness.server.close({ graceMs: 0 });
    expect(await stream.next(1)).toEqual([]);
  });

  it('refuse a Last-Event-ID that is none', async () => {
    await using harness = await startServer();
    const response = await harness.fetch('/api/events', { headers: { 'last-event-id': 'yesterday' } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_request', param: 'Last-Event-ID' } });
  });
});
