import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { outerPath } from '../../scripts/setup.mjs';
import { REPOSITORY } from './lint.ts';

interface Ready {
  readonly ready: true;
  readonly url: string;
  readonly pid: number;
}

/** The first line that says where the server listens. Rejects with all lines when there is none. */
async function readyLine(lines: AsyncIterable<string>): Promise<Ready> {
  const seen: string[] = [];
  for await (const line of lines) {
    seen.push(line);
    if (line.startsWith('{"ready":true')) return JSON.parse(line) as Ready;
  }
  throw new Error(`the server did not start:\n${seen.join('\n')}`);
}

test('`npm start` runs the server on the pinned Node, and SIGTERM to npm ends it', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'tutti-start-'));
  const env = {
    ...process.env,
    PATH: outerPath(process.env['PATH'] ?? '', REPOSITORY) + delimiter + '/usr/bin',
    TUTTI_DATA_DIR: dataDir,
  };
  const npm = spawn('npm', ['start', '--', '--port', '0', '--json'], {
    cwd: REPOSITORY,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // `close` comes once everyone who holds the pipe has ended: npm, and the server with it.
  const closed = once(npm, 'close');
  try {
    const { url, pid } = await readyLine(createInterface({ input: npm.stdout }));
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    npm.kill('SIGTERM');
    await closed;
    expect(() => process.kill(pid, 0)).toThrow(expect.objectContaining({ code: 'ESRCH' }));
    await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed');
  } finally {
    npm.kill('SIGKILL');
    await closed;
    await rm(dataDir, { recursive: true, force: true });
  }
});
