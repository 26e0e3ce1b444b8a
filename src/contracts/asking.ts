/** What a strategy asks with: requests of its own, made of the caller's. */
import type { ChatInput, ChatMessage } from './chat.ts';

/**
 * The conversation with another text as its last question: in place of the last message's text when that is the user's (its
 * images and files stay), else as a new message at the end.
 */
export function asking(messages: readonly ChatMessage[], text: string): ChatMessage[] {
  const last = messages.at(-1);
  if (last?.role !== 'user') return [...messages, { role: 'user', content: text }];
  const media = typeof last.content === 'string' ? [] : last.content.filter(({ type }) => type !== 'text');
  const content = media.length === 0 ? text : [{ type: 'text' as const, text }, ...media];
  return [...messages.slice(0, -1), { ...last, content }];
}

/** The conversation without pictures, sound and files: for models that are told in words what is in them. */
export function wordsOnly(messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.map((message) => {
    if (message.role !== 'user' || typeof message.content === 'string') return message;
    return { ...message, content: message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n') };
  });
}

/**
 * What of a request goes to a call that helps the answer's author but is not the author: how to choose words. Tools, the form
 * of the answer, its length and number are the author's.
 */
export function forHelper(input: ChatInput, messages: readonly ChatMessage[] = input.messages): ChatInput {
  const { temperature, top_p, top_k, min_p, seed, user } = input;
  const set = Object.entries({ temperature, top_p, top_k, min_p, seed, user }).filter(([, value]) => value != null);
  return { ...Object.fromEntries(set), messages: [...messages] };
}

/** What of a request goes to a call that only judges: the conversation. Judges take the likeliest word, or they would not be consistent. */
export function forJudge(input: ChatInput, question: string): ChatInput {
  return { messages: asking(input.messages, question), temperature: 0 };
}
