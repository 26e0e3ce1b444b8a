/**
 * `npm test`: every check, then every test, and as the last line `N passed, N failed`.
 * `npm test -- <vitest arguments>` runs the tests named and no checks: `npm test -- src/pool`, `npm test -- -t 'swap'`.
 *
 * A check that fails does not stop the others: one run tells all there is to mend.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leftovers } from './leftovers.ts';
import { count, type VitestReport } from './test-count.ts';

const CHECKS = [
  ['types', 'tsc', '-p', '.'],
  ['lint', 'oxlint', '--deny-warnings'],
  ['format', 'oxfmt', '--check'],
  ['unused code and dependencies', 'knip', '--no-progress'],
] as const;

const REPORT = 'report.json';

/** Runs a program of the clone with its output passed through. A signal that ends us ends it, too. */
function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: 'inherit', env });
    const forward = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    process.once('SIGTERM', forward).once('SIGINT', forward);
    child.once('error', fail);
    child.once('exit', (code, signal) => {
      process.off('SIGTERM', forward).off('SIGINT', forward);
      if (signal !== null) process.exit(1);
      done(code === 0);
    });
  });
}

/** In a folder for temporary files of its own: what is left in it, or still runs with it, counts as a failure. */
async function runTests(args: readonly string[]): Promise<{ readonly passed: number; readonly failed: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-test-'));
  const file = join(folder, REPORT);
  // The cache of compiled code stays where it is: it would be cold in a new folder.
  const cache = process.env['NODE_COMPILE_CACHE'] ?? join(tmpdir(), 'node-compile-cache');
  const env = { ...process.env, TMPDIR: folder, NODE_COMPILE_CACHE: cache };
  try {
    const ok = await run('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args], env);
    const { passed, failed } = count(readReport(file), ok);
    const left = await leftovers(folder, [REPORT]);
    for (const one of left) console.log(`left behind: ${one}`);
    return { passed, failed: failed + left.length };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** null when vitest ended before it could write one. */
function readReport(file: string): VitestReport | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  } catch (error) {
    console.error(`vitest left no report: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

const args = process.argv.slice(2);
const failedChecks: string[] = [];
const checks = args.length === 0 ? CHECKS : [];
for (const [name, program, ...rest] of checks) {
  console.log(`\n── ${name}: ${[program, ...rest].join(' ')}`);
  if (!(await run(program, rest))) failedChecks.push(name);
}
console.log('\n── tests: vitest run');
const tests = await runTests(args);
for (const name of failedChecks) console.log(`check failed: ${name}`);
const failed = tests.failed + failedChecks.length;
console.log(`\n${tests.passed + checks.length - failedChecks.length} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
