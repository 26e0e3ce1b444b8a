/** What a test run has left behind: every run has a folder for temporary files of its own, which its processes inherit. */
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/** How long a process that was told to end may take, in milliseconds. */
const GRACE = 5000;

/** Files and folders that are still in `folder`, and processes that still have it as `TMPDIR`, a line for each. */
export async function leftovers(folder: string, expected: readonly string[]): Promise<readonly string[]> {
  const files = readdirSync(folder).filter((name) => !expected.includes(name));
  return [...files.map((name) => `a temporary file: ${name}`), ...(await remaining(folder))];
}

async function remaining(folder: string): Promise<readonly string[]> {
  for (const end = Date.now() + GRACE; ; await wait(50)) {
    const found = processesOf(folder);
    if (found.length === 0 || Date.now() > end) return found;
  }
}

/** Linux only: elsewhere a process does not show its environment. */
function processesOf(folder: string): readonly string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const environment = readProc(`/proc/${pid}/environ`);
      if (!environment.split('\0').includes(`TMPDIR=${folder}`)) return [];
      return `process ${pid}: ${readProc(`/proc/${pid}/cmdline`).split('\0').join(' ').trim()}`;
    });
}

/** Empty when the process has ended meanwhile or is somebody else’s. */
function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // see above
  }
}
