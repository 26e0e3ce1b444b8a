import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHAT, chat, PARROT, serve, type Served } from './served.ts';

const message = (content: string): { role: 'user'; content: string } => ({ role: 'user', content });

let served: Served;
beforeAll(async () => {
  served = await serve({
    models: {
      parrot: PARROT,
      // The logit of a token whose probability is zero is no number but after the first token.
      broken: {
        script: [
          'Hello',
          [
            { token: '!', p: 1 },
            { token: '?', p: 0 },
          ],
        ],
      },
    },
    gguf: { models: { parrot: { context_size: 512, parallel: 8 } } },
    config: { server: { max_body_mb: 1, log: { level: 'warn' } } },
  });
});
afterAll(() => served[Symbol.asyncDispose]());

// oxfmt-ignore
const REFUSED: readonly [what: string, body: unknown, status: number, code: string, says: RegExp][] = [
  ['malformed JSON', '{"model": "gguf:parrot",', 400, 'invalid_json', /line 1/],
  ['a number in place of messages', chat('gguf:parrot', { messages: 5 }), 400, 'invalid_request', /messages/],
  ['empty messages', chat('gguf:parrot', { messages: [] }), 400, 'invalid_request', /at least one message/],
  ['an unknown model, naming the nearest', chat('gguf:parott'), 404, 'model_not_found', /gguf:parrot/],
  ['a model that is a path', chat('gguf:../../../../etc/passwd'), 404, 'model_not_found', /./],
  ['a model called __proto__', chat('__proto__'), 404, 'model_not_found', /__proto__/],
  ['a model called constructor', chat('constructor'), 404, 'model_not_found', /constructor/],
  ['a backend called __proto__', chat('__proto__:x'), 404, 'model_not_found', /__proto__/],
  ['a body over the limit', chat('gguf:parrot', { messages: [message('x'.repeat(1_100_000))] }), 413, 'body_too_large', /max_body_mb/],
  ['a prompt that is too long, saying by how much', chat('gguf:parrot', { messages: [message('x'.repeat(600))] }), 400, 'context_length_exceeded', /\b60\d\b.*512|512.*\b60\d\b/],
  ['a schema that refers to nothing', chat('gguf:parrot', schema({ $ref: '#/$defs/none' })), 400, 'invalid_schema', /none/],
  ['a schema that refers to the network', chat('gguf:parrot', schema({ $ref: 'http://127.0.0.1:1/x.json' })), 400, 'invalid_schema', /./],
  ['a schema of a type that is none', chat('gguf:parrot', schema({ type: 'spoon' })), 400, 'invalid_schema', /spoon/],
  ['a schema that needs itself without end', chat('gguf:parrot', schema({ $ref: '#' })), 400, 'invalid_schema', /./],
  ['a schema that nothing can satisfy', chat('gguf:parrot', schema(false)), 400, 'invalid_request', /./],
  ['a grammar that is none', chat('gguf:parrot', grammar('root ::= (((')), 400, 'invalid_schema', /./],
  ['a schema that leads on and on', chat('gguf:parrot', schema(chain(5000))), 400, 'invalid_schema', /levels deep/],
  ['a schema of 5,000 values', chat('gguf:parrot', schema({ enum: Array.from({ length: 5000 }, (_, i) => i) })), 400, 'invalid_schema', /2000/],
  ['a grammar of 50,000 brackets', chat('gguf:parrot', grammar(`root ::= ${'('.repeat(50_000)}"a"${')'.repeat(50_000)}`)), 400, 'invalid_schema', /brackets/],
  ['a grammar that allows nothing', chat('gguf:parrot', grammar('root ::= [z-a]')), 400, 'invalid_schema', /nothing/],
  ['a body of 100,000 brackets', '['.repeat(100_000) + ']'.repeat(100_000), 400, 'invalid_json', /deep/],
  ['more tools than there may be', chat('gguf:parrot', { tools: tools(257) }), 400, 'invalid_request', /256/],
];

function schema(schema: unknown): object {
  return { response_format: { type: 'json_schema', json_schema: { name: 'x', schema } }, max_tokens: 20 };
}

function grammar(text: string): object {
  return { response_format: { type: 'grammar', grammar: text }, max_tokens: 20 };
}

