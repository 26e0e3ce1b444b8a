import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { Api, modelPath, type RawResponse, type Transport } from './api.ts';
import { ask, CHAT } from './ask.ts';
import type { Output } from './output.ts';

/** A server that answers every chat request with these events, and has no others. */
function server(events: readonly unknown[], { done = true, status = 200 } = {}): Api {
  const transport: Transport = {
    name: 'a test',
    lasting: true,
    async send(_method, path): Promise<RawResponse> {
      const lines = path.startsWith('/v1/') ? [...events.map((event) => JSON.stringify(event)), ...(done ? ['[DONE]'] : [])] : [];
      const text = status < 400 ? lines.map((line) => `data: ${line}\n\n`).join('') : JSON.stringify(events[0]);
      // Single bytes: a letter of several bytes is cut, too.
      const bytes = Array.from(Buffer.from(text), (byte) => Buffer.from([byte]));
      return { status, headers: { 'x-tutti-run-id': 'run_1' }, body: Readable.from(bytes) };
    },
    async [Symbol.asyncDispose]() {},
  };
  return new Api(transport);
}

function screen(interactive = false): Output & { text: string; noted: string } {
  return {
    json: false,
    interactive,
    text: '',
    noted: '',
    line(text = '') {
      this.text += `${text}\n`;
    },
    write(text) {
      this.text += text;
    },
    note(text) {
      this.noted += `${text}\n`;
    },
    data() {},
    drawn() {},
  };
}

const chunk = (delta: object, finish_reason: string | null = null, more: object = {}) => ({
  model: 'm',
  choices: [{ delta, finish_reason, ...more }],
});
const signal = new AbortController().signal;

it('puts text, tool calls, probabilities and usage together, and prints the text as it comes', async () => {
  const output = screen();
  const answer = await ask(
    server([
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'Grü' }, null, { logprobs: { content: [{ token: 'Grü', logprob: 0 }] } }),
      chunk({ content: 'ße' }),
      chunk({ tool_calls: [{ index: 0, id: 'c0', function: { name: 'add', arguments: '{"a"' } }] }),
      chunk({ tool_calls: [{ index: 1, id: 'c1', function: { name: 'now', arguments: '{}' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }),
      chunk({}, 'tool_calls'),
      { model: 'm', choices: [], usage: { total_tokens: 5 }, tutti: { strategy: 'fallback' } },
    ]),
    output,
    { path: CHAT, body: { model: 'auto', messages: [] } },
    { signal },
  );
  expect(answer).toEqual({
    run_id: 'run_1',
    model: 'm',
    text: 'Grüße',
    tool_calls: [
      { id: 'c0', name: 'add', arguments: '{"a":1}' },
      { id: 'c1', name: 'now', arguments: '{}' },
    ],
    finish_reason: 'tool_calls',
    usage: { total_tokens: 5 },
    tutti: { strategy: 'fallback' },
    logprobs: [{ token: 'Grü', logprob: 0 }],
  });
  expect(output.text).toBe('Grüße\nadd({"a":1})\nnow({})\n 100.0 %  "Grü"\n');
});

it.each([
  [true, 'hm hm\n\nso\n'],
  [false, 'so\n'],
])('shows thoughts to a person only (on a terminal: %s)', async (interactive, text) => {
  const output = screen(interactive);
  await ask(
    server([chunk({ reasoning_content: 'hm hm' }), chunk({ content: 'so' }, 'stop')]),
    output,
    { path: CHAT, body: { model: 'm' } },
    { signal },
  );
  expect(output.text).toBe(text);
});

it('says that the answer was cut at its longest length', async () => {
  const output = screen();
  await ask(server([chunk({ content: 'so' }, 'length')]), output, { path: CHAT, body: { model: 'm' } }, { signal });
  expect(output.noted).toContain('--max-tokens');
});

it('fails at a stream that ends too early, or with an error; what comes next begins a line', async () => {
  const output = screen();
  await expect(
    ask(server([chunk({ content: 'so' })], { done: false }), output, { path: CHAT, body: { model: 'm' } }, { signal }),
  ).rejects.toMatchObject({
    code: 'stream_truncated',
  });
  expect(output.text).toBe('so\n');
  const error = { error: { code: 'upstream_error', message: 'it broke', param: null } };
  await expect(ask(server([error]), output, { path: CHAT, body: { model: 'm' } }, { signal })).rejects.toMatchObject({
    code: 'upstream_error',
    message: 'it broke',
  });
});

it('tells which run failed, when the answer did not even begin', async () => {
  const refusal = { error: { code: 'model_not_found', message: 'no such model', param: 'model', details: { nearest: ['m'] } } };
  await expect(
    ask(server([refusal], { status: 404 }), screen(), { path: CHAT, body: { model: 'n' } }, { signal }),
  ).rejects.toMatchObject({
    code: 'model_not_found',
    param: 'model',
    details: { nearest: ['m'], run_id: 'run_1' },
  });
  const foreign = ask(server(['<html>'], { status: 502 }), screen(), { path: CHAT, body: { model: 'n' } }, { signal });
  await expect(foreign).rejects.toMatchObject({ code: 'upstream_error', message: 'The server answered 502: "<html>"' });
});

it('writes model ids into paths', () => {
  expect(modelPath('hf:org/repo name?')).toBe('/api/models/hf:org/repo%20name%3F');
});
