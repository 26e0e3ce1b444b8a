import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runRecord } from '../../test/runs/run-record.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Part } from '../contracts/part.ts';
import type { Principal } from '../contracts/principal.ts';
import { TuttiError } from '../errors/error.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { openStorage, type Storage } from '../storage/storage.ts';
import { createRuns, type Runs, type RunsOptions } from './runs.ts';
import type { RunMeta } from './recorder.ts';
import { RunWriter } from './run-writer.ts';
import { runsSchema } from './schema.ts';

let folder: string;
let path: string;
let clock: FakeClock;
let logged: string[];
let log: Logger;
let held: Disposable[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-runs-'));
  path = join(folder, 'tutti.db');
  clock = new FakeClock();
  logged = [];
  const note = (_: object, message = ''): void => void logged.push(message);
  log = { debug: note, info: note, warn: note, error: note };
  held = [];
});
afterEach(() => {
  for (const one of held.toReversed()) one[Symbol.dispose]();
  expect(clock.pendingTimers).toBe(0);
  rmSync(folder, { recursive: true, force: true });
});

function begin(config: object = {}, more: Partial<RunsOptions> = {}): { storage: Storage; runs: Runs } {
  const storage = openStorage({ path, log, clock });
  held.push(storage);
  const runs = createRuns({ storage, clock, log, config: runsSchema.parse(config), ...more });
  held.push(runs);
  return { storage, runs };
}
function breakWrites(storage: Storage): () => void {
  storage.read((db) => db.exec('PRAGMA query_only = TRUE'));
  return () => storage.read((db) => db.exec('PRAGMA query_only = FALSE'));
}

const META: RunMeta = { principal: 'local', operation: 'chat', type: 'reasoning', target: 'auto', input: 'hi' };
async function* answer(text = 'hello'): AsyncGenerator<Part> {
  yield { type: 'step-start', step: 'root/0', parent: 'root', kind: 'call', name: 'x:a', model: 'x:a', backend: 'x', at: 5 };
  yield { type: 'text-delta', step: 'root', choice: 0, text };
  yield { type: 'finish', step: 'root', choice: 0, reason: 'stop' };
}
async function finished(runs: Runs, meta: Partial<RunMeta> = {}, text?: string): Promise<string> {
  const recorder = runs.start({ ...META, ...meta });
  await Array.fromAsync(recorder.tap(answer(text)));
  return recorder.id;
}
const user = (id: string): Principal => ({ id, role: 'user' });
const types = (runs: Runs, viewer?: Principal): string[] =>
  [...runs.events.replay(0, viewer === undefined ? {} : { viewer })].map(({ type }) => type);

