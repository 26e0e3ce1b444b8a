/** What a fresh machine can do: the embedded models, by the command line alone. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serve, Workspace } from './program.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await Workspace.create();
  const config = {
    server: { port: 0 },
    // Nothing listens there.
    backends: { cloud: { type: 'openai-compatible', base_url: 'http://127.0.0.1:9/v1' } },
    models: { 'cloud:big': { capabilities: ['text_generation'] } },
    orchestrations: { safe: { strategy: 'fallback', members: ['cloud:big', 'embedded:base'] } },
    routing: { retries: 0 },
  };
  await writeFile(workspace.path('tutti.yaml'), JSON.stringify(config));
  const schema = {
    type: 'object',
    properties: { larger: { enum: [17, 71] } },
    required: ['larger'],
    additionalProperties: false,
  };
  await writeFile(workspace.path('schema.json'), JSON.stringify(schema));
  const weather = {
    name: 'get_weather',
    description: 'Get the weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  };
  await writeFile(workspace.path('tools.json'), JSON.stringify([{ type: 'function', function: weather }]));
  const { url } = await serve(workspace);
  environment = { TUTTI_URL: url };
});
afterAll(() => workspace[Symbol.asyncDispose]());

let environment: Record<string, string> = {};
const tutti = async (...words: string[]) => {
  const finished = await workspace.run(words, { env: environment });
  expect(finished).toMatchObject({ status: 0 });
  return finished;
};

it('answers in a stream', async () => {
  expect((await tutti('run', 'embedded:base', 'What is 12 + 30?')).stdout).toMatch(/^\S.*\n$/);
});

it('shows the probability of each token', async () => {
  const { stdout } = await tutti('run', 'embedded:base', '--logprobs', 'What is 7 * 12?');
  expect(stdout).toMatch(/^.+\n( +\d+\.\d % {2}".+"\n)+$/);
});

it('answers as a JSON schema says', async () => {
  const { stdout } = await tutti('run', 'embedded:base', '--schema', 'schema.json', 'Which is larger, 17 or 71?');
  expect([17, 71]).toContain((JSON.parse(stdout) as { larger: number }).larger);
});

it('calls a tool that fits, and none that does not', async () => {
  const offered = async (question: string) => {
    const { json } = await tutti('--json', 'run', 'embedded:tools', '--tools', 'tools.json', question);
    return json as unknown;
  };
  expect(await offered('What is the weather in Paris?')).toMatchObject([
    { tool_calls: [{ name: 'get_weather', arguments: '{"city": "Paris"}' }], finish_reason: 'tool_calls' },
  ]);
  expect(await offered('Tell me a joke.')).toMatchObject([{ text: 'No tool fits.', tool_calls: [], finish_reason: 'stop' }]);
});

it('falls back from a provider that is down, and explains it', async () => {
  const { stdout, stderr } = await tutti('run', 'safe', '--explain', 'What is 20 - 8?');
  expect(stdout).toMatch(/^\S.*\n$/);
  expect(stderr).toMatch(/cloud:big.*upstream_unreachable[\s\S]*embedded:base.*ok/);
});
