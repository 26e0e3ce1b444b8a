import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ChatInput } from '../contracts/chat.ts';
import type { Model, ModelDescriptor } from '../contracts/model.ts';
import { LOCAL_PRINCIPAL } from '../contracts/principal.ts';
import { TuttiError } from '../errors/error.ts';
import { withImageBytes } from './image-bytes.ts';

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const options = { signal: new AbortController().signal, step: 'root', principal: LOCAL_PRINCIPAL, priority: 0 };
const seeing: ModelDescriptor = {
  id: 'o:eyes',
  backend: 'o',
  name: 'eyes',
  capabilities: ['vision'],
  operations: ['chat'],
  imagesAsBytes: true,
};

let calls: ChatInput[];
beforeAll(() => {
  calls = [];
});
const model = (descriptor: ModelDescriptor): Model => ({
  descriptor,
  async *call(_operation, input, { step }) {
    calls.push(input as ChatInput);
    yield { type: 'finish', step, choice: 0, reason: 'stop' };
  },
});
const asking = (url: string): ChatInput => ({
  messages: [
    { role: 'system', content: 'Look.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: '?' },
        { type: 'image_url', image_url: { url, detail: 'low' } },
      ],
    },
  ],
});

async function images(): Promise<string> {
  const server = createServer((_request, response) => response.end(PNG)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/cat.png`;
}

describe('an image at a web address', () => {
  const data = `data:image/png;base64,${PNG.toString('base64')}`;

  it('reaches a model that takes only bytes as bytes', async () => {
    await Array.fromAsync(withImageBytes(model(seeing), false).call('chat', asking(await images()), options));
    expect(calls.at(-1)).toEqual(asking(data));
    await Array.fromAsync(withImageBytes(model(seeing), true).call('chat', asking(data), options));
    expect(calls.at(-1)).toEqual(asking(data));
  });

  it('of this machine is fetched for nobody but this process', async () => {
    const called = Array.fromAsync(withImageBytes(model(seeing), true).call('chat', asking(await images()), options));
    const error: unknown = await called.catch((thrown: unknown) => thrown);
    expect(TuttiError.isInstance(error) && error).toMatchObject({
      code: 'file_not_allowed',
      param: 'messages[1].content[1].image_url.url',
    });
  });

  it('is left to others, and to those who cannot see', () => {
    const { imagesAsBytes: _, ...fetching } = seeing;
    for (const other of [model(fetching), model({ ...seeing, capabilities: ['text_generation'] })])
      expect(withImageBytes(other, false)).toBe(other);
  });
});