describe('a run', () => {
  it('is found while it runs, while it waits to be written, and once it is stored', async () => {
    const { runs } = begin();
    const recorder = runs.start(META);
    expect(runs.get(recorder.id)?.status).toBe('running');
    expect(runs.active().map(({ id }) => id)).toEqual([recorder.id]);
    expect(runs.activeCount).toBe(1);
    await Array.fromAsync(recorder.tap(answer()));
    expect(runs.active()).toEqual([]);
    expect(runs.status.pending).toEqual({ runs: 1, events: 4 });
    const pending = runs.get(recorder.id);
    clock.advance(250);
    expect(runs.status.pending).toEqual({ runs: 0, events: 0 });
    expect(runs.get(recorder.id)).toEqual(pending);
    expect(pending).toMatchObject({ status: 'completed', model: 'x:a' });
    expect(runs.get('run_unknown')).toBeUndefined();
  });

  it('is there after a restart, with its events', async () => {
    const first = begin();
    const id = await finished(first.runs);
    const run = first.runs.get(id);
    first.runs.close();
    first.storage.close();
    const { runs } = begin();
    expect(runs.get(id)).toEqual(run);
    const events = [...runs.events.replay(0)];
    expect(events.map(({ type }) => type)).toEqual(['run.started', 'step.started', 'step.finished', 'run.completed']);
    expect(events.at(-1)?.data).toEqual({ run });
    expect(runs.events.lastId).toBe(4);
  });

  it('is listed and counted once, wherever it is', async () => {
    const { runs } = begin();
    for (const text of ['stored', 'pending']) {
      await finished(runs, {}, text);
      if (text === 'stored') runs.flush();
      clock.advance(1);
    }
    const live = runs.start(META);
    expect(runs.list().runs.map(({ status }) => status)).toEqual(['running', 'completed', 'completed']);
    expect(runs.list({ status: 'running' }).runs.map(({ id }) => id)).toEqual([live.id]);
    expect(runs.list().runs[0]).not.toHaveProperty('steps');
    expect(runs.stats()).toMatchObject({ totalExecutions: 2, successRate: 1, modelUsage: { 'x:a': 2 } });
    live.cancel();
  });

  it('that paused and went on under the same id replaces what was stored', async () => {
    const { runs } = begin();
    const paused = runs.start({ ...META, id: 'run_p' });
    paused.wait('Which?');
    await Array.fromAsync(paused.tap(answer('Which?')));
    runs.flush();
    expect(runs.get('run_p')?.status).toBe('waiting');
    await finished(runs, { id: 'run_p' });
    runs.flush();
    expect(runs.get('run_p')?.status).toBe('completed');
    expect(runs.stats().totalExecutions).toBe(1);
  });

  it('is stopped by its handle, which knows whose it is', () => {
    const { runs } = begin();
    let stopped = 0;
    const recorder = runs.start({ ...META, principal: 'ann' }, { cancel: () => stopped++ });
    const fixed = runs.start(META);
    expect(runs.cancel(recorder.id, user('bob'))).toBe(false);
    expect(runs.cancel('run_unknown')).toBe(false);
    expect(runs.cancel(fixed.id)).toBe(false);
    expect(stopped).toBe(0);
    expect(runs.cancel(recorder.id, user('ann'))).toBe(true);
    expect(stopped).toBe(1);
    recorder.cancel();
    fixed.cancel();
    expect(runs.cancel(recorder.id)).toBe(false);
  });
});

describe('content', () => {
  it('is not stored unless the config says so', async () => {
    const { runs, storage } = begin();
    const id = await finished(runs, { input: 'my secret prompt' }, 'my secret answer');
    runs.flush();
    expect(runs.get(id)).not.toHaveProperty('content');
    storage.read((db) => db.exec('PRAGMA wal_checkpoint(TRUNCATE)'));
    expect(readFileSync(path).includes('secret')).toBe(false);
  });

  it('is stored when it does; what is too large is left out and says so', async () => {
    const { runs } = begin({ store_content: true, max_content_kb: 1 });
    const small = await finished(runs);
    const large = await finished(runs, { input: 'x'.repeat(2000) });
    runs.flush();
    expect(runs.get(small)?.content).toEqual({ input: 'hi', output: [{ text: 'hello' }] });
    expect(runs.get(large)?.content).toEqual({
      input: { omitted: '2002 bytes, more than runs.max_content_kb' },
      output: [{ text: 'hello' }],
    });
  });
});

