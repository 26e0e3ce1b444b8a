/**
 * Which messages of a conversation have to go when it is too long. Pure.
 *
 * System messages and the newest message always stay. A tool call and its results stay or go together: a result without its
 * call is refused by most models, and a call without its result is asked again.
 */
import type { ChatMessage, ContentPart } from '../contracts/chat.ts';
import { estimateTokens, type CountTokens } from './prompts/estimate.ts';

/** What an image counts when nothing better is known: 1024 × 1024 pixels in full detail take 765 tokens of GPT-4o. */
const IMAGE_TOKENS = 765;

/** The text of a message by which its tokens are counted: its words, its reasoning, and the calls that it makes. */
export function countedText(message: ChatMessage): string {
  const pieces = [textOf(message)];
  if (message.role === 'assistant') {
    pieces.push(message.reasoning_content ?? '');
    for (const call of message.tool_calls ?? []) pieces.push(call.function.name, call.function.arguments);
  }
  return pieces.filter((piece) => piece !== '').join('\n');
}

/** The words of a message, without images and calls. */
export function textOf(message: ChatMessage): string {
  if (typeof message.content === 'string') return message.content;
  return (message.content ?? []).map(textOfPart).join('\n');
}

function textOfPart(part: ContentPart): string {
  if (part.type === 'text') return part.text;
  return part.type === 'refusal' ? part.refusal : '';
}

/** Tokens of what is no text: images only, as sound and files have no common measure. */
export function mediaTokens(message: ChatMessage): number {
  if (typeof message.content === 'string' || message.content == null) return 0;
  return message.content.filter((part) => part.type === 'image_url').length * IMAGE_TOKENS;
}

/** Tokens of a message: its words, calls and images. The few that a chat template adds are not counted. */
export function messageTokens(message: ChatMessage, countTokens: CountTokens = estimateTokens): number {
  const text = countedText(message);
  return (text === '' ? 0 : countTokens(text)) + mediaTokens(message);
}

/** Whether a message always stays: the rules that a conversation stands under. */
export function isSystem(message: ChatMessage): boolean {
  return message.role === 'system' || message.role === 'developer';
}

/**
 * The group of each message, as the index of the first message in it. A result belongs to the latest call with its id; all
 * calls of one message are one group with all their results.
 */
export function groupsOf(messages: readonly ChatMessage[]): number[] {
  const callers = new Map<string, number>();
  return messages.map((message, i) => {
    if (message.role === 'tool') return callers.get(message.tool_call_id) ?? i;
    if (message.role === 'assistant') for (const call of message.tool_calls ?? []) callers.set(call.id, i);
    return i;
  });
}

/** A message and what it takes. */
export interface CountedMessage {
  readonly message: ChatMessage;
  readonly tokens: number;
}

/**
 * The indices of the messages that go, oldest groups first, until the rest takes at most `target` tokens or nothing more
 * may go.
 */
export function chooseDropped(messages: readonly CountedMessage[], target: number): ReadonlySet<number> {
  const groups = groupsOf(messages.map(({ message }) => message));
  const members = Map.groupBy(groups.keys(), (i) => groups[i]);
  const newest = groups.at(-1);
  const dropped = new Set<number>();
  let tokens = messages.reduce((sum, entry) => sum + entry.tokens, 0);
  for (const [group, indices] of members) {
    if (tokens <= target) break;
    if (group === newest || indices.some((i) => isStaying(messages[i]))) continue;
    for (const i of indices) {
      dropped.add(i);
      tokens -= messages[i]?.tokens ?? 0;
    }
  }
  return dropped;
}

function isStaying(entry: CountedMessage | undefined): boolean {
  return entry !== undefined && isSystem(entry.message);
}

/** How much a conversation may take. */
export interface FitOptions {
  readonly maxTokens: number;
  /** The share of `maxTokens` that a conversation which is too long is cut down to. Default 1: just as much as fits. */
  readonly truncateTo?: number;
  /** Default: `estimateTokens`. */
  readonly countTokens?: CountTokens;
}

/** The messages as they are if they fit, else without their oldest ones. What must stay may still be more than fits. */
export function fitMessages(messages: readonly ChatMessage[], options: FitOptions): ChatMessage[] {
  const { maxTokens, truncateTo = 1, countTokens = estimateTokens } = options;
  const counted = messages.map((message) => ({ message, tokens: messageTokens(message, countTokens) }));
  const total = counted.reduce((sum, entry) => sum + entry.tokens, 0);
  if (total <= maxTokens) return [...messages];
  const dropped = chooseDropped(counted, maxTokens * truncateTo);
  return messages.filter((_, i) => !dropped.has(i));
}
