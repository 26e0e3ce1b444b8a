import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../contracts/run.ts';
import { Connection } from '../storage/connection.ts';
import { migrate } from '../storage/migrations.ts';
import { fits, toSql, type RunFilter } from './filter.ts';
import { listRuns } from './run-queries.ts';
import { insertRun, toRunRow } from './run-rows.ts';
import { runStats } from './run-stats.ts';
import { runRecord } from '../../test/runs/run-record.ts';

const name = fc.constantFrom('a', 'b', "c' OR 1=1 --");
const record: fc.Arbitrary<Partial<RunRecord>> = fc.record({
  startedAt: fc.integer({ min: 0, max: 9 }),
  principal: name,
  type: fc.option(name),
  target: name,
  model: fc.option(name),
  backend: fc.option(name),
  status: fc.constantFrom('completed' as const, 'failed' as const, 'cancelled' as const, 'waiting' as const),
  confidence: fc.option(fc.constantFrom(0.25, 0.5).map((score) => ({ score, method: 'declared' as const, calibrated: false }))),
  conflicts: fc.integer({ min: 0, max: 2 }),
  fallbacks: fc.integer({ min: 0, max: 2 }),
  cacheHit: fc.boolean(),
});
const runs = fc
  .array(record, { maxLength: 12 })
  .map((records) => records.map((more, i) => runRecord({ ...more, id: `run_${i}`, endedAt: (more.startedAt ?? 0) + i })));
const filter: fc.Arbitrary<RunFilter> = fc.record(
  {
    since: fc.integer({ min: 0, max: 9 }),
    model: name,
    target: name,
    backend: name,
    type: name,
    principal: name,
    viewer: fc.record({ id: name, role: fc.constantFrom('admin' as const, 'user' as const) }),
  },
  { requiredKeys: [] },
);

function database(stored: readonly RunRecord[]): Connection {
  const connection = new Connection(':memory:');
  migrate(connection);
  for (const run of stored) insertRun(connection, toRunRow(run, 1000));
  return connection;
}

describe('a filter', () => {
  it('means the same in memory and in the database', () => {
    fc.assert(
      fc.property(runs, filter, fc.constantFrom(undefined, 'failed' as const), (all, given, status) => {
        const query = { ...given, ...(status !== undefined && { status }) };
        using connection = database(all);
        const { sql, values } = toSql(query);
        const stored = connection.all<{ id: string }>(`SELECT id FROM runs WHERE ${sql}`, ...values).map(({ id }) => id);
        expect(stored.toSorted()).toEqual(
          all
            .filter((run) => fits(run, query))
            .map(({ id }) => id)
            .toSorted(),
        );
      }),
    );
  });
});

describe('runs in memory and in the database together', () => {
  it('give the same statistics wherever each of them is', () => {
    fc.assert(
      fc.property(runs, filter, fc.nat(12), (all, query, cut) => {
        using some = database(all.slice(0, cut));
        using every = database(all);
        const mixed = runStats(some, all.slice(cut), query);
        expect(mixed).toEqual(runStats(null, all, query));
        expect(mixed).toEqual(runStats(every, [], query));
      }),
    );
  });

  it('come in pages that hold each exactly once, the newest first', () => {
    fc.assert(
      fc.property(runs, filter, fc.nat(12), fc.nat(3), fc.integer({ min: 1, max: 5 }), (all, query, cut, both, limit) => {
        using connection = database(all.slice(0, cut));
        const inMemory = all.slice(Math.max(0, cut - both));
        const found: string[] = [];
        let cursor: string | null = '';
        while (cursor !== null) {
          const page = listRuns(connection, inMemory, { ...query, limit, ...(cursor !== '' && { cursor }) });
          expect(page.runs.length).toBeLessThanOrEqual(limit);
          found.push(...page.runs.map(({ id }) => id));
          cursor = page.nextCursor;
        }
        const expected = all
          .filter((run) => fits(run, query))
          .toSorted((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? 1 : -1))
          .map(({ id }) => id);
        expect(found).toEqual(expected);
      }),
    );
  });

  it('refuse a cursor that is none', () => {
    for (const cursor of ['', '!', 'bm9uc2Vuc2U']) {
      expect(() => listRuns(null, [], { cursor })).toThrow(expect.objectContaining({ code: 'invalid_request', param: 'cursor' }));
    }
  });
});

describe('statistics', () => {
  it('have no rates when nothing ran', () => {
    expect(runStats(null, [], {})).toEqual({
      totalExecutions: 0,
      successRate: null,
      avgConfidence: null,
      avgExecutionTimeMs: null,
      conflictsDetected: 0,
      fallbacksTriggered: 0,
      modelUsage: {},
      backendUsage: {},
      typeUsage: {},
      cacheHitRate: null,
    });
  });

  it('count a run once for each model that it called, and leave cancelled ones out of the success rate', () => {
    const step = { parent: null, kind: 'call', name: '', backend: null, reason: null, status: 'completed' } as const;
    const rest = { startedAt: 0, endedAt: 0, firstTokenMs: null, usage: null, costUsd: null, confidence: null, error: null };
    const steps = [
      { path: 'root/0', ...step, ...rest, kind: 'orchestration', model: 'panel' },
      { path: 'root/0/0', ...step, ...rest, model: 'x:a' },
      { path: 'root/0/1', ...step, ...rest, model: 'x:a' },
      { path: 'root/0/2', ...step, ...rest, model: 'x:b' },
    ];
    const all = [
      runRecord({ id: '1', steps, model: 'panel', backend: null, startedAt: 0, endedAt: 30 }),
      runRecord({ id: '2', status: 'failed', startedAt: 0, endedAt: 10 }),
      runRecord({ id: '3', status: 'cancelled', startedAt: 0, endedAt: 20, cacheHit: true }),
      runRecord({ id: '4', backend: 'x', startedAt: 0, endedAt: 20 }),
    ];
    using connection = database(all);
    expect(runStats(connection, [], {})).toMatchObject({
      totalExecutions: 4,
      successRate: 2 / 3,
      avgConfidence: null,
      avgExecutionTimeMs: 20,
      modelUsage: { 'x:a': 1, 'x:b': 1 },
      backendUsage: { x: 1 },
      cacheHitRate: 0.25,
    });
  });
});
