import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { deferred } from '../../src/lib/deferred.ts';
import { createServer } from '../../src/server/app.ts';
import { serverSchema } from '../../src/server/schema.ts';
import { chat, startServer } from './harness.ts';

const ADMIN = 'admin-secret-1';
const ALICE = 'alice-secret-1';
const BOB = 'bob-secret-123';
const api_keys = [
  { name: 'root', key: ADMIN, role: 'admin' },
  { name: 'alice', key: ALICE },
  { name: 'bob', key: BOB },
];
const CHAT = '/v1/chat/completions';

describe('API keys', () => {
  it.each([
    ['none', undefined],
    ['a wrong one', 'Bearer nonsense-nonsense'],
    ['another scheme', `Basic ${ALICE}`],
    ['the beginning of one', `Bearer ${ALICE.slice(0, -1)}`],
    ['one with more', `Bearer ${ALICE}x`],
  ])('%s is refused', async (_what, authorization) => {
    await using harness = await startServer({ server: { api_keys } });
    const response = await harness.fetch(CHAT, { body: chat(), headers: { ...(authorization && { authorization }) } });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await response.json()).toMatchObject({ error: { code: 'unauthorized', type: 'authentication_error' } });
    expect(harness.backend.calls).toEqual([]);
  });

  it('name the principal of a run', async () => {
    await using harness = await startServer({ server: { api_keys } });
    const { response } = await harness
      .client(ALICE)
      .chat.completions.create(chat() as never)
      .withResponse();
    expect(harness.tutti.runs.get(response.headers.get('x-tutti-run-id') ?? '')?.principal).toBe('alice');
    expect(harness.backend.calls[0]?.options.principal).toEqual({ id: 'alice', role: 'user' });
  });

  it('are not asked for where there is nothing to protect', async () => {
    await using harness = await startServer({ server: { api_keys } });
    for (const path of ['/healthz', '/readyz', '/openapi.json', '/docs', '/docs/swagger-ui.css']) {
      expect((await harness.fetch(path)).status, path).toBe(200);
    }
  });

  it.each([
    ['POST', '/api/models'],
    ['PATCH', '/api/models/fake:echo'],
    ['DELETE', '/api/models/fake:echo'],
    ['POST', '/api/models/fake:echo/load'],
    ['POST', '/api/models/fake:echo/unload'],
    ['POST', '/api/models/fake:echo/swap'],
    ['POST', '/api/models/fake:echo/pull'],
    ['GET', '/api/models/fake:echo/logs'],
    ['POST', '/api/models/pull'],
    ['POST', '/api/pool/evict'],
    ['POST', '/api/config/reload'],
  ])('%s %s needs the role admin', async (method, path) => {
    await using harness = await startServer({ server: { api_keys } });
    const response = await harness.fetch(path, { method, key: ALICE });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { code: 'forbidden' } });
  });

  it('that were changed in the config count at once', async () => {
    await using harness = await startServer({ server: { api_keys } });
    // The server follows what `tutti` says of its own section.
    expect((await harness.fetch('/v1/models', { key: ALICE })).status).toBe(200);
    harness.tutti.events.publish('config.reloaded', { changed: ['server'] });
    expect((await harness.fetch('/v1/models', { key: ALICE })).status).toBe(200); // no keys: everybody on this machine
    expect((await harness.fetch('/api/pool')).status).toBe(200);
  });
});

describe('tenancy', () => {
  it('shows users their own runs only, and admins all', async () => {
    await using harness = await startServer({ server: { api_keys } });
    const response = await harness.fetch(CHAT, { body: chat(), key: ALICE });
    const run = response.headers.get('x-tutti-run-id') ?? '';
    const list = async (key: string) =>
      ((await (await harness.fetch('/api/runs', { key })).json()) as { runs: unknown[] }).runs.length;
    expect([await list(ALICE), await list(BOB), await list(ADMIN)]).toEqual([1, 0, 1]);
    const status = async (key: string) => (await harness.fetch(`/api/runs/${run}`, { key })).status;
    expect([await status(ALICE), await status(BOB), await status(ADMIN)]).toEqual([200, 404, 200]);
    const total = async (key: string) =>
      ((await (await harness.fetch('/api/stats', { key })).json()) as { total_executions: number }).total_executions;
    expect([await total(ALICE), await total(BOB), await total(ADMIN)]).toEqual([1, 0, 1]);
  });

  it('lets nobody cancel what is another’s', async () => {
    const gate = deferred();
    await using harness = await startServer({
      server: { api_keys },
      fake: { models: { echo: { answer: { text: 'x', gate: gate.promise } } } },
    });
    const called = harness.backend.nextCall();
    const response = harness.fetch(CHAT, { body: chat(), key: ALICE });
    await called;
    const [run] = harness.tutti.runs.active();
    const cancel = (key: string) => harness.fetch(`/api/runs/${run?.id}/cancel`, { method: 'POST', key });
    expect((await cancel(BOB)).status).toBe(404);
    expect(await (await cancel(ALICE)).json()).toEqual({ id: run?.id, cancelled: true });
    const refused = await response;
    expect(refused.status).toBe(499);
    expect(refused.headers.get('x-tutti-run-id')).toBe(run?.id);
    expect(await (await cancel(ADMIN)).json()).toEqual({ id: run?.id, cancelled: false });
  });
});

