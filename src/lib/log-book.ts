import { Channel } from './channel.ts';

/** The last lines that a child process wrote, and those to come. It outlives the process: after a crash they are wanted most. */
export class LogBook {
  readonly #kept: number;
  readonly #longest: number;
  #lines: string[] = [];
  #pending = '';
  readonly #followers = new Set<Channel<string>>();

  /** Keeps the last `lines` lines, each cut after `characters`. */
  constructor({ lines = 1000, characters = 4000 }: { lines?: number; characters?: number } = {}) {
    this.#kept = lines;
    this.#longest = characters;
  }

  /** Text as it comes, cut anywhere. */
  write(text: string): void {
    const lines = (this.#pending + text).split('\n');
    this.#pending = (lines.pop() ?? '').slice(0, this.#longest);
    for (const line of lines) this.add(line.trimEnd());
  }

  add(line: string): void {
    if (line === '') return;
    const cut = line.slice(0, this.#longest);
    this.#lines.push(cut);
    // Trimmed in bulk: shifting a full list for every line would cost its length each time.
    if (this.#lines.length >= 2 * this.#kept) this.#lines = this.#lines.slice(-this.#kept);
    for (const follower of this.#followers) follower.push(cut);
  }

  last(count: number): string[] {
    return this.#lines.slice(-Math.min(count, this.#kept));
  }

  /** The lines kept, oldest first; with `follow` also those to come, until the signal is aborted. */
  async *read({ follow, signal }: { follow: boolean; signal: AbortSignal }): AsyncGenerator<string> {
    const follower = new Channel<string>();
    for (const line of this.last(this.#kept)) follower.push(line);
    if (!follow || signal.aborted) follower.close();
    else this.#followers.add(follower);
    const stop = (): void => follower.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      yield* follower;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#followers.delete(follower);
    }
  }
}
