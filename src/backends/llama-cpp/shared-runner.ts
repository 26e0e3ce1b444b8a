/** One runner for several users: started with the first, ended some time after the last. */
import type { Clock } from '../../contracts/clock.ts';
import { RunnerProcess, type RunnerOptions } from './runner-process.ts';

export interface RunnerLease {
  readonly runner: RunnerProcess;
  /** May be called once. Settles when the process has ended, if this was its last user. */
  release(): Promise<void>;
}

export class SharedRunner {
  readonly #options: RunnerOptions;
  readonly #lingerMs: number;
  #runner: RunnerProcess | null = null;
  #users = 0;
  #timer: Disposable | null = null;

  /** `lingerMs` 0: it ends with its last user. */
  constructor(options: RunnerOptions, lingerMs: number) {
    this.#options = options;
    this.#lingerMs = lingerMs;
  }

  get #clock(): Clock {
    return this.#options.clock;
  }

  acquire(): RunnerLease {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    if (this.#runner === null || this.#runner.isOver) {
      this.#runner = new RunnerProcess(this.#options);
      this.#users = 0;
    }
    const runner = this.#runner;
    this.#users++;
    return { runner, release: () => this.#release(runner) };
  }

  async #release(runner: RunnerProcess): Promise<void> {
    if (runner !== this.#runner) return; // of a runner that has crashed since
    this.#users--;
    if (this.#users > 0) return;
    if (this.#lingerMs === 0) return this.stop();
    this.#timer = this.#clock.after(this.#lingerMs, () => void this.stop());
  }

  async stop(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    const runner = this.#runner;
    this.#runner = null;
    this.#users = 0;
    await runner?.stop();
  }
}
