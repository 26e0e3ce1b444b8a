/** A program with all that it has started, ended together. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';

/**
 * Signals every process of the group that `pid` leads. False when none is left. Windows has no groups: there it reaches
 * the leader alone.
 */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal);
    return true;
  } catch (error) {
    // EPERM: what is left of the group are processes that have changed their user, so that nothing more can be done.
    if (error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM')) return false;
    throw error;
  }
}

/**
 * Sits beside the group and ends it when Tutti dies without having done so (`kill -9`): the shell's `read` ends when the
 * other end of its standard input is gone. In its own session, so that Ctrl-C at a terminal does not take it first.
 */
export function guardGroup(pid: number, graceSeconds: number): ChildProcess | null {
  if (process.platform === 'win32') return null;
  const script =
    'while read -r _; do :; done; kill -TERM "-$1" 2>/dev/null && sleep "$2" && kill -KILL "-$1" 2>/dev/null; exit 0';
  const guard = spawn('/bin/sh', ['-c', script, 'tutti-guard', String(pid), String(Math.ceil(graceSeconds))], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.on('error', () => {}); // without a shell there is no guard, and the program runs all the same
  guard.stdin.on('error', () => {}); // it has ended already
  guard.unref();
  return guard;
}

/** Bytes of main memory that the processes of a group hold, or null where the system does not say (other than Linux). */
export async function groupMemory(pid: number): Promise<number | null> {
  if (process.platform !== 'linux') return null;
  let bytes = 0;
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => ''); // it may have ended since
    // After the name in parentheses: state, parent, group, …; the 22nd field from there on is resident pages.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(fields[2]) === pid) bytes += Number(fields[21] ?? 0) * PAGE_BYTES;
  }
  return bytes;
}

/** Linux counts resident memory in pages; 4 KiB on every machine that llama.cpp and its like are built for here. */
const PAGE_BYTES = 4096;
