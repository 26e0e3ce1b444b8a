/** Runs the real command line as a child process, in a folder and an environment of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** What a program needs to run at all; nothing that would make it find servers or keys of this machine. */
const KEPT = ['PATH', 'TMPDIR', 'NODE_COMPILE_CACHE'];

export interface Finished {
  /** The exit status; -1 when a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Each line of standard output as JSON; empty when one is not. */
  readonly json: readonly unknown[];
}

export interface ProgramOptions {
  /** Default: an empty folder of the workspace. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input. Default: none. */
  readonly input?: string;
}

/** An empty folder, removed at the end. Programs that still run then are killed: a test must not leave one. */
export class Workspace implements AsyncDisposable {
  readonly directory: string;
  readonly #running = new Set<Program>();

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(): Promise<Workspace> {
    return new Workspace(await mkdtemp(join(tmpdir(), 'tutti-cli-')));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Starts `tutti` with these words. */
  start(words: readonly string[], { cwd = this.directory, env = {}, input }: ProgramOptions = {}): Program {
    const kept = KEPT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
    const child = spawn(process.execPath, [MAIN, ...words], {
      cwd,
      env: { ...Object.fromEntries(kept), HOME: this.directory, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    child.stdin?.end(input);
    const program = new Program(child);
    this.#running.add(program);
    void program.ended.then(() => this.#running.delete(program));
    return program;
  }

  /** Runs `tutti` with these words to its end. */
  run(words: readonly string[], options?: ProgramOptions): Promise<Finished> {
    return this.start(words, options).ended;
  }

  /** For the use in one test: ended also when the test runs out of time, where `await using` never comes to it. */
  static async createForTest(): Promise<Workspace> {
    const workspace = await Workspace.create();
    onTestFinished(() => workspace[Symbol.asyncDispose]());
    return workspace;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((program) => program.kill()));
    await rm(this.directory, { recursive: true, force: true });
  }
}

export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Finished>;
  readonly #said = { stdout: '', stderr: '' };
  #waiting: (() => void)[] = [];

  constructor(child: ChildProcess) {
    this.child = child;
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.on('data', (chunk: Buffer) => {
        this.#said[stream] += chunk.toString();
        this.#wake();
      });
    }
    this.ended = once(child, 'close').then(([status]) => {
      this.#wake();
      const { stdout, stderr } = this.#said;
      return { status: (status as number | null) ?? -1, stdout, stderr, json: parseLines(stdout) };
    });
  }

  #wake(): void {
    for (const waiter of this.#waiting.splice(0)) waiter();
  }

  /** Until its output, of either kind, matches. Rejects when it ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#said.stdout) ?? pattern.exec(this.#said.stderr);
      if (match !== null) return match;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`it ended before it said ${String(pattern)}:\n${this.#said.stdout}${this.#said.stderr}`);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

function parseLines(text: string): unknown[] {
  try {
    return text.split('\n').flatMap((line): unknown[] => (line === '' ? [] : [JSON.parse(line)]));
  } catch {
    return []; // Text for people.
  }
}

/** A server on a free port. Resolves when it is ready; ended with the workspace, if not before. */
export async function serve(
  workspace: Workspace,
  words: readonly string[] = [],
  options?: ProgramOptions,
): Promise<Program & { readonly url: string; readonly pid: number }> {
  const program = workspace.start(['serve', '--json', '--port', '0', '--log-level', 'warn', ...words], options);
  const [line] = await program.says(/^\{"ready":true.*$/m);
  const { url, pid } = JSON.parse(line) as { url: string; pid: number };
  return Object.assign(program, { url, pid });
}
