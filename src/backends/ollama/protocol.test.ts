import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatInput } from '../../contracts/chat.ts';
import type { ModelDescriptor } from '../../contracts/model.ts';
import type { Part } from '../../contracts/part.ts';
import { TuttiError } from '../../errors/error.ts';
import { readLines } from '../../lib/json-lines.ts';
import { checkParts } from '../../testing/check-parts.ts';
import { cutBytes } from '../../testing/fake-upstream.ts';
import { OllamaChatReader } from './chat-reader.ts';
import { chatRequest } from './chat-request.ts';
import { ollamaBaseUrl } from './host.ts';
import { makeRoom, type Holding } from './make-room.ts';
import { describeTag, readTags } from './models.ts';

const model: ModelDescriptor = { id: 'up:m', backend: 'up', name: 'm', capabilities: ['text_generation'], operations: ['chat'] };
const input = (rest: Partial<ChatInput> = {}): ChatInput => ({ messages: [{ role: 'user', content: 'hi' }], ...rest });
const code = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return TuttiError.from(error).code;
  }
  return 'none';
};

describe('a chat request to Ollama', () => {
  it('uses its names for the settings', () => {
    const body = chatRequest(
      { ...model, load: { contextSize: 4096, gpuLayers: 9 } },
      input({ max_tokens: 5, stop: 'x', seed: 1, extra: { options: { mirostat: 1 } } }),
      '5m',
    );
    expect(body).toMatchObject({
      stream: true,
      keep_alive: '5m',
      options: { num_predict: 5, stop: ['x'], seed: 1, num_ctx: 4096, num_gpu: 9, mirostat: 1 },
    });
  });
  it('sends images as bytes and refuses what has none', () => {
    const withUrl = (url: string) =>
      input({
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'look' },
              { type: 'image_url', image_url: { url } },
            ],
          },
        ],
      });
    const seer: ModelDescriptor = { ...model, capabilities: ['vision'] };
    expect(chatRequest(seer, withUrl('data:image/png;base64,aGk='), undefined)['messages']).toEqual([
      { role: 'user', content: 'look', images: ['aGk='] },
    ]);
    expect(code(() => chatRequest(seer, withUrl('https://example.com/a.png'), undefined))).toBe('unsupported_input');
  });
  it('names the tool of a result, and gives arguments as an object', () => {
    const body = chatRequest(
      model,
      input({
        messages: [
          {
            role: 'assistant',
            content: null,
            reasoning_content: 'hm',
            tool_calls: [{ id: 'c', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }],
          },
          { role: 'tool', content: '3', tool_call_id: 'c' },
        ],
      }),
      undefined,
    );
    expect(body['messages']).toEqual([
      { role: 'assistant', content: '', thinking: 'hm', tool_calls: [{ function: { name: 'add', arguments: { a: 1 } } }] },
      { role: 'tool', content: '3', tool_name: 'add' },
    ]);
  });
  it('constrains by format, and not by a grammar', () => {
    const schema = { type: 'object' };
    expect(chatRequest(model, input({ response_format: { type: 'json_object' } }), undefined)['format']).toBe('json');
    expect(
      chatRequest(model, input({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } }), undefined)[
        'format'
      ],
    ).toBe(schema);
    expect(code(() => chatRequest(model, input({ response_format: { type: 'grammar', grammar: 'x' } }), undefined))).toBe(
      'unsupported_parameter',
    );
  });
  it('leaves only the tool that was named, or none', () => {
    const tools = ['a', 'b'].map((name) => ({ type: 'function' as const, function: { name } }));
    expect(
      chatRequest(model, input({ tools, tool_choice: { type: 'function', function: { name: 'b' } } }), undefined)['tools'],
    ).toEqual([tools[1]]);
    expect(chatRequest(model, input({ tools, tool_choice: 'none' }), undefined)).not.toHaveProperty('tools');
  });
  it('asks only thinking models to think', () => {
    const thinker: ModelDescriptor = { ...model, capabilities: ['reasoning'] };
    expect(chatRequest(thinker, input({ reasoning_effort: 'high' }), undefined)['think']).toBe(true);
    expect(chatRequest({ ...thinker, name: 'gpt-oss:20b' }, input({ reasoning_effort: 'high' }), undefined)['think']).toBe(
      'high',
    );
    expect(chatRequest(thinker, input({ reasoning_effort: 'none' }), undefined)['think']).toBe(false);
    expect(chatRequest(model, input({ reasoning_effort: 'high' }), undefined)).not.toHaveProperty('think');
  });
});

