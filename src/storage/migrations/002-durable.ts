/**
 * What has to outlive the process where content may be stored: the journals of runs that can go on, and conversations. A
 * journal belongs to its run: when the run is written again or removed, it goes, too.
 */
export const DURABLE = `
CREATE TABLE journals (
  run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  -- With which the run waits; null: it failed.
  question TEXT,
  journal TEXT NOT NULL
);

CREATE TABLE conversations (
  id TEXT PRIMARY KEY,
  principal TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  state TEXT NOT NULL
);
CREATE INDEX conversations_by_time ON conversations (changed_at, id, principal);
`;
