/** How runs and events lie in the database: one statement an operation, and both directions of the translation. */
import type { SQLInputValue } from 'node:sqlite';
import type { EventType, TuttiEvent } from '../contracts/event.ts';
import type { RunRecord, StepRecord } from '../contracts/run.ts';
import { withoutSecrets } from './secret-fields.ts';
import type { Connection } from '../storage/connection.ts';

const DELETE_RUN = 'DELETE FROM runs WHERE id = ?';
const INSERT_RUN = `
INSERT INTO runs (id, principal, operation, type, target, model, backend, status, started_at, ended_at,
                  confidence, conflicts, fallbacks, cache_hit, record, steps, content)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const INSERT_MODEL = 'INSERT INTO run_models (run_id, model) VALUES (?, ?)';
const INSERT_EVENT = 'INSERT OR IGNORE INTO events (id, type, at, run_id, principal, data) VALUES (?, ?, ?, ?, ?, ?)';
const SELECT_RUN = 'SELECT record, steps, content FROM runs WHERE id = ?';
const SELECT_EVENTS = `
SELECT id, type, at, run_id, principal, data FROM events WHERE id > ? AND id < ? ORDER BY id LIMIT ?`;

/** A run without its steps and content: what lists hold. */
export type RunSummary = Omit<RunRecord, 'steps' | 'content'>;

/** Values ready to be bound, made before the database is touched: JSON that cannot be made must not spoil a batch. */
export interface RunRow {
  readonly id: string;
  readonly run: readonly SQLInputValue[];
  readonly models: readonly string[];
}
export type EventRow = readonly SQLInputValue[];

export function toRunRow(run: RunRecord, maxContentBytes: number): RunRow {
  const { steps, content, ...summary } = run;
  return {
    id: run.id,
    run: [
      run.id,
      run.principal,
      run.operation,
      run.type,
      run.target,
      run.model,
      run.backend,
      run.status,
      run.startedAt,
      run.endedAt,
      run.confidence?.score ?? null,
      run.conflicts,
      run.fallbacks,
      run.cacheHit ? 1 : 0,
      JSON.stringify(summary),
      JSON.stringify(steps),
      content === undefined ? null : contentJson(content, maxContentBytes),
    ],
    models: calledModels(run),
  };
}

/** The models that a run called, each once. Orchestrations are made of these and are not among them. */
export function calledModels({ steps }: RunRecord): string[] {
  const models = new Set<string>();
  for (const { kind, model } of steps) if (kind === 'call' && model !== null) models.add(model);
  return [...models];
}

function contentJson({ input, output }: { input: unknown; output: unknown }, maxBytes: number): string {
  return `{"input":${limited(input, maxBytes)},"output":${limited(output, maxBytes)}}`;
}

function limited(value: unknown, maxBytes: number): string {
  const json = JSON.stringify(value, withoutSecrets) ?? 'null';
  const bytes = Buffer.byteLength(json);
  return bytes <= maxBytes ? json : JSON.stringify({ omitted: `${bytes} bytes, more than runs.max_content_kb` });
}

export function toEventRow(event: TuttiEvent): EventRow {
  // The run itself is in its own table; storing it here, too, would double the database.
  const data = 'run' in event.data ? { ...event.data, run: undefined } : event.data;
  return [event.id, event.type, event.at, event.runId, event.principal, JSON.stringify(data)];
}

export function insertRun(connection: Connection, row: RunRow): void {
  // One that waited and went on is written again.
  connection.run(DELETE_RUN, row.id);
  connection.run(INSERT_RUN, ...row.run);
  for (const model of row.models) connection.run(INSERT_MODEL, row.id, model);
}

export function insertEvent(connection: Connection, row: EventRow): void {
  connection.run(INSERT_EVENT, ...row);
}

export function selectRun(connection: Connection, id: string): RunRecord | undefined {
  const row = connection.get<{ record: string; steps: string; content: string | null }>(SELECT_RUN, id);
  if (row === undefined) return undefined;
  return {
    ...parseSummary(row.record),
    ...(row.content !== null && { content: JSON.parse(row.content) as NonNullable<RunRecord['content']> }),
    steps: JSON.parse(row.steps) as StepRecord[],
  };
}

export function parseSummary(record: string): RunSummary {
  return JSON.parse(record) as RunSummary;
}

const WITH_RUN: ReadonlySet<EventType> = new Set(['run.completed', 'run.failed', 'run.cancelled']);

/** Events between two ids, oldest first. Those whose run retention has removed are left out. */
export function selectEvents(
  connection: Connection,
  { after, before, limit }: { after: number; before: number; limit: number },
): { readonly events: TuttiEvent[]; readonly lastId: number; readonly complete: boolean } {
  const rows = connection.all<{
    id: number;
    type: EventType;
    at: number;
    run_id: string | null;
    principal: string | null;
    data: string;
  }>(SELECT_EVENTS, after, Math.min(before, Number.MAX_SAFE_INTEGER), limit);
  const events: TuttiEvent[] = [];
  for (const { id, type, at, run_id: runId, principal, data: json } of rows) {
    let data = JSON.parse(json) as TuttiEvent['data'];
    if (WITH_RUN.has(type)) {
      const run = runId === null ? undefined : selectRun(connection, runId);
      if (run === undefined) continue;
      data = { ...data, run };
    }
    events.push({ id, type, at, runId, principal, data } as TuttiEvent);
  }
  return { events, lastId: rows.at(-1)?.id ?? after, complete: rows.length < limit };
}
