import type { RunRecord } from '../contracts/run.ts';
import { TuttiError } from '../errors/error.ts';
import { fromCursor, isBelow, pageSize, toCursor, type Position } from '../lib/page.ts';
import type { Connection } from '../storage/connection.ts';
import { fits, toSql, type RunFilter } from './filter.ts';
import { parseSummary, type RunSummary } from './run-rows.ts';

export interface ListQuery extends RunFilter {
  /** Runs a page, 1 to 1000. Default 50. */
  readonly limit?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

export interface RunPage {
  /** The newest first. */
  readonly runs: readonly RunSummary[];
  /** null on the last page. */
  readonly nextCursor: string | null;
}

const PAGE = { otherwise: 50, most: 1000 };

/**
 * A page over the runs in memory and those in the database; a run in both is taken from memory. `connection` null: the
 * database cannot be read, and the page holds what memory has.
 * Errors: `invalid_request` for a cursor that is none.
 */
export function listRuns(connection: Connection | null, inMemory: Iterable<RunRecord>, query: ListQuery): RunPage {
  const limit = pageSize(query.limit, PAGE);
  const after = query.cursor === undefined ? null : parseCursor(query.cursor);
  const found = new Map<string, RunSummary>();
  const memoryIds = new Set<string>();
  for (const run of inMemory) {
    memoryIds.add(run.id);
    if (fits(run, query) && (after === null || isBelow(placeOf(run), after))) found.set(run.id, summaryOf(run));
  }
  // A run may be in both for a moment: a paused one that goes on. So many more are asked for as memory may hide.
  const stored = connection === null ? [] : selectPage(connection, query, { after, limit: limit + 1 + memoryIds.size });
  for (const run of stored) if (!memoryIds.has(run.id)) found.set(run.id, run);
  const sorted = [...found.values()].toSorted((a, b) => (isBelow(placeOf(a), placeOf(b)) ? 1 : -1));
  const runs = sorted.slice(0, limit);
  const last = runs.at(-1);
  return { runs, nextCursor: sorted.length > limit && last !== undefined ? toCursor(placeOf(last)) : null };
}

function selectPage(connection: Connection, filter: RunFilter, page: { after: Position | null; limit: number }): RunSummary[] {
  const { sql, values } = toSql(filter);
  const from = page.after === null ? [] : [page.after.at, page.after.id];
  const rows = connection.all<{ record: string }>(
    `SELECT record FROM runs WHERE ${sql}${page.after === null ? '' : ' AND (started_at, id) < (?, ?)'}
     ORDER BY started_at DESC, id DESC LIMIT ?`,
    ...values,
    ...from,
    page.limit,
  );
  return rows.map((row) => parseSummary(row.record));
}

export function summaryOf(run: RunRecord): RunSummary {
  const { steps: _steps, content: _content, ...summary } = run;
  return summary;
}

function placeOf({ startedAt, id }: RunSummary): Position {
  return { at: startedAt, id };
}

function parseCursor(cursor: string): Position {
  const position = fromCursor(cursor);
  if (position !== null) return position;
  throw new TuttiError('invalid_request', 'The cursor is not one that a list of runs has given.', { param: 'cursor' });
}