describe('a run that can go on', () => {
  const KEPT = { store_content: true };
  /** Pauses with a question, or fails. */
  async function paused(runs: Runs, question: string | null = 'why?', text = () => 'journal', meta: Partial<RunMeta> = {}) {
    const recorder = runs.start({ ...META, ...meta });
    recorder.canGoOn({ question, text });
    if (question !== null) {
      recorder.wait(question);
      await Array.fromAsync(recorder.tap(answer(question)));
    } else recorder.fail(new TuttiError('all_members_failed', 'ill'));
    return recorder.id;
  }
  const journals = (storage: Storage): unknown[] =>
    storage.read((db) => db.all('SELECT run_id, question, journal FROM journals'));

  it('has its journal in the database once it is written, and not while memory knows better', async () => {
    const { runs, storage } = begin(KEPT);
    const id = await paused(runs);
    expect([runs.journal(id), runs.storedQuestion(id)]).toEqual([undefined, null]);
    clock.advance(0); // One that waits is written at once.
    expect([runs.journal(id), runs.storedQuestion(id)]).toEqual(['journal', 'why?']);
    expect(journals(storage)).toEqual([{ run_id: id, question: 'why?', journal: 'journal' }]);
    const recorder = runs.start({ ...META, id });
    expect([runs.journal(id), runs.storedQuestion(id)]).toEqual([undefined, null]);
    recorder.cancel();
    expect(runs.journal(id)).toBeUndefined();
    clock.advance(250);
    expect(journals(storage)).toEqual([]);
  });

  it('that failed has a journal without a question, and one of its own at each end', async () => {
    const { runs } = begin(KEPT);
    const id = await paused(runs);
    runs.flush();
    await paused(runs, null, () => 'more', { id });
    runs.flush();
    expect([runs.get(id)?.status, runs.journal(id), runs.storedQuestion(id)]).toEqual(['failed', 'more', null]);
  });

  it('has none without `store_content`, and its text is not even made', async () => {
    const { runs, storage } = begin();
    await paused(runs, 'why?', () => {
      throw new RangeError('made');
    });
    runs.flush();
    expect(journals(storage)).toEqual([]);
    expect(logged).toEqual([]);
  });

  it.each([
    ['cannot be made', () => ({}) as string],
    ['is too large', () => 'x'.repeat(64 * 1024 * 1024 + 1)],
  ])('is stored without its journal when that %s, and so is what comes with it', async (_, text) => {
    const { runs, storage } = begin(KEPT);
    const id = await paused(runs, 'why?', text);
    const other = await paused(runs);
    runs.flush();
    expect(runs.get(id)?.status).toBe('waiting');
    expect(journals(storage)).toMatchObject([{ run_id: other }]);
    expect(logged).toEqual([expect.stringContaining('a restart ends the run')]);
  });

  it('has no credentials in the input that is kept with it', async () => {
    const { runs } = begin(KEPT);
    const id = await finished(runs, { input: { messages: [], extra: { api_key: 'sk-1', top_a: 1 } } });
    runs.flush();
    expect(runs.get(id)?.content?.input).toEqual({ messages: [], extra: { top_a: 1 } });
  });
});

describe('users', () => {
  it('see their own runs and events and what concerns all, and admins everything', async () => {
    const { runs } = begin();
    const mine = await finished(runs, { principal: 'ann' });
    const theirs = await finished(runs, { principal: 'bob' });
    runs.flush();
    const live = runs.start({ ...META, principal: 'bob' });
    runs.events.publish('model.registered', { model: 'x:a' });
    expect(runs.get(mine, user('ann'))?.id).toBe(mine);
    expect(runs.get(theirs, user('ann'))).toBeUndefined();
    expect(runs.get(live.id, user('ann'))).toBeUndefined();
    expect(runs.active(user('ann'))).toEqual([]);
    expect(runs.list({ viewer: user('ann') }).runs.map(({ id }) => id)).toEqual([mine]);
    expect(runs.list({ viewer: user('ann'), principal: 'bob' }).runs).toEqual([]);
    expect(runs.stats({ viewer: user('ann') }).totalExecutions).toBe(1);
    expect(runs.stats({ viewer: { id: 'ann', role: 'admin' } }).totalExecutions).toBe(2);
    expect(types(runs, user('ann'))).toEqual([
      'run.started',
      'step.started',
      'step.finished',
      'run.completed',
      'model.registered',
    ]);
    expect(types(runs)).toHaveLength(10);
    live.cancel();
  });
});

describe('writing', () => {
  it('happens 250 ms after the first of a batch, or at once when there are many, never inside the call', async () => {
    const { runs } = begin();
    runs.events.publish('model.registered', { model: 'a' });
    clock.advance(249);
    expect(runs.status.pending.events).toBe(1);
    clock.advance(1);
    expect(runs.status.pending.events).toBe(0);
    for (let i = 0; i < 600; i++) runs.events.publish('model.registered', { model: 'a' });
    expect(runs.status.pending.events).toBe(600);
    clock.advance(0);
    expect(runs.status.pending.events).toBe(0);
  });

  it('survives what cannot be written as JSON: only that is lost, and it is counted', async () => {
    const { runs } = begin();
    const bad = await finished(runs, { metadata: { big: 1n } });
    const good = await finished(runs);
    expect(runs.flush()).toBe(true);
    expect(runs.get(bad)).toBeUndefined();
    expect(runs.get(good)?.status).toBe('completed');
    expect(runs.status.dropped.runs).toBe(1);
    expect(logged).toContain('a run or event cannot be written as JSON: it is dropped');
    // The event that told of the lost run is passed over when resuming.
    expect(types(runs).filter((type) => type === 'run.completed')).toHaveLength(2);
  });
});

