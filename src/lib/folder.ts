import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder with those above it, where they are missing. Throws what the system says, for a file in its place, too.
 *
 * Not by Node's `recursive: true`: it tries on for ever where a folder that is there answers ENOENT to a new one in it, as
 * `/proc` does, and takes a whole core for it.
 */
export function makeFolder(path: string): void {
  const chain = [resolve(path)];
  for (let above = dirname(chain[0] ?? ''); !existsSync(above); above = dirname(above)) {
    if (chain.at(-1) === above) break; // a drive that is not there
    chain.push(above);
  }
  for (const folder of chain.reverse()) makeOne(folder);
}

/** Another process may have made it meanwhile. */
function makeOne(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}
