import { getCompileCacheDir } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { compileCacheEnvironment, entryFile } from './entry.ts';

describe('entries of other processes', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('are sources beside a source, and JavaScript beside JavaScript', () => {
    expect(entryFile('file:///clone/src/backends/x/process.ts', './runner')).toBe('/clone/src/backends/x/runner.ts');
    expect(entryFile('file:///package/dist/backends/x/process.js', './runner')).toBe('/package/dist/backends/x/runner.js');
  });

  it('keep what is compiled where the user says, else where Node would by itself', () => {
    vi.stubEnv('NODE_COMPILE_CACHE', '/somewhere');
    expect(compileCacheEnvironment()).toEqual({ NODE_COMPILE_CACHE: '/somewhere' });
    vi.stubEnv('NODE_COMPILE_CACHE', undefined);
    const own = getCompileCacheDir() ?? join(tmpdir(), 'node-compile-cache', 'the version of Node');
    expect(compileCacheEnvironment()).toEqual({ NODE_COMPILE_CACHE: dirname(own) });
  });
});
