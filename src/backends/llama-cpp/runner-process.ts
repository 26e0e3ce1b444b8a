/**
 * The parent's side of a runner: starts the process, speaks the protocol, and turns its death into errors.
 *
 * It is `running` until the process ends, then `ended` for good; a new runner is a new object. `#end` is the only place
 * where it changes, and settles everything that still waits.
 */
import { fork, type ChildProcess } from 'node:child_process';
import type { Clock } from '../../contracts/clock.ts';
import { TuttiError } from '../../errors/error.ts';
import { Channel } from '../../lib/channel.ts';
import { deferred, type Deferred } from '../../lib/deferred.ts';
import { compileCacheEnvironment, entryFile } from '../../lib/entry.ts';
import type { LogBook } from '../../lib/log-book.ts';
import {
  fromWire,
  type CallMessage,
  type FromRunner,
  type RequestId,
  type RequestName,
  type Requests,
  type RunnerPart,
} from './protocol.ts';

export interface RunnerOptions {
  readonly clock: Clock;
  readonly log: LogBook;
  /** Added to the environment: which GPUs it sees. */
  readonly env?: Readonly<Record<string, string>>;
  /** Threads of libuv, in which llama.cpp computes and samples. */
  readonly workers: number;
}

/** Time to end by itself. */
const GRACE_MS = 2000;
/** Time for the last lines to arrive after the process has ended. */
const EXIT_MS = 500;
/** A step of reading a prompt takes about a quarter of a second; a runner that does not confirm in this time is stuck. */
const CANCEL_MS = 30_000;

type Call = Omit<CallMessage, 'type' | 'call'> extends infer M ? M : never;

interface Waiting {
  readonly result: Deferred<unknown>;
  readonly onProgress: ((fraction: number) => void) | undefined;
}