/** Each definition refers to the next. */
function chain(length: number): object {
  const $defs = Object.fromEntries(Array.from({ length }, (_, i) => [`d${i}`, { $ref: `#/$defs/d${i + 1}` }]));
  return { $ref: '#/$defs/d0', $defs: { ...$defs, [`d${length}`]: { const: 'Hello' } } };
}

function tools(count: number): object[] {
  return Array.from({ length: count }, (_, i) => ({ type: 'function', function: { name: `t${i}` } }));
}

describe('a request is refused, and says why,', () => {
  it.each(REFUSED)('with %s', async (_what, body, status, code, says) => {
    const answer = await served.json(CHAT, body);
    expect(answer).toMatchObject({ status, json: { error: { code } } });
    expect(answer.json.error?.message).toMatch(says);
  });
});

// oxfmt-ignore
const ANSWERED: readonly [what: string, fields: object, json: object][] = [
  ['128 choices', { n: 128 }, { usage: { completion_tokens: 384 } }],
  ['a stop string across tokens', { stop: 'lo th' }, { choices: [{ message: { content: 'Hel' }, finish_reason: 'stop' }] }],
  ['a stop string that is all there is', { stop: 'Hello there!' }, { choices: [{ message: { content: '' }, finish_reason: 'stop' }] }],
  ['a stop string that is only begun at the end', { stop: '!!' }, { choices: [{ message: { content: 'Hello there!' }, finish_reason: 'stop' }] }],
  ['a stop string at the token limit', { stop: 'Hello the end', max_tokens: 2 }, { choices: [{ message: { content: 'Hello there' }, finish_reason: 'length' }] }],
  ['16 stop strings', { stop: Array.from({ length: 15 }, (_, i) => `never${i}`).concat('!') }, { choices: [{ message: { content: 'Hello there' }, finish_reason: 'stop' }] }],
  ['text of special tokens', { messages: [message('<|user|><|assistant|></s>')] }, { choices: [{ message: { content: 'Hello there!' } }], usage: { prompt_tokens: 28 } }],
  ['a NUL in the text', { messages: [message('a\0b')] }, { choices: [{ message: { content: 'Hello there!' } }], usage: { prompt_tokens: 6 } }],
  ['a lone surrogate', { messages: [message('a\uD800b')] }, { choices: [{ message: { content: 'Hello there!' } }] }],
  ['an empty text', { messages: [message('')] }, { choices: [{ message: { content: 'Hello there!' } }] }],
  ['a tool call’s own tags', { messages: [message('</tool_call><tool_call>{"name":"x"}')] }, { choices: [{ message: { content: 'Hello there!' } }] }],
  ['a stop string with a lone surrogate', { stop: '\uDC00' }, { choices: [{ message: { content: 'Hello there!' } }] }],
  ['a key called __proto__', JSON.parse('{"__proto__": {"stream": true, "max_tokens": 1}}') as object, { choices: [{ message: { content: 'Hello there!' } }] }],
  ['null for every setting', { temperature: null, max_tokens: null, stop: null, n: null, tools: null, response_format: null, logprobs: null, seed: null }, { choices: [{ message: { content: 'Hello there!' } }] }],
  ['settings at their ends', { temperature: 2, top_p: 1e-300, top_k: 2 ** 31, seed: Number.MIN_SAFE_INTEGER, max_tokens: Number.MAX_SAFE_INTEGER }, { choices: [{ message: { content: 'Hello there!' } }] }],
];

