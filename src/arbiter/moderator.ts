import type { ChatInput } from '../contracts/chat.ts';
import { inputForMember, type Member } from '../contracts/member.ts';
import { TuttiError } from '../errors/error.ts';
import type { Ask } from './ask.ts';
import type { SharedEntry } from './conversation-log.ts';
import {
  contextQuestion,
  messageQuestion,
  readContextDecision,
  readMessageDecision,
  readResponseDecision,
  responseQuestion,
  type DecisionStep,
  type MessageDecision,
  type MessageToReview,
  type ResponseDecision,
} from './conversation-review.ts';

export interface ModeratorEffects {
  readonly ask: Ask;
  /** Throws what ends everything. Default: only a call that was cancelled, or ran out of time, does. */
  readonly rethrow?: (error: unknown) => void;
}

/**
 * The arbiter's decisions in a conversation, each a step of its own. null: it has failed, and nothing changes, as moderation
 * that fails must not end a conversation.
 */
export class Moderator {
  readonly #arbiter: Member;
  readonly #effects: ModeratorEffects;

  /** What the arbiter was told to be for the whole of the work does not concern its decisions. */
  constructor({ instructions: _own, consult: _consult, ...arbiter }: Member, effects: ModeratorEffects) {
    this.#arbiter = arbiter;
    this.#effects = effects;
  }

  async reviewMessage(review: MessageToReview, signal?: AbortSignal): Promise<MessageDecision | null> {
    const text = await this.#decide('review_message', messageQuestion(review), signal);
    return text === null ? null : readMessageDecision(text, review);
  }

  /** What of these a model is to see. */
  async filterContext(
    model: string,
    query: string,
    entries: readonly SharedEntry[],
    signal?: AbortSignal,
  ): Promise<SharedEntry[] | null> {
    const text = await this.#decide('filter_context', contextQuestion(model, query, entries), signal);
    return text === null ? null : readContextDecision(text, entries);
  }

  async reviewResponse(model: string, query: string, response: string, signal?: AbortSignal): Promise<ResponseDecision | null> {
    const text = await this.#decide('review_response', responseQuestion(model, query, response), signal);
    return text === null ? null : readResponseDecision(text, response);
  }

  async #decide(key: DecisionStep, question: ChatInput, signal = new AbortController().signal): Promise<string | null> {
    const { ask, rethrow = throwIfCancelled } = this.#effects;
    try {
      return (await ask(this.#arbiter.model, inputForMember(question, this.#arbiter), { signal, key })).text;
    } catch (error) {
      rethrow(error);
      return null; // see above
    }
  }
}

function throwIfCancelled(error: unknown): void {
  const known = TuttiError.from(error, 'backend_error');
  if (known.code === 'cancelled' || known.code === 'deadline_exceeded') throw known;
}
