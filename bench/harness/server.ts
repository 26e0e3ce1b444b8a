/** A real `tutti serve` in a process and a folder of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'scripts', 'tutti.mjs');

export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Milliseconds from the launch to the first answer 200 of `/readyz`. */
  readonly readyMs: number;
}

export interface LaunchOptions {
  /** Written as `tutti.yaml`, of which JSON is a part. Default: no file. */
  readonly config?: object;
  /** For temporary files, among them what Node has compiled. Default: the machine's. */
  readonly temporary?: string;
}

/** Starts with nothing of this machine's settings: no config, no keys, an empty data folder. */
export async function launch({ config, temporary = tmpdir() }: LaunchOptions = {}): Promise<ServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'tutti-bench-'));
  if (config !== undefined) await writeFile(join(folder, 'tutti.yaml'), JSON.stringify(config));
  const { PATH, HOME } = process.env;
  const began = performance.now();
  const child = spawn(process.execPath, [LAUNCHER, 'serve', '--port', '0', '--json', '--log-level', 'error'], {
    cwd: folder,
    env: { PATH, HOME, TMPDIR: temporary, TUTTI_DATA_DIR: join(folder, 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const end = async (): Promise<void> => {
    if (child.exitCode === null) child.kill('SIGTERM');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([
      once(lines, 'line'),
      exited.then(() => Promise.reject(new Error(`tutti serve ended before it was ready: ${said}`))),
    ])) as [string];
    const { url } = JSON.parse(line) as { url: string };
    const ready = await fetch(`${url}/readyz`);
    const readyMs = performance.now() - began;
    if (ready.status !== 200) throw new Error(`/readyz answered ${ready.status} after the server said that it listens.`);
    return { url, pid: child.pid ?? 0, readyMs, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}
