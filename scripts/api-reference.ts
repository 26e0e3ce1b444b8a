/**
 * `npm run docs:api`: the API reference in `docs/api/`, from the docstrings of what package.json exports. Fails on an
 * exported name without a docstring, and on a link to nowhere.
 *
 * TypeDoc needs the compiler API of TypeScript 6 while everything else uses 7, so it lives in `docs/reference/`, a package
 * of its own that is installed here on first use.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { satisfies } from './setup.mjs';
import { undocumented, type Reflection } from './undocumented.ts';

const root = join(import.meta.dirname, '..');
const home = join(root, 'docs', 'reference');

function read(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '{}';
}

const lockfile = read(join(home, 'package-lock.json'));
const installed = read(join(home, 'node_modules', '.package-lock.json'));
if (!satisfies(lockfile, installed)) {
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: home, stdio: 'inherit' });
}

const manifest = JSON.parse(read(join(root, 'package.json'))) as { exports: Record<string, string | Record<string, string>> };
const entries = Object.values(manifest.exports).flatMap((target) =>
  typeof target === 'string' ? [] : (target['tutti-source'] ?? []),
);
const typedoc = join(home, 'node_modules', 'typedoc', 'bin', 'typedoc');
const options = ['--options', join(home, 'typedoc.json'), ...entries.flatMap((entry) => ['--entryPoints', join(root, entry)])];
execFileSync(process.execPath, [typedoc, ...options], { cwd: root, stdio: 'inherit' });

const missing = undocumented(JSON.parse(read(join(root, 'docs', 'api', 'reference.json'))) as Reflection);
if (missing.length > 0) {
  console.error(`These exported names have no docstring:\n${missing.map((name) => `  ${name}`).join('\n')}`);
  process.exitCode = 1;
}
