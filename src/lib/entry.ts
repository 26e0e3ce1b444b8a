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
