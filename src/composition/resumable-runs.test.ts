import { beforeEach, describe, expect, it } from 'vitest';
import { runRecord } from '../../test/runs/run-record.ts';
import type { RunRecord, StepRecord } from '../contracts/run.ts';
import { Journal } from '../host/journal.ts';
import type { RunJournal } from '../runs/journal-rows.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { ResumableRuns, type ResumableRun } from './resumable-runs.ts';

const DAY = 24 * 3600 * 1000;
let clock: FakeClock;
let database: Map<string, RunJournal>;
let runs: ResumableRuns;
const begin = (): ResumableRuns =>
  new ResumableRuns(clock, {
    journal: (id) => database.get(id)?.text(),
    storedQuestion: (id) => database.get(id)?.question ?? null,
  });
beforeEach(() => {
  clock = new FakeClock();
  database = new Map();
  runs = begin();
});

const asked = (question: string | null): ResumableRun => ({
  request: { operation: 'chat', input: { messages: [{ role: 'user', content: 'x' }] } },
  journal: new Journal(),
  waiting: question === null ? null : { step: 'root/q', question },
});
/** With `stored`, as `runs.store_content` would have it. */
function keep(id: string, question: string | null = 'why?', { stored = false } = {}): void {
  const canGoOn = (journal: RunJournal): void => void (stored && database.set(id, journal));
  runs.keep({ id, canGoOn }, asked(question));
}
const record = (more: Partial<RunRecord> = {}): RunRecord => runRecord({ id: 'a', status: 'waiting', ...more });
const failing = (code: string, message?: RegExp) =>
  expect.objectContaining({ code, ...(message && { message: expect.stringMatching(message) }) });
const step = (more: Partial<StepRecord>): StepRecord =>
  ({ status: 'completed', kind: 'member', parent: 'root', ...more }) as StepRecord;

describe('a run that can go on', () => {
  it('is known with its question until it has gone on', () => {
    keep('a');
    expect(runs.questionOf('a')).toBe('why?');
    expect(runs.get(record()).waiting).toEqual({ step: 'root/q', question: 'why?' });
    runs.forget('a');
    expect(runs.questionOf('a')).toBeNull();
  });

  it('is kept in memory for a day, of the newest thousand', () => {
    keep('a');
    clock.advance(DAY);
    expect(runs.questionOf('a')).toBeNull();
    for (let i = 0; i <= 1000; i++) keep(`run${i}`);
    expect([runs.questionOf('run0'), runs.questionOf('run1')]).toEqual([null, 'why?']);
  });

  it('goes on from the database after a restart, as it was when it paused', () => {
    const journal = new Journal();
    runs.keep({ id: 'a', canGoOn: (kept) => void database.set('a', kept) }, { ...asked('why?'), journal });
    journal.setReply('root/q', 'it has gone on, before it was written');
    runs = begin();
    expect(runs.questionOf('a')).toBe('why?');
    const { request, journal: read, waiting } = runs.get(record());
    expect([request.input, read.size, waiting?.step]).toEqual([{ messages: [{ role: 'user', content: 'x' }] }, 0, 'root/q']);
  });

  it('does not go on twice, whatever memory has of it', () => {
    keep('a', 'why?', { stored: true });
    for (const status of ['running', 'completed'] as const)
      expect(() => runs.get(record({ status }))).toThrow(failing('not_waiting', new RegExp(status)));
  });
});

describe('a run that cannot go on', () => {
  it('was kept in memory only: the error names the setting', () => {
    expect(() => runs.get(record())).toThrow(
      failing('run_not_kept', /waited for a reply.*memory only.*`runs\.store_content: true`/),
    );
    const half = [step({}), step({ status: 'failed' })];
    expect(() => runs.get(record({ status: 'failed', steps: half }))).toThrow(failing('run_not_kept', /failed half-way/));
    expect(() => runs.get(record({ status: 'cancelled', steps: half }))).toThrow(
      failing('run_not_kept', /was cancelled half-way/),
    );
  });

  it('was to be stored, and could not be', () => {
    const content = { input: {}, output: [] };
    expect(() => runs.get(record({ content }))).toThrow(failing('run_not_kept', /not in the database/));
  });

  it.each<[string, Partial<RunRecord>]>([
    ['nothing in it had succeeded', { steps: [step({ status: 'failed' })] }],
    ['a model was asked by itself', { steps: [step({ kind: 'call', status: 'failed' }), step({})] }],
    [
      'it was work of Tutti’s own',
      { steps: [step({})], route: { target: 'x', resolvedBy: 'work', candidates: [], excluded: [] } },
    ],
  ])('because %s', (_, more) => {
    expect(() => runs.get(record({ status: 'failed', ...more }))).toThrow(failing('not_waiting'));
  });
});
