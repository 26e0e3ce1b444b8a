import { getCompileCacheDir } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The file of a process or worker entry beside the importing module: `.ts` in the clone, `.js` in the published
 * package. `tsc` rewrites import specifiers but not URLs, so every entry is resolved here (and a test packs and installs).
 *
 * @example fork(entryFile(import.meta.url, './runner'))
 */
export function entryFile(importer: string, path: string): string {
  return fileURLToPath(new URL(path + (importer.endsWith('.ts') ? '.ts' : '.js'), importer));
}

/**
 * Makes Node keep what it compiles for such a process. `enableCompileCache()` inside the entry comes too late for the entry's
 * own file, and one TypeScript file that was not kept loads the whole type stripper: 50 ms and 18 MB in each process.
 */
export function compileCacheEnvironment(): { readonly NODE_COMPILE_CACHE: string } {
  const own = getCompileCacheDir();
  // Its last part is the version of Node, which the child adds itself.
  const folder = own === undefined ? join(tmpdir(), 'node-compile-cache') : dirname(own);
  return { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? folder };
}
