import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Part } from '../../contracts/part.ts';
import { TuttiError } from '../../errors/error.ts';
import { formatSse, formatSseComment, parseSse } from '../../lib/sse.ts';
import { checkParts } from '../../testing/check-parts.ts';
import { summarize } from '../../testing/collect.ts';
import { cutBytes } from '../../testing/fake-upstream.ts';
import { peekBody } from './body-kind.ts';
import { ChatReader } from './chat-reader.ts';

function reader(choices = 1): ChatReader {
  let ids = 0;
  return new ChatReader({
    step: 'root',
    choices,
    who: { name: 'up', model: 'm', now: 0 },
    estimateInput: () => 7,
    newId: () => `made_${ids++}`,
  });
}

/** The parts of these chunks and `[DONE]`. */
function read(chunks: readonly object[], choices = 1): Part[] {
  const chat = reader(choices);
  const parts = chunks.flatMap((chunk) => chat.read(JSON.stringify(chunk)));
  parts.push(...chat.read('[DONE]'), ...chat.end());
  checkParts(parts, { step: 'root', choices });
  return parts;
}

const delta = (fields: object, finish: string | null = null, index = 0): object => ({
  choices: [{ index, delta: fields, finish_reason: finish }],
});
const thrown = (run: () => unknown): TuttiError => {
  try {
    run();
  } catch (error) {
    if (TuttiError.isInstance(error)) return error;
  }
  throw new TuttiError('internal_error', 'expected a TuttiError');
};

describe('the text of a stream', () => {
  it('is put together, with the usage that comes last', () => {
    const usage = { prompt_tokens: 3, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 1 } };
    const parts = read([
      { choices: [] },
      delta({ role: 'assistant', content: '' }),
      delta({ content: 'Hel' }),
      delta({ content: 'lo' }, 'stop'),
      { choices: [], usage },
    ]);
    expect(summarize(parts)).toMatchObject({
      text: 'Hello',
      finish: 'stop',
      usage: { inputTokens: 3, outputTokens: 2, cachedInputTokens: 1 },
    });
    expect(parts.map((part) => part.type)).toEqual(['text-delta', 'text-delta', 'usage', 'finish']);
  });

  it('keeps choices apart', () => {
    const { choices } = summarize(
      read([delta({ content: 'a' }, null, 0), delta({ content: 'b' }, 'length', 1), delta({}, 'stop', 0)], 2),
    );
    expect(choices.map(({ text, finish }) => [text, finish])).toEqual([
      ['a', 'stop'],
      ['b', 'length'],
    ]);
  });

  it('counts itself when the provider does not, and says so', () => {
    expect(summarize(read([delta({ content: '12345678' }, 'stop')])).usage).toEqual({
      inputTokens: 7,
      outputTokens: 2,
      estimated: true,
    });
  });

  it.each([
    [
      'Moonshot',
      { choices: [{ index: 0, delta: {}, finish_reason: 'stop', usage: { prompt_tokens: 1, completion_tokens: 2 } }] },
    ],
    ['Groq', { ...delta({}, 'stop'), x_groq: { usage: { prompt_tokens: 1, completion_tokens: 2 } } }],
    ['llama-server', { ...delta({}, 'stop'), timings: { prompt_n: 1, predicted_n: 2 } }],
  ])('finds the usage where %s puts it', (_provider, chunk) => {
    expect(summarize(read([chunk])).usage).toMatchObject({ inputTokens: 1, outputTokens: 2 });
  });

  it('may be a refusal', () => {
    expect(summarize(read([delta({ refusal: 'I cannot.' }), delta({}, 'stop')]))).toMatchObject({
      text: 'I cannot.',
      finish: 'content_filter',
    });
  });

  it.each([
    ['stop', 'stop'],
    ['end_turn', 'stop'],
    ['model_length', 'length'],
    ['function_call', 'tool_calls'],
    ['content_filter', 'content_filter'],
    ['something new', 'stop'],
  ])('ends by "%s" as %s', (word, reason) => {
    expect(summarize(read([delta({ content: 'x' }, word)])).finish).toBe(reason);
  });
});

describe('reasoning', () => {
  it.each([
    ['reasoning_content', { reasoning_content: 'hm' }],
    ['reasoning', { reasoning: 'hm', content: '' }],
    ['thinking blocks', { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] }] }],
  ])('is read from %s', (_name, fields) => {
    const whole = summarize(read([delta(fields), delta({ content: [{ type: 'text', text: 'so' }] }, 'stop')]));
    expect(whole).toMatchObject({ reasoning: 'hm', text: 'so' });
  });
});

