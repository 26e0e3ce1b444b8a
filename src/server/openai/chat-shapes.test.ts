import fc from 'fast-check';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Part } from '../../contracts/part.ts';
import type { RunRecord } from '../../contracts/run.ts';
import { parseSse } from '../../lib/sse.ts';
import { chatChunk, chatCompletion, type ChatChunk } from '../wire/chat.ts';
import { ChatChunks, type ChunkOptions } from './chat-chunks.ts';
import { collectAnswer, detailsOf } from '../../composition/answer.ts';
import { toChatCompletion } from './chat-completion.ts';

const step = 'root';
const RUN = {
  id: 'run_1',
  target: 'm',
  model: 'm',
  usage: { inputTokens: 3, outputTokens: 2 },
  steps: [],
  startedAt: 1,
  endedAt: 2,
} as unknown as RunRecord; // what an answer is made of
const USAGE = { inputTokens: 3, outputTokens: 2, cachedInputTokens: 1 };
const options = (fields: Partial<ChunkOptions> = {}): ChunkOptions => ({
  id: 'chatcmpl-1',
  created: 1,
  model: () => 'fake:echo',
  includeUsage: false,
  choices: 1,
  ...fields,
});

async function chunksOf(parts: readonly Part[], fields: Partial<ChunkOptions> = {}): Promise<ChatChunk[]> {
  const chunks = new ChatChunks(options(fields));
  const text = parts.map((part) => chunks.add(part)).join('') + chunks.end({ usage: USAGE, tutti: null });
  const events = await Array.fromAsync(parseSse([Buffer.from(text)].values() as never));
  expect(events.pop()?.data).toBe('[DONE]');
  return events.map((event) => chatChunk.parse(JSON.parse(event.data)));
}

describe('the chunks of a chat stream', () => {
  it('begin with the role and end with the reason', async () => {
    const chunks = await chunksOf([
      { type: 'text-delta', step, choice: 0, text: 'Hi "you"\n' },
      { type: 'finish', step, choice: 0, reason: 'stop' },
    ]);
    expect(chunks.map(({ choices }) => [choices[0]?.delta, choices[0]?.finish_reason])).toEqual([
      [{ role: 'assistant', content: '' }, null],
      [{ content: 'Hi "you"\n' }, null],
      [{}, 'stop'],
    ]);
    expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true);
  });

  it('have a usage chunk without choices, and null before it, when it was asked for', async () => {
    const chunks = await chunksOf(
      [
        { type: 'text-delta', step, choice: 0, text: 'Hi' },
        { type: 'finish', step, choice: 0, reason: 'length' },
      ],
      { includeUsage: true },
    );
    expect(chunks.slice(0, -1).map((chunk) => chunk.usage)).toEqual([null, null, null]);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, prompt_tokens_details: { cached_tokens: 1 } },
    });
  });

  it('carry tool calls by index, with the id and the name on the first delta only', async () => {
    const chunks = await chunksOf([
      { type: 'tool-call-delta', step, choice: 0, index: 0, id: 'call_a', name: 'add' },
      { type: 'tool-call-delta', step, choice: 0, index: 0, arguments: '{"a":1}' },
      { type: 'finish', step, choice: 0, reason: 'tool_calls' },
    ]);
    expect(chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])).toEqual([
      { index: 0, id: 'call_a', type: 'function', function: { name: 'add', arguments: '' } },
      { index: 0, function: { arguments: '{"a":1}' } },
    ]);
  });

  it('carry logprobs and reasoning', async () => {
    const token = { token: 'Hi', logprob: -0.1, bytes: [72, 105] };
    const chunks = await chunksOf([
      { type: 'reasoning-delta', step, choice: 0, text: 'hm' },
      { type: 'text-delta', step, choice: 0, text: 'Hi', logprobs: [{ ...token, top: [token] }] },
      { type: 'finish', step, choice: 0, reason: 'stop' },
    ]);
    expect(chunks[1]?.choices[0]?.delta).toEqual({ reasoning_content: 'hm' });
    expect(chunks[2]?.choices[0]?.logprobs).toEqual({ content: [{ ...token, top_logprobs: [token] }], refusal: null });
  });

  it('have numbers for logprobs that are none', async () => {
    const token = (logprob: number): { token: string; logprob: number; bytes: null } => ({ token: 'x', logprob, bytes: null });
    const top = [token(0), token(Number.NEGATIVE_INFINITY), token(Number.NaN)];
    const chunks = await chunksOf([
      { type: 'text-delta', step, choice: 0, text: 'x', logprobs: [{ ...token(Number.NaN), top }] },
      { type: 'finish', step, choice: 0, reason: 'stop' },
    ]);
    const [only] = chunks.flatMap(({ choices }) => choices[0]?.logprobs?.content ?? []);
    expect(only?.logprob).toBe(-9999);
    expect(only?.top_logprobs.map(({ logprob }) => logprob)).toEqual([0, -9999, -9999]);
  });

  it('are never complete while a choice has no end', () => {
    const chunks = new ChatChunks(options({ choices: 2 }));
    chunks.add({ type: 'text-delta', step, choice: 0, text: 'Hi' });
    chunks.add({ type: 'finish', step, choice: 0, reason: 'stop' });
    expect(() => chunks.end({ usage: USAGE, tutti: null })).toThrow(expect.objectContaining({ code: 'stream_truncated' }));
  });

  it('say the same as the whole answer does, whatever the order of the choices', async () => {
    const delta = fc.record({
      choice: fc.nat(2),
      kind: fc.constantFrom('text', 'reasoning', 'call'),
      text: fc.string({ unit: 'binary' }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(delta, { maxLength: 12 }), async (deltas) => {
        const called = new Set<number>();
        const parts = deltas.map(({ choice, kind, text }): Part => {
          if (kind === 'text') return { type: 'text-delta', step, choice, text };
          if (kind === 'reasoning') return { type: 'reasoning-delta', step, choice, text };
          const first = !called.has(choice) && called.add(choice) !== undefined;
          return {
            type: 'tool-call-delta',
            step,
            choice,
            index: 0,
            arguments: text,
            ...(first && { id: `c${choice}`, name: 'f' }),
          };
        });
        for (const choice of [2, 0, 1]) parts.push({ type: 'finish', step, choice, reason: 'stop' });
        const details = () => detailsOf(RUN, null, '', { suggestedBelow: 0.7, neededBelow: 0.5 });
        const answer = await collectAnswer({ runId: 'run_1', parts: Readable.from(parts), record: () => RUN, details });
        const whole = chatCompletion
          .parse(toChatCompletion(answer, { id: 'x', created: 1, tutti: null }))
          .choices.map(({ message }) => message);
        const streamed = [0, 1, 2].map(() => ({ content: '', reasoning: '', call: '' }));
        for (const { choices } of await chunksOf(parts, { choices: 3 })) {
          const [first] = choices;
          const to = streamed[first?.index ?? 0];
          if (first === undefined || to === undefined) continue;
          to.content += first.delta.content ?? '';
          to.reasoning += first.delta.reasoning_content ?? '';
          to.call += first.delta.tool_calls?.[0]?.function.arguments ?? '';
        }
        expect(streamed).toEqual(
          whole.map((message) => ({
            content: message.content ?? '',
            reasoning: message.reasoning_content ?? '',
            call: message.tool_calls?.[0]?.function.arguments ?? '',
          })),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('have a schema that can be published', () => {
    expect(() => [z.toJSONSchema(chatChunk), z.toJSONSchema(chatCompletion)]).not.toThrow();
  });
});
