import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What each example must print, whatever the models' wits. */
const PRINTS: Readonly<Record<string, RegExp>> = {
  'ai-sdk': /^Hello from the SDK$/m,
  events: /run\.completed[\s\S]*totalExecutions: 1/,
  fallback: /\[ 'embedded:base' \][\s\S]*cloud:big\/0: failed \(upstream_unreachable\)/,
  library: /^embedded:base: .+ \(\d+ tokens, run run_\w+\)\n.+$/m,
  memory:
    /embedded:base cannot be evicted now[\s\S]*embedded:nano is gone \(asked\)[\s\S]*evicted: embedded:nano[\s\S]*embedded:base: [\d.]+ MiB, 0 calls/,
  'openai-client': /%\n[\s\S]*\{ larger: (17|71) \}/,
  plugin: /^With pleasure: .+$/m,
  routing: /^embedded:nano: [\s\S]*^embedded:base: [\s\S]*policy|accuracy for/m,
  tools: /^get_weather\(.*\)\n.+$/m,
};

const root = join(import.meta.dirname, '..', '..');
const names = readdirSync(join(root, 'examples')).map((file) => basename(file, '.ts'));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-examples-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('examples', () => {
  it('are all expected to print something', () => {
    expect(Object.keys(PRINTS).sort()).toEqual(names.sort());
  });

  it.each(names)('%s runs', async (name) => {
    const file = join(root, 'examples', `${name}.ts`);
    const environment = { ...process.env, TUTTI_DATA_DIR: join(folder, name) };
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions', 'tutti-source', file], {
      cwd: folder,
      env: environment,
    });
    expect(stdout).toMatch(PRINTS[name] ?? /^never$/);
  });
});