describe('logprobs', () => {
  const token = (text: string, logprob: number | null) => ({
    token: text,
    logprob,
    bytes: null,
    top_logprobs: [{ token: text, logprob }],
  });
  it('come with their text', () => {
    const chunk = {
      choices: [
        {
          index: 0,
          delta: { content: 'ab' },
          logprobs: { content: [token('a', -0.5), token('b', null)] },
          finish_reason: 'stop',
        },
      ],
    };
    const { logprobs } = summarize(read([chunk]));
    expect(logprobs.map(({ token: text, logprob, top }) => [text, logprob, top.length])).toEqual([
      ['a', -0.5, 1],
      ['b', -9999, 1],
    ]);
  });
  it('are read in the older form, too', () => {
    const chunk = {
      choices: [
        {
          index: 0,
          text: 'a',
          logprobs: { tokens: ['a'], token_logprobs: [-1], top_logprobs: [{ a: -1, b: -2 }] },
          finish_reason: 'stop',
        },
      ],
    };
    expect(summarize(read([chunk])).logprobs).toMatchObject([{ token: 'a', logprob: -1, top: [{ token: 'a' }, { token: 'b' }] }]);
  });
});

describe('tool calls', () => {
  const calls = (...wire: object[]): object => delta({ tool_calls: wire });
  const made = (chunks: readonly object[]) =>
    summarize(read([...chunks, delta({}, 'stop')])).toolCalls.map(({ id, function: fn }) => [id, fn.name, fn.arguments]);

  it('come in pieces, several at once', () => {
    expect(
      made([
        calls({ index: 0, id: 'x', function: { name: 'f', arguments: '' } }),
        calls({ index: 1, id: 'y', function: { name: 'g', arguments: '{"b"' } }),
        calls({ index: 0, function: { arguments: '{}' } }, { index: 1, function: { arguments: ':2}' } }),
      ]),
    ).toEqual([
      ['x', 'f', '{}'],
      ['y', 'g', '{"b":2}'],
    ]);
  });
  it('are told apart by id where the server gives all the index 0', () => {
    expect(
      made([
        calls({ index: 0, id: 'x', function: { name: 'f', arguments: '{}' } }),
        calls({ index: 0, id: 'y', function: { name: 'f', arguments: '[]' } }),
      ]),
    ).toEqual([
      ['x', 'f', '{}'],
      ['y', 'f', '[]'],
    ]);
  });
  it('are told apart by name where the server gives neither index nor id', () => {
    expect(made([calls({ function: { name: 'f', arguments: '{}' } }, { function: { name: 'g', arguments: { a: 1 } } })])).toEqual(
      [
        ['made_0', 'f', '{}'],
        ['made_1', 'g', '{"a":1}'],
      ],
    );
  });
  it('go on when the server repeats id and name, or makes up new ids', () => {
    expect(
      made([
        calls({ index: 0, id: 'x', function: { name: 'f', arguments: '{' } }),
        calls({ index: 0, id: 'x', function: { name: 'f', arguments: '"a":' } }),
        calls({ index: 0, id: 'other', function: { arguments: '1}' } }),
      ]),
    ).toEqual([['x', 'f', '{"a":1}']]);
  });
  it('keep arguments that came before the name', () => {
    expect(
      made([
        calls({ index: 0, id: 'x', function: { arguments: '{' } }),
        calls({ index: 0, function: { name: 'f', arguments: '}' } }),
      ]),
    ).toEqual([['x', 'f', '{}']]);
  });
  it('end the answer as tool_calls, also where the server says stop', () => {
    expect(
      summarize(read([calls({ index: 0, id: 'x', function: { name: 'f', arguments: '{}' } }), delta({}, 'stop')])).finish,
    ).toBe('tool_calls');
  });
  it('are read in the older form of one function call', () => {
    expect(made([delta({ function_call: { name: 'f', arguments: '{' } }), delta({ function_call: { arguments: '}' } })])).toEqual(
      [['made_0', 'f', '{}']],
    );
  });
});

