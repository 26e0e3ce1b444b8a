import { describe, expect, it } from 'vitest';
import { callOf } from './call-of.ts';
import { toChatInput } from './chat-request.ts';
import { LOCAL_MEDIA } from './media.ts';
import { toOrchestrateCall } from './orchestrate-request.ts';

describe('what a call changes of an orchestration', () => {
  it('may stand beside the input, in `overrides`, or in both', () => {
    const input = 'x';
    expect(callOf({ input, model: 'm', members: ['a'], verification: false, tools: [] })).toEqual({
      model: 'm',
      overrides: { members: ['a'], verification: false },
    });
    const overrides = { members: ['a'], context: 'c' };
    expect(callOf({ input, overrides, members: ['b'] })).toEqual({ overrides: { members: ['b'], context: 'c' } });
    expect(callOf({ input, overrides, images: ['x.png'] })).toEqual({ overrides });
    const without: { members?: string[] } = {};
    expect(callOf({ input, ...without })).toEqual({});
  });

  it('is told from what a strategy has of its own', () => {
    const named = toOrchestrateCall({ orchestration: 'careful', input: 'x', members: ['a'], timeouts: { context: 1000 } });
    expect(named).toMatchObject({
      request: { model: 'careful', members: ['a'], timeouts: { context: 1000 } },
      orchestration: null,
    });
    const inline = toOrchestrateCall({
      strategy: 'phased',
      reasoning: 'a',
      context: 'It rains.',
      verification: 'b',
      timeouts: { context: 1 },
      webSearchQuery: 'rain',
      input: 'x',
    });
    expect(inline.request).toEqual({ context: 'It rains.', webSearchQuery: 'rain', input: 'x' });
    expect(inline.orchestration).toEqual({ strategy: 'phased', reasoning: 'a', verification: 'b', timeouts: { context: 1 } });
  });
});

describe('images beside the input', () => {
  const bytes = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const url = `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`;

  it.each([
    ['bytes', bytes],
    ['a data URL', url],
    ['a source', { data: bytes }],
  ])('go with the last question: %s', async (_what, image) => {
    const history = [
      { role: 'user' as const, content: 'Hello' },
      { role: 'assistant' as const, content: 'Hi' },
    ];
    const input = [...history, { role: 'user' as const, content: 'What is it?' }];
    const { messages } = await toChatInput({ input, images: [image] }, LOCAL_MEDIA);
    expect(messages).toEqual([
      ...history,
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url } },
        ],
      },
    ]);
  });

  it('need one, and must be there', async () => {
    const input = [{ role: 'system' as const, content: 'x' }];
    await expect(toChatInput({ input, images: [bytes] }, LOCAL_MEDIA)).rejects.toMatchObject({ param: 'images' });
    const missing = toChatInput({ input: 'x', images: ['/nowhere/x.png'] }, LOCAL_MEDIA);
    await expect(missing).rejects.toMatchObject({ code: 'file_not_found', param: 'images[0]' });
    const elsewhere = toChatInput({ input: 'x', images: ['file://elsewhere/x.png'] }, LOCAL_MEDIA);
    await expect(elsewhere).rejects.toMatchObject({ code: 'invalid_request', param: 'images[0]' });
  });
});
