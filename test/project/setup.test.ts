import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { adviceFor, outerPath, satisfies, stampOf } from '../../scripts/setup.mjs';
import { REPOSITORY } from './lint.ts';

describe('scripts/setup.mjs', () => {
  let clone: string;
  beforeEach(async () => {
    clone = await mkdtemp(join(tmpdir(), 'tutti-setup-'));
    await mkdir(join(clone, 'scripts'));
    await mkdir(join(clone, 'bin'));
    await cp(join(REPOSITORY, 'scripts', 'setup.mjs'), join(clone, 'scripts', 'setup.mjs'));
    await writeFile(join(clone, 'package.json'), '{"allowScripts":{"node":true}}');
    await writeLockfile('1.0.0');
  });
  afterEach(() => rm(clone, { recursive: true, force: true }));

  const writeLockfile = (version: string): Promise<void> =>
    writeFile(join(clone, 'package-lock.json'), JSON.stringify({ packages: { '': {}, 'node_modules/a': { version } } }));

  /** An npm that notes how it was called; `ci` then runs this shell script. */
  async function fakeNpm(ci: string, version = '11.0.0'): Promise<void> {
    const script = `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; exit; fi\necho "$*" >> calls\n${ci}\n`;
    await writeFile(join(clone, 'bin', 'npm'), script);
    await chmod(join(clone, 'bin', 'npm'), 0o755);
  }
  const INSTALLS = 'rm -rf node_modules; mkdir -p node_modules/node/bin; touch node_modules/node/bin/node';

  function setUp(): Promise<{ code: number; stderr: string }> {
    const { npm_execpath: _cli, npm_node_execpath: _node, ...env } = process.env;
    const PATH = [join(clone, 'bin'), '/usr/bin', '/bin'].join(delimiter);
    return new Promise((done) => {
      execFile(process.execPath, [join(clone, 'scripts', 'setup.mjs')], { env: { ...env, PATH } }, (error, _, stderr) => {
        done({ code: error === null ? 0 : Number(error.code), stderr });
      });
    });
  }
  const calls = (): Promise<string> => readFile(join(clone, 'calls'), 'utf8');

  test('installs a bare clone once, with the development dependencies', async () => {
    await fakeNpm(INSTALLS);
    expect(await setUp()).toMatchObject({ code: 0 });
    expect(await setUp()).toEqual({ code: 0, stderr: '' });
    expect(await calls()).toMatch(/^ci --include=dev .*\n$/);
  });

  test('installs again when the lockfile has changed', async () => {
    await fakeNpm(INSTALLS);
    await setUp();
    await writeLockfile('2.0.0');
    await setUp();
    expect((await calls()).trim().split('\n')).toHaveLength(2);
  });

  test('leaves alone what `npm install` has already brought to the state of the lockfile', async () => {
    await fakeNpm(INSTALLS);
    await setUp();
    await writeLockfile('2.0.0');
    await cp(join(clone, 'package-lock.json'), join(clone, 'node_modules', '.package-lock.json'));
    await setUp();
    expect((await calls()).trim().split('\n')).toHaveLength(1);
  });

  test('installs once for two commands at the same time', async () => {
    await fakeNpm(INSTALLS);
    const both = await Promise.all([setUp(), setUp()]);
    expect(both).toMatchObject([{ code: 0 }, { code: 0 }]);
    expect((await calls()).trim().split('\n')).toHaveLength(1);
    expect(await readdir(clone)).not.toContain('.setup.lock');
  });

  test('takes over from one that was killed', async () => {
    await fakeNpm(INSTALLS);
    const NO_PROCESS = 2 ** 22 + 1; // above the largest process id
    await writeFile(join(clone, '.setup.lock'), String(NO_PROCESS));
    expect(await setUp()).toMatchObject({ code: 0 });
  });

  test('says what to do when npm fails, and tries again the next time', async () => {
    await fakeNpm('echo "npm error code ENOTFOUND" >&2; exit 1');
    const { code, stderr } = await setUp();
    expect(code).toBe(1);
    expect(stderr).toContain('npm error code ENOTFOUND');
    expect(stderr).toContain('tutti: npm ci failed. The npm registry cannot be reached.');
    await fakeNpm(INSTALLS);
    expect(await setUp()).toMatchObject({ code: 0 });
  });

  test('says so when the pinned Node was left out', async () => {
    await fakeNpm('mkdir -p node_modules');
    expect((await setUp()).stderr).toContain('npm ci left out the pinned Node');
  });

  test('refuses an npm that is too old', async () => {
    await fakeNpm(INSTALLS, '8.19.0');
    expect((await setUp()).stderr).toContain('npm 8.19.0 is too old');
  });

  test('refuses a folder without a lockfile', async () => {
    await rm(join(clone, 'package-lock.json'));
    expect(await setUp()).toMatchObject({ code: 1, stderr: expect.stringContaining('not a whole clone') });
  });
});

describe('what setup decides by', () => {
  const lockfile = JSON.stringify({
    packages: { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0', optional: true } },
  });
  const installed = (packages: object): string => JSON.stringify({ packages });

  test.each([
    ['everything is there', { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0' } }, true],
    ['only an optional package is left out', { 'node_modules/a': { version: '1.0.0' } }, true],
    ['a package is missing', { 'node_modules/b': { version: '2.0.0' } }, false],
    ['a package has another version', { 'node_modules/a': { version: '1.0.1' } }, false],
  ])('when %s', (_, packages, expected) => {
    expect(satisfies(lockfile, installed(packages))).toBe(expected);
  });

  test('the stamp depends on the lockfile, the approved scripts and the machine', () => {
    const stamps = [
      stampOf('a', '{}', 'linux-x64'),
      stampOf('b', '{}', 'linux-x64'),
      stampOf('a', '{"allowScripts":{"node":true}}', 'linux-x64'),
      stampOf('a', '{}', 'darwin-arm64'),
    ];
    expect(new Set(stamps).size).toBe(stamps.length);
    expect(stampOf('a', '{"version":"2.0.0"}', 'linux-x64')).toBe(stamps[0]);
  });

  test('npm is looked for outside the clone', () => {
    const path = ['/clone/node_modules/.bin', '/usr/bin', '/other/node_modules/.bin'].join(delimiter);
    expect(outerPath(path, '/clone')).toBe(['/usr/bin', '/other/node_modules/.bin'].join(delimiter));
  });

  test.each([
    ['npm error code EUSAGE', 'disagree'],
    ['npm error code ENOSPC', 'disk is full'],
    ['npm error code EACCES', 'cannot be written'],
    ['npm error code E404', 'lacks a package'],
    ['npm error code ECONNREFUSED', 'cannot be reached'],
    ['npm error something else', 'says why'],
  ])('%s: %s', (output, advice) => {
    expect(adviceFor(output)).toContain(advice);
  });
});
