import type { ChildAnswer } from '../contracts/orchestrated.ts';
import type { Part } from '../contracts/part.ts';
import type { ModelId, StepPath } from '../contracts/vocabulary.ts';

/** A finished child call. */
export interface JournalEntry {
  readonly answer: ChildAnswer;
  /** The steps of the call, without their content. */
  readonly trace: readonly Part[];
  /** Milliseconds that it took. */
  readonly ms: number;
}

/** A journal at one moment, as plain data. */
export interface JournalState {
  readonly entries: readonly (readonly [step: StepPath, entry: JournalEntry])[];
  readonly replies: readonly (readonly [step: StepPath, reply: string])[];
  /** How often calls were begun anew. */
  readonly anew: readonly (readonly [step: StepPath, times: number])[];
  /** Which models there were for what was looked for. */
  readonly found: readonly (readonly [what: string, models: readonly ModelId[]])[];
}
const EMPTY: JournalState = { entries: [], replies: [], anew: [], found: [] };

/**
 * The finished calls of a run by their steps, the replies of a person, and the models that were found for it. Running the
 * strategies again with it replays what is in it, which is how a run goes on after a pause and after a failure.
 */
export class Journal {
  readonly #entries: Map<StepPath, JournalEntry>;
  readonly #replies: Map<StepPath, string>;
  readonly #times: Map<StepPath, number>;
  readonly #found: Map<string, readonly ModelId[]>;

  /** Default: an empty one. */
  constructor({ entries, replies, anew, found }: JournalState = EMPTY) {
    this.#entries = new Map(entries);
    this.#replies = new Map(replies);
    this.#times = new Map(anew);
    this.#found = new Map(found);
  }

  /** Finished calls and replies: what would be lost with it. */
  get size(): number {
    return this.#entries.size + this.#replies.size;
  }

  /** As it is now: what is recorded later does not change it. */
  state(): JournalState {
    const [entries, replies, anew, found] = [[...this.#entries], [...this.#replies], [...this.#times], [...this.#found]];
    return { entries, replies, anew, found };
  }

  entry(step: StepPath): JournalEntry | undefined {
    return this.#entries.get(step);
  }

  /** What is below the step is in its entry, and no longer needed by itself. */
  record(step: StepPath, entry: JournalEntry): void {
    this.forget(step);
    this.#entries.set(step, entry);
  }

  /** With all that is below it. */
  forget(step: StepPath): void {
    for (const other of this.#entries.keys()) if (other === step || other.startsWith(`${step}/`)) this.#entries.delete(other);
  }

  /** How often the call was begun anew in the same run of its strategy: it is then another step. */
  timesAnew(step: StepPath): number {
    return this.#times.get(step) ?? 0;
  }

  beginAnew(step: StepPath): void {
    this.#times.set(step, this.timesAnew(step) + 1);
  }

  /**
   * What was found the first time. Models are ranked by measurements, too, and may stand in another order when the run goes on:
   * it would ask others than those that have answered.
   */
  found(what: string, find: () => readonly ModelId[]): readonly ModelId[] {
    const known = this.#found.get(what);
    if (known !== undefined) return known;
    const models = find();
    if (models.length > 0) this.#found.set(what, models);
    return models;
  }

  reply(step: StepPath): string | undefined {
    return this.#replies.get(step);
  }

  setReply(step: StepPath, reply: string): void {
    this.#replies.set(step, reply);
  }
}