describe('limits of a key', () => {
  it('allow so many requests a minute, and more as time goes by', async () => {
    await using harness = await startServer({ server: { api_keys: [{ name: 'slow', key: ALICE, rpm: 2 }] } });
    const models = () => harness.fetch('/v1/models', { key: ALICE });
    expect((await models()).headers.get('x-ratelimit-remaining-requests')).toBe('1');
    expect((await models()).status).toBe(200);
    const refused = await models();
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('30');
    expect(await refused.json()).toMatchObject({ error: { code: 'rate_limited' } });
    harness.clock.advance(30_000);
    expect((await models()).status).toBe(200);
    expect((await models()).status).toBe(429);
  });

  it('refuse calls once the day’s budget is spent, until midnight', async () => {
    const price = { inputPerMtok: 0, outputPerMtok: 1_000_000 };
    const key = { name: 'poor', key: ALICE, budget_usd_per_day: 3 };
    await using harness = await startServer({
      server: { api_keys: [key] },
      fake: { models: { echo: { descriptor: { price } } } }, // two tokens, so two dollars
    });
    const ask = () => harness.fetch(CHAT, { body: chat(), key: ALICE });
    // Its first request today comes after it has spent something.
    await harness.tutti.run({ model: 'fake:echo', input: 'Hello there', principal: { id: 'poor', role: 'user' } });
    expect((await ask()).status).toBe(200);
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect(await refused.json()).toMatchObject({
      error: { code: 'budget_exceeded', details: { budget_usd: 3, spent_usd: 4 } },
    });
    expect((await harness.fetch('/v1/models', { key: ALICE })).status).toBe(200);
    harness.clock.advance(86_400_000);
    expect((await ask()).status).toBe(200);
  });
});

describe('without keys', () => {
  it('everybody on this machine is an admin', async () => {
    await using harness = await startServer();
    expect((await harness.fetch('/api/pool/evict', { body: { target_memory_mb: 0 } })).status).toBe(200);
  });

  it('nobody on another machine is answered, also when the last key was taken out later', async () => {
    await using harness = await startServer({ server: { host: '0.0.0.0', api_keys } });
    const from = (remoteAddress: string) => harness.server.inject({ url: '/v1/models', remoteAddress });
    expect((await from('192.168.1.5')).statusCode).toBe(401);
    harness.tutti.events.publish('config.reloaded', { changed: ['server'] });
    expect((await from('192.168.1.5')).statusCode).toBe(403);
    expect((await from('127.0.0.1')).statusCode).toBe(200);
    expect((await from('::ffff:127.0.0.1')).statusCode).toBe(200);
  });

  it.each([
    ['localhost:8000', 200],
    ['127.0.0.1', 200],
    ['127.3.2.1:80', 200],
    ['[::1]:8000', 200],
    ['app.localhost:1', 200],
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example:8000', 403],
    ['192.168.1.5:8000', 403],
    ['', 403],
  ])('a request to the host "%s" is answered %i', async (host, status) => {
    await using harness = await startServer();
    expect(await statusOf(harness.url, { host })).toBe(status);
  });

  it.each([
    ['http://localhost:8000', 200],
    ['http://localhost:3000', 403],
    ['https://evil.example', 403],
    ['null', 403],
    ['https://good.example', 200],
  ])('a request from a page at %s is answered %i', async (origin, status) => {
    await using harness = await startServer({ server: { cors: { origins: ['https://good.example'] } } });
    expect(await statusOf(harness.url, { host: 'localhost:8000', origin })).toBe(status);
  });
});

describe('pages of other origins', () => {
  it('may call when the config names them', async () => {
    await using harness = await startServer({ server: { api_keys, cors: { origins: ['https://good.example'] } } });
    const preflight = (origin: string) =>
      harness.fetch(CHAT, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
      });
    const good = await preflight('https://good.example');
    expect(good.headers.get('access-control-allow-origin')).toBe('https://good.example');
    expect(good.headers.get('access-control-allow-headers')).toBe('authorization');
    expect(good.headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, PATCH, DELETE');
    expect((await harness.fetch(CHAT, { method: 'OPTIONS' })).status).toBe(204);
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).not.toBe('https://evil.example');
    const headers = { origin: 'https://good.example' };
    const refused = await harness.fetch(CHAT, { body: chat(), headers });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, 'https://good.example']);
    for (const stream of [false, true]) {
      const answer = await harness.fetch(CHAT, { body: chat({ stream }), key: ALICE, headers });
      expect(answer.headers.get('access-control-allow-origin')).toBe('https://good.example');
      expect(answer.headers.get('access-control-expose-headers')).toContain('x-tutti-run-id');
      await answer.text();
    }
  });
});

describe('listening', () => {
  it.each(['0.0.0.0', '::', '192.168.1.5'])('on %s is refused without a key', async (host) => {
    await using harness = await startServer();
    const server = createServer(harness.tutti, serverSchema.parse({ host, port: 0 }));
    await expect(server.listen()).rejects.toMatchObject({ code: 'listen_refused' });
    await server.close();
  });

  it('beyond loopback is allowed with a key', async () => {
    await using harness = await startServer({ server: { host: '0.0.0.0', api_keys } });
    expect(harness.url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
  });

  it('on a port in use names the port', async () => {
    await using harness = await startServer();
    const port = Number(new URL(harness.url).port);
    const server = createServer(harness.tutti, serverSchema.parse({ port }));
    await expect(server.listen()).rejects.toMatchObject({ code: 'port_in_use', message: expect.stringContaining(String(port)) });
    await server.close();
  });
});

/** `fetch` sets Host and Origin itself. */
function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    httpRequest(`${url}/v1/models`, { headers, setHost: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    })
      .on('error', reject)
      .end();
  });
}
