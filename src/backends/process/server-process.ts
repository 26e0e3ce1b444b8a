/**
 * One run of a server program.
 *
 * `starting`: spawned, its health asked for with growing pauses. `ready`: it has answered. `stopping`: it was asked to
 * end. `ended`: no process of its group is left; for good, a new run is a new object. From `starting` it ends when it
 * exits, is not ready in time, or nobody wants it any more; from `ready` when it exits by itself (a crash) or `stop` is
 * called. `#to` is the only place where the state changes, `#exited` the only one that settles `ended`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Clock } from '../../contracts/clock.ts';
import { TuttiError } from '../../errors/error.ts';
import { deferred } from '../../lib/deferred.ts';
import type { LogBook } from '../../lib/log-book.ts';
import { guardGroup, signalGroup } from './process-group.ts';

export interface ServerProcessOptions {
  /** For messages: the backend's id. */
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly log: LogBook;
  readonly clock: Clock;
  readonly startTimeoutMs: number;
  readonly stopSignal: NodeJS.Signals;
  readonly graceMs: number;
  /** Whether it is ready. May reject: then it is not. */
  isReady(signal: AbortSignal): Promise<boolean>;
}

type State = 'starting' | 'ready' | 'stopping' | 'ended';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;
/** A process that has left the group may hold the pipes open for ever. */
const LAST_LINES_MS = 500;

export class ServerProcess {
  /** Settles when it has ended: null when that was asked for, else the reason. Never rejects. */
  readonly ended: Promise<TuttiError | null>;
  readonly #options: ServerProcessOptions;
  readonly #child: ChildProcess;
  readonly #guard: ChildProcess | null = null;
  readonly #ended = deferred<TuttiError | null>();
  readonly #abort = new AbortController();
  #state: State = 'starting';

  constructor(options: ServerProcessOptions) {
    this.#options = options;
    this.ended = this.#ended.promise;
    const [program = '', ...args] = options.command;
    options.log.add(`[tutti] starts ${options.command.join(' ')}`);
    // `detached`: it leads a process group of its own, so that what it starts can be ended with it.
    this.#child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => options.log.write(text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => options.log.write(text));
    this.#child.once('error', (error) => this.#exited(`could not be started: ${error.message}`));
    this.#child.once('exit', (code, signal) =>
      this.#leaderGone(signal === null ? `exited with code ${code}` : `was ended by ${signal}`),
    );
    if (this.#child.pid !== undefined) this.#guard = guardGroup(this.#child.pid, options.graceMs / 1000);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get state(): State {
    return this.#state;
  }

  /** Settles once it is ready. Rejects with `load_failed` when it ends before or takes too long, with `cancelled` when nobody waits any more; it has ended then. */
  async ready(signal: AbortSignal): Promise<void> {
    const late = deferred<never>();
    using _timer = this.#options.clock.after(this.#options.startTimeoutMs, () =>
      late.reject(this.#failure('load_failed', `was not ready after ${this.#options.startTimeoutMs / 1000} s`)),
    );
    const leave = (): void => late.reject(TuttiError.from(signal.reason, 'cancelled'));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    try {
      await Promise.race([this.#poll(), late.promise]);
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  async #poll(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (this.#state === 'starting') {
      // Not ready is the usual answer of a program that is still reading its weights, whether it refuses, fails or says so.
      const isReady = await this.#options.isReady(this.#abort.signal).catch(() => false);
      if (isReady && this.#state === 'starting') {
        this.#to('ready');
        return;
      }
      await this.#pause(pause);
      pause = Math.min(pause * 1.25, LONGEST_PAUSE_MS);
    }
    if (this.#state === 'ready') return;
    throw (await this.ended) ?? this.#failure('load_failed', 'was stopped before it was ready');
  }

  /** Time, or the end of the process if that comes first. */
  async #pause(ms: number): Promise<void> {
    const time = deferred();
    using _timer = this.#options.clock.after(ms, time.resolve);
    await Promise.race([time.promise, this.ended]);
  }

  /** Asks it to end, then kills it, and settles when nothing of its group is left. Any number may wait for the same stop. */
  async stop(): Promise<void> {
    const { pid } = this.#child;
    if (this.#state === 'starting' || this.#state === 'ready') {
      this.#to('stopping');
      if (pid !== undefined) {
        signalGroup(pid, this.#options.stopSignal);
        const kill = this.#options.clock.after(this.#options.graceMs, () => signalGroup(pid, 'SIGKILL'));
        void this.ended.then(() => kill[Symbol.dispose]());
      }
    }
    await this.ended;
  }

  /** What the leader has left behind must not stay. Once all of it is gone, and its last lines are read, the pipes close. */
  #leaderGone(how: string): void {
    if (this.#child.pid !== undefined) signalGroup(this.#child.pid, 'SIGKILL');
    const timer = this.#options.clock.after(LAST_LINES_MS, () => this.#exited(how));
    this.#child.once('close', () => {
      timer[Symbol.dispose]();
      this.#exited(how);
    });
  }

  #exited(how: string): void {
    if (this.#state === 'ended') return;
    const before = this.#state;
    this.#options.log.add(`[tutti] ${this.#options.name} ${how}`);
    this.#to('ended');
    this.#abort.abort();
    this.#guard?.kill('SIGKILL');
    if (before === 'stopping') this.#ended.resolve(null);
    else this.#ended.resolve(this.#failure(before === 'ready' ? 'runner_crashed' : 'load_failed', how));
  }

  #failure(code: 'load_failed' | 'runner_crashed', how: string): TuttiError {
    const said = this.#options.log.last(6).filter((line) => !line.startsWith('[tutti]'));
    const words = said.length > 0 ? ` Its last words: ${said.join(' | ').slice(-600)}` : '';
    return new TuttiError(code, `The program of ${this.#options.name} ${how}.${words}`);
  }

  #to(state: State): void {
    this.#state = state;
  }
}
