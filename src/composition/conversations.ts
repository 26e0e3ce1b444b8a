/** Conversations between models that a caller leads: each operation is a run, whose steps are the calls. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Ask } from '../arbiter/ask.ts';
import { Conversation, type ConversationOptions, type ConversationState } from '../arbiter/conversation.ts';
import { LOCAL_PRINCIPAL, type Principal } from '../contracts/principal.ts';
import { TuttiError } from '../errors/error.ts';
import { maySee } from '../runs/visibility.ts';
import type { Performed, Work, WorkAsk, WorkOptions } from './perform.ts';

type Perform = <T>(work: Work<T>, options: WorkOptions) => Promise<Performed<T>>;

/** How many are kept; the one that was used longest ago is forgotten first. */
const MOST = 1000;

/** Those of all callers, in memory: what they hold is prompts and answers, which are not to be written down unasked. */
export class Conversations {
  readonly #kept = new Map<string, { readonly conversation: LedConversation; readonly principal: string }>();
  readonly #perform: Perform;

  constructor(perform: Perform) {
    this.#perform = perform;
  }

  /** Errors: `invalid_request` without participants, with more than `maxModels`, or with one twice. */
  start(options: ConversationOptions, { principal = LOCAL_PRINCIPAL }: { readonly principal?: Principal } = {}): LedConversation {
    return this.#keep(new LedConversation(this.#perform, principal, (ask) => new Conversation(options, { ask })));
  }

  /** A conversation as `toJSON` gave it. Errors: `invalid_request` when it is not one. */
  restore(state: unknown, { principal = LOCAL_PRINCIPAL }: { readonly principal?: Principal } = {}): LedConversation {
    return this.#keep(new LedConversation(this.#perform, principal, (ask) => Conversation.restore(state, { ask })));
  }

  /** Errors: `conversation_not_found` when there is none, or it is not the viewer's. */
  get(id: string, viewer?: Principal): LedConversation {
    const kept = this.#kept.get(id);
    if (kept === undefined || !maySee(viewer, kept.principal)) {
      throw new TuttiError('conversation_not_found', `There is no conversation ${id}, or no longer.`, { param: 'id' });
    }
    return this.#keep(kept.conversation);
  }

  list(viewer?: Principal): LedConversation[] {
    return [...this.#kept.values()].filter(({ principal }) => maySee(viewer, principal)).map(({ conversation }) => conversation);
  }

  /** A conversation of its own that goes on from a message of this one. Errors: as `get`; `invalid_request` for an unknown message. */
  fork(id: string, message: string, viewer?: Principal): LedConversation {
    const from = this.get(id, viewer);
    return this.#keep(
      new LedConversation(this.#perform, from.principal, (ask) => Conversation.restore(from.forkedAt(message), { ask })),
    );
  }

  #keep(conversation: LedConversation): LedConversation {
    this.#kept.delete(conversation.id);
    this.#kept.set(conversation.id, { conversation, principal: conversation.principal.id });
    if (this.#kept.size > MOST) this.#kept.delete(this.#kept.keys().next().value ?? '');
    return conversation;
  }
}

/** A conversation and who leads it. The operations are those of `Conversation`. */
export class LedConversation {
  readonly principal: Principal;
  readonly #perform: Perform;
  readonly #asking = new AsyncLocalStorage<WorkAsk>();
  readonly #conversation: Conversation;

  constructor(perform: Perform, principal: Principal, make: (ask: Ask) => Conversation) {
    this.principal = principal;
    this.#perform = perform;
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
  toolResult(model: string, toolCallId: string, content: string): Promise<void> {
    return this.#conversation.toolResult(model, toolCallId, content);
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
    return (await this.#perform(work, { principal: this.principal, ...options, metadata })).value;
  }
}
