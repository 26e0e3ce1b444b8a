import type { Clock } from '../contracts/clock.ts';
import type { ExecuteRequest } from '../contracts/library.ts';
import type { RunRecord } from '../contracts/run.ts';
import type { RunId, StepPath } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import type { Journal } from '../host/journal.ts';
import type { RunRecorder } from '../runs/recorder.ts';
import { ROOT } from '../runs/run-tree.ts';
import type { Runs } from '../runs/runs.ts';
import { readState, writeState } from './resumable-state.ts';

/** A run that can go on: it waits for a reply, or failed after some of its calls had succeeded. */
export interface ResumableRun {
  readonly request: ExecuteRequest;
  readonly journal: Journal;
  /** The step that asked, and its question; null: it failed. */
  readonly waiting: { readonly step: StepPath; readonly question: string } | null;
}

const KEPT_MS = 24 * 3600 * 1000;
const MOST = 1000;

/**
 * Runs that can go on. They are kept in memory for a day, the newest thousand of them: what they hold is prompts and answers,
 * which are not to be written down unasked. With `runs.store_content` they are in the database, too, for as long as their
 * runs are, and go on after a restart.
 */
export class ResumableRuns {
  readonly #runs = new Map<RunId, { readonly run: ResumableRun; readonly until: number }>();
  readonly #clock: Clock;
  readonly #stored: Pick<Runs, 'journal' | 'storedQuestion'>;

  constructor(clock: Clock, stored: Pick<Runs, 'journal' | 'storedQuestion'>) {
    this.#clock = clock;
    this.#stored = stored;
  }

  /** Before its recorder has ended it. */
  keep(recorder: Pick<RunRecorder, 'id' | 'canGoOn'>, run: ResumableRun): void {
    this.#runs.delete(recorder.id);
    this.#runs.set(recorder.id, { run, until: this.#clock.now() + KEPT_MS });
    for (const [oldest, { until }] of this.#runs) {
      if (this.#runs.size <= MOST && until > this.#clock.now()) break;
      this.#runs.delete(oldest);
    }
    const state = run.journal.state(); // It is written later, when the run may have gone on.
    recorder.canGoOn({ question: run.waiting?.question ?? null, text: () => writeState(run, state) });
  }

  /** Forgets what memory has of it: it has gone on. What the database has is replaced when it ends again. */
  forget(id: RunId): void {
    this.#runs.delete(id);
  }

  /** Errors: `not_waiting` for a run that has nothing to go on with, `run_not_kept` for one whose journal is gone, `stored_data_unreadable`. */
  get(run: RunRecord): ResumableRun {
    if (run.status === 'running' || run.status === 'completed') throw cannotGoOn(run);
    const kept = this.#inMemory(run.id);
    if (kept !== undefined) return kept;
    const text = this.#stored.journal(run.id);
    if (text === undefined) throw cannotGoOn(run);
    return readState(run.id, text);
  }

  /** The question with which the run waits; null when it does not wait, or what it needs to go on is gone. */
  questionOf(id: RunId): string | null {
    const kept = this.#inMemory(id);
    return kept === undefined ? this.#stored.storedQuestion(id) : (kept.waiting?.question ?? null);
  }

  #inMemory(id: RunId): ResumableRun | undefined {
    const kept = this.#runs.get(id);
    return kept !== undefined && kept.until > this.#clock.now() ? kept.run : undefined;
  }
}

function cannotGoOn(run: RunRecord): TuttiError {
  const { id, status, content } = run;
  if (status !== 'waiting' && !hadProgress(run)) {
    return new TuttiError('not_waiting', `The run ${id} is ${status} and cannot go on.`, { param: 'run' });
  }
  const was = status === 'waiting' ? 'waited for a reply' : `${status === 'failed' ? 'failed' : 'was cancelled'} half-way`;
  // Content is with the run if the setting was on when it ran.
  const why =
    content === undefined
      ? 'what it needs to go on was kept in memory only, and is gone: by a restart, or after a day. `runs.store_content: true` in the config keeps it in the database. Ask anew.'
      : 'what it needs to go on is not in the database: it could not be written, or was too large. Ask anew.';
  return new TuttiError('run_not_kept', `The run ${id} ${was}, but ${why}`, { param: 'run', details: { status } });
}

/** Whether it failed after a member of its orchestration had succeeded. Who asks a model by itself has calls right below the root. */
function hadProgress({ status, route, steps }: RunRecord): boolean {
  if ((status !== 'failed' && status !== 'cancelled') || route?.resolvedBy === 'work') return false;
  if (steps.some(({ kind, parent }) => kind === 'call' && parent === ROOT)) return false;
  return steps.some((step) => step.kind === 'member' && step.status === 'completed');
}
