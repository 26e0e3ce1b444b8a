import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyReply } from 'fastify';
import { expect, it } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { ResponseStream } from './response-stream.ts';

interface Opened extends AsyncDisposable {
  readonly stream: ResponseStream;
  readonly raw: ServerResponse;
  readonly client: IncomingMessage;
}

/** A stream and the client that reads it, or does not. */
async function open(): Promise<Opened> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const asked = request({ port: (server.address() as AddressInfo).port, agent: false }).end();
  const [, raw] = (await once(server, 'request')) as [unknown, ServerResponse];
  const reply = { raw, statusCode: 200, getHeaders: () => ({}), hijack: () => reply } as unknown as FastifyReply;
  const stream = new ResponseStream(reply, { contentType: 'text/event-stream', clock: new FakeClock(), keepAliveMs: 0 });
  stream.open();
  raw.flushHeaders();
  const [client] = (await once(asked, 'response')) as [IncomingMessage];
  return {
    stream,
    raw,
    client,
    async [Symbol.asyncDispose]() {
      asked.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const MUCH = 'x'.repeat(4_000_000);

it('waits while its client does not read, and goes on when it does', async () => {
  await using opened = await open();
  const { stream, client } = opened;
  client.pause();
  stream.write(MUCH);
  await new Promise(setImmediate);
  expect(stream.isCongested).toBe(true);
  const drained = stream.drained();
  client.resume();
  await drained;
  expect(stream.isCongested).toBe(false);
});

it('is not congested any more when its client has caught up while nothing was written', async () => {
  await using opened = await open();
  const { stream, raw, client } = opened;
  client.pause();
  stream.write(MUCH);
  await new Promise(setImmediate);
  client.resume();
  await once(raw, 'drain');
  expect(stream.isCongested).toBe(false);
  stream.write('more');
  await stream.drained();
});

it('does not wait for a client that has gone', async () => {
  await using opened = await open();
  const { stream, client } = opened;
  client.pause();
  stream.write(MUCH);
  await new Promise(setImmediate);
  const drained = stream.drained();
  client.destroy();
  await drained;
});

it('is congested by what is written in one turn, until that has gone out', async () => {
  await using opened = await open();
  const { stream, client } = opened;
  client.resume();
  let written = 0;
  while (!stream.isCongested) {
    stream.write('x'.repeat(1000));
    written += 1000;
  }
  expect(written).toBeLessThan(100_000);
  await stream.drained();
  expect(stream.isCongested).toBe(false);
});
