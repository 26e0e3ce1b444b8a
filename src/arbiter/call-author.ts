/**
 * When a specialist answers in the run's name and calls a tool of the client, the result has to come back to the same
 * specialist. The client sends nothing but the conversation, so the call's id tells who made it: `call_1--coding`. Pure.
 */
import type { ChatMessage } from '../contracts/chat.ts';
import type { Part } from '../contracts/part.ts';

const MARK = '--';

/** The part as the client sees it: the id of a call tells its author. */
export function withAuthor(part: Part, author: string): Part {
  return part.type === 'tool-call-delta' && part.id !== undefined ? { ...part, id: `${part.id}${MARK}${author}` } : part;
}

/** Who of these made the calls whose results end the conversation; null when it ends otherwise. */
export function awaitedAuthor(messages: readonly ChatMessage[], names: readonly string[]): string | null {
  const last = messages.at(-1);
  if (last?.role !== 'tool') return null;
  return names.find((name) => last.tool_call_id.endsWith(MARK + name)) ?? null;
}

/** The conversation with the ids that the author itself gave. */
export function withoutAuthor(messages: readonly ChatMessage[], names: readonly string[]): ChatMessage[] {
  const own = (id: string): string => {
    const name = names.find((one) => id.endsWith(MARK + one));
    return name === undefined ? id : id.slice(0, -(MARK.length + name.length));
  };
  return messages.map((message): ChatMessage => {
    if (message.role === 'tool') return { ...message, tool_call_id: own(message.tool_call_id) };
    if (message.role !== 'assistant' || message.tool_calls == null) return message;
    return { ...message, tool_calls: message.tool_calls.map((call) => ({ ...call, id: own(call.id) })) };
  });
}
