/** The last lines that a runner wrote. It outlives the runner: after a crash the lines are wanted most. */
import { Channel } from '../../lib/channel.ts';

const KEPT = 500;
const LONGEST_LINE = 4000;

export class LogBook {
  #lines: string[] = [];
  #pending = '';
  readonly #followers = new Set<Channel<string>>();

  /** Text as it comes, cut anywhere. */
  write(text: string): void {
    const lines = (this.#pending + text).split('\n');
    this.#pending = (lines.pop() ?? '').slice(-LONGEST_LINE);
    for (const line of lines) this.add(line.trimEnd());
  }

  add(line: string): void {
    if (line === '') return;
    this.#lines.push(line.slice(0, LONGEST_LINE));
    if (this.#lines.length > KEPT) this.#lines.splice(0, this.#lines.length - KEPT);
    for (const follower of this.#followers) follower.push(line);
  }

  last(count: number): string[] {
    return this.#lines.slice(-count);
  }

  async *read({ follow, signal }: { follow: boolean; signal: AbortSignal }): AsyncGenerator<string> {
    const follower = new Channel<string>();
    for (const line of this.#lines) follower.push(line);
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
