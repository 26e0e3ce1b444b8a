import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Program, type ProgramOptions } from './program.ts';
import { serve, temporaryFolder } from './served.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the server with a config that should not let it start, and waits for its end. */
async function start(config: string, args: readonly string[] = [], options: Partial<ProgramOptions> = {}): Promise<Ended> {
  await using owned = new AsyncDisposableStack();
  const folder = await temporaryFolder(owned);
  await writeFile(join(folder, 'tutti.yaml'), config);
  await using program = new Program(['--config', join(folder, 'tutti.yaml'), 'serve', ...args], { folder, ...options });
  const { code } = await program.exited;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

// oxfmt-ignore
const CONFIGS: readonly [what: string, yaml: string, says: RegExp][] = [
  ['a value out of range', 'server:\n  port: 99999\n', /tutti\.yaml:2\b.*server\.port/],
  ['a key that is none, with the one that was meant', 'server:\n  prot: 1\n', /tutti\.yaml:2\b[^]*port/],
  ['YAML that is none', 'server: {port: 1\nbackends: [', /tutti\.yaml:[12]\b/],
  ['an alias that holds itself', 'server: &a\n  host: *a\n', /tutti\.yaml:2:9 /],
];

describe('a server does not start, and says why with file and line,', () => {
  it.each(CONFIGS)('with %s', async (_what, yaml, says) => {
    const { code, stderr } = await start(yaml);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n +at /);
    expect(code).toBe(2);
  });
});

describe('a server does not start, and says why,', () => {
  it('without an environment variable that the config reads', async () => {
    const { code, stderr } = await start(
      'backends:\n  o: { type: openai-compatible, preset: openai, api_key: "${NOT_THERE}" }\n',
    );
    expect(stderr).toMatch(/tutti\.yaml:2\b[^]*NOT_THERE/);
    expect(code).toBe(2);
  });

  it('without its config', async () => {
    await using owned = new AsyncDisposableStack();
    const folder = await temporaryFolder(owned);
    await using program = new Program(['--config', join(folder, 'none.yaml'), 'serve'], { folder });
    expect((await program.exited).code).toBe(2);
    expect(program.stderr).toMatch(/none\.yaml/);
  });

  it('on a port that is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    try {
      const { code, stderr } = await start('{}', ['--port', String(port)]);
      expect(stderr).toMatch(new RegExp(`${port}.*in use[^]*port_in_use`));
      expect(code).toBe(1);
    } finally {
      other.close();
    }
  });

  it('beyond loopback without a key', async () => {
    const { code, stderr } = await start('{}', ['--host', '0.0.0.0', '--port', '0']);
    expect(stderr).toMatch(/api_keys/);
    expect(code).toBe(1);
  });

  it('on an address of another machine', async () => {
    const { code, stderr } = await start('server: { api_keys: [{ name: a, key: secret-key }] }', [
      '--host',
      '192.0.2.1',
      '--port',
      '0',
    ]);
    expect(stderr).toMatch(/192\.0\.2\.1/);
    expect(stderr).not.toContain('secret-key');
    expect(code).toBe(1);
  });
});

describe('a server starts and answers', () => {
  it('with a database that is corrupt: it is moved aside', async () => {
    await using served = await serve({
      prepare: async (folder) => {
        await mkdir(join(folder, '.tutti'));
        await writeFile(join(folder, '.tutti', 'tutti.db'), 'This is no database. '.repeat(1000));
      },
    });
    const { json } = await served.json('/api/status');
    const [moved] = / \S*tutti\.db\.corrupt-\w+(-\w+)*/.exec(JSON.stringify(json)) ?? [];
    expect(await readFile(moved?.trim() ?? '', 'utf8')).toMatch(/^This is no database/);
    expect(await served.json('/readyz')).toMatchObject({ status: 200 });
  });

  it('without a place for its data, and says so', async () => {
    await using served = await serve({
      config: { data_dir: './data' },
      prepare: (folder) => writeFile(join(folder, 'data'), 'a file where the folder should be'),
    });
    expect(JSON.stringify((await served.json('/api/status')).json)).toMatch(/data_dir|cannot be opened/);
    expect((await served.json('/v1/models')).status).toBe(200);
  });

  it('with a folder of models that goes in circles', async () => {
    await using served = await serve({ prepare: (folder) => symlink('.', join(folder, 'models', 'again')) });
    expect((await served.json('/v1/models')).status).toBe(200);
  });
});
