/** About how many tokens a call's prompt takes: at once, without a tokenizer, and once only for messages that several members get. */
import { messageTokens } from '../arbiter/context-fit.ts';
import { estimateTokens } from '../arbiter/prompts/estimate.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { EmbedInput, Operation, Operations } from '../contracts/operations.ts';

/** Of a longer text so many characters are looked at, at its start and at its end each: a long one costs no more than a short one. */
const SAMPLE = 512;

const known = new WeakMap<object, number>();

/** Tokens of the prompt. Of operations that are neither `chat` nor `embed` nothing is known: 0. */
export function promptTokens<O extends Operation>(operation: O, input: Operations[O]['input']): number {
  if (operation === 'embed') return embedded((input as EmbedInput).input);
  return operation === 'chat' ? asked(input as ChatInput) : 0;
}

function asked({ messages, tools }: ChatInput): number {
  const words = messages.reduce((sum, message) => sum + once(message, () => messageTokens(message, sampled)), 0);
  return tools == null ? words : words + once(tools, () => sampled(JSON.stringify(tools)));
}

function embedded(input: EmbedInput['input']): number {
  if (typeof input === 'string') return sampled(input);
  return input.reduce<number>((sum, one) => {
    if (typeof one === 'number') return sum + 1;
    return sum + (typeof one === 'string' ? sampled(one) : one.length);
  }, 0);
}

function once(what: object, count: () => number): number {
  let tokens = known.get(what);
  if (tokens === undefined) known.set(what, (tokens = count()));
  return tokens;
}

function sampled(text: string): number {
  if (text.length <= 2 * SAMPLE) return estimateTokens(text);
  const ends = estimateTokens(text.slice(0, SAMPLE)) + estimateTokens(text.slice(-SAMPLE));
  return Math.ceil((ends * text.length) / (2 * SAMPLE));
}
