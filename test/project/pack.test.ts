import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { version } from '../../src/version.ts';
import { REPOSITORY } from './lint.ts';

const execute = promisify(execFile);
const MIB = 2 ** 20;

/** The pinned Node first, and none of the clone's other programs; nothing of the npm that may have called us. */
const env = Object.fromEntries(
  Object.entries({
    ...process.env,
    PATH: [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
  }).filter(([name]) => !/^npm_/i.test(name)),
);

/** The package, packed as for publishing and installed into an empty folder. Optional dependencies (llama.cpp) are left out. */
describe('the published package', () => {
  let folder: string;
  let packed: { readonly path: string; readonly size: number }[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tutti-pack-'));
    const { stdout } = await execute('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', folder], {
      cwd: REPOSITORY,
      env,
    });
    const [result] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as { filename: string; files: typeof packed }[];
    packed = result?.files ?? [];
    await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}');
    const install = ['install', '--prefer-offline', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=error'];
    await execute('npm', [...install, `./${result?.filename}`], { cwd: folder, env });
  }, 240_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const run = async (program: string, ...args: string[]): Promise<string> =>
    (
      await execute(program, args, {
        cwd: folder,
        env: { ...env, PATH: `${join(folder, 'node_modules', '.bin')}${delimiter}${env['PATH']}` },
      })
    ).stdout;
  const evaluate = (code: string): Promise<string> => run(process.execPath, '--input-type=module', '-e', code);

  test('is imported under its name, with what the library promises', async () => {
    const code = "const t = await import('tutti'); console.log(typeof t.createTutti, typeof t.getTutti, t.version)";
    expect(await evaluate(code)).toBe(`function function ${version}\n`);
  });

  test('has the fakes and contract suites for plug-in authors', async () => {
    const code = "const t = await import('tutti/testing'); console.log(new t.FakeBackend().id, typeof t.backendContract)";
    expect(await evaluate(code)).toBe('fake function\n');
  });

  test('runs as a command', async () => {
    expect(await run('tutti', '--version')).toBe(`${version}\n`);
  });

  test('has types that a strict consumer compiles against', async () => {
    const options = { module: 'nodenext', target: 'es2024', strict: true, noEmit: true, skipLibCheck: true, types: [] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }));
    await writeFile(
      join(folder, 'consumer.ts'),
      `import { createTutti, TuttiError, type Part } from 'tutti';
       import { FakeBackend } from 'tutti/testing';
       await using tutti = await createTutti();
       const { text } = await tutti.run({ model: 'panel', input: 'What is 2 + 2?' });
       const length: number = text.length;
       const parts: AsyncIterable<Part> = tutti.stream({ model: 'panel', input: 'x' });
       // @ts-expect-error an input is needed
       void tutti.run({ model: 'panel' });
       export { length, parts, TuttiError, FakeBackend };
      `,
    );
    const tsc = join(REPOSITORY, 'node_modules', 'typescript', 'bin', 'tsc');
    await expect(run(process.execPath, tsc, '-p', folder)).resolves.toBe('');
  });

  test('has every file that a process or worker is started from', async () => {
    const paths = packed.map((file) => file.path);
    const sources = (await readdir(join(REPOSITORY, 'src'), { recursive: true })).filter((name) => /(?<!\.test)\.ts$/.test(name));
    const entries: string[] = [];
    for (const source of sources) {
      const text = await readFile(join(REPOSITORY, 'src', source), 'utf8');
      for (const [, path = ''] of text.matchAll(/^(?! \*).*entryFile\(import\.meta\.url, '([^']+)'\)/gm)) {
        entries.push(`${join('dist', dirname(source), path)}.js`);
      }
    }
    expect(paths).toEqual(expect.arrayContaining(entries));
    expect(entries.length).toBeGreaterThan(0);
  });

  test('has the licence, the example config, the weights and their cards, and no sources or tests', () => {
    const paths = packed.map((file) => file.path);
    expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'tutti.example.yaml']));
    expect(paths).toEqual(
      expect.arrayContaining([expect.stringMatching(/^models\/weights\/.+\.gguf$/), expect.stringMatching(/^models\/cards\//)]),
    );
    expect(paths.filter((path) => /\.test\.|(?<!\.d)\.ts$|^(src|test|scripts|docs|bench|models\/training)\//.test(path))).toEqual(
      [],
    );
  });

  test('is small: the weights and little else', () => {
    const weights = packed.filter(({ path }) => path.endsWith('.gguf')).reduce((sum, { size }) => sum + size, 0);
    const rest = packed.reduce((sum, { size }) => sum + size, 0) - weights;
    expect(weights).toBeLessThan(20 * MIB);
    expect(rest).toBeLessThan(4 * MIB);
  });
});
