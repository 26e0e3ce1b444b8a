/** Conversations between models that a caller leads: each operation is a run, whose steps are the calls. */
import type { Ask } from '../arbiter/ask.ts';
import { Conversation, type ConversationOptions } from '../arbiter/conversation.ts';
import type { Clock } from '../contracts/clock.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Member } from '../contracts/member.ts';
import { LOCAL_PRINCIPAL, type Principal } from '../contracts/principal.ts';
import { TuttiError } from '../errors/error.ts';
import { fromCursor, isBelow, pageSize, toCursor, type Position } from '../lib/page.ts';
import { maySee, storedPrincipal } from '../runs/visibility.ts';
import type { ListedConversation, StoredConversations } from '../storage/conversations.ts';
import {
  parseSummary,
  summaryOf,
  type ConversationListQuery,
  type ConversationPage,
  type ConversationSummary,
} from './conversation-list.ts';
import { LedConversation, type Perform } from './led-conversation.ts';

/** How many are held; the one that was used longest ago is let go first. */
const MOST = 1000;
const PAGE = { otherwise: 100, most: 1000 };

export interface ConversationsOptions {
  readonly perform: Perform;
  /** Throws when nothing has the name. */
  readonly resolve: (target: string) => unknown;
  /** Where they outlive the process; null without `runs.store_content`. */
  readonly stored: StoredConversations | null;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Those of all callers, in memory: what they hold is prompts and answers, which are not to be written down unasked. With
 * `runs.store_content` each change goes to the database, too, and one that is not in memory is taken up from there.
 *
 * A conversation is one object for as long as anybody holds it: a second one of the same id would not know what the first
 * has heard since.
 */
export class Conversations {
  readonly #perform: Perform;
  readonly #resolve: ConversationsOptions['resolve'];
  readonly #stored: StoredConversations | null;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** The one used longest ago first. */
  readonly #kept = new Map<string, LedConversation>();
  /** Those that were let go and are stored, but that somebody may still hold. */
  readonly #letGo = new Map<string, WeakRef<LedConversation>>();
  readonly #collected = new FinalizationRegistry<string>((id) => {
    if (this.#letGo.get(id)?.deref() === undefined) this.#letGo.delete(id);
  });

  constructor({ perform, resolve, stored, clock, log }: ConversationsOptions) {
    this.#perform = perform;
    this.#resolve = resolve;
    this.#stored = stored;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Errors: `invalid_request` without participants, with more than `maxModels`, or with one twice; `model_not_found` (or what else
   * is wrong with the name) for a participant, its `consult`, or an arbiter that does not exist.
   */
  start(options: ConversationOptions, { principal = LOCAL_PRINCIPAL }: { readonly principal?: Principal } = {}): LedConversation {
    for (const [i, participant] of options.participants.entries()) this.#check(participant, `participants[${i}]`);
    if (options.arbiter != null) this.#check(options.arbiter, 'arbiter');
    return this.#begin(principal, (ask) => new Conversation(options, { ask }));
  }

  /** A conversation as `toJSON` gave it. Errors: `invalid_request` when it is not one. */
  restore(state: unknown, { principal = LOCAL_PRINCIPAL }: { readonly principal?: Principal } = {}): LedConversation {
    return this.#begin(principal, (ask) => Conversation.restore(state, { ask }));
  }

  /**
   * Errors: `conversation_not_found` when there is none, or it is not the viewer's; `stored_data_unreadable` when what the
   * database has of it cannot be read.
   */
  get(id: string, viewer?: Principal): LedConversation {
    const known = this.#held(id) ?? this.#takeUp(id, viewer);
    if (known !== undefined && maySee(viewer, known.principal.id)) return this.#keep(known);
    const kept = this.#stored === null ? ' They are kept in memory only: `runs.store_content` keeps them over a restart.' : '';
    throw new TuttiError('conversation_not_found', `There is no conversation ${id}, or no longer.${kept}`, { param: 'id' });
  }

