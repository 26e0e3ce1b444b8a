import { open, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { TuttiError } from '../errors/error.ts';

/**
 * Holds the right to write one file, among all processes of this machine, until disposed of. The lock of a process that
 * is gone is taken over; one of another machine (a shared folder) is respected.
 * Errors: `pull_failed` when another process holds it.
 */
export async function lockFile(path: string): Promise<AsyncDisposable> {
  const lock = `${path}.lock`;
  for (let attempt = 0; attempt < 2; attempt++) {
    if (await create(lock)) return { [Symbol.asyncDispose]: () => rm(lock, { force: true }) };
    const owner = await readOwner(lock);
    if (owner === null) continue;
    if (owner.host !== hostname() || isAlive(owner.pid)) {
      throw new TuttiError(
        'pull_failed',
        `Process ${owner.pid} on ${owner.host} is pulling this file already. If it is not, remove ${lock}.`,
        {
          details: { lock, ...owner },
        },
      );
    }
    await removeStale(lock, owner.pid);
  }
  throw new TuttiError('pull_failed', `Another process has just begun to pull this file. If none has, remove ${lock}.`, {
    details: { lock },
  });
}

async function create(lock: string): Promise<boolean> {
  try {
    await using handle = await open(lock, 'wx');
    await handle.writeFile(JSON.stringify({ pid: process.pid, host: hostname() }));
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw new TuttiError('pull_failed', `${lock} cannot be written: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
      retryable: false,
    });
  }
}

/** null when it is gone, or not yet written. */
async function readOwner(lock: string): Promise<{ pid: number; host: string } | null> {
  try {
    const { pid, host } = JSON.parse(await readFile(lock, 'utf8')) as { pid: number; host: string };
    return { pid, host };
  } catch (error) {
    if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Renaming is atomic: of several that found the same stale lock, one gets it and the others find it gone. */
async function removeStale(lock: string, pid: number): Promise<void> {
  const aside = `${lock}.${process.pid}`;
  try {
    await rename(lock, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  // Between our look and the renaming another may have taken over: then it was not the stale one.
  if ((await readOwner(aside))?.pid === pid) await rm(aside, { force: true });
  else await rename(aside, lock);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === code;
}
