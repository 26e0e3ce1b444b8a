import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fetchMedia, isPrivate } from './fetch-media.ts';
import { LOCAL_MEDIA, toContentPart } from './media.ts';

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const options = { maxBytes: 1000, publicOnly: false, param: 'input[0]' };

describe('a file at an address', () => {
  it('is fetched, by redirects, too', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/old') response.writeHead(302, { location: '/new/a%20b.txt?x=1' }).end();
      else response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(request.url);
    });
    const { bytes, ...rest } = await fetchMedia(`${url}/old`, options);
    expect(bytes.toString()).toBe('/new/a%20b.txt?x=1');
    expect(rest).toEqual({ mediaType: 'text/plain', name: 'a b.txt' });
  });

  it('is given to the model as bytes, a sound as a sound', async () => {
    const wav = Buffer.from('RIFF\0\0\0\0WAVEfmt ', 'latin1');
    const url = await serve((_request, response) => response.end(wav));
    expect(await toContentPart({ type: 'audio', url: `${url}/a` }, LOCAL_MEDIA, 'input[0]')).toEqual({
      type: 'input_audio',
      input_audio: { data: wav.toString('base64'), format: 'wav' },
    });
    expect(await toContentPart({ type: 'file', url: `${url}/notes.md` }, LOCAL_MEDIA, 'input[0]')).toMatchObject({
      file: { filename: 'notes.md', file_data: expect.stringMatching(/^data:audio\/wav;base64,/) },
    });
  });

  it.each([
    ['is not there', 'file_not_found', /answered 404/],
    ['is too large', 'body_too_large', /1000 bytes/],
    ['leads round and round', 'file_not_found', /on and on/],
    ['leads to no web address', 'file_not_found', /no web address/],
  ] as const)('that %s is told as %s', async (what, code, message) => {
    const url = await serve((_request, response) => {
      if (what === 'is not there') response.writeHead(404).end();
      else if (what === 'is too large') response.end(Buffer.alloc(1001));
      else response.writeHead(301, { location: what === 'leads round and round' ? '/' : 'file:///etc/passwd' }).end();
    });
    const error = await fetchMedia(`${url}/`, options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message), param: 'input[0]' });
  });

  it('of nobody who listens is told with the reason', async () => {
    const url = 'http://127.0.0.1:1/a.txt';
    await expect(fetchMedia(url, options)).rejects.toMatchObject({ code: 'file_not_found', message: /ECONNREFUSED/ });
  });

  it('of this machine or its network is refused to others, by name and by number', async () => {
    let asked = 0;
    const url = await serve((_request, response) => response.end(String(++asked)));
    const { port } = new URL(url);
    for (const host of ['127.0.0.1', 'localhost', '2130706433', '[::ffff:127.0.0.1]', '169.254.169.254'])
      await expect(fetchMedia(`http://${host}:${port}/`, { ...options, publicOnly: true }), host).rejects.toMatchObject({
        code: 'file_not_allowed',
      });
    expect(asked).toBe(0);
  });

  it('can be given up', async () => {
    const leaving = new AbortController();
    const url = await serve(() => leaving.abort());
    await expect(fetchMedia(url, { ...options, signal: leaving.signal })).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('isPrivate', () => {
  it.each(['10.1.2.3', '172.31.0.1', '192.168.1.1', '100.64.0.1', '0.0.0.0', '255.255.255.255', '::1', 'fd00::1', 'fe80::1'])(
    '%s is',
    (address) => expect(isPrivate(address)).toBe(true),
  );
  it.each(['8.8.8.8', '172.32.0.1', '2606:4700::1111'])('%s is not', (address) => expect(isPrivate(address)).toBe(false));
});
