import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { Api } from './api.ts';
import { answers, httpTransport } from './http-transport.ts';

interface TestServer extends AsyncDisposable {
  readonly url: string;
  /** Cuts every connection. */
  cut(): void;
}

async function serverThat(handle: RequestListener): Promise<TestServer> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => server.closeAllConnections(),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

it('sends the key and the body, and gives the answer', async () => {
  await using server = await serverThat((request, response) => {
    request.setEncoding('utf8').on('data', (body: string) => {
      response.end(JSON.stringify({ method: request.method, path: request.url, key: request.headers.authorization, body }));
    });
  });
  const api = new Api(httpTransport(`${server.url}/base/`, 'k1'));
  expect(await api.call('PATCH', '/api/models/m', { speed: 1 })).toEqual({
    method: 'PATCH',
    path: '/base/api/models/m',
    key: 'Bearer k1',
    body: '{"speed":1}',
  });
});

it('says that an answer was broken off', async () => {
  await using server = await serverThat((_request, response) => void response.write('data: {"n": 1}\n\n'));
  const api = new Api(httpTransport(server.url, undefined));
  const read = async (): Promise<void> => {
    for await (const _event of api.events('GET', '/api/events')) server.cut();
  };
  await expect(read()).rejects.toMatchObject({
    code: 'stream_truncated',
    message: `The server at ${server.url} broke off its answer.`,
  });
});

it('says that it is no Tutti server that answers', async () => {
  await using server = await serverThat((_request, response) => void response.end('<html>Hello</html>'));
  const api = new Api(httpTransport(server.url, undefined));
  await expect(api.call('GET', '/api/models')).rejects.toMatchObject({
    code: 'upstream_invalid',
    message: `What answers at ${server.url} is no Tutti server; it says: <html>Hello</html>`,
  });
  expect(await answers(server.url)).toBe(false);
});

it('stops waiting when told to, before and during the answer', async () => {
  await using server = await serverThat(
    (request, response) => void (request.url === '/slow' || response.write('data: {"n": 1}\n\n')),
  );
  const before = new AbortController();
  const waiting = new Api(httpTransport(server.url, undefined), before.signal).call('GET', '/slow');
  before.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  const during = new AbortController();
  const read = async (): Promise<void> => {
    const api = new Api(httpTransport(server.url, undefined), during.signal);
    for await (const _event of api.events('GET', '/api/events')) during.abort();
  };
  await expect(read()).rejects.toMatchObject({ code: 'cancelled' });
});

it('knows a Tutti by its header, and that none answers where nobody listens', async () => {
  const server = await serverThat((_request, response) => void response.setHeader('x-tutti-version', '1').end('{}'));
  expect(await answers(server.url)).toBe(true);
  await server[Symbol.asyncDispose]();
  expect(await answers(server.url)).toBe(false);
  const unreachable = new Api(httpTransport(server.url, undefined)).call('GET', '/api/models');
  await expect(unreachable).rejects.toMatchObject({ code: 'server_unreachable' });
});
