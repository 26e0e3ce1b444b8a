import type { Clock } from '../contracts/clock.ts';
import type { Logger } from '../contracts/logger.ts';
import { TuttiError } from '../errors/error.ts';
import type { Connection } from './connection.ts';
import type { Storage } from './storage.ts';

const UPSERT = `
INSERT INTO conversations (id, principal, changed_at, state) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (id) DO UPDATE SET principal = ?2, changed_at = ?3, state = ?4`;
const SELECT = 'SELECT principal, state FROM conversations WHERE id = ?';
const NEWEST = `
SELECT id FROM conversations WHERE ?1 IS NULL OR principal = ?1 ORDER BY changed_at DESC, id DESC LIMIT ?2`;

const WRITE_AFTER_MS = 250;
/** What one transaction takes. */
const A_BATCH = 64;
/** What is held while the database cannot be written; beyond it the oldest changes are lost. */
const MOST_PENDING = 5_000;

/** A conversation that is to be stored. */
export interface ConversationToStore {
  readonly id: string;
  /** `Principal.id` of who leads it. */
  readonly principal: string;
  /** All of it, as text: asked for when it is written, so that several changes are one write. */
  text(): string;
}

export interface StoredConversationsOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The conversations in the database. Changes are written behind: 250 ms after the first of them, in batches, off the path
 * of the calls. While the database cannot be written they wait, and `get` still sees them.
 */
export class StoredConversations implements Disposable {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Changed and not written yet, the change that is oldest first. */
  readonly #pending = new Map<string, { readonly conversation: ConversationToStore; readonly at: number }>();
  #timer: Disposable | null = null;
  #closed = false;

  constructor({ storage, clock, log }: StoredConversationsOptions) {
    this.#storage = storage;
    this.#clock = clock;
    this.#log = log;
  }

  /** Takes note that it has changed. It is held until it is written. */
  changed(conversation: ConversationToStore): void {
    if (this.#closed) return;
    this.#pending.delete(conversation.id);
    this.#pending.set(conversation.id, { conversation, at: this.#clock.now() });
    const oldest = this.#pending.keys().next().value;
    if (this.#pending.size > MOST_PENDING && oldest !== undefined) {
      this.#pending.delete(oldest);
      this.#log.warn({ conversation: oldest }, 'a change of a conversation was lost while the database could not be written');
    }
    this.#schedule();
  }

  /** Undefined when there is none, or the database cannot be read. */
  get(id: string): { readonly principal: string; readonly text: string } | undefined {
    const pending = this.#pending.get(id)?.conversation;
    if (pending !== undefined) return { principal: pending.principal, text: pending.text() };
    const row = this.#read((connection) => connection.get<{ principal: string; state: string }>(SELECT, id));
    return row && { principal: row.principal, text: row.state };
  }

  /** The ids of those that changed last, the newest first: of one principal, or of all. What is not written yet is not among them. */
  newest(limit: number, principal?: string): readonly string[] {
    const rows = this.#read((connection) => connection.all<{ id: string }>(NEWEST, principal ?? null, limit));
    return (rows ?? []).map(({ id }) => id);
  }

  /** Writes now what has changed. False when the database could not take it; it is then tried again by itself. */
  flush(): boolean {
    while (this.#pending.size > 0) if (!this.#writeBatch()) return false;
    return true;
  }

  /** Writes what has changed and takes nothing more. The storage stays open: it is its maker's. */
  close(): void {
    if (this.#closed) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    if (!this.flush()) {
      this.#log.error({ lost: this.#pending.size }, 'the database cannot be written: changes of conversations are lost');
    }
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #schedule(): void {
    if (this.#timer !== null) return;
    this.#timer = this.#clock.after(Math.max(WRITE_AFTER_MS, this.#storage.retryInMs), () => {
      this.#timer = null;
      this.#writeBatch();
      if (this.#pending.size > 0) this.#schedule();
    });
  }

  #writeBatch(): boolean {
    const batch = [...this.#pending.values()].slice(0, A_BATCH);
    const rows = batch.flatMap(({ conversation, at }) => {
      const { id, principal } = conversation;
      const text = this.#textOf(conversation);
      return text === null ? [] : [[id, principal, at, text] as const];
    });
    try {
      this.#storage.write((connection) => {
        for (const row of rows) connection.run(UPSERT, ...row);
      });
    } catch (error) {
      if (TuttiError.isInstance(error) && error.code !== 'internal_error') return false;
      // Not the disk but the batch itself: trying it for ever would keep all that follows from being written.
      this.#log.error({ err: error, conversations: batch.length }, 'the database refused conversations: they are not stored');
    }
    for (const { conversation } of batch) this.#pending.delete(conversation.id);
    return true;
  }

  #textOf(conversation: ConversationToStore): string | null {
    try {
      return conversation.text();
    } catch (error) {
      this.#log.error(
        { err: error, conversation: conversation.id },
        'a conversation cannot be written as JSON: it is not stored',
      );
      return null;
    }
  }

  #read<T>(work: (connection: Connection) => T): T | undefined {
    try {
      return this.#storage.read(work);
    } catch (error) {
      if (!TuttiError.isInstance(error) || (error.code !== 'storage_unavailable' && error.code !== 'closed')) throw error;
      return undefined;
    }
  }
}
