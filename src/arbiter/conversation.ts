/**
 * A conversation between models. Each participant has a thread of its own. In the mode `direct` they write to each other and
 * the arbiter may change, redirect or stop each message; in the mode `arbitrated` nothing goes from one to another: the
 * arbiter asks each, chooses what it is shown, and reviews what it answers.
 *
 * One thing happens at a time, in the order of the calls: a second one waits for the first. What fails leaves no trace.
 */
import type { ChatInput, ChatMessage, ToolCall, ToolDefinition } from '../contracts/chat.ts';
import type { Confidence } from '../contracts/confidence.ts';
import { inputForMember, memberKeys, type Member } from '../contracts/member.ts';
import { TuttiError } from '../errors/error.ts';
import { newId } from '../lib/id.ts';
import type { Ask, AskedAnswer } from './ask.ts';
import { filterContext, type ContextFilter } from './conversation-filter.ts';
import { sharedContextOf, threadOf, turnsOf, type Entry, type SharedEntry, type ThreadMessage } from './conversation-log.ts';
import type { MessageDecision, ResponseDecision } from './conversation-review.ts';
import {
  conversationState,
  DEFAULT_LIMITS,
  type ConversationLimits,
  type ConversationOptions,
  type ConversationState,
} from './conversation-settings.ts';
import { conversationHealth, type ConversationHealth } from './health.ts';
import { Moderator } from './moderator.ts';

export type { ConversationLimits, ConversationOptions, ConversationState } from './conversation-settings.ts';

type EntryDraft = Entry extends infer E ? (E extends Entry ? Omit<E, 'id' | 'at'> : never) : never;

/** What a conversation needs of the world. */
export interface ConversationEffects {
  /** Asks a participant or the arbiter. The key is the participant's name, or one of the three decisions. */
  readonly ask: Ask;
  /** Milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
  /**
   * Whether the arbiter's failure may be passed over: throws what ends everything. Default: only a cancelled call does.
   */
  readonly rethrow?: (error: unknown) => void;
}

/** A message to be sent from one to another. */
export interface RouteRequest {
  /** A participant, or anyone else: `user`. */
  readonly from: string;
  readonly to: string;
  readonly message: string;
  /** Tell the receiver what all have said so far. Default: `includeFullHistory`. */
  readonly includeHistory?: boolean;
  readonly signal?: AbortSignal;
}

/** What became of it. */
export interface Routed extends MessageDecision {
  readonly id: string;
}

/** An answer of a participant. */
export interface Reply {
  readonly id: string;
  readonly model: string;
  readonly response: string;
  readonly toolCalls: readonly ToolCall[];
  readonly confidence: Confidence | null;
}

/** An answer that the arbiter has seen. */
export interface ReviewedReply extends Reply {
  readonly action: ResponseDecision['action'];
  readonly reason?: string;
  /** The ids of what the model was shown. */
  readonly context: readonly string[];
}

/** How much of what was said a moderator sees with a message. */
const RECENT = 6;

export class Conversation {
  readonly id: string;
  readonly mode: 'direct' | 'arbitrated';
  readonly #effects: ConversationEffects;
  readonly #arbiter: Member | null;
  /** null: nobody reviews. */
  readonly #moderator: Moderator | null;
  readonly #participants: ReadonlyMap<string, Member>;
  readonly #limits: Required<ConversationLimits>;
  readonly #forkedFrom: ConversationState['forkedFrom'];
  readonly #history: Entry[] = [];
  #work: Promise<unknown> = Promise.resolve();

