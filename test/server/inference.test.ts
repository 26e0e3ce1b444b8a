import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import { chat, startServer, type Harness } from './harness.ts';

const post = async (harness: Harness, path: string, body: unknown) => {
  const response = await harness.fetch(path, { body });
  return { status: response.status, headers: response.headers, json: (await response.json()) as Record<string, never> };
};
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('inference', () => {
  it('answers one question, with how the answer came to be', async () => {
    await using harness = await startServer();
    const { headers, json } = await post(harness, '/api/inference', {
      model: 'fake:echo',
      input: 'Hello there',
      parameters: { temperature: 0, odd: 1 },
      priority: 2,
    });
    expect(json).toEqual({
      model: 'fake:echo',
      output: 'Hello there',
      finish_reason: 'stop',
      usage: { input_tokens: 2, output_tokens: 2 },
      tutti: {
        run_id: headers.get('x-tutti-run-id'),
        task: 'Hello there',
        status: 'completed',
        confidence: null,
        review: 'none',
        model_results: {},
        conflicts: [],
        decisions: [],
        models_used: ['fake:echo'],
        fallback_chain: ['fake:echo'],
        execution_time_ms: expect.any(Number),
        usage_by_model: { 'fake:echo': { input_tokens: 2, output_tokens: 2 } },
        cost_usd: null,
      },
    });
    expect(harness.backend.calls[0]).toMatchObject({
      input: { temperature: 0, extra: { odd: 1 }, messages: [{ role: 'user', content: 'Hello there' }] },
      options: { priority: 2 },
    });
  });

  it('names the parameters that a local model has no use for', async () => {
    await using harness = await startServer({ fake: { residency: 'local', models: { echo: {} } } });
    const body = { model: 'fake:echo', input: '?', parameters: { temperature: 0, odd: 1 } };
    for (const stream of [false, true]) {
      const response = await harness.fetch('/api/inference', { body: { ...body, stream } });
      await response.text();
      expect(response.headers.get('x-tutti-ignored')).toBe('odd');
    }
  });

  it('finds a model by capability, or takes the one of a backend', async () => {
    const capabilities = ['text_generation', 'code_generation'];
    await using harness = await startServer({ fake: { models: { coder: { answer: 'code', descriptor: { capabilities } } } } });
    expect((await post(harness, '/api/inference', { capability: 'code_generation', input: '?' })).json.model).toBe('fake:coder');
    expect((await post(harness, '/api/inference', { backend: 'fake', input: '?' })).json.model).toBe('fake:coder');
    expect((await post(harness, '/api/inference', { backend: 'nope', input: '?' })).json).toMatchObject({
      error: { code: 'unknown_backend', message: /fake/ },
    });
  });

  it('embeds where the capability is embedding', async () => {
    await using harness = await startServer({ fake: { models: { vec: { embed: () => [1, 0] } } } });
    const { json } = await post(harness, '/api/inference', { capability: 'embedding', input: 'x' });
    expect(json).toMatchObject({ model: 'fake:vec', output: { vectors: [[1, 0]] } });
  });

  it('names the run also where it failed', async () => {
    const answer = { failBefore: new TuttiError('upstream_error', 'The provider fell over.') };
    await using harness = await startServer({ fake: { models: { echo: { answer } } }, tutti: { routing: { retries: 0 } } });
    const { status, headers, json } = await post(harness, '/api/inference', { model: 'fake:echo', input: '?' });
    expect(status).toBe(502);
    expect(json).toMatchObject({ error: { code: 'upstream_error' } });
    const run = headers.get('x-tutti-run-id') ?? '';
    expect(harness.tutti.runs.get(run)).toMatchObject({ status: 'failed', error: { code: 'upstream_error' } });
  });

  it('takes calls of tools and a format', async () => {
    const toolCalls = [{ id: 'c1', name: 'add', arguments: { a: 1 } }];
    await using harness = await startServer({ fake: { models: { echo: { answer: { toolCalls } } } } });
    const { json } = await post(harness, '/api/inference', {
      model: 'fake:echo',
      input: '?',
      tools: [{ type: 'function', function: { name: 'add' } }],
      tool_choice: 'required',
      response_format: { type: 'json_object' },
    });
    expect(json).toMatchObject({
      finish_reason: 'tool_calls',
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }],
    });
    expect(harness.backend.calls[0]?.input).toMatchObject({ tool_choice: 'required', response_format: { type: 'json_object' } });
  });

  it('answers a batch in its order, each with its own outcome', async () => {
    const answer = (input: { messages: { content?: unknown }[] }) =>
      input.messages[0]?.content === 'bad'
        ? { failBefore: new TuttiError('upstream_rejected', 'No.') }
        : `re: ${String(input.messages[0]?.content)}`;
    await using harness = await startServer({ fake: { models: { echo: { answer } } } });
    const { status, json } = await post(harness, '/api/inference/batch', { model: 'fake:echo', inputs: ['a', 'bad', 'c'] });
    expect(status).toBe(200);
    expect(json.results).toMatchObject([
      { index: 0, output: 're: a', tutti: { run_id: expect.any(String) } },
      { index: 1, error: { code: 'upstream_rejected', message: /No\./ } },
      { index: 2, output: 're: c' },
    ]);
  });

  it('asks several models at once, or several questions', async () => {
    await using harness = await startServer({ fake: { models: { a: { answer: 'A' }, b: { answer: 'B' } } } });
    const models = await post(harness, '/api/inference/parallel', { models: ['fake:a', 'fake:nope', 'fake:b'], input: '?' });
    expect(models.json.results).toMatchObject([{ model: 'fake:a', output: 'A' }, { index: 1 }, { model: 'fake:b', output: 'B' }]);
    const requests = [
      { model: 'fake:b', input: '1' },
      { model: 'fake:a', input: '2' },
    ];
    const several = await post(harness, '/api/inference/parallel', { requests });
    expect(several.json.results).toMatchObject([{ output: 'B' }, { output: 'A' }]);
  });
});

