/** How the journals of runs that can go on lie in the database, each beside its run. */
import type { Connection } from '../storage/connection.ts';

const INSERT = 'INSERT INTO journals (run_id, question, journal) VALUES (?, ?, ?)';
const SELECT = 'SELECT journal FROM journals WHERE run_id = ?';
const SELECT_QUESTION = 'SELECT question FROM journals WHERE run_id = ?';

/** SQLite takes a thousand million bytes in a value; a batch has several, and making the text holds up everything else. */
const MAX_BYTES = 64 * 1024 * 1024;

/** With what a run that waits or has failed goes on later. */
export interface RunJournal {
  /** The question with which it waits; null: it failed. */
  readonly question: string | null;
  /** All that is needed, as text. It is asked for when the run is written, off the path of the call. */
  text(): string;
}

export interface JournalRow {
  readonly question: string | null;
  readonly journal: string;
}

/** null when it is too large to be stored. Throws what making the text throws. */
export function toJournalRow(journal: RunJournal): JournalRow | null {
  const text = journal.text();
  return Buffer.byteLength(text) > MAX_BYTES ? null : { question: journal.question, journal: text };
}

/** Its run must have been written. What was there of an earlier pause has gone with the run's earlier row. */
export function insertJournal(connection: Connection, runId: string, { question, journal }: JournalRow): void {
  connection.run(INSERT, runId, question, journal);
}

export function selectJournal(connection: Connection, runId: string): string | undefined {
  return connection.get<{ journal: string }>(SELECT, runId)?.journal;
}

export function selectQuestion(connection: Connection, runId: string): string | null {
  return connection.get<{ question: string | null }>(SELECT_QUESTION, runId)?.question ?? null;
}