  /** Errors: `invalid_request` without participants, with more than `maxModels`, or with one twice. */
  constructor(options: ConversationOptions, effects: ConversationEffects, restored?: ConversationState) {
    const members = options.participants.map(toMember);
    const names = memberKeys(members);
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    checkParticipants(names, this.#limits.maxModels);
    this.#participants = new Map(names.map((name, i) => [name, members[i] ?? { model: name }]));
    this.#arbiter = options.arbiter == null ? null : toMember(options.arbiter);
    this.mode = this.#limits.allowModelToModel ? (options.mode ?? 'direct') : 'arbitrated';
    this.#effects = effects;
    this.#moderator = this.#arbiter === null || !this.#limits.arbiterReviewsAll ? null : new Moderator(this.#arbiter, effects);
    this.id = restored?.id ?? newId('conv');
    this.#forkedFrom = restored?.forkedFrom ?? null;
    this.#history.push(...(restored?.history ?? []));
  }

  /** A conversation as it was stored. Errors: `invalid_request` when it is not one. */
  static restore(stored: unknown, effects: ConversationEffects): Conversation {
    const parsed = conversationState.safeParse(stored);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new TuttiError(
        'invalid_request',
        `This is no conversation: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim(),
      );
    }
    return new Conversation(parsed.data, effects, parsed.data);
  }

  /** The names of those who take part. */
  get participants(): readonly string[] {
    return [...this.#participants.keys()];
  }

  /** What each participant has before it. */
  get threads(): Readonly<Record<string, readonly ThreadMessage[]>> {
    return Object.fromEntries(this.participants.map((name) => [name, threadOf(this.#history, name)]));
  }

  /** Who has said what, oldest first. */
  get sharedContext(): readonly SharedEntry[] {
    return sharedContextOf(this.#history);
  }

  /** Everything that happened, oldest first. */
  get history(): readonly Entry[] {
    return [...this.#history];
  }

  /** How it stands: repetition, no progress, contradiction. */
  get health(): ConversationHealth {
    return conversationHealth(this.sharedContext.map(({ model, response }) => ({ from: model, text: response })));
  }

  /** How many answers the participants may still give. */
  get turnsLeft(): number {
    return Math.max(0, this.#limits.maxTurns - turnsOf(this.#history));
  }

  toJSON(): ConversationState {
    return {
      id: this.id,
      mode: this.mode,
      arbiter: this.#arbiter,
      participants: Array.from(this.#participants, ([name, member]) => ({ ...member, name })),
      limits: this.#limits,
      forkedFrom: this.#forkedFrom,
      history: [...this.#history],
    };
  }

  /**
   * Sends a message to a participant's thread; nobody answers yet. The arbiter reviews what participants write to each other
   * (the decision `review_message`), not what comes from outside. Where models may not write to each other such a message
   * is `stopped`.
   *
   * Errors: `unknown_member`, `invalid_request` for an empty message.
   */
  route(request: RouteRequest): Promise<Routed> {
    return this.#exclusively(async () => {
      const { from, to, message } = request;
      this.#member(to, 'to');
      if (message.trim() === '') throw new TuttiError('invalid_request', 'The message is empty.', { param: 'message' });
      const decision = await this.#decideMessage(request);
      return this.#routed({
        type: 'message',
        from,
        to: decision.to,
        text: decision.message,
        action: decision.action,
        ...(decision.message !== message && { original: message }),
        ...(decision.reason !== undefined && { reason: decision.reason }),
        includeHistory: request.includeHistory ?? this.#limits.includeFullHistory,
      });
    });
  }

  #routed(entry: Extract<EntryDraft, { type: 'message' }>): Routed {
    const { id } = this.#append(entry);
    const { to, text, action, reason } = entry;
    return { id, to, message: text, action, ...(reason !== undefined && { reason }) };
  }

  async #decideMessage({ from, to, message, signal }: RouteRequest): Promise<MessageDecision> {
    const unchanged = { action: 'pass', to, message } as const satisfies MessageDecision;
    if (!this.#participants.has(from)) return unchanged;
    if (this.mode === 'arbitrated') {
      return { ...unchanged, action: 'stopped', reason: 'In an arbitrated conversation models do not write to each other.' };
    }
    const review = { from, to, message, participants: this.participants, recent: this.sharedContext.slice(-RECENT) };
    return (await this.#moderator?.reviewMessage(review, signal)) ?? unchanged;
  }

  /**
   * The participant answers on its thread. With tools it may call them; give each result with `toolResult` and let it
   * respond again.
   *
   * Errors: `unknown_member`, `conversation_limit`, `invalid_request` when nothing is on its thread yet, and the model's own.
   */
  respond(
    model: string,
    options: { readonly tools?: readonly ToolDefinition[]; readonly signal?: AbortSignal } = {},
  ): Promise<Reply> {
    return this.#exclusively(async () => {
      const member = this.#member(model);
      this.#takeTurn();
      const messages = threadOf(this.#history, model).map(({ message }) => message);
      if (messages.length === 0)
        throw new TuttiError('invalid_request', `Nobody has written to ${model} yet: send it a message first.`);
      const input = { messages, ...(options.tools !== undefined && options.tools.length > 0 && { tools: [...options.tools] }) };
      const answer = await this.#ask(model, member, input, options.signal);
      const { id } = this.#append({ type: 'response', from: model, text: answer.text, toolCalls: [...answer.toolCalls] });
      return { id, model, response: answer.text, toolCalls: answer.toolCalls, confidence: answer.confidence };
    });
  }

  /** Gives a participant what a tool that it called has returned. Errors: `unknown_member`, `invalid_request` for an unknown call. */
  toolResult(model: string, toolCallId: string, content: string): Promise<void> {
    return this.#exclusively(() => {
      this.#member(model);
      const known = this.#history.some(
        (entry) => entry.type === 'response' && entry.from === model && entry.toolCalls.some(({ id }) => id === toolCallId),
      );
      if (!known)
        throw new TuttiError('invalid_request', `${model} has not made the call ${toolCallId}.`, { param: 'toolCallId' });
      this.#append({ type: 'tool', to: model, toolCallId, text: content });
    });
  }

  /**
   * Asks a participant outside its thread, with what the filter and then the arbiter (`filter_context`) let it know of the
   * conversation. The arbiter reviews the answer (`review_response`); one that it stops has an empty `response`.
   *
   * Errors: as `respond`.
   */
  consult(
    model: string,
    query: string,
    options: { readonly contextFilter?: ContextFilter; readonly signal?: AbortSignal } = {},
  ): Promise<ReviewedReply> {
    return this.#exclusively(async () => {
      const { contextFilter, signal } = options;
      const member = this.#member(model);
      this.#takeTurn();
      if (query.trim() === '') throw new TuttiError('invalid_request', 'The query is empty.', { param: 'query' });
      const shown = await this.#decideContext(model, query, contextFilter, signal);
      const answer = await this.#ask(model, member, { messages: consultation(shown, query) }, signal);
      const decision = (await this.#moderator?.reviewResponse(model, query, answer.text, signal)) ?? {
        action: 'pass',
        response: answer.text,
      };
      const { action, response, reason }: ResponseDecision = decision;
      const context = shown.map(({ id }) => id);
      const { id } = this.#append({
        type: 'consult',
        to: model,
        query,
        context,
        text: response,
        action,
        ...(response !== answer.text && { original: answer.text }),
        ...(reason !== undefined && { reason }),
      });
      return {
        id,
        model,
        response: action === 'stopped' ? '' : response,
        toolCalls: answer.toolCalls,
        confidence: action === 'pass' ? answer.confidence : null,
        action,
        ...(reason !== undefined && { reason }),
        context,
      };
    });
  }

  async #decideContext(
    model: string,
    query: string,
    filter: ContextFilter | undefined,
    signal?: AbortSignal,
  ): Promise<SharedEntry[]> {
    const entries = filterContext(this.sharedContext, filter);
    if (entries.length === 0 || this.#limits.includeFullHistory) return entries;
    return (await this.#moderator?.filterContext(model, query, entries, signal)) ?? entries;
  }

  /**
   * A conversation of its own that begins with this one up to and with this message. Errors: `invalid_request` when no
   * message has this id.
   */
  fork(messageId: string): Conversation {
    const at = this.#history.findIndex(({ id }) => id === messageId);
    if (at < 0)
      throw new TuttiError('invalid_request', `No message of this conversation is called ${messageId}.`, { param: 'messageId' });
    return Conversation.restore(
      {
        ...this.toJSON(),
        id: newId('conv'),
        forkedFrom: { conversation: this.id, message: messageId },
        history: structuredClone(this.#history.slice(0, at + 1)),
      },
      this.#effects,
    );
  }

  #ask(key: string, member: Member, input: ChatInput, signal = new AbortController().signal): Promise<AskedAnswer> {
    const { consult } = member;
    return this.#effects.ask(member.model, inputForMember(input, member), {
      signal,
      key,
      ...(consult !== undefined && { consult }),
    });
  }

  /** `param`: the field that names it. */
  #member(name: string, param = 'model'): Member {
    const member = this.#participants.get(name);
    if (member !== undefined) return member;
    throw new TuttiError('unknown_member', `Nobody here is called ${name}; there are: ${this.participants.join(', ')}.`, {
      param,
    });
  }

  #takeTurn(): void {
    if (this.turnsLeft > 0) return;
    throw new TuttiError('conversation_limit', `The conversation has had its ${this.#limits.maxTurns} turns.`, {
      details: { max_turns: this.#limits.maxTurns },
    });
  }

  #append(entry: EntryDraft): Entry {
    const made: Entry = { ...entry, id: `m${this.#history.length + 1}`, at: (this.#effects.now ?? Date.now)() };
    this.#history.push(made);
    return made;
  }

  #exclusively<T>(work: () => T | Promise<T>): Promise<T> {
    const mine = this.#work.then(work);
    this.#work = mine.catch(() => undefined); // told to the caller of this one
    return mine;
  }
}

function toMember(member: string | Member): Member {
  return typeof member === 'string' ? { model: member } : member;
}

function checkParticipants(names: readonly string[], maxModels: number): void {
  if (names.length === 0)
    throw new TuttiError('invalid_request', 'A conversation needs participants.', { param: 'participants' });
  if (names.length > maxModels) {
    const message = `At most ${maxModels} models may take part in a conversation (maxModels), not ${names.length}.`;
    throw new TuttiError('invalid_request', message, { param: 'participants' });
  }
}

function consultation(shown: readonly SharedEntry[], query: string): ChatMessage[] {
  const context = shown.map(({ model, response }) => `[${model}]\n${response}`).join('\n\n');
  return [{ role: 'user', content: context === '' ? query : `What the others have said:\n\n${context}\n\n${query}` }];
}
