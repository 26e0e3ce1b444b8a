/** What the operating system says of processes. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface Row {
  readonly pid: number;
  readonly parent: number;
  /** What `ps` calls the state: `Z` for one that has ended and was not yet collected. */
  readonly state: string;
}

function processTable(): Row[] {
  return process.platform === 'linux' ? readProc() : askPs();
}

/** `ps` is not on every Linux. */
function readProc(): Row[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
        // The name in brackets may hold anything.
        const [state = '', parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
        return [{ pid: Number(pid), parent: Number(parent), state }];
      } catch {
        return []; // it has ended since
      }
    });
}

function askPs(): Row[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,state='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .map(([pid, parent, state = '']) => ({ pid: Number(pid), parent: Number(parent), state }));
}

/** The processes below this one that still run. */
export function descendantsOf(pid: number): number[] {
  const rows = processTable().filter(({ state }) => !state.startsWith('Z'));
  const below = (parent: number): number[] => rows.flatMap((row) => (row.parent === parent ? [row.pid, ...below(row.pid)] : []));
  return below(pid);
}

/** Those of them that still run. */
export function stillRunning(pids: readonly number[]): number[] {
  const rows = processTable();
  return pids.filter((pid) => rows.some((row) => row.pid === pid && !row.state.startsWith('Z')));
}

/** How long the end of a process may take, in milliseconds, however busy the machine is. */
const LONGEST_END = 15_000;
const LOOK_EVERY = 50;

/** Settles when none of them runs; throws when that takes too long. Nobody but its parent is told of a process's end, so it looks. */
export async function whenEnded(pids: readonly number[]): Promise<void> {
  for (const until = Date.now() + LONGEST_END; stillRunning(pids).length > 0;) {
    if (Date.now() > until) throw new Error(`these processes still run: ${stillRunning(pids).join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
}
