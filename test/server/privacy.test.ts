/** `routing.privacy: local_only`: what a request names by web address is not asked for, by nobody. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { start } from '../orchestrations/start.ts';

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

async function fileServer(): Promise<{ url: string; asked: number } & AsyncDisposable> {
  const state = { asked: 0 };
  const server = createServer((_, response) => {
    state.asked++;
    response.setHeader('content-type', 'image/png').end(PNG);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.png`,
    get asked() {
      return state.asked;
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

const eyes = { descriptor: { capabilities: ['vision', 'text_generation'], imagesAsBytes: true }, answer: 'seen' };
const refused = (param: RegExp) => ({ code: 'file_not_allowed', status: 403, param: expect.stringMatching(param) });

it('refuses web addresses; data URLs and bytes go on', async () => {
  await using files = await fileServer();
  await using started = await start({ eyes }, { routing: { privacy: 'local_only' } });
  const { tutti, backend } = started;
  const ask = (part: object) => tutti.run({ model: 'fake:eyes', input: [{ type: 'text', text: 'What is it?' }, part as never] });
  await expect(ask({ type: 'image', url: files.url })).rejects.toMatchObject(refused(/image_url\.url$/));
  await expect(ask({ type: 'audio', url: files.url })).rejects.toMatchObject(refused(/^input\[1\]$/));
  await expect(ask({ type: 'file', url: files.url })).rejects.toMatchObject(refused(/^input\[1\]$/));
  expect([files.asked, backend.calls.length]).toEqual([0, 0]);
  const url = `data:image/png;base64,${PNG.toString('base64')}`;
  expect((await ask({ type: 'image', url })).text).toBe('seen');
  expect((await ask({ type: 'file', data: PNG })).text).toBe('seen');
});

it('with `any` they are fetched', async () => {
  await using files = await fileServer();
  await using started = await start({ eyes });
  const input = [{ type: 'image' as const, url: files.url }];
  expect((await started.tutti.run({ model: 'fake:eyes', input })).text).toBe('seen');
  expect(files.asked).toBe(1);
});
