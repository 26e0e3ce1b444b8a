import type { Clock } from '../contracts/clock.ts';
import type { Logger } from '../contracts/logger.ts';
import { TuttiError } from '../errors/error.ts';
import type { Position } from '../lib/page.ts';
import type { Connection } from './connection.ts';
import type { Storage } from './storage.ts';

const UPSERT = `
INSERT INTO conversations (id, principal, changed_at, summary, state) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (id) DO UPDATE SET principal = ?2, changed_at = ?3, summary = ?4, state = ?5`;
const SELECT = 'SELECT principal, changed_at, state FROM conversations WHERE id = ?';
/** All its columns are in the index by time: no state is read. */
export const NEWEST = `
SELECT id, changed_at, summary FROM conversations
WHERE (changed_at, id) < (?1, ?2) AND (?3 IS NULL OR principal = ?3) ORDER BY changed_at DESC, id DESC LIMIT ?4`;
const FROM_THE_FIRST: Position = { at: Number.MAX_SAFE_INTEGER, id: '' };

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
  /** Epoch milliseconds, whole ones. */
  readonly changedAt: number;
  /** What a list shows of it, as text: asked for with `text`. */
  summary(): string;
  /** All of it, as text: asked for when it is written, so that several changes are one write. */
  text(): string;
}

/** A conversation of the database. */
export interface StoredConversation {
  readonly principal: string;
  readonly changedAt: number;
  readonly text: string;
}

/** What a list has of one. */
export interface ListedConversation {
  readonly id: string;
  readonly changedAt: number;
  /** null where it was stored before there were summaries: see `get`. */
  readonly summary: string | null;
}

export interface NewestQuery {
  readonly limit: number;
  /** Only those below this one. Default: from the first. */
  readonly after?: Position | null;
  /** `Principal.id` of who leads them. Default: of all. */
  readonly principal?: string | undefined;
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
  readonly #pending = new Map<string, ConversationToStore>();
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
    this.#pending.set(conversation.id, conversation);
    const oldest = this.#pending.keys().next().value;
    if (this.#pending.size > MOST_PENDING && oldest !== undefined) {
      this.#pending.delete(oldest);
      this.#log.warn({ conversation: oldest }, 'a change of a conversation was lost while the database could not be written');
    }
    this.#schedule();
  }

  /** Undefined when there is none, or the database cannot be read. */
  get(id: string): StoredConversation | undefined {
    const pending = this.#pending.get(id);
    if (pending !== undefined) return { principal: pending.principal, changedAt: pending.changedAt, text: pending.text() };
    const row = this.#read((connection) => connection.get<{ principal: string; changed_at: number; state: string }>(SELECT, id));
    return row && { principal: row.principal, changedAt: row.changed_at, text: row.state };
  }

  /** Those that changed last, the newest first. What is not written yet is not among them, or as it was before. */
  newest({ limit, after, principal }: NewestQuery): readonly ListedConversation[] {
    const { at, id: below } = after ?? FROM_THE_FIRST;
    const rows = this.#read((connection) =>
      connection.all<{ id: string; changed_at: number; summary: string | null }>(NEWEST, at, below, principal ?? null, limit),
    );
    return (rows ?? []).map(({ id, changed_at: changedAt, summary }) => ({ id, changedAt, summary }));
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
    const rows = batch.flatMap((conversation) => {
      const { id, principal, changedAt } = conversation;
      const texts = this.#textsOf(conversation);
      return texts === null ? [] : [[id, principal, changedAt, ...texts] as const];
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
    for (const { id } of batch) this.#pending.delete(id);
    return true;
  }

  #textsOf(conversation: ConversationToStore): readonly [summary: string, text: string] | null {
    try {
      return [conversation.summary(), conversation.text()];
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
