import type { Clock } from '../contracts/clock.ts';
import type { ExecuteRequest } from '../contracts/library.ts';
import type { RunId, StepPath } from '../contracts/vocabulary.ts';
import type { Journal } from '../host/journal.ts';

/** A run that can go on: it waits for a reply, or failed after some of its calls had succeeded. */
export interface ResumableRun {
  readonly request: ExecuteRequest;
  readonly journal: Journal;
  readonly startedAt: number;
  /** The step that asked, and its question; null: it failed. */
  readonly waiting: { readonly step: StepPath; readonly question: string } | null;
}

const KEPT_MS = 24 * 3600 * 1000;
const MOST = 1000;

/**
 * Runs that can go on, in memory: what they hold is prompts and answers, which are not to be written down unasked. They are
 * kept for a day, the newest thousand of them.
 */
export class ResumableRuns {
  readonly #runs = new Map<RunId, { readonly run: ResumableRun; readonly until: number }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  keep(id: RunId, run: ResumableRun): void {
    this.#runs.delete(id);
    this.#runs.set(id, { run, until: this.#clock.now() + KEPT_MS });
    for (const [oldest, { until }] of this.#runs) {
      if (this.#runs.size <= MOST && until > this.#clock.now()) break;
      this.#runs.delete(oldest);
    }
  }

  /** Takes it out: it goes on once. */
  take(id: RunId): ResumableRun | undefined {
    const kept = this.#runs.get(id);
    this.#runs.delete(id);
    return kept !== undefined && kept.until > this.#clock.now() ? kept.run : undefined;
  }

  get(id: RunId): ResumableRun | undefined {
    const kept = this.#runs.get(id);
    return kept !== undefined && kept.until > this.#clock.now() ? kept.run : undefined;
  }
}
