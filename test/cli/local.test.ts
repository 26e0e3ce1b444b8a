/** Commands where no server runs: they make a Tutti in their own process. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { FakeHub } from '../../src/testing/fake-hub.ts';
import { createFakeUpstream } from '../../src/testing/fake-upstream.ts';
import { makeGguf } from '../../src/testing/gguf-writer.ts';
import { Workspace } from './program.ts';

/** A workspace whose config points at an upstream, and at a port where no server listens. */
async function workspaceWith(upstream: { readonly url: string }, more: object = {}): Promise<Workspace> {
  const workspace = await Workspace.createForTest();
  const backends = { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } };
  await writeFile(workspace.path('tutti.yaml'), JSON.stringify({ server: { port: 9 }, backends, ...more }));
  return workspace;
}

it('asks, lists and counts without a server', async () => {
  await using upstream = await createFakeUpstream({ models: { echo: {} } });
  const workspace = await workspaceWith(upstream);
  expect(await workspace.run(['run', 'up:echo', 'Hello there'])).toMatchObject({
    status: 0,
    stdout: 'Hello there\n',
    stderr: '',
  });
  const { stdout, stderr } = await workspace.run(['models']);
  expect([stdout, stderr]).toMatchObject([expect.stringMatching(/^up:echo +remote/m), '']);
  // The database outlives the process that wrote it.
  expect((await workspace.run(['ps', '--stats', '--json'])).json).toMatchObject([
    { total_executions: 1, model_usage: { 'up:echo': 1 } },
  ]);
});

it('says that a change will not last', async () => {
  await using upstream = await createFakeUpstream({ models: { echo: {} } });
  const workspace = await workspaceWith(upstream);
  const { status, stderr } = await workspace.run(['models', 'set', 'up:echo', 'quality.vision=0.5', '--json']);
  expect([status, stderr]).toEqual([0, 'No server runs at http://127.0.0.1:9, so this lasts only until the command ends.\n']);
});

it('lists what it can when a backend is down, and says which', async () => {
  await using upstream = await createFakeUpstream();
  const workspace = await workspaceWith(upstream);
  await upstream.stop();
  const { status, stdout, stderr } = await workspace.run(['models']);
  expect([status, stdout]).toMatchObject([0, expect.stringMatching(/^embedded:/m)]);
  expect(stderr).toMatch(/^Warning: backend up is down: .*nothing listens there/m);
});

it('stops the run at Ctrl-C', async () => {
  await using upstream = await createFakeUpstream({
    models: { stuck: { answer: { text: 'one two', gates: { 1: new Promise(() => {}) } } } },
  });
  const workspace = await workspaceWith(upstream);
  const request = upstream.nextRequest('/v1/chat');
  const program = workspace.start(['run', 'up:stuck', 'Go on.']);
  await program.says(/one/);
  program.signal('SIGINT');
  expect(await (await request).ended).toBe('aborted');
  expect(await program.ended).toMatchObject({ status: 130, stdout: 'one\n', stderr: '' });
});

it('pulls a model, shows how far it is, and names it', async () => {
  const workspace = await Workspace.createForTest();
  await makeGguf(workspace.path('made.gguf'));
  const bytes = await readFile(workspace.path('made.gguf'));
  await using hub = await FakeHub.start({ repositories: { 'org/repo': { files: { 'tiny-Q4_K_M.gguf': bytes } } } });
  await writeFile(
    workspace.path('tutti.yaml'),
    'server: { port: 9 }\nbackends: { gguf: { type: llama-cpp, models_dir: ./models } }\n',
  );
  const env = { HF_ENDPOINT: hub.endpoint };
  const { status, stdout, stderr } = await workspace.run(['pull', 'hf:org/repo:Q4_K_M'], { env });
  expect([status, stdout]).toEqual([0, 'hf:org/repo:Q4_K_M is here. Ask it: tutti run gguf:tiny-Q4_K_M "…"\n']);
  expect(stderr).toMatch(/^org\/repo resolving 0 B\ntiny-Q4_K_M\.gguf downloading [^]*tiny-Q4_K_M\.gguf done 100% /);
  expect(await readFile(workspace.path('models/tiny-Q4_K_M.gguf'))).toEqual(bytes);
  const again = await workspace.run(['pull', 'hf:org/repo:Q4_K_M', '--json'], { env });
  expect(again.json.at(-1)).toEqual({ model: 'hf:org/repo:Q4_K_M', ok: true, added: [] });
  expect(again.json).toContainEqual(expect.objectContaining({ progress: 'tiny-Q4_K_M.gguf present', fraction: 1 }));
  expect(hub.downloads).toHaveLength(1);
});

it('says why a pull failed', async () => {
  await using hub = await FakeHub.start({ repositories: {} });
  const workspace = await Workspace.createForTest();
  await writeFile(workspace.path('tutti.yaml'), 'backends: { gguf: { type: llama-cpp, models_dir: ./models } }\n');
  const pull = (model: string) => workspace.run(['--local', 'pull', model], { env: { HF_ENDPOINT: hub.endpoint } });
  const missing = await pull('hf:org/nothing:Q4_K_M');
  expect(missing).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('org/nothing') });
  expect(await pull('tiny')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('Write hf:org/repo:Q4_K_M, or backend:name'),
  });
  expect(existsSync(workspace.path('models'))).toBe(false);
});

it('ends quietly when nobody reads its output', async () => {
  await using upstream = await createFakeUpstream();
  const workspace = await workspaceWith(upstream);
  const program = workspace.start(['models']);
  program.child.stdout?.destroy();
  expect(await program.ended).toMatchObject({ status: 141, stderr: '' });
});