describe('the end of a stream', () => {
  it('is an error without [DONE] and without a reason', () => {
    const chat = reader();
    chat.read(JSON.stringify(delta({ content: 'half an ans' })));
    expect(thrown(() => chat.end()).code).toBe('stream_truncated');
  });
  it('is complete with a reason for every choice, also without [DONE]', () => {
    const chat = reader(2);
    chat.read(JSON.stringify(delta({ content: 'a' }, 'stop', 0)));
    expect(chat.complete).toBe(false);
    chat.read(JSON.stringify(delta({ content: 'b' }, 'stop', 1)));
    expect(chat.complete).toBe(true);
    expect(chat.end().at(-1)).toMatchObject({ type: 'finish', choice: 1 });
  });
  it('is complete with [DONE], also without a reason', () => {
    expect(summarize(read([delta({ content: 'x' })])).finish).toBe('stop');
  });
  it('is an error when a choice is missing', () => {
    const chat = reader(2);
    chat.read(JSON.stringify(delta({ content: 'a' }, 'stop')));
    chat.read('[DONE]');
    expect(thrown(() => chat.end()).code).toBe('upstream_invalid');
  });
  it('is an error when the server speaks another protocol', () => {
    const chat = reader();
    chat.read('{"type":"message_start"}', 'message_start');
    expect(thrown(() => chat.end())).toMatchObject({
      code: 'upstream_invalid',
      message: expect.stringContaining('message_start') as string,
    });
  });
});

describe('an error inside a stream', () => {
  it.each([
    ['an error object', { error: { message: 'boom', type: 'server_error' } }, 'upstream_error'],
    ['a status as its code', { error: { code: 429, message: 'slow down' } }, 'upstream_rate_limited'],
    [
      'a chunk with both',
      { ...delta({ content: '' }, null), error: { code: 400, message: 'Token limit reached' } },
      'upstream_rejected',
    ],
    ['a bare sentence', { error: 'it broke' }, 'upstream_error'],
    ['the object "error"', { object: 'error', message: 'gone wrong', code: 500 }, 'upstream_error'],
    ['a reason that is none', delta({}, 'error'), 'upstream_error'],
    [
      'an overflow',
      { error: { message: 'the request exceeds the available context size', type: 'exceed_context_size_error' } },
      'context_length_exceeded',
    ],
  ])('is thrown: %s', (_name, chunk, code) => {
    expect(thrown(() => reader().read(JSON.stringify(chunk))).code).toBe(code);
  });
  it('may be an event of that name', () => {
    expect(thrown(() => reader().read('overloaded', 'error'))).toMatchObject({
      code: 'upstream_error',
      message: expect.stringContaining('overloaded') as string,
    });
  });
  it('is nonsense when it is no JSON', () => {
    expect(thrown(() => reader().read('<html>')).code).toBe('upstream_invalid');
  });
});

describe('the bytes of a stream', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '😀', '\n', '"', ' ') });
  const chunk = fc.oneof(
    text.map((content) => delta({ content })),
    text.map((reasoning_content) => delta({ reasoning_content })),
    fc
      .record({ index: fc.nat(1), args: text })
      .map(({ index, args }) =>
        delta({ tool_calls: [{ index, id: `call_${index}`, function: { name: `f${index}`, arguments: args } }] }),
      ),
    fc.constant({ choices: [] }),
  );

  async function readBytes(pieces: readonly Uint8Array[]): Promise<{ parts: Part[]; error: string | null }> {
    const chat = reader();
    const parts: Part[] = [];
    try {
      const { bytes } = await peekBody(from(pieces));
      for await (const { data, event } of parseSse(bytes)) parts.push(...chat.read(data, event));
      parts.push(...chat.end());
      return { parts, error: null };
    } catch (error) {
      return { parts, error: TuttiError.from(error).code };
    }
  }
  async function* from(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
    yield* pieces;
  }

  it('give the same parts however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(chunk, { maxLength: 8 }),
        fc.constantFrom('[DONE]', '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}', 'nonsense', null),
        fc.constantFrom('\n', '\r\n'),
        fc.array(fc.nat(2000), { maxLength: 20 }),
        async (chunks, last, newline, cuts) => {
          const events = chunks.map((one) => formatSseComment('keep-alive') + formatSse(JSON.stringify(one)));
          const stream = (events.join('') + (last === null ? '' : formatSse(last))).replaceAll('\n', newline);
          const bytes = Buffer.from(stream);
          expect(await readBytes(cutBytes(bytes, cuts))).toEqual(await readBytes([bytes]));
        },
      ),
    );
  });

  it('never end as complete when they break off before the last chunk', async () => {
    const stream = Buffer.from(
      [delta({ content: 'é😀' }), delta({ content: 'b' }), delta({}, 'stop')]
        .map((one) => formatSse(JSON.stringify(one)))
        .join(''),
    );
    const whole = stream.indexOf('"finish_reason":"stop"');
    for (let end = 0; end < whole; end++) {
      const { parts, error } = await readBytes([stream.subarray(0, end)]);
      expect(error).toBe('stream_truncated');
      expect(parts.some((part) => part.type === 'finish')).toBe(false);
    }
  });
});
