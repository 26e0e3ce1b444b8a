import type { Principal } from '../contracts/principal.ts';
import type { RunRecord, RunStatus } from '../contracts/run.ts';
import { maySee } from './visibility.ts';

/** Which runs are meant. Everything given must hold. */
export interface RunFilter {
  /** Epoch milliseconds: runs that started then or later. */
  readonly since?: number;
  /** The model that answered, or the target that was asked for (so that orchestrations and aliases are found by name). */
  readonly model?: string;
  /**
   * What was asked for, alone: with `model`, the runs in which this one answered for that target (an arm of an `ab`, say), without
   * those that asked for the model itself.
   */
  readonly target?: string;
  /** The backend of the model that answered. */
  readonly backend?: string;
  /** The kind of work: a capability. */
  readonly type?: string;
  readonly status?: RunStatus;
  readonly principal?: string;
  /** Who asks: users get what is theirs whatever else is given. Default: the process itself, which gets all. */
  readonly viewer?: Principal;
}

/** The filter for runs in memory. `toSql` says the same for those in the database. */
export function fits(run: RunRecord, filter: RunFilter): boolean {
  return (
    (filter.since === undefined || run.startedAt >= filter.since) &&
    (filter.model === undefined || run.model === filter.model || run.target === filter.model) &&
    (filter.target === undefined || run.target === filter.target) &&
    (filter.backend === undefined || run.backend === filter.backend) &&
    (filter.type === undefined || run.type === filter.type) &&
    (filter.status === undefined || run.status === filter.status) &&
    (filter.principal === undefined || run.principal === filter.principal) &&
    maySee(filter.viewer, run.principal)
  );
}

export interface Condition {
  /** Conditions joined by AND, with `?` for each value. */
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** The filter as a condition on the table `runs`. Only constants get into the text. */
export function toSql(filter: RunFilter): Condition {
  const clauses: string[] = [];
  const values: (string | number)[] = [];
  const add = (sql: string, ...given: (string | number | undefined)[]): void => {
    if (given.some((value) => value === undefined)) return;
    clauses.push(sql);
    values.push(...given.filter((value) => value !== undefined));
  };
  add('started_at >= ?', filter.since);
  add('(model = ? OR target = ?)', filter.model, filter.model);
  add('target = ?', filter.target);
  add('backend = ?', filter.backend);
  add('type = ?', filter.type);
  add('status = ?', filter.status);
  add('principal = ?', filter.principal);
  if (filter.viewer?.role === 'user') add('principal = ?', filter.viewer.id);
  return { sql: clauses.length === 0 ? 'TRUE' : clauses.join(' AND '), values };
}
