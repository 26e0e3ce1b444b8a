/**
 * A disk that is full or read-only. A real one needs a file system of its own: a tmpfs in a mount namespace, which needs
 * Linux's `unshare` and a kernel that lets this user have it. Elsewhere (most containers) a limit on the size of files
 * stands in for the full disk, and a folder in the place of the database for the read-only one.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFakeUpstream, type FakeUpstream } from '../../src/testing/fake-upstream.ts';
import { serve, type Config, type Served } from './served.ts';

const NAMESPACE = ['unshare', '--mount', '--map-root-user'] as const;
const [unshare, ...flags] = NAMESPACE;
const canMount = spawnSync(unshare, [...flags, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

/** Prepares `data` by a shell command, and becomes the server. */
const after = (script: string): string[] => ['sh', '-c', `${script} && exec "$@"`, 'sh'];

let upstream: FakeUpstream;
beforeAll(async () => {
  upstream = await createFakeUpstream({ models: { quick: { answer: 'Yes.' } } });
});
afterAll(() => upstream.stop());

const config = (): Config => ({
  data_dir: './data',
  backends: { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } },
  runs: { store_content: true },
});

/** A call whose record takes this many characters on the disk. */
async function ask(served: Served, length = 1): Promise<string> {
  const response = await served.fetch('/v1/chat/completions', {
    model: 'up:quick',
    messages: [{ role: 'user', content: 'x'.repeat(length) }],
  });
  expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'Yes.' } }] });
  return response.headers.get('x-tutti-run-id') ?? '';
}

type Turn = 'storage.degraded' | 'storage.recovered';

/**
 * Makes the disk so, and asks on and on until that is said. Who listens must listen before: the change is said once, and the
 * next batch may meet it at any moment.
 */
async function turn(served: Served, type: Turn, make: () => Promise<void>, length?: number): Promise<string> {
  await using events = await served.events();
  const seen = events.next(type);
  let message: unknown;
  void seen.then(({ data }) => (message = data['message']));
  await make();
  while (message === undefined) await ask(served, length);
  return JSON.stringify(message);
}

it('answers while the disk is full, says so, and keeps history again once there is room', async () => {
  await using served = await serve({
    config: config(),
    through: canMount
      ? [...NAMESPACE, ...after('mkdir data && mount -t tmpfs -o size=4m tmpfs data')]
      : after('mkdir data && ulimit -f 2000'),
  });
  await ask(served);
  const ballast = `/proc/${served.program.pid}/root${served.folder}/data/ballast`;
  const filled = await turn(served, 'storage.degraded', async () => (canMount ? fill(ballast) : undefined), 60_000);
  expect(filled).toMatch(canMount ? /disk is full/ : /disk/);
  expect(JSON.stringify((await served.json('/api/status')).json)).toMatch(/the disk/);
  if (!canMount) return;
  await turn(served, 'storage.recovered', () => rm(ballast));
  const run = await ask(served);
  expect(await served.json(`/api/runs/${run}`)).toMatchObject({ status: 200, json: { status: 'completed' } });
  expect(served.program.stderr).not.toMatch(/a bug|internal_error/);
});

it('answers while the database cannot be written, and says so', async () => {
  await using served = await serve({
    config: config(),
    prepare: async (folder) => {
      await mkdir(join(folder, 'data'));
      if (canMount) await writeFile(join(folder, 'data', 'tutti.db'), '');
      else await mkdir(join(folder, 'data', 'tutti.db'));
    },
    through: canMount ? [...NAMESPACE, ...after('mount --bind data data && mount -o remount,bind,ro data')] : [],
  });
  const run = await ask(served);
  const { json } = await served.json('/api/status');
  expect(JSON.stringify(json)).toMatch(canMount ? /cannot be written/ : /cannot be opened/);
  expect((await served.json('/api/runs')).status).toBeLessThan(600);
  expect(run).not.toBe('');
  expect(served.program.stderr).not.toMatch(/a bug|internal_error/);
});

async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    const block = Buffer.alloc(4096);
    for (;;) await file.write(block);
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  } finally {
    await file.close();
  }
}