export class RunnerProcess {
  /** Settles when the process has ended: null when that was asked for, the reason otherwise. */
  readonly ended: Promise<TuttiError | null>;
  readonly #ended = deferred<TuttiError | null>();
  readonly #child: ChildProcess;
  readonly #options: RunnerOptions;
  readonly #requests = new Map<RequestId, Waiting>();
  readonly #calls = new Map<RequestId, Channel<readonly RunnerPart[]>>();
  #next = 1;
  #stopping: Promise<void> | null = null;
  #over = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.ended = this.#ended.promise;
    this.#child = fork(entryFile(import.meta.url, './runner'), [], {
      execPath: process.execPath,
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...compileCacheEnvironment(), ...options.env, UV_THREADPOOL_SIZE: String(options.workers) },
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => options.log.write(text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => options.log.write(text));
    this.#child.on('message', (message: FromRunner) => this.#receive(message));
    this.#child.on('error', (error) => this.#end(null, null, error));
    // `close` comes after the last line of output, but never while a grandchild holds the pipe.
    this.#child.on('close', (code, signal) => this.#end(code, signal));
    this.#child.on('exit', (code, signal) => options.clock.after(EXIT_MS, () => this.#end(code, signal)));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isOver(): boolean {
    return this.#over;
  }

  request<N extends RequestName>(
    name: N,
    params: Requests[N]['params'],
    onProgress?: (fraction: number) => void,
  ): Promise<Requests[N]['answer']> {
    const request = this.#next++;
    const result = deferred<unknown>();
    if (this.#over) result.reject(this.#gone());
    else {
      this.#requests.set(request, { result, onProgress });
      this.#send({ type: name, request, ...params });
    }
    return result.promise as Promise<Requests[N]['answer']>; // the runner answers a request by its own kind
  }

  /**
   * The parts of one call as they come. However the iteration is left, it ends only after the runner has confirmed that
   * it computes no more for this call: only then is a lease free.
   */
  async *call(message: Call, signal: AbortSignal): AsyncGenerator<readonly RunnerPart[]> {
    if (this.#over) throw this.#gone();
    signal.throwIfAborted();
    const call = this.#next++;
    const parts = new Channel<readonly RunnerPart[]>();
    this.#calls.set(call, parts);
    let complete = false;
    let guard: Disposable | undefined;
    const cancel = (): void => {
      if (guard !== undefined || !this.#calls.has(call)) return;
      guard = this.#options.clock.after(CANCEL_MS, () => this.#child.kill('SIGKILL'));
      this.#send({ type: 'cancel', call });
    };
    signal.addEventListener('abort', cancel, { once: true });
    this.#send({ type: 'call', call, ...message });
    const iterator = parts[Symbol.asyncIterator]();
    try {
      for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) yield step.value;
      complete = true;
    } finally {
      signal.removeEventListener('abort', cancel);
      if (!complete && this.#calls.has(call)) {
        cancel();
        await drain(iterator);
      }
      guard?.[Symbol.dispose]();
    }
  }

  /** Ends the process: politely, then with SIGKILL. (Runners ignore SIGTERM, which may be meant for the server.) */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#over) return;
    this.#send({ type: 'shutdown' });
    using _kill = this.#options.clock.after(GRACE_MS, () => this.#child.kill('SIGKILL'));
    await this.ended;
  }

  #send(message: object): void {
    // A failure means that the process is going down: its exit settles everything.
    this.#child.send(message, () => {});
  }

  #receive(message: FromRunner): void {
    switch (message.type) {
      case 'parts':
        this.#calls.get(message.call)?.push(message.parts);
        break;
      case 'done': {
        const parts = this.#calls.get(message.call);
        this.#calls.delete(message.call);
        if (message.error === undefined) parts?.close();
        else parts?.fail(fromWire(message.error));
        break;
      }
      case 'load-progress':
        this.#requests.get(message.request)?.onProgress?.(message.fraction);
        break;
      case 'answer':
        this.#settle(message.request)?.result.resolve(message.value);
        break;
      case 'failed':
        this.#settle(message.request)?.result.reject(fromWire(message.error));
        break;
      default:
        message satisfies never;
    }
  }

  #settle(request: RequestId): Waiting | undefined {
    const waiting = this.#requests.get(request);
    this.#requests.delete(request);
    return waiting;
  }

  #end(code: number | null, signal: NodeJS.Signals | null, cause?: Error): void {
    if (this.#over) return;
    this.#over = true;
    const reason = this.#stopping === null ? this.#crash(code, signal, cause) : null;
    this.#options.log.add(reason === null ? 'tutti: the runner was ended' : `tutti: ${reason.message}`);
    const error = reason ?? this.#gone();
    for (const { result } of this.#requests.values()) result.reject(error);
    for (const parts of this.#calls.values()) parts.fail(error);
    this.#requests.clear();
    this.#calls.clear();
    this.#ended.resolve(reason);
  }

  #crash(code: number | null, signal: NodeJS.Signals | null, cause?: Error): TuttiError {
    const how =
      cause !== undefined
        ? `could not be started: ${cause.message}`
        : signal !== null
          ? `was ended by ${signal}`
          : `exited with code ${code}`;
    const last = this.#options.log.last(3).join(' | ');
    return new TuttiError(
      'runner_crashed',
      `The runner (process ${this.pid ?? 'none'}) ${how}.${last === '' ? '' : ` Its last lines: ${last}`}`,
      {
        ...(cause !== undefined && { cause }),
        details: { exit_code: code, signal },
      },
    );
  }

  #gone(): TuttiError {
    return this.#stopping === null
      ? new TuttiError('runner_crashed', 'The runner of this model has ended.')
      : new TuttiError('closed', 'The model was unloaded.');
  }
}

/** Reads on until the runner says that it is done; what it says of the call no longer matters. */
async function drain(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    while ((await iterator.next()).done !== true);
  } catch {
    // `cancelled`, or the runner died: either way nothing is computed any more.
  }
}
