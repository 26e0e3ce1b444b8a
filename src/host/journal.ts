import type { ChildAnswer } from '../contracts/orchestrated.ts';
import type { Part } from '../contracts/part.ts';
import type { StepPath } from '../contracts/vocabulary.ts';

/** A finished child call. */
export interface JournalEntry {
  readonly answer: ChildAnswer;
  /** The steps of the call, without their content. */
  readonly trace: readonly Part[];
  /** Milliseconds that it took. */
  readonly ms: number;
}

/**
 * The finished calls of a run by their steps, and the replies of a person. Running the strategies again with it replays
 * what is in it, which is how a run goes on after a pause and after a failure.
 */
export class Journal {
  readonly #entries = new Map<StepPath, JournalEntry>();
  readonly #replies = new Map<StepPath, string>();

  get size(): number {
    return this.#entries.size;
  }

  entry(step: StepPath): JournalEntry | undefined {
    return this.#entries.get(step);
  }

  /** What is below the step is in its entry, and no longer needed by itself. */
  record(step: StepPath, entry: JournalEntry): void {
    for (const other of this.#entries.keys()) if (other.startsWith(`${step}/`)) this.#entries.delete(other);
    this.#entries.set(step, entry);
  }

  forget(step: StepPath): void {
    this.#entries.delete(step);
  }

  reply(step: StepPath): string | undefined {
    return this.#replies.get(step);
  }

  setReply(step: StepPath, reply: string): void {
    this.#replies.set(step, reply);
  }
}
