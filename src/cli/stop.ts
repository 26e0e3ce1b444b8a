/** When a command is to stop: at Ctrl-C, at SIGTERM, or when whoever reads its output has left. */

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;
/** What a shell shows for a program that SIGPIPE ended. */
const BROKEN_PIPE = 141;

export class Stop implements Disposable {
  readonly #controller = new AbortController();
  #status: number | null = null;
  #release: (() => void)[] = [];

  constructor() {
    // Nobody who reads: `tutti models | head -1`. An error without a listener would end the process with a trace.
    const broken = (error: NodeJS.ErrnoException): void => {
      if (error.code !== 'EPIPE') throw error;
      this.#stop(BROKEN_PIPE);
      process.exitCode = BROKEN_PIPE; // It may come after the command has returned.
    };
    // They stay until the process ends: what is still to be written fails later than the command returns.
    process.stdout.on('error', broken);
    process.stderr.on('error', broken);
  }

  /** Aborts when the command is to stop. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit status of what was stopped; null when nothing stopped it. */
  get status(): number | null {
    return this.#status;
  }

  /** From now on a first signal is a request to stop; a second one ends the process at once, as without us. */
  listen(): void {
    for (const [name, status] of Object.entries(SIGNALS)) {
      const handler = (): void => this.#stop(status);
      process.once(name, handler);
      this.#release.push(() => process.off(name, handler));
    }
  }

  #stop(status: number): void {
    this.#status ??= status;
    this.#controller.abort();
  }

  [Symbol.dispose](): void {
    for (const release of this.#release.splice(0)) release();
  }
}
