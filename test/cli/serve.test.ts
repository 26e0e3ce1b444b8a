/** `tutti serve`: how it begins, reads its config again, and ends. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { deferred } from '../../src/lib/deferred.ts';
import { createFakeUpstream } from '../../src/testing/fake-upstream.ts';
import { serve, Workspace } from './program.ts';

const FAKE_SERVER = new URL('../fixtures/fake-server.ts', import.meta.url).pathname;

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

async function workspaceWith(config: object): Promise<Workspace> {
  const workspace = await Workspace.createForTest();
  await configure(workspace, config);
  return workspace;
}

function configure(workspace: Workspace, config: object): Promise<void> {
  return writeFile(workspace.path('tutti.yaml'), JSON.stringify(config));
}

it('says for people where it listens, and on a signal that it ends', async () => {
  const workspace = await workspaceWith({ backends: {} });
  const program = workspace.start(['serve', '--port', '0', '--log-level', 'silent']);
  const [, url] = await program.says(/^Tutti listens on (http:\/\/127\.0\.0\.1:\d+) \(for OpenAI clients: \S+\/v1, .*\)/m);
  expect((await fetch(`${url}/healthz`)).headers.get('x-tutti-version')).toMatch(/^\d+\./);
  program.signal('SIGINT');
  expect(await program.ended).toMatchObject({ status: 0, stderr: 'Finishing what runs; a second signal stops at once.\n' });
});

it('finishes what runs at SIGTERM, refuses what comes, and leaves no child process', async () => {
  const gate = deferred();
  await using upstream = await createFakeUpstream({
    models: { slow: { answer: { text: ['one', ' two'], gates: { 1: gate.promise } } } },
  });
  const workspace = await workspaceWith({
    backends: {
      up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` },
      prog: { type: 'process', command: [process.execPath, FAKE_SERVER, '--port', '${PORT}'], models: ['echo'] },
    },
  });
  const server = await serve(workspace);
  const env = { TUTTI_URL: server.url };
  await workspace.run(['models', 'load', 'prog:echo'], { env });
  const { json } = await workspace.run(['ps', '--json'], { env });
  const { pid } = (json[0] as { memory_usage: { models: { pid: number }[] } }).memory_usage.models[0] ?? { pid: 0 };
  expect(lives(pid)).toBe(true);
  const client = workspace.start(['run', 'up:slow', 'Go on.'], { env });
  await client.says(/one/);
  server.signal('SIGTERM');
  await server.says(/Finishing what runs/);
  const refused = await workspace.run(['run', 'up:slow', 'Go on.'], { env });
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(/^The server is shutting down/) });
  gate.resolve();
  expect(await client.ended).toMatchObject({ status: 0, stdout: 'one two\n' });
  expect(await server.ended).toMatchObject({ status: 0 });
  expect([lives(pid), lives(server.pid)]).toEqual([false, false]);
});

it('stops at once at a second signal', async () => {
  await using upstream = await createFakeUpstream({
    models: { stuck: { answer: { text: 'one two', gates: { 1: new Promise(() => {}) } } } },
  });
  const workspace = await workspaceWith({
    backends: { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } },
  });
  const server = await serve(workspace);
  const client = workspace.start(['run', 'up:stuck', 'Go on.'], { env: { TUTTI_URL: server.url } });
  await client.says(/one/);
  server.signal('SIGTERM');
  await server.says(/a second signal stops at once/);
  server.signal('SIGTERM');
  expect(await server.ended).toMatchObject({ status: 0 });
  expect(await client.ended).toMatchObject({ status: 1, stdout: 'one\n', stderr: expect.stringContaining('(shutting_down: ') });
});

it('is missed by its clients when it is killed: an answer is never taken for whole', async () => {
  await using upstream = await createFakeUpstream({
    models: { stuck: { answer: { text: 'one two', gates: { 1: new Promise(() => {}) } } } },
  });
  const workspace = await workspaceWith({
    backends: { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } },
    server: { api_keys: [{ name: 'app', key: 'open-sesame', role: 'admin' }] },
  });
  const server = await serve(workspace);
  const env = { TUTTI_URL: server.url };
  const stranger = await workspace.run(['models'], { env });
  expect(stranger).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('(unauthorized: Give the key of the server with --key'),
  });
  const client = workspace.start(['run', 'up:stuck', 'Go on.', '--key', 'open-sesame'], { env });
  await client.says(/one/);
  server.signal('SIGKILL');
  expect(await client.ended).toMatchObject({
    status: 1,
    stdout: 'one\n',
    stderr: expect.stringContaining('broke off its answer'),
  });
});

it('does not start on a port in use, nor beyond loopback without a key, nor with a bad config', async () => {
  const workspace = await workspaceWith({ backends: {} });
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  try {
    const { port } = other.address() as AddressInfo;
    const taken = await workspace.run(['serve', '--port', String(port)]);
    expect(taken).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining(`Port ${port} of 127.0.0.1 is in use`),
    });
  } finally {
    other.close();
  }
  const open = await workspace.run(['serve', '--port', '0', '--host', '0.0.0.0', '--json']);
  expect(open).toMatchObject({ status: 1, json: [{ error: { code: 'listen_refused' } }] });
  expect(open.stderr).toContain('Without an API key the server listens on loopback only, not on 0.0.0.0.');
  await writeFile(workspace.path('tutti.yaml'), 'server:\n  prot: 1\n');
  const bad = await workspace.run(['serve']);
  expect(bad).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(/tutti\.yaml:2:3 server\.prot: no such key; did you mean `port`\?/),
  });
});

it('reads the config again at SIGHUP, and keeps the old one when the new one is bad', async () => {
  const workspace = await workspaceWith({ backends: {}, aliases: { pal: 'embedded:base' } });
  const server = await serve(workspace);
  await configure(workspace, { backends: {}, aliases: { mate: 'embedded:base' } });
  server.signal('SIGHUP');
  await server.says(/^Config reloaded: aliases\.$/m);
  await configure(workspace, { backends: {}, aliases: { mate: 'embedded:base' }, runs: { store_content: true } });
  server.signal('SIGHUP');
  await server.says(/^Config reloaded: runs\.\nOnly after a restart: runs\.$/m);
  await configure(workspace, { backends: {}, aliases: { auto: 'embedded:base' } });
  server.signal('SIGHUP');
  await server.says(/^The config was not reloaded, the old one stays:\n.*tutti\.yaml:1:\d+ aliases/m);
  const { json } = await workspace.run(['run', 'mate', 'x', '--json'], { env: { TUTTI_URL: server.url } });
  expect(json).not.toMatchObject([{ error: { code: 'model_not_found', model: 'mate' } }]);
});

it('reads it again by itself with --watch', async () => {
  const workspace = await workspaceWith({ backends: {} });
  const server = await serve(workspace, ['--watch']);
  await configure(workspace, { backends: {}, routing: { policy: 'cost' } });
  await server.says(/^Config reloaded: routing\.$/m);
  await writeFile(workspace.path('tutti.yaml'), 'routing: { policy: best }');
  await server.says(/not reloaded[^]*tutti\.yaml:1:20 routing\.policy/);
});

it('loads the plug-ins named by --plugin, beside those of the config', async () => {
  const workspace = await workspaceWith({ backends: {}, plugins: ['./one.mjs'] });
  for (const name of ['one', 'two', 'three']) {
    const plugin = { apiVersion: 1, name, models: [{ id: `embedded:${name}`, capabilities: ['text_generation'] }] };
    await writeFile(workspace.path(`${name}.mjs`), `export default ${JSON.stringify(plugin)};`);
  }
  const server = await serve(workspace, ['--plugin', './two.mjs', '--plugin', './three.mjs']);
  const { json } = await workspace.run(['models', '--json'], { env: { TUTTI_URL: server.url } });
  const { models } = json[0] as { models: { id: string }[] };
  expect(models.map(({ id }) => id)).toEqual(expect.arrayContaining(['embedded:one', 'embedded:three', 'embedded:two']));
  const bad = await workspace.run(['serve', '--port', '0', '--plugin', './four.mjs']);
  expect(bad).toMatchObject({ status: 1, stderr: expect.stringContaining('(plugin_invalid: ') });
});