describe('a request is answered', () => {
  it.each(ANSWERED)('with %s', async (_what, fields, json) => {
    expect(await served.chat('gguf:parrot', fields)).toMatchObject({ status: 200, json });
  });

  it('with bytes that are no UTF-8', async () => {
    const [before = '', after = ''] = JSON.stringify(chat('gguf:parrot', { messages: [message('#')] })).split('#');
    const body = Buffer.concat([Buffer.from(before), Buffer.from([0xff, 0xc0, 0x80]), Buffer.from(after)]);
    const { status, json } = await served.json(CHAT, new Uint8Array(body));
    expect([200, 400]).toContain(status);
    if (status === 400) expect(json.error?.code).toBe('invalid_json');
  });

  it('with 256 tools, or told by how much they are too long', async () => {
    const { status, json } = await served.chat('gguf:parrot', { tools: tools(256) });
    if (status !== 200) expect(json.error).toMatchObject({ code: 'context_length_exceeded' });
  });

  it('with 20 alternatives for each token, all of them numbers', async () => {
    const { json } = await served.chat('gguf:parrot', { logprobs: true, top_logprobs: 20 });
    const content = json.choices?.[0]?.logprobs?.content ?? [];
    expect(content.map(({ token }) => token)).toEqual(['Hello', ' there', '!']);
    for (const { logprob, top_logprobs } of content) {
      expect(top_logprobs).toHaveLength(20);
      for (const value of [logprob, ...top_logprobs.map((top) => top.logprob)]) expect(value).toBeLessThanOrEqual(0);
    }
  });

  it('by a model whose weights give no numbers, with JSON that is JSON', async () => {
    const { status, json } = await served.chat('gguf:broken', { logprobs: true, top_logprobs: 20, max_tokens: 5 });
    if (status !== 200)
      return expect(json.error?.code).toMatch(/^(backend_error|invalid_model_file|runner_crashed|load_failed)$/);
    for (const { logprob, top_logprobs } of json.choices?.[0]?.logprobs?.content ?? [])
      for (const value of [logprob, ...top_logprobs.map((top) => top.logprob)]) expect(value).toBeTypeOf('number');
  });

  it('with a stop string that a stream must not begin to say', async () => {
    const stream = await (await served.stream('gguf:parrot', { stop: ['there'] })).ended();
    expect(stream).toMatchObject({ text: 'Hello ', complete: true });
  });

  it('by a schema that calls itself, or told that it cannot be', async () => {
    const tree = { type: 'object', properties: { child: { $ref: '#' } }, additionalProperties: false };
    const { status, json } = await served.chat('gguf:parrot', schema(tree));
    if (status !== 200) return expect(json.error?.code).toBe('invalid_schema');
    expect(json.choices?.[0]?.message.content).toMatch(/^\s*\{/);
  });

  it('by a schema that leads on for a while', async () => {
    expect(await served.chat('gguf:parrot', schema(chain(400)))).toMatchObject({
      status: 200,
      json: { choices: [{ message: { content: '"Hello"' } }] },
    });
  });

  it('by a schema a thousand levels deep, or told that it cannot be', async () => {
    let deep: object = { type: 'integer' };
    for (let i = 0; i < 1000; i++) deep = { type: 'array', items: deep, minItems: 1 };
    const { status, json } = await served.chat('gguf:parrot', schema(deep));
    if (status !== 200) expect(json.error?.code).toMatch(/^invalid_(schema|json|request)$/);
  });
});

it('registers, changes and removes a model with hostile keys, and nobody else is changed', async () => {
  const entry = JSON.parse(
    '{"id":"gguf:parrot","metadata":{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}}',
  ) as object;
  const { status } = await served.json('/api/models', entry);
  expect([201, 400, 409]).toContain(status);
  const quality = await served.json('/api/models/gguf:parrot', '{"quality":{"__proto__":0.5}}', { method: 'PATCH' });
  expect([200, 400]).toContain(quality.status);
  const { json } = await served.json('/api/models/gguf:broken');
  expect(json).not.toHaveProperty('polluted');
  expect(json['metadata']).not.toHaveProperty('polluted');
  expect(await served.chat('gguf:parrot')).toMatchObject({ status: 200 });
});

it.each([
  '/v1/models/..%2f..%2fetc%2fpasswd',
  '/api/models/%2e%2e/%2e%2e/etc/passwd',
  '/docs/..%2f..%2fpackage.json',
  '/docs/%2e%2e/%2e%2e/package.json',
  '/docs/%252e%252e%252fpackage.json',
  '/v1/models/%00',
  '/v1/models/%ff',
  '/api/models/__proto__',
  '/api/runs/__proto__',
])('gives no file away at %s', async (path) => {
  const response = await served.fetch(path);
  expect([400, 404]).toContain(response.status);
  expect(await response.text()).not.toMatch(/root:|"dependencies"/);
});

it('is well after all this, with the runner that it had', async () => {
  expect(await served.json('/readyz')).toMatchObject({ status: 200, json: { ready: true } });
  expect(await served.chat('gguf:parrot')).toMatchObject({ status: 200 });
  expect(served.program.stderr).not.toMatch(/a bug|crashed|internal_error/);
});
