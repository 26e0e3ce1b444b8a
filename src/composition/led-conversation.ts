/** A conversation whose operations are runs of the one who leads it. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Conversation, ConversationState } from '../arbiter/conversation.ts';
import type { Ask } from '../arbiter/ask.ts';
import type { Principal } from '../contracts/principal.ts';
import { TuttiError } from '../errors/error.ts';
import type { Performed, Work, WorkAsk, WorkOptions } from './perform.ts';

export type Perform = <T>(work: Work<T>, options: WorkOptions) => Promise<Performed<T>>;

interface LedConversationOptions {
  readonly perform: Perform;
  readonly principal: Principal;
  readonly make: (ask: Ask) => Conversation;
  /** Called after whatever may have changed it. */
  readonly changed: (conversation: LedConversation) => void;
  readonly changedAt: number;
  readonly now: () => number;
}

/** A conversation and who leads it. The operations are those of `Conversation`. */
export class LedConversation {
  readonly principal: Principal;
  readonly #perform: Perform;
  readonly #tell: LedConversationOptions['changed'];
  readonly #now: () => number;
  #changedAt: number;
  readonly #asking = new AsyncLocalStorage<WorkAsk>();
  readonly #conversation: Conversation;

  constructor({ perform, principal, make, changed, changedAt, now }: LedConversationOptions) {
    this.principal = principal;
    this.#perform = perform;
    this.#tell = changed;
    this.#changedAt = changedAt;
    this.#now = now;
    this.#conversation = make((target, input, options) => {
      const ask = this.#asking.getStore();
      if (ask === undefined) throw new TuttiError('internal_error', 'A conversation asked outside of its operations.');
      return ask(target, input, options);
    });
  }

  get id(): string {
    return this.#conversation.id;
  }
  /** Of the last operation, or of its beginning. Epoch milliseconds. */
  get changedAt(): number {
    return this.#changedAt;
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
    this.#changed();
  }

  toJSON(): ConversationState {
    return this.#conversation.toJSON();
  }

  /** The state of a conversation that goes on from a message of this one. */
  forkedAt(message: string): ConversationState {
    return this.#conversation.fork(message).toJSON();
  }

  #changed(): void {
    this.#changedAt = this.#now();
    this.#tell(this);
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
      this.#changed();
    }
  }
}
