/** Commands against a server that has an Ollama behind it. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeUpstream, type FakeUpstream } from '../../src/testing/fake-upstream.ts';
import { serve, Workspace, type Finished, type ProgramOptions } from './program.ts';

let workspace: Workspace;
let upstream: FakeUpstream;
let url: string;

beforeAll(async () => {
  workspace = await Workspace.create();
  upstream = await createFakeUpstream({ models: { chat: { size: 2 ** 30 }, vec: { embed: (text) => [text.length, 3] } } });
  const box = { type: 'ollama', base_url: upstream.url, gpu_memory_limit_mb: 11_000 };
  const gone = { type: 'ollama', base_url: 'http://127.0.0.1:1' };
  await writeFile(workspace.path('tutti.yaml'), JSON.stringify({ backends: { box, gone } }));
  ({ url } = await serve(workspace));
});
afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await workspace[Symbol.asyncDispose]();
});

function tutti(words: readonly string[], options: ProgramOptions = {}): Promise<Finished> {
  return workspace.run(words, { ...options, env: { TUTTI_URL: url, ...options.env } });
}

describe('use embed', () => {
  it('prints the vector of each text, a line each', async () => {
    const words = ['use', 'embed', '--text', 'four', '--text', 'three'];
    expect(await tutti(words)).toMatchObject({ status: 0, stdout: '[4,3]\n[5,3]\n', stderr: '' });
  });

  it('takes standard input, and names model and usage with --json', async () => {
    const { json } = await tutti(['use', 'embed', '--model', 'box:vec', '--dimensions', '2', '--json'], { input: 'four' });
    expect(json).toEqual([{ model: 'box:vec', vectors: [[4, 3]], usage: { input_tokens: expect.any(Number) } }]);
    expect(upstream.requests.at(-1)?.body).toMatchObject({ input: ['four'], dimensions: 2 });
  });

  it.each([
    ['no text', ['use', 'embed'], 2, /There is no text\. Give it: tutti use embed --text/],
    ['an unknown backend', ['use', 'embed', '--text', 'x', '--backend', 'bix'], 2, /bix.*box/],
    ['a model that cannot', ['use', 'embed', '--text', 'x', '--model', 'box:chat'], 2, /cannot `embed`/],
  ] as const)('says so with %s', async (_what, words, status, message) => {
    expect(await tutti(words, { input: '' })).toMatchObject({ status, stdout: '', stderr: expect.stringMatching(message) });
  });
});

describe('ps', () => {
  it('shows what remote servers hold, of how much', async () => {
    await tutti(['use', 'embed', '--text', 'x']);
    await tutti(['run', 'box:chat', 'Hello']);
    const { stdout } = await tutti(['ps']);
    expect(stdout).toMatch(/^box {2}2048 of 11000 MiB of GPU memory: box:vec 1024 MiB, box:chat 1024 MiB$/m);
    expect(stdout).toMatch(/^gone {2}does not say what it holds$/m);
  });
});
