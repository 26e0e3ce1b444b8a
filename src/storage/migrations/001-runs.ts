/**
 * Runs and events. Columns are what lists and statistics ask for; `record` holds the whole run as JSON but for its steps
 * and content, which lists do not read. The tree of steps is only ever read and written whole, so it is one value.
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
  steps TEXT NOT NULL,
  content TEXT
);
-- All that lists and statistics look at, so that they touch the records only of what they give.
CREATE INDEX runs_by_time ON runs (
  started_at, id, ended_at, status, principal, type, target, model, backend, confidence, conflicts, fallbacks, cache_hit
);
CREATE INDEX runs_by_principal ON runs (principal, started_at, id);

-- The models that a run called, by itself or inside an orchestration.
CREATE TABLE run_models (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  model TEXT NOT NULL,
  PRIMARY KEY (run_id, model)
) WITHOUT ROWID;

CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  at INTEGER NOT NULL,
  run_id TEXT,
  principal TEXT,
  data TEXT NOT NULL
);
`;
