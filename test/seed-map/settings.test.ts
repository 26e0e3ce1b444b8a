/** One Tutti and its life: config, plug-ins, logs, the end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { readLines } from '../../src/lib/json-lines.ts';
import { FakeBackend } from '../../src/testing/fake-backend.ts';
import { createTutti, getTutti, type TuttiOptions } from '../../src/tutti.ts';
import { startServer } from '../server/harness.ts';
import { row } from './row.ts';
import { codeOf, get } from './wire.ts';

async function folder(files: Record<string, string> = {}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tutti-seed-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  return directory;
}

const quiet = { environment: {}, log: 'silent', discover: false } as const satisfies TuttiOptions;

describe('one Tutti', () => {
  row('get_orchestrator(config)', async () => {
    const directory = await folder({ 'tutti.yaml': 'pool: { max_loaded_models: 7 }\n' });
    await using fromFile = await createTutti({ ...quiet, directory });
    expect(fromFile.config.pool.max_loaded_models).toBe(7);
    await using inCode = await createTutti({ ...quiet, directory, pool: { maxLoadedModels: 8 } });
    expect(inCode.config.pool.max_loaded_models).toBe(8);
    expect(await codeOf(createTutti({ ...quiet, directory, pool: { maxLoadedModles: 8 } }))).toBe('config_invalid');
    await using shared = await getTutti({ ...quiet, directory });
    expect(shared.config.pool.max_loaded_models).toBe(7);
  });

  row('get_orchestrator() twice', async () => {
    const options = { ...quiet, directory: await folder() };
    const [first, second] = await Promise.all([getTutti(options), getTutti()]);
    await using one = first;
    expect(second).toBe(one);
    expect(await codeOf(getTutti({ ...options, pool: { max_loaded_models: 1 } }))).toBe('already_configured');
  });

  row('close()', async () => {
    const tutti = await createTutti({ ...quiet, directory: await folder(), backends: [new FakeBackend({ residency: 'local' })] });
    await tutti.pool.preload('fake:echo');
    await tutti.close();
    await tutti.close();
    await tutti.closed;
    expect(tutti.pool.list()).toEqual([]);
    expect(await codeOf(tutti.run({ model: 'fake:echo', input: 'x' }))).toBe('closed');
    let backend: FakeBackend;
    {
      backend = new FakeBackend({ residency: 'local' });
      await using held = await createTutti({ ...quiet, directory: await folder(), backends: [backend] });
      await held.pool.preload('fake:echo');
    }
    expect(backend.loaded).toEqual([]);
    // And by SIGTERM.
    const server = serve(await folder({ 'tutti.yaml': 'server: { port: 0 }\nbackends: {}\n' }));
    await server.ready;
    server.child.kill('SIGTERM');
    expect(await server.exit).toEqual([0, null]);
  });

  row('ModuleManager.load(name)', async () => {
    const plugin = (name: string) =>
      `export default { apiVersion: 1, name: '${name}', models: [{ id: 'fake:${name}', capabilities: ['star_gazing'] }] };`;
    const directory = await folder({ 'one.mjs': plugin('one'), 'two.mjs': plugin('two') });
    const paths = ['one.mjs', 'two.mjs'].map((file) => join(directory, file));
    await using harness = await startServer({ tutti: { plugins: paths.slice(0, 1), directory } });
    await harness.tutti.plugins.load(paths[1] ?? '');
    const loaded = ['one', 'two'].map((name) => ({ name, models: [`fake:${name}`], backends: [], strategies: [] }));
    expect(harness.tutti.plugins.list()).toMatchObject(loaded);
    expect(await get(harness, '/api/plugins')).toMatchObject({ plugins: loaded });
    expect(
      harness.tutti.registry
        .find('star_gazing')
        .map(({ model }) => model.id)
        .toSorted(),
    ).toEqual(['fake:one', 'fake:two']);
    expect(await codeOf(harness.tutti.plugins.load('./nowhere.mjs'))).toBe('plugin_invalid');
  });

  row('setup.sh, .env, uvicorn --reload, logs/', async () => {
    const directory = await folder({
      '.env': 'FROM_DOT_ENV=a-secret-key\n',
      'tutti.yaml': `server: { api_keys: [{ name: app, key: "\${FROM_DOT_ENV}" }], log: { level: debug, file: logs/tutti.log } }
aliases: { nick: 'fake:echo' }\nbackends: { gone: { type: ollama, base_url: 'http://127.0.0.1:1' } }\n`,
    });
    {
      const { log: _, ...loud } = quiet;
      await using tutti = await createTutti({ ...loud, directory });
      expect(tutti.config.server.api_keys[0]?.key).toBe('a-secret-key');
      await tutti.settled(); // that a backend is down is a line of the log
    }
    const lines = (await readFile(join(directory, 'logs', 'tutti.log'), 'utf8')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg).join('\n')).toContain('backend gone is down');
    // `serve --watch` reads the config again when it changes.
    const watched = await folder({ 'tutti.yaml': 'server: { port: 0 }\nbackends: {}\n' });
    const server = serve(watched, '--watch');
    await server.ready;
    await writeFile(join(watched, 'tutti.yaml'), 'server: { port: 0 }\nbackends: {}\nrouting: { policy: cost }\n');
    expect(await server.said(/Config reloaded: .*routing/)).toBe(true);
    server.child.kill('SIGTERM');
    expect(await server.exit).toEqual([0, null]);
  });
});

/** The real server in a process of its own. */
function serve(directory: string, ...options: string[]) {
  const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;
  const { TUTTI_CONFIG: _config, TUTTI_URL: _url, ...environment } = process.env;
  const child = spawn(process.execPath, [main, 'serve', '--json', ...options], {
    cwd: directory,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit');
  onTestFinished(async () => {
    if (child.exitCode === null) child.kill('SIGKILL');
    await exit;
  });
  const errors = readLines(child.stderr);
  return {
    child,
    exit,
    ready: readLines(child.stdout).next(),
    /** Whether it says so on standard error before it ends. */
    async said(pattern: RegExp): Promise<boolean> {
      // Not `for await`: leaving it would close the pipe, and the server ends when nobody reads it.
      for (let line = await errors.next(); line.done !== true; line = await errors.next())
        if (pattern.test(line.value)) return true;
      return false;
    },
  };
}