describe('the lines of an Ollama answer', () => {
  async function read(bytes: Uint8Array, cuts: readonly number[] = []): Promise<{ parts: Part[]; error: string | null }> {
    let ids = 0;
    const reader = new OllamaChatReader({ step: 'root', who: { name: 'up', model: 'm', now: 0 }, newId: () => `call_${ids++}` });
    const parts: Part[] = [];
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield* cutBytes(bytes, cuts);
    }
    try {
      for await (const line of readLines(pieces())) parts.push(...reader.read(line));
      parts.push(...reader.end());
      checkParts(parts, { step: 'root', choices: 1 });
      return { parts, error: null };
    } catch (error) {
      return { parts, error: TuttiError.from(error).code };
    }
  }
  const done = { message: { content: '' }, done: true, done_reason: 'stop', prompt_eval_count: 3, eval_count: 2 };
  const line = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'é', '😀', '\n', '"') }).map((content) => ({ message: { content }, done: false })),
    fc.constant({ message: { content: '', thinking: 'hm' }, done: false }),
    fc.constant({ message: { content: '', tool_calls: [{ function: { name: 'f', arguments: { a: 1 } } }] }, done: false }),
  );

  it('give the same parts however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 6 }),
        fc.constantFrom(JSON.stringify(done), '{"error":"boom"}', 'nonsense', '{"half":', ''),
        fc.array(fc.nat(1000), { maxLength: 16 }),
        async (lines, last, cuts) => {
          const bytes = Buffer.from([...lines.map((one) => JSON.stringify(one)), last].join('\n'));
          expect(await read(bytes, cuts)).toEqual(await read(bytes));
        },
      ),
    );
  });
  it.each([
    ['no closing line', '{"message":{"content":"x"},"done":false}\n', 'stream_truncated'],
    ['half a closing line', '{"message":{"content":"x"},"done":false}\n{"message":{"con', 'stream_truncated'],
    [
      'an error in the middle',
      '{"message":{"content":"x"},"done":false}\n{"error":"an error was encountered"}\n',
      'upstream_error',
    ],
    ['a page', '<html>\n<body>', 'upstream_invalid'],
    ['a broken line in the middle', '{"message":\n{"done":true}\n', 'upstream_invalid'],
    ['nothing', '', 'stream_truncated'],
  ])('are an error with %s', async (_name, text, expected) => {
    expect((await read(Buffer.from(text))).error).toBe(expected);
  });
  it('end as tool_calls after a call, and as length at the limit', async () => {
    const call = { message: { content: '', tool_calls: [{ function: { name: 'f', arguments: {} } }] }, done: false };
    const lines = (...all: object[]) => Buffer.from(all.map((one) => JSON.stringify(one)).join('\n'));
    expect((await read(lines(call, done))).parts.at(-1)).toMatchObject({ reason: 'tool_calls' });
    expect((await read(lines({ ...done, done_reason: 'length' }))).parts.at(-1)).toMatchObject({ reason: 'length' });
  });
});

describe('a tag of Ollama', () => {
  const [tag] = readTags({ models: [{ name: 'm:latest', size: 5, digest: 'd', details: { quantization_level: 'Q8_0' } }] }) ?? [];
  it('is described without capabilities by an old server', () => {
    if (!tag) throw new Error('no tag');
    expect(describeTag(tag, { model_info: { 'general.architecture': 'nomic-bert' } }, 'up').operations).toEqual(['embed']);
    expect(describeTag(tag, null, 'up').capabilities).toContain('text_generation');
  });
  it('has the context of its own file before that of the network', () => {
    if (!tag) throw new Error('no tag');
    const model_info = { 'general.architecture': 'llama', 'llama.context_length': 131_072 };
    expect(
      describeTag(tag, { model_info, parameters: 'stop "x"\nnum_ctx                        8192' }, 'up').contextWindow,
    ).toBe(8192);
  });
  it('says when the model runs elsewhere', () => {
    const [cloud] =
      readTags({ models: [{ name: 'big:cloud', size: 400, remote_host: 'https://ollama.com:443', remote_model: 'big' }] }) ?? [];
    if (!cloud) throw new Error('no tag');
    expect(describeTag(cloud, null, 'up')).toMatchObject({
      leavesMachine: true,
      notice: expect.stringContaining('ollama.com') as string,
    });
  });
});

describe('ollamaBaseUrl', () => {
  it.each([
    [undefined, 'http://127.0.0.1:11434'],
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    [':5000', 'http://127.0.0.1:5000'],
    ['gpu-box', 'http://gpu-box:11434'],
    ['gpu-box:5000', 'http://gpu-box:5000'],
    ['https://ollama.example.com', 'https://ollama.example.com:443'],
    ['http://gpu-box/ollama/', 'http://gpu-box:80/ollama'],
    ['[::1]:5000', 'http://[::1]:5000'],
  ])('%s means %s', (host, url) => {
    expect(ollamaBaseUrl(host)).toBe(url);
  });
});

describe('makeRoom', () => {
  const holding = (name: string, gpuBytes: number, lastUsed: number, inUse = false): Holding => ({
    name,
    gpuBytes,
    lastUsed,
    inUse,
  });
  it.each<[string, number, Holding[], ReturnType<typeof makeRoom>]>([
    ['an empty server', 5, [], { kind: 'go', unload: [] }],
    ['room beside the others', 5, [holding('a', 5, 1)], { kind: 'go', unload: [] }],
    ['the least recently used goes first', 5, [holding('a', 5, 2), holding('b', 5, 1)], { kind: 'go', unload: ['b'] }],
    ['no more go than must', 5, [holding('a', 2, 1), holding('b', 5, 2), holding('c', 2, 3)], { kind: 'go', unload: ['a', 'b'] }],
    ['those in use stay', 5, [holding('a', 5, 1, true), holding('b', 5, 2)], { kind: 'go', unload: ['b'] }],
    ['all are in use', 5, [holding('a', 5, 1, true), holding('b', 5, 2, true)], { kind: 'wait' }],
    ['larger than the limit', 11, [], { kind: 'too large' }],
    ['loaded already, though over the limit', 11, [holding('wanted', 11, 1)], { kind: 'go', unload: [] }],
    ['models on the CPU need not go', 8, [holding('a', 0, 1), holding('b', 5, 2)], { kind: 'go', unload: ['b'] }],
  ])('%s', (_name, gpuBytes, holdings, expected) => {
    expect(makeRoom({ name: 'wanted', gpuBytes }, holdings, 10)).toEqual(expected);
  });
});
