import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { version } from '../../src/version.ts';
import { REPOSITORY } from './lint.ts';

const execFileAsync = promisify(execFile);

/** Says all that a program wrote when it fails: compilers write their complaints to standard output. */
async function execute(program: string, args: readonly string[], options: object): Promise<string> {
  try {
    return (await execFileAsync(program, args, { ...options, encoding: 'utf8', maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    const { message, stdout } = error as Error & { stdout: string };
    throw new Error(`${message}\n${stdout}`, { cause: error });
  }
}
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
    const stdout = await execute('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', folder], {
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

  const run = (program: string, ...args: string[]): Promise<string> =>
    execute(program, args, {
      cwd: folder,
      env: {
        ...env,
        TUTTI_DATA_DIR: join(folder, 'data'),
        PATH: `${join(folder, 'node_modules', '.bin')}${delimiter}${env['PATH']}`,
      },
    });
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

  test('without llama.cpp it says how to add it', async () => {
    await expect(run('tutti', '--local', 'run', 'embedded:base', 'What is 1 + 1?')).rejects.toThrow(/node-llama-cpp/);
  });

  test('with llama.cpp it answers from the embedded weights', async () => {
    const modules = join(folder, 'node_modules');
    await symlink(join(REPOSITORY, 'node_modules', 'node-llama-cpp'), join(modules, 'node-llama-cpp'));
    const answer = await run('tutti', '--local', '--json', 'run', 'embedded:base', 'What is 1 + 1?');
    expect(JSON.parse(answer)).toMatchObject({ model: 'embedded:base', text: expect.stringMatching(/./), finish_reason: 'stop' });
    await rm(join(modules, 'node-llama-cpp'));
  });

  test('has types that a strict consumer compiles against', async () => {
    const options = { module: 'nodenext', target: 'esnext', strict: true, noEmit: true, skipLibCheck: true, types: [] };
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
    expect(entries.filter((entry) => !paths.includes(entry))).toEqual([]);
    expect(entries.length).toBeGreaterThan(0);
  });

  test('has the licence, the example config, the weights and their cards, and no sources or tests', () => {
    const paths = packed.map((file) => file.path);
    const wanted = [
      /^LICENSE$/,
      /^README\.md$/,
      /^CHANGELOG\.md$/,
      /^tutti\.example\.yaml$/,
      /^models\/weights\/.+\.gguf$/,
      /^models\/cards\//,
    ];
    expect(wanted.filter((pattern) => !paths.some((path) => pattern.test(path)))).toEqual([]);
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
