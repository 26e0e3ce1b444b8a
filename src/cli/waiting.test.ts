import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { Api, type RawResponse } from './api.ts';
import { CHAT } from './ask.ts';
import type { Output } from './output.ts';
import { askWithReplies, howToReply, isWaiting } from './waiting.ts';

/** A server whose run asks as often as there are questions, and then answers. */
function server(questions: readonly string[], lasting = true) {
  const requests: { path: string; body: unknown }[] = [];
  const api = new Api({
    name: 'a test',
    lasting,
    async send(_method, path, body): Promise<RawResponse> {
      if (path.startsWith('/api/events')) return { status: 200, headers: {}, body: Readable.from([]) };
      const question = questions[requests.push({ path, body }) - 1];
      const events = [
        { model: 'm', choices: [{ delta: { content: question ?? 'done' } }] },
        {
          model: 'm',
          choices: [{ delta: {}, finish_reason: 'stop' }],
          tutti: { status: question === undefined ? 'completed' : 'waiting' },
        },
      ];
      const text = [...events.map((event) => JSON.stringify(event)), '[DONE]'].map((data) => `data: ${data}\n\n`).join('');
      return { status: 200, headers: { 'x-tutti-run-id': 'run_1' }, body: Readable.from([Buffer.from(text)]) };
    },
    async [Symbol.asyncDispose]() {},
  });
  return { api, requests };
}

const nothing = (): void => {};
const output: Output = {
  json: true,
  interactive: false,
  line: nothing,
  write: nothing,
  note: nothing,
  data: nothing,
  drawn: nothing,
};
const context = { output, signal: new AbortController().signal };
const request = { path: CHAT, body: { model: 'ask' } };

it('goes on for as long as the run asks and somebody replies', async () => {
  const { api, requests } = server(['Which one?', 'Sure?']);
  const replies = ['the blue one', 'yes'];
  const answer = await askWithReplies(api, context, request, { readReply: async () => replies.shift() ?? null });
  expect([answer.text, isWaiting(answer)]).toEqual(['done', false]);
  expect(requests.slice(1)).toMatchObject([
    { path: '/api/runs/run_1/reply', body: { reply: 'the blue one', stream: true } },
    { path: '/api/runs/run_1/reply', body: { reply: 'yes' } },
  ]);
});

it.each([
  ['nobody is there', null],
  ['somebody leaves', async () => null],
])('gives the question where %s', async (_why, readReply) => {
  const { api, requests } = server(['Which one?']);
  const answer = await askWithReplies(api, context, request, { readReply });
  expect([answer.text, isWaiting(answer), requests.length]).toEqual(['Which one?', true, 1]);
});

it('says how to reply, or that it cannot be done', () => {
  expect(howToReply(server([]).api, 'run_1')).toContain('tutti run --reply run_1 "…"');
  expect(howToReply(server([], false).api, 'run_1')).toContain('tutti serve');
});
