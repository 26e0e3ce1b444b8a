import type { ChatInput, ChatMessage } from '../contracts/chat.ts';
import type { ChildAnswer } from '../contracts/orchestrated.ts';
import type { StrategyRequest } from '../contracts/strategy.ts';

/** The member that made a tool call: who gets the tool's result. */
export interface Author {
  readonly key: string;
  readonly target: string;
  /** What its request had beside the caller's: settings, and its own first message. */
  readonly settings: Omit<ChatInput, 'messages'>;
  readonly instructions: ChatMessage | null;
}

const MOST = 10_000;

/**
 * Who made which tool call, by the call's id. A client makes the calls and asks again with their results: the same member
 * then goes on. The newest ten thousand are known; for older ones the strategy begins anew.
 */
export class Authors {
  readonly #authors = new Map<string, Author>();

  /** Remembers who made the calls of an answer. `scope`: the orchestration, as one call passes through all those around it. */
  record(scope: string, answer: ChildAnswer, target: string, request: StrategyRequest, asked: StrategyRequest): void {
    if (request.operation !== 'chat' || answer.toolCalls.length === 0) return;
    const { messages, tools: _tools, tool_choice: _choice, ...settings } = request.input as ChatInput;
    const [first] = messages;
    const [askedFirst] = (asked.input as ChatInput).messages;
    const own = first?.role === 'system' && first !== askedFirst;
    const author: Author = { key: answer.key, target, settings, instructions: own ? first : null };
    for (const { id } of answer.toolCalls) {
      this.#authors.set(`${scope} ${id}`, author);
      if (this.#authors.size > MOST) this.#authors.delete(this.#authors.keys().next().value ?? '');
    }
  }

  /** Whose calls the request brings the results of; null when it brings none that are known. */
  of(scope: string, { operation, input }: StrategyRequest): Author | null {
    if (operation !== 'chat') return null;
    const last = (input as ChatInput).messages.at(-1);
    return last?.role === 'tool' ? (this.#authors.get(`${scope} ${last.tool_call_id}`) ?? null) : null;
  }
}

/** The follow-up as the author gets it. */
export function followUp(author: Author, input: ChatInput): ChatInput {
  const [first, ...rest] = input.messages;
  const { instructions } = author;
  const messages = instructions === null ? input.messages : [instructions, ...(first?.role === 'system' ? rest : input.messages)];
  const { messages: _, ...asked } = input;
  return { ...author.settings, ...asked, messages };
}
