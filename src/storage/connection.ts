import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';

/**
 * How long a statement waits for another process's lock. It blocks the event loop meanwhile, so it is short: what cannot
 * be written now is written with the next batch.
 */
const BUSY_TIMEOUT_MS = 150;
/** The write-ahead log is cut back to this after a burst. */
const JOURNAL_SIZE_LIMIT = 16 * 1024 * 1024;

/** One open database. Statements are prepared once and kept by their text. Every method throws what SQLite throws. */
export class Connection implements Disposable {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Opens or makes the file. */
  constructor(path: string) {
    this.#db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    try {
      this.#db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = ${JOURNAL_SIZE_LIMIT};`);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** All rows. `Row` is the caller's promise about the statement's columns. */
  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  /** The first row. */
  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined;
  }

  /** How many rows were changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  /** One or several statements without values. */
  exec(sql: string): void {
    this.#db.exec(sql);
  }

  /**
   * All or nothing. Takes the write lock at once, so that it cannot fail to upgrade one half-way. Not nestable.
   * `durable`: returns only when the disk has it, and all before it.
   */
  transaction<T>(work: () => T, { durable = false }: { durable?: boolean } = {}): T {
    if (durable) this.#db.exec('PRAGMA synchronous = FULL');
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite itself has rolled back after some errors (a full disk): a second ROLLBACK would hide the first error.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    } finally {
      if (durable) this.#db.exec('PRAGMA synchronous = NORMAL');
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }

  [Symbol.dispose](): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }
}
