import type { Connection } from './connection.ts';
import { newerDatabase } from './fault.ts';
import { RUNS } from './migrations/001-runs.ts';
import { DURABLE } from './migrations/002-durable.ts';
import { CONVERSATION_LIST } from './migrations/003-conversation-list.ts';

/** In order, never changed once released: the database's `user_version` counts those that were applied. */
export const MIGRATIONS: readonly string[] = [RUNS, DURABLE, CONVERSATION_LIST];

/** Brings the database to the newest version, each step whole or not at all. Several processes may try at once. */
export function migrate(connection: Connection, migrations: readonly string[] = MIGRATIONS): void {
  if (versionOf(connection) === migrations.length) return;
  connection.transaction(() => {
    // Read again under the lock: another process may have been first.
    const version = versionOf(connection);
    if (version > migrations.length) throw newerDatabase(version, migrations.length);
    for (const sql of migrations.slice(version)) connection.exec(sql);
    connection.exec(`PRAGMA user_version = ${migrations.length}`);
  });
}

function versionOf(connection: Connection): number {
  return connection.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0;
}
