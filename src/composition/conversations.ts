/** Conversations between models that a caller leads: each operation is a run, whose steps are the calls. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Ask } from '../arbiter/ask.ts';
import { Conversation, type ConversationOptions, type ConversationState } from '../arbiter/conversation.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Member } from '../contracts/member.ts';
import { LOCAL_PRINCIPAL, type Principal } from '../contracts/principal.ts';
import { TuttiError } from '../errors/error.ts';
import { maySee, storedPrincipal } from '../runs/visibility.ts';
import type { StoredConversations } from '../storage/conversations.ts';
import type { Performed, Work, WorkAsk, WorkOptions } from './perform.ts';

type Perform = <T>(work: Work<T>, options: WorkOptions) => Promise<Performed<T>>;

/** How many are held; the one that was used longest ago is let go first. */
const MOST = 1000;

export interface ConversationsOptions {
  readonly perform: Perform;
  /** Throws when nothing has the name. */
  readonly resolve: (target: string) => unknown;
  /** Where they outlive the process; null without `runs.store_content`. */
  readonly stored: StoredConversations | null;
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
  readonly #log: Logger;
  /** The one used longest ago first. */
  readonly #kept = new Map<string, LedConversation>();
  /** Those that were let go and are stored, but that somebody may still hold. */
  readonly #letGo = new Map<string, WeakRef<LedConversation>>();
  readonly #collected = new FinalizationRegistry<string>((id) => {
    if (this.#letGo.get(id)?.deref() === undefined) this.#letGo.delete(id);
  });

  constructor({ perform, resolve, stored, log }: ConversationsOptions) {
    this.#perform = perform;
    this.#resolve = resolve;
    this.#stored = stored;
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

  /** The thousand used last that are the viewer's. One that cannot be read is left out, and logged. */
  list(viewer?: Principal): LedConversation[] {
    const owner = viewer === undefined || viewer.role === 'admin' ? undefined : viewer.id;
    const stored = (this.#stored?.newest(MOST, owner) ?? []).toReversed().filter((id) => !this.#kept.has(id));
    const others = stored.flatMap((id) => this.#listed(id, viewer));
    return [...others, ...this.#kept.values()].filter(({ principal }) => maySee(viewer, principal.id)).slice(-MOST);
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

  #make(principal: Principal, make: (ask: Ask) => Conversation): LedConversation {
    return new LedConversation({ perform: this.#perform, principal, make, changed: (changed) => this.#changed(changed) });
  }

  #changed(conversation: LedConversation): void {
    const { id, principal } = conversation;
    this.#stored?.changed({ id, principal: principal.id, text: () => JSON.stringify(conversation) });
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
      return this.#make(storedPrincipal(row.principal), (ask) => Conversation.restore(JSON.parse(row.text), { ask }));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `What the database has of the conversation ${id} cannot be read (${why}). Begin a new one.`;
      throw new TuttiError('stored_data_unreadable', message, { param: 'id', cause: error });
    }
  }

  /** It is not kept for being listed, but stays the same object while the list is looked at. */
  #listed(id: string, viewer: Principal | undefined): LedConversation[] {
    const held = this.#held(id);
    if (held !== undefined) return [held];
    try {
      const conversation = this.#takeUp(id, viewer);
      if (conversation === undefined) return [];
      this.#remember(conversation);
      return [conversation];
    } catch (error) {
      this.#log.warn({ err: error, conversation: id }, 'a stored conversation cannot be read: it is not listed');
      return [];
    }
  }
}

interface LedConversationOptions {
  readonly perform: Perform;
  readonly principal: Principal;
  readonly make: (ask: Ask) => Conversation;
  /** Called after whatever may have changed it. */
  readonly changed: (conversation: LedConversation) => void;
}

/** A conversation and who leads it. The operations are those of `Conversation`. */
export class LedConversation {
  readonly principal: Principal;
  readonly #perform: Perform;
  readonly #changed: LedConversationOptions['changed'];
  readonly #asking = new AsyncLocalStorage<WorkAsk>();
  readonly #conversation: Conversation;

  constructor({ perform, principal, make, changed }: LedConversationOptions) {
    this.principal = principal;
    this.#perform = perform;
    this.#changed = changed;
    this.#conversation = make((target, input, options) => {
      const ask = this.#asking.getStore();
      if (ask === undefined) throw new TuttiError('internal_error', 'A conversation asked outside of its operations.');
      return ask(target, input, options);
    });
  }

  get id(): string {
    return this.#conversation.id;
  }
  get mode(): Conversation['mode'] {
    return this.#conversation.mode;
  }
  get participants(): Conversation['participants'] {
    return this.#conversation.participants;
  }
  /** What each participant has before it. */
  get threads(): Conversation['threads'] {
    return this.#conversation.threads;
  }
  /** Who has said what, oldest first. */
  get sharedContext(): Conversation['sharedContext'] {
    return this.#conversation.sharedContext;
  }
  /** Everything that happened, oldest first. */
  get history(): Conversation['history'] {
    return this.#conversation.history;
  }
  /** Repetition, no progress, contradiction. */
  get health(): Conversation['health'] {
    return this.#conversation.health;
  }
  get turnsLeft(): number {
    return this.#conversation.turnsLeft;
  }

  /** Sends a message to a participant's thread; nobody answers yet. See `Conversation.route`. */
  route(request: Parameters<Conversation['route']>[0], options?: WorkOptions): ReturnType<Conversation['route']> {
    return this.#work(
      'route',
      request.message,
      () => this.#conversation.route(request),
      (routed) => routed.message,
      options,
    );
  }

  /** A participant answers on its thread. See `Conversation.respond`. */
  respond(
    model: string,
    request: Parameters<Conversation['respond']>[1] = {},
    options?: WorkOptions,
  ): ReturnType<Conversation['respond']> {
    return this.#work(
      'respond',
      model,
      () => this.#conversation.respond(model, request),
      ({ response }) => response,
      options,
    );
  }

  /** Asks a participant outside its thread. See `Conversation.consult`. */
  consult(
    model: string,
    query: string,
    request: Parameters<Conversation['consult']>[2] = {},
    options?: WorkOptions,
  ): ReturnType<Conversation['consult']> {
    return this.#work(
      'consult',
      query,
      () => this.#conversation.consult(model, query, request),
      ({ response }) => response,
      options,
    );
  }

  /** What a tool that a participant called has returned. See `Conversation.toolResult`. */
  async toolResult(model: string, toolCallId: string, content: string): Promise<void> {
    await this.#conversation.toolResult(model, toolCallId, content);
    this.#changed(this);
  }

  toJSON(): ConversationState {
    return this.#conversation.toJSON();
  }

  /** The state of a conversation that goes on from a message of this one. */
  forkedAt(message: string): ConversationState {
    return this.#conversation.fork(message).toJSON();
  }

  async #work<T>(
    name: string,
    task: string,
    run: () => Promise<T>,
    show: (value: T) => string,
    options: WorkOptions = {},
  ): Promise<T> {
    const work: Work<T> = {
      name: `conversation_${name}`,
      task,
      run: async (ask) => {
        const value = await this.#asking.run(ask, run);
        return { value, text: show(value) };
      },
    };
    const metadata = { ...options.metadata, conversation: this.id };
    try {
      return (await this.#perform(work, { principal: this.principal, ...options, metadata })).value;
    } finally {
      // Also when it failed in the end: what was said may have been heard.
      this.#changed(this);
    }
  }
}
