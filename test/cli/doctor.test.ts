/** `tutti doctor` finds what is wrong and says how to mend it. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { createFakeUpstream } from '../../src/testing/fake-upstream.ts';
import { Workspace } from './program.ts';

async function workspaceWith(config: object): Promise<Workspace> {
  const workspace = await Workspace.createForTest();
  await writeFile(workspace.path('tutti.yaml'), JSON.stringify({ server: { port: 9 }, ...config }));
  return workspace;
}

it('finds nothing wrong with what is well', async () => {
  await using upstream = await createFakeUpstream();
  const workspace = await workspaceWith({
    backends: { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } },
  });
  const { status, stdout, stderr } = await workspace.run(['doctor']);
  expect([status, stderr]).toEqual([0, '']);
  for (const what of ['runtime', 'config', 'backend embedded', 'backend up', 'memory', 'database', 'disk', 'server']) {
    expect(stdout).toMatch(new RegExp(`^[✓!] ${what}  `, 'm'));
  }
});

it('finds a backend that does not answer', async () => {
  await using upstream = await createFakeUpstream();
  const workspace = await workspaceWith({
    backends: { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } },
  });
  await upstream.stop();
  const { status, stdout } = await workspace.run(['doctor']);
  expect(status).toBe(1);
  expect(stdout).toMatch(/^✗ backend up .*nothing listens there\. Start it, or correct `backends\.up`/m);
});

it('finds a variable that is not set', async () => {
  const workspace = await workspaceWith({
    backends: { up: { type: 'openai-compatible', base_url: 'http://127.0.0.1:9', api_key: '${NO_SUCH}' } },
  });
  const { status, json } = await workspace.run(['doctor', '--json']);
  expect(status).toBe(1);
  const message = expect.stringMatching(/NO_SUCH is not set[^]*Set NO_SUCH, put it into \.env/) as string;
  expect(json).toMatchObject([
    { ok: false, findings: expect.arrayContaining([{ what: 'config', state: 'problem', message }]) as unknown },
  ]);
});

it('finds a corrupt database, which is kept', async () => {
  const workspace = await workspaceWith({ backends: {} });
  await mkdir(workspace.path('.tutti'));
  await writeFile(workspace.path('.tutti/tutti.db'), 'this is no database. '.repeat(500));
  const { stdout } = await workspace.run(['doctor']);
  expect(stdout).toMatch(/^! database .*was corrupt and is kept as .*tutti\.db\.corrupt-/m);
  expect((await readdir(workspace.path('.tutti'))).filter((name) => name.includes('corrupt'))).toHaveLength(1);
});

it('finds a data folder that cannot be made', async () => {
  const workspace = await workspaceWith({ backends: {}, data_dir: './file/data' });
  await writeFile(workspace.path('file'), '');
  const { status, stdout } = await workspace.run(['doctor']);
  expect(status).toBe(1);
  expect(stdout).toMatch(/^✗ (database|disk|start) /m);
});
