import { describe, expect, it } from 'vitest';
import { errorFromResponse } from './refusal.ts';

const who = { name: 'up', model: 'big', now: Date.UTC(2026, 0, 1) };
const refused = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  errorFromResponse({ status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) }, who);

describe('an answer that is an error', () => {
  it.each([
    [401, { error: { message: 'Incorrect API key' } }, 'upstream_unauthorized'],
    [403, { error: { message: 'Country not supported' } }, 'upstream_unauthorized'],
    [402, { error: { message: 'Insufficient Balance' } }, 'upstream_error'],
    [429, { error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } }, 'upstream_rate_limited'],
    [400, { error: { message: 'Error while downloading the image.', code: 'invalid_image_url' } }, 'upstream_rejected'],
    [
      400,
      { error: { message: "This model's maximum context length is 8192 tokens.", code: 'context_length_exceeded' } },
      'context_length_exceeded',
    ],
    [
      400,
      {
        error: {
          code: 400,
          message: 'the request exceeds the available context size',
          type: 'exceed_context_size_error',
          n_prompt_tokens: 20,
          n_ctx: 8,
        },
      },
      'context_length_exceeded',
    ],
    [400, { error: { message: 'foo/bar is not a valid model ID', code: 400 } }, 'model_not_found'],
    [400, { object: 'error', message: 'Invalid model: x', type: 'invalid_model', code: '1500' }, 'model_not_found'],
    [
      404,
      { error: { code: 'DeploymentNotFound', message: 'The API deployment for this resource does not exist.' } },
      'model_not_found',
    ],
    [404, { error: 'model "x" not found, try pulling it first' }, 'model_not_found'],
    [404, { detail: 'Not Found' }, 'upstream_invalid'],
    [404, '<html><h1>404</h1></html>', 'upstream_invalid'],
    [301, '', 'upstream_invalid'],
    [400, { error: { message: 'Content blocks are expected to be either text or image_url type.' } }, 'unsupported_input'],
    [
      500,
      { error: { code: 500, message: 'image input is not supported - hint: you may need to provide the mmproj' } },
      'unsupported_input',
    ],
    [422, { message: [{ type: 'extra_forbidden', loc: ['body', 'stream_options'] }] }, 'upstream_rejected'],
    [500, 'Internal Server Error', 'upstream_error'],
    [502, '<html><title>502 Bad Gateway</title></html>', 'upstream_error'],
    [529, { error: { type: 'overloaded_error', message: 'Overloaded' } }, 'upstream_error'],
  ])('%i %j is %s', (status, body, code) => {
    expect(refused(status, body).code).toBe(code);
  });

  it('quotes what the provider said, also through a broker', () => {
    expect(
      refused(400, { error: { message: 'Provider returned error', metadata: { raw: 'temperature: too hot' } } }).message,
    ).toContain('too hot');
    expect(refused(502, '<html><style>x</style><b>Bad</b> Gateway</html>').message).toContain('Bad Gateway');
    expect(refused(500, '').message).toContain('no reason given');
  });

  it('says when to try again', () => {
    expect(refused(429, {}, { 'retry-after': '2' }).retryAfter).toBe(2);
    expect(refused(429, {}, { 'retry-after-ms': '1500' }).retryAfter).toBe(1.5);
    expect(refused(503, {}, { 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' }).retryAfter).toBe(9);
    expect(refused(429, {}).retryAfter).toBeUndefined();
  });

  it('has the numbers of a prompt that is too long', () => {
    const message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.";
    expect(refused(400, { error: { message, param: 'messages' } })).toMatchObject({
      param: 'messages',
      details: { tokens: 9000, context_window: 8192, upstream_status: 400 },
    });
  });
});
