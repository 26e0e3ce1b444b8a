/** `tutti` as a child process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { descendantsOf, whenEnded } from './processes.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  /** Of its own home, without settings from outside. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What starts it, with its arguments: `['sh', '-c', …]`. Default: nothing, it is started directly. */
  readonly through?: readonly string[];
}

export class Program implements AsyncDisposable {
  /** Settles when it has ended and said its last. */
  readonly exited: Promise<Exit>;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  #exit: Exit | null = null;

  constructor(args: readonly string[], { folder, env = {}, through = [] }: ProgramOptions) {
    const [command = '', ...rest] = [...through, process.execPath, MAIN, ...args];
    const { PATH = '', TMPDIR, NODE_COMPILE_CACHE } = process.env;
    this.#child = spawn(command, rest, {
      cwd: folder,
      env: {
        PATH,
        HOME: folder,
        ...(TMPDIR !== undefined && { TMPDIR }),
        ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#said('stdout', text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#said('stderr', text));
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      // `exit`, not `close`: a child of its own that outlives it must not hide its end.
      this.#child.once('exit', (code, signal) => {
        this.#exit = { code, signal };
        for (const listener of this.#listeners) listener();
        resolve(this.#exit);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** The processes that it has started, and theirs. */
  children(): number[] {
    return descendantsOf(this.pid);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Settles when this can be read in what it says on standard output or error; throws when it ends before. */
  async says(what: RegExp, where: 'stdout' | 'stderr'): Promise<RegExpExecArray> {
    for (;;) {
      const found = what.exec(this[where]);
      if (found !== null) return found;
      if (this.#exit !== null)
        throw new Error(`it ended (${JSON.stringify(this.#exit)}) without saying ${what}:\n${this.stderr}`);
      await new Promise<void>((resolve) => {
        const listener = (): void => {
          this.#listeners.delete(listener);
          resolve();
        };
        this.#listeners.add(listener);
      });
    }
  }

  #said(where: 'stdout' | 'stderr', text: string): void {
    this[where] += text;
    for (const listener of this.#listeners) listener();
  }

  /** Ends it, and fails when a process that it had started outlives it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const children = this.children();
    if (this.#exit === null) {
      this.kill('SIGTERM');
      this.kill('SIGINT'); // a second signal hurries it
    }
    await this.exited;
    await whenEnded(children);
  }
}