describe('a file of this machine', () => {
  const vision = { descriptor: { capabilities: ['text_generation', 'vision'] } };

  it.each(['/api/inference', '/v1/chat/completions'])('is read by %s inside the roots only, also by links', async (path) => {
    const directory = await mkdtemp(join(tmpdir(), 'tutti-files-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const root = join(directory, 'pictures');
    await mkdir(root);
    await writeFile(join(root, 'cat.png'), PNG);
    await writeFile(join(directory, 'secret.png'), PNG);
    await symlink(join(directory, 'secret.png'), join(root, 'link.png'));
    await using harness = await startServer({ server: { file_roots: [root] }, fake: { models: { echo: vision } } });
    const ask = (file: string) =>
      post(
        harness,
        path,
        path === '/api/inference'
          ? {
              model: 'fake:echo',
              input: [
                { type: 'text', text: '?' },
                { type: 'image', path: file },
              ],
            }
          : chat({
              messages: [
                {
                  role: 'user',
                  content: [
                    { type: 'text', text: '?' },
                    { type: 'image_url', image_url: { url: pathToFileURL(file).href } },
                  ],
                },
              ],
            }),
      );
    expect((await ask(join(root, 'cat.png'))).status).toBe(200);
    const url = `data:image/png;base64,${PNG.toString('base64')}`;
    expect(harness.backend.calls[0]?.input).toMatchObject({
      messages: [{ content: [{ type: 'text' }, { type: 'image_url', image_url: { url } }] }],
    });
    for (const file of [
      join(directory, 'secret.png'),
      join(root, 'link.png'),
      join(root, '..', 'secret.png'),
      '/etc/passwd',
      '/nowhere/at/all',
    ]) {
      expect((await ask(file)).json, file).toMatchObject({ error: { code: 'file_not_allowed' } });
    }
    expect((await ask(join(root, 'dog.png'))).json).toMatchObject({ error: { code: 'file_not_found' } });
    expect(harness.backend.calls).toHaveLength(1);
  });
});
