import type { RunRecord } from '../contracts/run.ts';
import type { Connection } from '../storage/connection.ts';
import { fits, toSql, type RunFilter } from './filter.ts';
import { calledModels } from './run-rows.ts';

/** Which finished runs the figures are taken over. */
export type StatsQuery = Omit<RunFilter, 'status'>;

/** Figures over finished runs. Rates and means are null when there was nothing to take them over. */
export interface RunStats {
  readonly totalExecutions: number;
  /** Completed over completed and failed, 0..1: a cancelled run is neither. */
  readonly successRate: number | null;
  /** Over the runs whose confidence is known. */
  readonly avgConfidence: number | null;
  /** Milliseconds. */
  readonly avgExecutionTimeMs: number | null;
  readonly conflictsDetected: number;
  readonly fallbacksTriggered: number;
  /** How many runs called each model, by themselves or inside an orchestration. */
  readonly modelUsage: Readonly<Record<string, number>>;
  /** How many runs each backend answered. */
  readonly backendUsage: Readonly<Record<string, number>>;
  /** How many runs there were of each kind of work. */
  readonly typeUsage: Readonly<Record<string, number>>;
  readonly cacheHitRate: number | null;
}

const FIELDS = [
  'runs',
  'completed',
  'failed',
  'confidenceSum',
  'confidenceCount',
  'timeSum',
  'timeCount',
  'conflicts',
  'fallbacks',
  'cacheHits',
] as const;
type Totals = Record<(typeof FIELDS)[number], number>;
type Tally = Map<string, number>;

/**
 * Over the finished runs in memory and those in the database. A run must not be in both. `connection` null: the database
 * cannot be read.
 */
export function runStats(connection: Connection | null, inMemory: Iterable<RunRecord>, query: StatsQuery): RunStats {
  const totals = noTotals();
  const models: Tally = new Map();
  const backends: Tally = new Map();
  const types: Tally = new Map();
  if (connection !== null) {
    for (const group of selectGroups(connection, query)) {
      addGroup(totals, group);
      if (group.backend !== null) addTo(backends, group.backend, group.runs);
      if (group.type !== null) addTo(types, group.type, group.runs);
    }
    for (const { model, runs } of selectModels(connection, query)) addTo(models, model, runs);
  }
  for (const run of inMemory) {
    if (!fits(run, query)) continue;
    addRun(totals, run);
    if (run.backend !== null) addTo(backends, run.backend);
    if (run.type !== null) addTo(types, run.type);
    for (const model of calledModels(run)) addTo(models, model);
  }
  return {
    totalExecutions: totals.runs,
    successRate: ratio(totals.completed, totals.completed + totals.failed),
    avgConfidence: ratio(totals.confidenceSum, totals.confidenceCount),
    avgExecutionTimeMs: ratio(totals.timeSum, totals.timeCount),
    conflictsDetected: totals.conflicts,
    fallbacksTriggered: totals.fallbacks,
    modelUsage: Object.fromEntries(models),
    backendUsage: Object.fromEntries(backends),
    typeUsage: Object.fromEntries(types),
    cacheHitRate: ratio(totals.cacheHits, totals.runs),
  };
}

/** One pass over the runs: kinds of work and backends are few, so the sums over all of them are made here. */
function selectGroups(connection: Connection, query: StatsQuery): (Totals & { type: string | null; backend: string | null })[] {
  const { sql, values } = toSql(query);
  return connection.all(
    `SELECT type, backend,
            count(*) AS runs,
            sum(status = 'completed') AS completed,
            sum(status = 'failed') AS failed,
            coalesce(sum(confidence), 0) AS confidenceSum,
            count(confidence) AS confidenceCount,
            coalesce(sum(ended_at - started_at), 0) AS timeSum,
            count(ended_at) AS timeCount,
            sum(conflicts) AS conflicts,
            sum(fallbacks) AS fallbacks,
            sum(cache_hit) AS cacheHits
     FROM runs WHERE ${sql} GROUP BY type, backend`,
    ...values,
  );
}

function selectModels(connection: Connection, query: StatsQuery): { model: string; runs: number }[] {
  const { sql, values } = toSql(query);
  const which = sql === 'TRUE' ? '' : `WHERE run_id IN (SELECT id FROM runs WHERE ${sql})`;
  return connection.all(`SELECT model, count(*) AS runs FROM run_models ${which} GROUP BY model`, ...values);
}

function addGroup(totals: Totals, group: Totals): void {
  for (const field of FIELDS) totals[field] += group[field];
}

function noTotals(): Totals {
  return Object.fromEntries(FIELDS.map((field) => [field, 0])) as Totals;
}

function addRun(totals: Totals, run: RunRecord): void {
  totals.runs++;
  if (run.status === 'completed') totals.completed++;
  if (run.status === 'failed') totals.failed++;
  if (run.confidence !== null) {
    totals.confidenceSum += run.confidence.score;
    totals.confidenceCount++;
  }
  if (run.endedAt !== null) {
    totals.timeSum += run.endedAt - run.startedAt;
    totals.timeCount++;
  }
  totals.conflicts += run.conflicts;
  totals.fallbacks += run.fallbacks;
  if (run.cacheHit) totals.cacheHits++;
}

function addTo(tally: Tally, name: string, count = 1): void {
  tally.set(name, (tally.get(name) ?? 0) + count);
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
