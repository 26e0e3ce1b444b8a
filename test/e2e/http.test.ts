import { afterAll, beforeAll, expect, it } from 'vitest';
import { CHAT, chat, serve, type Served } from './served.ts';
import { RawConnection } from './sockets.ts';

let served: Served;
beforeAll(async () => {
  served = await serve({ config: { server: { max_body_mb: 1 } } });
});
afterAll(() => served[Symbol.asyncDispose]());

const request = (head: string, body = ''): string => `${head}\r\n\r\n${body}`;
const host = 'Host: localhost';
const get = (path: string): string => request(`GET ${path} HTTP/1.1\r\n${host}`);
const BODY = JSON.stringify(chat('none:such'));
const post = (headers: string, body = BODY): string => request(`POST ${CHAT} HTTP/1.1\r\n${host}\r\n${headers}`, body);
const json = 'Content-Type: application/json';

// oxfmt-ignore
const RAW: readonly [what: string, bytes: string, statuses: readonly number[], says: RegExp][] = [
  ['two requests at once, in their order', get('/healthz') + get('/nowhere'), [200, 404], /ok[^]*not_found/],
  ['twenty requests at once', get('/healthz').repeat(20), Array.from({ length: 20 }, () => 200), /ok/],
  ['a Host that is not this machine', request('GET /v1/models HTTP/1.1\r\nHost: evil.example'), [403], /evil\.example/],
  ['a Host that only looks like it', request('GET /v1/models HTTP/1.1\r\nHost: localhost.evil.example'), [403], /forbidden/],
  ['a Host with a user before it', request('GET /v1/models HTTP/1.1\r\nHost: localhost@evil.example'), [403], /forbidden/],
  ['two Hosts', request('GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nHost: localhost'), [403], /evil/],
  ['no Host', request('GET /v1/models HTTP/1.1'), [400], /./],
  ['the page of another site', request(`GET /v1/models HTTP/1.1\r\n${host}\r\nOrigin: https://evil.example`), [403], /evil\.example/],
  ['an address of another server', request('GET http://evil.example/v1/models HTTP/1.1\r\nHost: evil.example'), [403], /forbidden/],
  ['a header of 100 kB', request(`GET /healthz HTTP/1.1\r\n${host}\r\nX-Large: ${'x'.repeat(100_000)}`), [400], /headers are too long/],
  ['a path of 100 kB', get(`/${'x'.repeat(100_000)}`), [400], /headers are too long/],
  ['no HTTP at all', 'lorem ipsum\r\n\r\n', [400], /./],
  ['the first bytes of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400], /./],
  ['a method that is none', request(`BREW /healthz HTTP/1.1\r\n${host}`), [400], /./],
  ['a body of two lengths', post(`${json}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked`, '0\r\n\r\n'), [400], /./],
  ['a length that is negative', post(`${json}\r\nContent-Length: -1`), [400], /./],
  ['a length that is no number', post(`${json}\r\nContent-Length: many`), [400], /./],
  ['chunks that are none', post(`${json}\r\nTransfer-Encoding: chunked`, 'zz\r\nxx\r\n'), [400], /./],
  ['a length beyond the limit, before any of it is sent', post(`${json}\r\nContent-Length: 99999999`, ''), [413], /body_too_large/],
  ['a body without end in chunks', post(`${json}\r\nTransfer-Encoding: chunked`, `${(300_000).toString(16)}\r\n${'x'.repeat(300_000)}\r\n`.repeat(5)), [413], /body_too_large/],
  ['a form', post(`Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3`, 'a=b'), [400, 415], /./],
  ['text', post(`Content-Type: text/plain\r\nContent-Length: ${BODY.length}`), [400, 404, 415], /./],
  ['no content type', post(`Content-Length: ${BODY.length}`), [400, 404, 415], /./],
  ['a content type that is none', post(`Content-Type: ;;;=/,\r\nContent-Length: ${BODY.length}`), [400, 415], /./],
  ['another character set', post(`Content-Type: application/json; charset=utf-16\r\nContent-Length: ${BODY.length}`), [400, 404, 415], /./],
  ['a compressed body', post(`${json}\r\nContent-Encoding: gzip\r\nContent-Length: ${BODY.length}`), [400, 404, 415], /./],
  ['an expectation', post(`${json}\r\nExpect: 100-continue\r\nContent-Length: ${BODY.length}`), [100, 404], /none:such/],
  ['an upgrade', request(`GET /healthz HTTP/1.1\r\n${host}\r\nConnection: Upgrade\r\nUpgrade: websocket`), [200], /ok/],
  ['an event id that is none', request(`GET /api/events HTTP/1.1\r\n${host}\r\nLast-Event-ID: -1e9`), [400], /Last-Event-ID/],
];

/** Cases where any one of the statuses will do. */
const ONE_OF = new Set([400, 404, 415]);

it.each(RAW)('answers %s', async (_what, bytes, statuses, says) => {
  await using connection = new RawConnection(served.url);
  connection.write(Buffer.from(bytes, 'latin1'));
  const any = statuses.length > 1 && statuses.every((status) => ONE_OF.has(status));
  const got = await connection.answers(any ? 1 : statuses.length);
  if (any) expect(statuses).toContain(got[0]);
  else expect(got).toEqual(statuses);
  expect(connection.text).toMatch(says);
});

it('takes no harm from clients that leave in the middle of what they say', async () => {
  const halves = [
    get('/healthz').slice(0, 9),
    post(`${json}\r\nContent-Length: 500`),
    post(`${json}\r\nTransfer-Encoding: chunked`, 'ff\r\n{"mod'),
  ];
  for (const half of halves) {
    await using connection = new RawConnection(served.url);
    connection.write(half);
    connection.socket.resetAndDestroy();
  }
  expect((await served.fetch('/healthz')).status).toBe(200);
});

it('is well after all this', async () => {
  expect(await served.json('/readyz')).toMatchObject({ status: 200, json: { ready: true } });
  expect(served.program.stderr).not.toMatch(/a bug|internal_error|"level":50/);
});
