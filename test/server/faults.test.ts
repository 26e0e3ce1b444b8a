import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chat, startServer, type Harness } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startServer({
    server: { max_body_mb: 0.01 },
    fake: {
      residency: 'local', // its list of models is complete
      models: { echo: {}, vec: { embed: () => [1] } },
    },
    tutti: { aliases: { twin: ['fake:echo'] } },
  });
});
afterAll(() => harness[Symbol.asyncDispose]());

const CHAT = '/v1/chat/completions';
const message = { role: 'user', content: 'x' };

// oxfmt-ignore
/** What is sent; the answer's status and code; the field it names; what the message says. */
const CASES: readonly [what: string, path: string, body: unknown, status: number, code: string, param: string | null, says: RegExp][] = [
  ['malformed JSON', CHAT, '{"model": "x",', 400, 'invalid_json', null, /line 1, column 15 the body ends/],
  ['JSON with a word in it', CHAT, '{"model": nope}', 400, 'invalid_json', null, /column 11 there is "nope}"/],
  ['no body', CHAT, '', 400, 'invalid_request', null, /body is missing/],
  ['a list', CHAT, [1], 400, 'invalid_request', null, /must be an object, not a list/],
  ['no messages', CHAT, { model: 'fake:echo' }, 400, 'invalid_request', 'messages', /missing/],
  ['empty messages', CHAT, { messages: [] }, 400, 'invalid_request', 'messages', /at least one message/],
  ['messages of a wrong type', CHAT, { messages: 'hi' }, 400, 'invalid_request', 'messages', /must be a list, not a text/],
  ['a role that is none', CHAT, { messages: [{ role: 'boss', content: 'x' }] }, 400, 'invalid_request', 'messages[0].role', /one of `system`/],
  ['content of a wrong type', CHAT, { messages: [{ role: 'user', content: 5 }] }, 400, 'invalid_request', 'messages[0].content', /a text or a list/],
  ['a part that is none', CHAT, { messages: [{ role: 'user', content: [{ type: 'smell' }] }] }, 400, 'invalid_request', 'messages[0].content[0].type', /one of `text`/],
  ['a tool message without its call', CHAT, { messages: [message, { role: 'tool', content: 'x' }] }, 400, 'invalid_request', 'messages[1].tool_call_id', /missing/],
  ['a model that is no text', CHAT, chat({ model: 5 }), 400, 'invalid_request', 'model', /must be a text/],
  ['temperature too high', CHAT, chat({ temperature: 3 }), 400, 'invalid_request', 'temperature', /at most 2/],
  ['a temperature in words', CHAT, chat({ temperature: 'hot' }), 400, 'invalid_request', 'temperature', /a number, not a text/],
  ['no tokens at all', CHAT, chat({ max_tokens: 0 }), 400, 'invalid_request', 'max_tokens', /at least 1/],
  ['n of zero', CHAT, chat({ n: 0 }), 400, 'invalid_request', 'n', /at least 1/],
  ['too many alternatives', CHAT, chat({ logprobs: true, top_logprobs: 99 }), 400, 'invalid_request', 'top_logprobs', /at most 20/],
  ['alternatives without probabilities', CHAT, chat({ top_logprobs: 2 }), 400, 'invalid_request', 'top_logprobs', /`logprobs: true`/],
  ['stream as a text', CHAT, chat({ stream: 'yes' }), 400, 'invalid_request', 'stream', /true or false/],
  ['a format that is none', CHAT, chat({ response_format: { type: 'xml' } }), 400, 'invalid_request', 'response_format.type', /one of `text`/],
  ['a tool with a bad name', CHAT, chat({ tools: [{ type: 'function', function: { name: 'a b' } }] }), 400, 'invalid_request', 'tools[0].function.name', /letters, digits/],
  ['a setting of ours that is none', CHAT, chat({ tutti: { speed: 1 } }), 400, 'invalid_request', 'tutti', /no field `speed`/],
  ['complexity out of range', CHAT, chat({ tutti: { complexity: 11 } }), 400, 'invalid_request', 'tutti.complexity', /at most 10/],
  ['an image by a path', CHAT, { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: '/etc/passwd' } }] }] }, 400, 'invalid_request', 'messages[0].content[0].image_url.url', /https:, http: or data:/],
  ['an image outside the file roots', CHAT, { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }] }] }, 403, 'file_not_allowed', 'messages[0].content[0].image_url.url', /file_roots/],
  ['an unknown model', CHAT, chat({ model: 'fake:ecko' }), 404, 'model_not_found', 'model', /fake:echo/],
  ['an unknown backend', CHAT, chat({ tutti: { backend: 'fakr' } }), 404, 'unknown_backend', 'backend', /fake/],
  ['a model with an endless name', CHAT, chat({ model: 'x'.repeat(5000) }), 404, 'model_not_found', 'model', /^There is no model `x{200}…`\./],
  ['a body over the limit', CHAT, chat({ messages: [{ role: 'user', content: 'x'.repeat(20_000) }] }), 413, 'body_too_large', null, /max_body_mb/],
  ['vectors of nothing', '/v1/embeddings', { model: 'fake:vec', input: [] }, 400, 'invalid_request', 'input', /must not be empty/],
  ['vectors of numbers and texts', '/v1/embeddings', { model: 'fake:vec', input: ['a', 1] }, 400, 'invalid_request', 'input[1]', /must be a text/],
  ['an encoding that is none', '/v1/embeddings', { input: 'a', encoding_format: 'hex' }, 400, 'invalid_request', 'encoding_format', /one of `float`, `base64`/],
  ['inference without an input', '/api/inference', { model: 'fake:echo' }, 400, 'invalid_request', 'input', /missing/],
  ['inference with an empty input', '/api/inference', { input: '' }, 400, 'invalid_request', 'input', /must not be empty/],
  ['a field that inference does not have', '/api/inference', { input: 'x', modle: 'y' }, 400, 'invalid_request', null, /no field `modle`/],
  ['inference with a file outside the roots', '/api/inference', { input: [{ type: 'image', path: '/etc/passwd' }] }, 403, 'file_not_allowed', 'input[0]', /file_roots/],
  ['a parameter out of range', '/api/inference', { model: 'fake:echo', input: 'x', parameters: { temperature: 9 } }, 400, 'invalid_request', 'parameters.temperature', /parameters\.temperature.*<=2/],
  ['models without a question', '/api/inference/parallel', { models: ['fake:echo'] }, 400, 'invalid_request', 'input', /missing/],
  ['nothing at once', '/api/inference/parallel', {}, 400, 'invalid_request', 'requests', /missing/],
  ['an empty batch', '/api/inference/batch', { inputs: [] }, 400, 'invalid_request', 'inputs', /must not be empty/],
  ['registering without an id', '/api/models', { capabilities: ['vision'] }, 400, 'invalid_request', 'id', /missing/],
  ['registering with a strange capability', '/api/models', { id: 'fake:x', capabilities: ['Big Talk'] }, 400, 'invalid_request', 'capabilities[0]', /lower-case/],
  ['registering at no backend', '/api/models', { id: 'nowhere:x' }, 404, 'unknown_backend', 'backend', /nowhere/],
  ['loading what is not there', '/api/models/fake:ecko/load', {}, 404, 'model_not_found', 'model', /fake:echo/],
  ['loading with a wrong option', '/api/models/fake:echo/load', { wait: 'no' }, 400, 'invalid_request', 'wait', /true or false/],
  ['evicting without a target', '/api/pool/evict', {}, 400, 'invalid_request', 'target_memory_mb', /missing/],
  ['swapping with nothing', '/api/models/fake:echo/swap', {}, 400, 'invalid_request', 'to', /missing/],
  ['pulling from nowhere', '/api/models/pull', { model: 'nowhere:x' }, 404, 'unknown_backend', 'backend', /nowhere/],
  ['cancelling a run that is not', '/api/runs/run_0/cancel', undefined, 404, 'run_not_found', 'run', /run_0/],
  ['a path that is none', '/v1/chat/complete', {}, 404, 'not_found', null, /openapi\.json/],
  ['Ollama’s API, which is not ours yet', '/api/generate', {}, 404, 'not_found', null, /nothing/],
  ['a method that a path has not', '/healthz', {}, 405, 'method_not_allowed', null, /takes GET, not POST/],
  ['a method that a model has not', '/api/models/fake:echo', {}, 405, 'method_not_allowed', null, /takes GET, PATCH, DELETE/],
  ['a badly encoded model id', '/api/models/%zz/load', {}, 400, 'invalid_request', null, /%zz/],
];

