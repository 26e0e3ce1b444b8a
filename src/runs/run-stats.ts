import type { RunRecord } from '../contracts/run.ts';
import type { Connection } from '../storage/connection.ts';
import { fits, toSql, type RunFilter } from './filter.ts';
import { calledModel } from './run-rows.ts';

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

interface Totals {
  runs: number;
  completed: number;
  failed: number;
  confidenceSum: number;
  confidenceCount: number;
  timeSum: number;
  timeCount: number;
  conflicts: number;
  fallbacks: number;
  cacheHits: number;
}
type Tally = Map<string, number>;

/**
 * Over the finished runs in memory and those in the database. A run must not be in both. `connection` null: the database
 * cannot be read.
 */
export function runStats(connection: Connection | null, inMemory: Iterable<RunRecord>, query: StatsQuery): RunStats {
  const totals = connection === null ? noTotals() : storedTotals(connection, query);
  const models: Tally = new Map();
  const backends: Tally = new Map();
  const types: Tally = new Map();
  if (connection !== null) {
    const { sql, values } = toSql(query);
    tallyRows(backends, connection, `SELECT backend AS name, count(*) AS n FROM runs WHERE ${sql} GROUP BY 1`, values);
    tallyRows(types, connection, `SELECT type AS name, count(*) AS n FROM runs WHERE ${sql} GROUP BY 1`, values);
    const runIds = sql === 'TRUE' ? '' : `AND run_id IN (SELECT id FROM runs WHERE ${sql})`;
    const called = `
      SELECT called_model AS name, count(DISTINCT run_id) AS n FROM steps
      WHERE called_model IS NOT NULL ${runIds} GROUP BY called_model`;
    tallyRows(models, connection, called, values);
  }
  for (const run of inMemory) {
    if (!fits(run, query)) continue;
    addRun(totals, run);
    if (run.backend !== null) addTo(backends, run.backend);
    if (run.type !== null) addTo(types, run.type);
    for (const model of new Set(run.steps.map(calledModel))) if (model !== null) addTo(models, model);
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

function storedTotals(connection: Connection, query: StatsQuery): Totals {
  const { sql, values } = toSql(query);
  const row = connection.get<Totals>(
    `SELECT count(*) AS runs,
            coalesce(sum(status = 'completed'), 0) AS completed,
            coalesce(sum(status = 'failed'), 0) AS failed,
            coalesce(sum(confidence), 0) AS confidenceSum,
            count(confidence) AS confidenceCount,
            coalesce(sum(ended_at - started_at), 0) AS timeSum,
            count(ended_at) AS timeCount,
            coalesce(sum(conflicts), 0) AS conflicts,
            coalesce(sum(fallbacks), 0) AS fallbacks,
            coalesce(sum(cache_hit), 0) AS cacheHits
     FROM runs WHERE ${sql}`,
    ...values,
  );
  return row === undefined ? noTotals() : { ...row };
}

function noTotals(): Totals {
  return {
    runs: 0,
    completed: 0,
    failed: 0,
    confidenceSum: 0,
    confidenceCount: 0,
    timeSum: 0,
    timeCount: 0,
    conflicts: 0,
    fallbacks: 0,
    cacheHits: 0,
  };
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

function tallyRows(tally: Tally, connection: Connection, sql: string, values: readonly (string | number)[]): void {
  for (const { name, n } of connection.all<{ name: string | null; n: number }>(sql, ...values)) {
    if (name !== null) tally.set(name, n);
  }
}

function addTo(tally: Tally, name: string): void {
  tally.set(name, (tally.get(name) ?? 0) + 1);
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
