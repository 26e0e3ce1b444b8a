import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../testing/fake-clock.ts';
import { createFakeUpstream, type FakeUpstream } from '../../testing/fake-upstream.ts';
import { networkError } from './network-error.ts';
import { Upstream } from './upstream.ts';

const signal = new AbortController().signal;
const get = { method: 'GET', path: '/v1/models', signal } as const;

describe('Upstream', () => {
  const disposals: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const dispose of disposals.splice(0).reverse()) await dispose();
  });
  async function start(
    options: { maxConcurrency?: number } = {},
  ): Promise<{ upstream: Upstream; server: FakeUpstream; clock: FakeClock }> {
    const server = await createFakeUpstream();
    const clock = new FakeClock();
    const upstream = new Upstream({ name: 'up', baseUrl: server.url, timeoutMs: 1000, clock, ...options });
    disposals.push(
      () => server[Symbol.asyncDispose](),
      () => upstream[Symbol.asyncDispose](),
    );
    return { upstream, server, clock };
  }

  it('gives the body once, as bytes or as text up to a limit', async () => {
    const { upstream, server, clock } = await start();
    server.next({ replay: 'x'.repeat(1000), cut: 100 }, { path: '/v1/models' });
    {
      using response = await upstream.request(get);
      expect(await response.text(250)).toBe('x'.repeat(250));
    }
    expect(clock.pendingTimers).toBe(0);
  });

  it('frees its slot however a request ends', async () => {
    const { upstream, server } = await start({ maxConcurrency: 1 });
    server.next([{ refuse: true }, { status: 500 }], { path: '/v1/models' });
    await expect(upstream.request(get)).rejects.toMatchObject({ code: 'upstream_unreachable' });
    (await upstream.request(get))[Symbol.dispose]();
    const controller = new AbortController();
    server.next({ stall: 'before head' }, { path: '/v1/models' });
    const stalled = upstream.request({ ...get, signal: controller.signal });
    await server.nextRequest();
    controller.abort();
    await expect(stalled).rejects.toMatchObject({ code: 'cancelled' });
    using response = await upstream.request(get);
    expect(response.status).toBe(200);
  });

  it('gives the reason of a cancellation, where it is one of ours', async () => {
    const { upstream } = await start();
    const late = AbortSignal.abort(new DOMException('too late', 'TimeoutError'));
    await expect(upstream.request({ ...get, signal: late })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });

  it('ends what is under way when it is disposed of, and takes nothing afterwards', async () => {
    const { upstream, server } = await start();
    server.next({ stall: 'before head' }, { path: '/v1/models' });
    const stalled = upstream.request(get);
    const disposed = server.nextRequest().then(() => upstream[Symbol.asyncDispose]());
    await expect(stalled).rejects.toMatchObject({ code: 'closed' });
    await disposed;
    await expect(upstream.request(get)).rejects.toMatchObject({ code: 'closed' });
  });

  it('says when a server does not speak HTTP', async () => {
    const server: Server = createServer((socket) => {
      socket.on('error', () => {}); // the client hangs up at once
      socket.once('data', () => socket.write('SSH-2.0-OpenSSH_9.2\r\n'));
      disposals.push(async () => void socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    disposals.push(async () => void server.close());
    const { port } = server.address() as AddressInfo;
    await using upstream = new Upstream({
      name: 'up',
      baseUrl: `http://127.0.0.1:${port}`,
      timeoutMs: 1000,
      clock: new FakeClock(),
    });
    await expect(upstream.request(get)).rejects.toMatchObject({ code: 'upstream_invalid' });
  });
});

describe('a failure below HTTP', () => {
  const at = { name: 'up', url: 'https://up.example', phase: 'request' } as const;
  const failure = (code: string): Error => Object.assign(new Error(code), { code });
  it.each([
    ['ECONNREFUSED', 'nothing listens'],
    ['ENOTFOUND', 'name is not known'],
    ['UND_ERR_CONNECT_TIMEOUT', 'in time'],
    ['CERT_HAS_EXPIRED', 'expired'],
    ['SOMETHING_NEW', 'SOMETHING_NEW'],
  ])('%s is told in words', (code, words) => {
    expect(networkError(failure(code), at)).toMatchObject({
      code: 'upstream_unreachable',
      message: expect.stringContaining(words) as string,
    });
  });
  it('is found in a cause, or in the first of several attempts', () => {
    const several = new AggregateError([failure('ECONNREFUSED')]);
    expect(networkError(several, at).message).toContain('nothing listens');
    expect(networkError(new TypeError('fetch failed', { cause: several }), at).message).toContain('nothing listens');
  });
  it('cuts an answer once its head has come', () => {
    expect(networkError(failure('UND_ERR_SOCKET'), { ...at, phase: 'body' })).toMatchObject({ code: 'stream_truncated' });
  });
});