  /**
   * A page of the viewer's, the one that changed last first; the whole of one is `get`. One that cannot be read is left out,
   * and logged. Errors: `invalid_request` for a cursor that is none.
   */
  list({ limit, cursor, viewer }: ConversationListQuery = {}): ConversationPage {
    const size = pageSize(limit, PAGE);
    const after = cursor === undefined ? null : parseCursor(cursor);
    const held = new Map(this.#inMemory());
    const inMemory = [...held.values()].filter(
      (conversation) => maySee(viewer, conversation.principal.id) && (after === null || isBelow(placeOf(conversation), after)),
    );
    // What memory has is newer than what was written: so many more are asked for as it may hide.
    const principal = viewer === undefined || viewer.role === 'admin' ? undefined : viewer.id;
    const rows = this.#stored?.newest({ limit: size + 1 + held.size, after, principal }) ?? [];
    const sorted = [...inMemory, ...rows.filter(({ id }) => !held.has(id))].toSorted((a, b) =>
      isBelow(placeOf(a), placeOf(b)) ? 1 : -1,
    );
    const page = sorted.slice(0, size);
    const last = page.at(-1);
    return {
      conversations: page.flatMap((listed) => this.#summary(listed) ?? []),
      nextCursor: sorted.length > size && last !== undefined ? toCursor(placeOf(last)) : null,
    };
  }

  /** A conversation of its own that goes on from a message of this one. Errors: as `get`; `invalid_request` for an unknown message. */
  fork(id: string, message: string, viewer?: Principal): LedConversation {
    const from = this.get(id, viewer);
    return this.#begin(from.principal, (ask) => Conversation.restore(from.forkedAt(message), { ask }));
  }

  /** What is taken up later is not checked: who is gone by then has still said what was said. */
  #check(member: string | Member, param: string): void {
    const { model, consult = [] } = typeof member === 'string' ? { model: member } : member;
    try {
      for (const target of [model, ...consult]) this.#resolve(target);
    } catch (thrown) {
      const { code, message, details } = TuttiError.from(thrown);
      throw new TuttiError(code, message, { param, details, cause: thrown });
    }
  }

  #begin(principal: Principal, make: (ask: Ask) => Conversation): LedConversation {
    const conversation = this.#make(principal, make);
    this.#changed(conversation);
    return this.#keep(conversation);
  }

  #make(principal: Principal, make: (ask: Ask) => Conversation, changedAt = this.#now()): LedConversation {
    const changed = (conversation: LedConversation): void => this.#changed(conversation);
    return new LedConversation({ perform: this.#perform, principal, make, changed, changedAt, now: () => this.#now() });
  }

  #changed(conversation: LedConversation): void {
    const { id, principal, changedAt } = conversation;
    this.#stored?.changed({
      id,
      principal: principal.id,
      changedAt,
      summary: () => JSON.stringify(summaryOf(conversation.toJSON())),
      text: () => JSON.stringify(conversation),
    });
  }

  #now(): number {
    return Math.floor(this.#clock.now());
  }

  #keep(conversation: LedConversation): LedConversation {
    const { id } = conversation;
    this.#kept.delete(id);
    this.#kept.set(id, conversation);
    this.#letGo.delete(id);
    for (const [oldest, held] of this.#kept) {
      if (this.#kept.size <= MOST) break;
      this.#kept.delete(oldest);
      this.#remember(held);
    }
    return conversation;
  }

  /** Without a database it is forgotten. */
  #remember(conversation: LedConversation): void {
    if (this.#stored === null) return;
    this.#letGo.set(conversation.id, new WeakRef(conversation));
    this.#collected.register(conversation, conversation.id);
  }

  #held(id: string): LedConversation | undefined {
    return this.#kept.get(id) ?? this.#letGo.get(id)?.deref();
  }

  /** From the database. */
  #takeUp(id: string, viewer: Principal | undefined): LedConversation | undefined {
    const row = this.#stored?.get(id);
    if (row === undefined || !maySee(viewer, row.principal)) return undefined;
    try {
      const restore = (ask: Ask): Conversation => Conversation.restore(JSON.parse(row.text), { ask });
      return this.#make(storedPrincipal(row.principal), restore, row.changedAt);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `What the database has of the conversation ${id} cannot be read (${why}). Begin a new one.`;
      throw new TuttiError('stored_data_unreadable', message, { param: 'id', cause: error });
    }
  }

  /** Of all callers: those that are kept, and those that somebody still holds. */
  *#inMemory(): Generator<[string, LedConversation]> {
    yield* this.#kept;
    for (const [id, reference] of this.#letGo) {
      const conversation = reference.deref();
      if (conversation !== undefined) yield [id, conversation];
    }
  }

  /** null, and logged, when it cannot be read. */
  #summary(listed: LedConversation | ListedConversation): ConversationSummary | null {
    const { id, changedAt } = listed;
    try {
      if (listed instanceof LedConversation) return { id, ...summaryOf(listed.toJSON()), changedAt };
      if (listed.summary !== null) return { id, ...parseSummary(listed.summary), changedAt };
      const whole = this.#takeUp(id, undefined);
      return whole === undefined ? null : { id, ...summaryOf(whole.toJSON()), changedAt };
    } catch (error) {
      this.#log.warn({ err: error, conversation: id }, 'a stored conversation cannot be read: it is not listed');
      return null;
    }
  }
}

function placeOf({ changedAt, id }: { readonly changedAt: number; readonly id: string }): Position {
  return { at: changedAt, id };
}

function parseCursor(cursor: string): Position {
  const position = fromCursor(cursor);
  if (position !== null) return position;
  throw new TuttiError('invalid_request', 'The cursor is not one that a list of conversations has given.', { param: 'cursor' });
}
