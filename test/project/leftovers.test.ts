import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { leftovers } from '../../scripts/leftovers.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-leftovers-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a run that cleans up has left nothing', async () => {
  await writeFile(join(folder, 'report.json'), '{}');
  expect(await leftovers(folder, ['report.json'])).toEqual([]);
});

test('a file is found', async () => {
  await writeFile(join(folder, 'forgotten'), '');
  expect(await leftovers(folder, [])).toEqual(['a temporary file: forgotten']);
});

test('a process that is about to end is waited for', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume(); console.log("up")'], {
    env: { ...process.env, TMPDIR: folder },
  });
  await once(child.stdout, 'data');
  const found = leftovers(folder, []);
  child.stdin.end();
  expect(await found).toEqual([]);
});
