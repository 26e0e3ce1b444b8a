import { existsSync, readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const MARK = '.corrupt-';
/** A database in WAL mode is three files. The log may hold what `.recover` needs, so it keeps its place beside the file. */
const PARTS = ['-wal', '-shm', ''] as const;

/**
 * Renames a corrupt database to `<path>.corrupt-<time>` and returns that name. The file itself goes last: after a crash
 * half-way it is found corrupt again and the rest is moved then.
 * Throws what the file system throws.
 */
export function moveAside(path: string, now: number): string {
  const name = `${path}${MARK}${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`;
  let aside = name;
  // Renaming would replace what was moved there earlier.
  for (let i = 2; existsSync(aside); i++) aside = `${name}-${i}`;
  for (const part of PARTS) {
    try {
      renameSync(path + part, aside + part);
    } catch (error) {
      if (part === '' || !isMissing(error)) throw error;
    }
  }
  return aside;
}

/** The databases that were moved aside earlier, oldest first. */
export function listAside(path: string): string[] {
  const folder = dirname(path);
  const prefix = basename(path) + MARK;
  try {
    return readdirSync(folder)
      .filter((name) => name.startsWith(prefix) && !name.endsWith('-wal') && !name.endsWith('-shm'))
      .toSorted()
      .map((name) => join(folder, name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
