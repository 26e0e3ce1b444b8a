/**
 * Runs, their steps and the events. Columns are what lists and statistics ask for; `record` holds the whole as JSON
 * (without what has a table or column of its own).
 */
export const RUNS = `
CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  principal TEXT NOT NULL,
  operation TEXT NOT NULL,
  type TEXT,
  target TEXT NOT NULL,
  model TEXT,
  backend TEXT,
  status TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  confidence REAL,
  conflicts INTEGER NOT NULL,
  fallbacks INTEGER NOT NULL,
  cache_hit INTEGER NOT NULL,
  record TEXT NOT NULL,
  content TEXT
);
CREATE INDEX runs_by_time ON runs (started_at, id);
CREATE INDEX runs_by_principal ON runs (principal, started_at, id);
-- All that statistics read, so that they need not touch the records.
CREATE INDEX runs_for_stats ON runs (
  started_at, ended_at, status, principal, type, target, model, backend, confidence, conflicts, fallbacks, cache_hit, id
);

CREATE TABLE steps (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  -- The model, where the step called one itself; null for orchestrations, tools and what failed before a model was chosen.
  called_model TEXT,
  record TEXT NOT NULL,
  PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE INDEX steps_by_model ON steps (called_model, run_id) WHERE called_model IS NOT NULL;

CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  at INTEGER NOT NULL,
  run_id TEXT,
  principal TEXT,
  data TEXT NOT NULL
);
`;
