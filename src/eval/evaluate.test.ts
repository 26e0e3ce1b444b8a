import { describe, expect, it } from 'vitest';
import { TuttiError } from '../errors/error.ts';
import { deferred } from '../lib/deferred.ts';
import { evaluate, type Ask, type EvaluateOptions, type Reply } from './evaluate.ts';
import { readItems } from './items.ts';

const items = readItems(
  Array.from({ length: 6 }, (_, i) => JSON.stringify({ id: `q${i}`, prompt: `${i}?`, answer: i })).join('\n'),
  'q',
);
const reply = (text: string): Reply => ({
  text,
  toolCalls: [],
  confidence: null,
  modelCalls: 1,
  usageByModel: {},
  costUsd: null,
});

const run = (ask: Ask, more: Partial<EvaluateOptions> = {}) =>
  evaluate({
    items,
    targets: [{ name: 'a', kind: 'model' }],
    ask,
    judge: (item, { text }) => item.answers.includes(text),
    signal: new AbortController().signal,
    ...more,
  });

describe('evaluate', () => {
  it('asks every target every item, and gives the trials in the order of the items', async () => {
    const targets = [
      { name: 'a', kind: 'model' },
      { name: 'p', kind: 'orchestration' },
    ] as const;
    const asked: string[] = [];
    const all = await run(
      async (target, { id, answers }) => {
        asked.push(`${target} ${id}`);
        return reply(target === 'p' ? (answers[0] ?? '') : '3');
      },
      { targets },
    );
    expect(all.map(({ target, trials }) => [target.name, trials.map(({ right }) => right)])).toEqual([
      ['a', [false, false, false, true, false, false]],
      ['p', [true, true, true, true, true, true]],
    ]);
    expect(new Set(asked).size).toBe(12);
    expect(asked.slice(0, 6).every((question) => question.startsWith('a '))).toBe(true);
  });

  it('keeps so many questions under way and no more', async () => {
    const gate = deferred();
    let now = 0;
    let most = 0;
    const full = deferred();
    const done = run(
      async () => {
        most = Math.max(most, ++now);
        if (now === 3) full.resolve();
        await gate.promise;
        now--;
        return reply('');
      },
      { concurrency: 3 },
    );
    await full.promise;
    gate.resolve();
    await done;
    expect(most).toBe(3);
  });

  it('counts an item without an answer as wrong and goes on', async () => {
    const [all] = await run(async (_, { id }) => {
      if (id === 'q2') throw new TuttiError('all_members_failed', 'none could');
      return reply(id.slice(1));
    });
    expect(all?.trials.map(({ right }) => right)).toEqual([true, true, false, true, true, true]);
    expect(all?.trials[2]).toMatchObject({ reply: null, error: { code: 'all_members_failed', message: 'none could' } });
  });

  it('ends at once with an error that every item would meet, and stops what is under way', async () => {
    const stopped = deferred<unknown>();
    const ask: Ask = (_, { id }, signal) => {
      if (id === 'q1') return Promise.reject(new TuttiError('model_not_found', 'no such model'));
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          stopped.resolve(signal.reason);
          reject(signal.reason as Error);
        }),
      );
    };
    await expect(run(ask, { concurrency: 2 })).rejects.toMatchObject({ code: 'model_not_found' });
    expect(await stopped.promise).toMatchObject({ code: 'cancelled' });
  });

  it('ends when it is cancelled', async () => {
    const stop = new AbortController();
    const ask: Ask = (_, { id }, signal) => {
      if (id === 'q3') stop.abort(new TuttiError('cancelled', 'enough'));
      signal.throwIfAborted();
      return Promise.resolve(reply(''));
    };
    await expect(run(ask, { signal: stop.signal, concurrency: 1 })).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('measures time and tells how far it is', async () => {
    let now = 0;
    const told: number[] = [];
    const [all] = await run(
      async () => {
        now += 10;
        return reply('');
      },
      { concurrency: 1, now: () => now, onProgress: (_, done) => told.push(done) },
    );
    expect(all).toMatchObject({ ms: 60, trials: items.map(() => ({ ms: 10 })) });
    expect(told).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