describe('without a database that works', () => {
  it('calls are recorded and can be read, the failure is an event, and all is written once it works again', async () => {
    const { runs, storage } = begin();
    const before = await finished(runs);
    runs.flush();
    const mend = breakWrites(storage);
    const during = await finished(runs);
    clock.advance(250);
    expect(runs.status).toMatchObject({ ok: false, pending: { runs: 1 }, dropped: { runs: 0, events: 0 } });
    expect(types(runs).at(-1)).toBe('storage.degraded');
    expect(runs.list().runs.map(({ id }) => id)).toEqual([during, before]);
    expect(runs.stats().totalExecutions).toBe(2);
    mend();
    clock.advance(storage.retryInMs);
    expect(runs.status).toMatchObject({ ok: true, pending: { runs: 0 } });
    expect(types(runs).at(-1)).toBe('storage.recovered');
    expect(runs.get(during)?.status).toBe('completed');
  });

  it('starts, answers and reports when the database cannot be opened at all', async () => {
    path = folder;
    const { runs } = begin();
    const id = await finished(runs);
    expect(runs.status.ok).toBe(false);
    expect(types(runs)[0]).toBe('storage.degraded');
    expect(runs.get(id)?.status).toBe('completed');
    expect(runs.list().runs).toHaveLength(1);
    expect(runs.stats().totalExecutions).toBe(1);
    runs.close();
    expect(logged).toContain('the database cannot be written: what was pending is lost');
  });

  it('goes on in a new one when it turns out to be corrupt, without losing what was pending', async () => {
    const first = begin();
    for (let i = 0; i < 50; i++) await finished(first.runs);
    first.runs.close();
    first.storage.close();
    const bytes = readFileSync(path);
    bytes.fill(0xff, 4096 * 5);
    writeFileSync(path, bytes);
    const { runs, storage } = begin();
    const id = await finished(runs);
    for (let i = 0; i < 5; i++) clock.advance(5_000);
    expect(runs.status.pending.runs).toBe(0);
    expect(storage.status.movedAside).toHaveLength(1);
    expect(runs.get(id)?.status).toBe('completed');
    expect(storage.check().ok).toBe(true);
    expect(types(runs)).toContain('storage.recovered');
  });

  it('holds only so much, drops the oldest, and says how many', () => {
    const storage = openStorage({ path, log, clock });
    held.push(storage);
    const writer = new RunWriter({ storage, clock, log, maxContentBytes: 1000, maxPending: { runs: 3, events: 10 } });
    const mend = breakWrites(storage);
    for (let i = 1; i <= 5; i++) writer.addRun(runRecord({ id: `run_${i}` }));
    expect([...writer.pendingRuns.keys()]).toEqual(['run_3', 'run_4', 'run_5']);
    expect(writer.dropped).toEqual({ runs: 2, events: 0 });
    expect(writer.flush()).toBe(false);
    mend();
    clock.advance(storage.retryInMs);
    expect(writer.pending.runs).toBe(0);
    expect(logged).toContain('some history was lost while the database could not be written');
    writer.close();
  });

  it('is answered with what memory has after the storage was closed', async () => {
    const { runs, storage } = begin();
    const id = await finished(runs);
    storage.close();
    expect(runs.get(id)?.status).toBe('completed');
    expect(runs.list().runs).toHaveLength(1);
  });
});

describe('closing', () => {
  it('writes what is pending, ends the readers, and may be done twice', async () => {
    const { runs } = begin();
    const reading = Array.fromAsync(runs.events.since(null));
    const id = await finished(runs);
    runs.close();
    runs.close();
    expect(await reading).toHaveLength(4);
    expect(runs.get(id)?.status).toBe('completed');
    expect(runs.status.pending).toEqual({ runs: 0, events: 0 });
  });

  it('lets a run that ends afterwards end quietly', () => {
    const { runs } = begin();
    const recorder = runs.start(META);
    runs.close();
    recorder.fail(new TuttiError('shutting_down', 'too late'));
    expect(recorder.record().status).toBe('failed');
  });
});
