/** What the kernel says of a process. Linux only: elsewhere there is nothing to read, and the figure is NaN. */
import { readFileSync } from 'node:fs';

/** Ticks a second in `/proc`: the same on every Linux that Node runs on. */
const TICKS = 100;

/** Milliseconds of processor time so far, all threads. To ten milliseconds. */
export function cpuMs(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  // The name of the program may hold blanks and parentheses; the numbers begin after its last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
}

/** Resident memory in megabytes (of 1,000,000 bytes). */
export function residentMb(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1];
  return (Number(kib ?? Number.NaN) * 1024) / 1e6;
}

/** The processes that this one has started. */
export function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`)
    .split(' ')
    .filter((id) => id !== '')
    .map(Number);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // not Linux, or the process is gone: no figure
  }
}