describe('bad input', () => {
  it.each(CASES)('%s', async (_what, path, body, status, code, param, says) => {
    const response = await harness.fetch(path, { method: 'POST', ...(body !== undefined && { body }) });
    const { error } = (await response.json()) as { error: { code: string; param: string | null; message: string } };
    expect([response.status, error.code, error.param]).toEqual([status, code, param]);
    expect(error.message).toMatch(says);
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    expect(response.headers.get('x-should-retry')).toBe('false');
  });

  it.each([
    ['/api/runs?limit=0', 'limit'],
    ['/api/runs?limit=many', 'limit'],
    ['/api/runs?since=yesterday', 'since'],
    ['/api/runs?status=odd', 'status'],
    ['/api/runs?cursor=nonsense', 'cursor'],
    ['/api/stats?since=x', 'since'],
    ['/api/models?capability=a&capability=b', 'capability'],
    ['/api/events?since=-1', 'since'],
  ])('GET %s names %s', async (path, param) => {
    const response = await harness.fetch(path);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_request', param } });
  });

  it('names the methods that a path takes', async () => {
    const response = await harness.fetch('/api/models/fake:echo', { body: {} });
    expect(response.headers.get('allow')).toBe('GET, PATCH, DELETE');
  });

  it('is no matter of the content type: a body is JSON', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await harness.fetch(CHAT, { body: chat(), headers: form })).status).toBe(200);
  });

  it('cannot reach the prototype of anything', async () => {
    const body =
      '{"model":"fake:echo","messages":[{"role":"user","content":"x"}],"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    expect((await harness.fetch(CHAT, { body })).status).toBe(200);
    expect('polluted' in {}).toBe(false);
  });

  it('that is no HTTP is refused in the same shape', async () => {
    const { hostname, port } = new URL(harness.url);
    const socket = connect(Number(port), hostname).end('NONSENSE\r\n\r\n');
    const answer = Buffer.concat(await Array.fromAsync(socket as AsyncIterable<Buffer>)).toString();
    expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*"code":"invalid_request"/);
  });

  it('leaves the server well', async () => {
    expect((await harness.fetch(CHAT, { body: chat() })).status).toBe(200);
    expect(harness.backend.calls.every((call) => call.state === 'finished')).toBe(true);
  });
});
