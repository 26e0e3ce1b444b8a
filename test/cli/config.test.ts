/** `tutti config`: check, init, schema and show; and what a bad config is to other commands. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Workspace } from './program.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await Workspace.create();
});
afterAll(() => workspace[Symbol.asyncDispose]());
beforeEach(() => configure(''));

function configure(text: string): Promise<void> {
  return writeFile(workspace.path('tutti.yaml'), text);
}

it('says that a config is good, and warns of variables that are no keys of it', async () => {
  const file = workspace.path('tutti.yaml');
  expect(await workspace.run(['config', 'check'])).toMatchObject({ status: 0, stdout: `${file} is good.\n`, stderr: '' });
  const env = { TUTTI_SERVER_PROT: '1' };
  const { json } = await workspace.run(['config', 'check', '--json'], { env });
  expect(json).toEqual([{ ok: true, file, warnings: [expect.stringContaining('TUTTI_SERVER_PROT')] }]);
});

it('names file, line and reason of every error', async () => {
  await configure('server:\n  prot: 1\nrouting:\n  policy: best\n');
  const { status, stdout, stderr } = await workspace.run(['config', 'check']);
  expect([status, stdout]).toEqual([2, '']);
  const file = workspace.path('tutti.yaml');
  expect(stderr).toContain(`${file}:2:3 server.prot: no such key; did you mean \`port\`?\n`);
  expect(stderr).toContain(`${file}:4:11 routing.policy: `);
  const { json } = await workspace.run(['config', 'check', '--json']);
  expect(json).toMatchObject([
    {
      ok: false,
      code: 'config_invalid',
      issues: [
        { file, line: 2, column: 3, path: 'server.prot' },
        { line: 4, path: 'routing.policy' },
      ],
    },
  ]);
});

it('names the variable that is not set, and the file that does not exist', async () => {
  await configure('backends: { up: { type: openai-compatible, base_url: "http://127.0.0.1:9", api_key: "${NO_SUCH}" } }\n');
  const unset = await workspace.run(['config', 'check']);
  expect(unset).toMatchObject({ status: 2, stderr: expect.stringMatching(/tutti\.yaml:1:\d+ .*NO_SUCH is not set/) });
  const missing = await workspace.run(['config', 'check', '--config', 'other.yaml']);
  expect(missing).toMatchObject({ status: 2, stderr: expect.stringContaining('other.yaml. `tutti config init` writes one.') });
});

it('stops other commands, with status 2', async () => {
  await configure('server: { port: many }\n');
  const { status, stdout, stderr } = await workspace.run(['models']);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/tutti\.yaml:1:17 server\.port: .*\n\(config_invalid: /);
});

it('writes a commented example that is good, and no file twice', async () => {
  const written = await workspace.run(['config', 'init', '-o', 'new.yaml', '--json']);
  expect(written).toMatchObject({ status: 0, json: [{ file: workspace.path('new.yaml') }] });
  expect(await workspace.run(['-c', 'new.yaml', 'config', 'check'])).toMatchObject({ status: 0 });
  await writeFile(workspace.path('new.yaml'), '');
  const again = await workspace.run(['config', 'init', '-o', 'new.yaml']);
  expect(again).toMatchObject({ status: 2, stderr: expect.stringContaining('overwrite it with --force') });
  expect(await workspace.run(['config', 'init', '-o', 'new.yaml', '--force'])).toMatchObject({ status: 0 });
  expect(await readFile(workspace.path('new.yaml'), 'utf8')).toMatch(/^#/);
  const nowhere = await workspace.run(['config', 'init', '-o', 'no/such/folder.yaml']);
  expect(nowhere).toMatchObject({ status: 2, stderr: expect.stringContaining('cannot be written') });
});

it('prints the JSON Schema', async () => {
  const { json } = await workspace.run(['config', 'schema', '--json']);
  expect(json).toMatchObject([{ type: 'object', properties: { server: {}, backends: {}, routing: {} } }]);
});

it('shows what counts in the end, without secrets', async () => {
  await configure('server: { api_keys: [{ name: app, key: "sesame-open-up" }] }\n');
  const env = { TUTTI_ROUTING_POLICY: 'cost' };
  const { stdout } = await workspace.run(['config', 'show'], { env });
  expect(stdout).toMatch(/^# .*tutti\.yaml\nserver:\n/);
  expect(stdout).toContain('  policy: cost\n');
  expect(stdout).toContain('name: app\n');
  expect(stdout).not.toContain('sesame');
  const { json } = await workspace.run(['config', 'show', '--json'], { env });
  expect(json).toMatchObject([{ config: { server: { api_keys: [{ key: '(hidden)' }] } } }]);
});
