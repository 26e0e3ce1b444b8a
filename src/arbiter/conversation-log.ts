/**
 * A conversation is its log: what was said, by whom, to whom, and what the arbiter did to it. Threads and the shared context
 * are read out of it, so a fork is a shorter log, and a stored conversation is nothing but its log and its settings.
 */
import { z } from 'zod';
import { toolCallSchema, type ChatMessage } from '../contracts/chat.ts';

/** What became of a message: it went on as it was, was changed, went to somebody else, or to nobody. */
export const ROUTE_ACTIONS = ['pass', 'modified', 'redirected', 'stopped'] as const;
/** See `ROUTE_ACTIONS`. */
export type RouteAction = (typeof ROUTE_ACTIONS)[number];

const entryBase = { id: z.string(), at: z.number() };

/** Schema of `Entry`. */
export const entrySchema = z.discriminatedUnion('type', [
  /** From one to another. `to` is who got it, `original` what was written if that is something else. */
  z.strictObject({
    ...entryBase,
    type: z.literal('message'),
    from: z.string(),
    to: z.string(),
    text: z.string(),
    action: z.enum(ROUTE_ACTIONS),
    original: z.string().optional(),
    reason: z.string().optional(),
    includeHistory: z.boolean(),
  }),
  /** What a participant answered on its thread. */
  z.strictObject({
    ...entryBase,
    type: z.literal('response'),
    from: z.string(),
    text: z.string(),
    toolCalls: z.array(toolCallSchema),
  }),
  /** What a tool gave to the participant that had called it. */
  z.strictObject({ ...entryBase, type: z.literal('tool'), to: z.string(), toolCallId: z.string(), text: z.string() }),
  /** A question outside the threads, with the context that the arbiter allowed, and the answer as the arbiter passed it. */
  z.strictObject({
    ...entryBase,
    type: z.literal('consult'),
    to: z.string(),
    query: z.string(),
    context: z.array(z.string()),
    text: z.string(),
    action: z.enum(['pass', 'modified', 'stopped']),
    original: z.string().optional(),
    reason: z.string().optional(),
  }),
]);
/** One thing that happened in a conversation. */
export type Entry = z.infer<typeof entrySchema>;

/** What all may know: who said what. */
export interface SharedEntry {
  readonly id: string;
  readonly model: string;
  readonly response: string;
}

/** A message of a thread, with who wrote it. */
export interface ThreadMessage {
  /** The entry that it comes from. */
  readonly id: string;
  readonly from: string;
  readonly message: ChatMessage;
}

/** How many answers the participants have given. */
export function turnsOf(history: readonly Entry[]): number {
  return history.filter(({ type }) => type === 'response' || type === 'consult').length;
}

/** What the participants have said so far, oldest first. */
export function sharedContextOf(history: readonly Entry[]): SharedEntry[] {
  return history.flatMap((entry) => {
    if (entry.type === 'response' && entry.text.trim() !== '') return [{ id: entry.id, model: entry.from, response: entry.text }];
    if (entry.type === 'consult' && entry.action !== 'stopped') return [{ id: entry.id, model: entry.to, response: entry.text }];
    return [];
  });
}

/** What one participant has before it: its own thread. */
export function threadOf(history: readonly Entry[], participant: string): ThreadMessage[] {
  const thread: ThreadMessage[] = [];
  const push = (id: string, from: string, message: ChatMessage): void => void thread.push({ id, from, message });
  for (const [i, entry] of history.entries()) {
    switch (entry.type) {
      case 'message':
        if (entry.to !== participant || entry.action === 'stopped') break;
        if (entry.includeHistory) {
          for (const shared of unknownTo(thread, participant, sharedContextOf(history.slice(0, i)), entry.text)) {
            push(shared.id, shared.model, said(shared.model, shared.response));
          }
        }
        push(entry.id, entry.from, said(entry.from, entry.text));
        break;
      case 'response':
        if (entry.from === participant) push(entry.id, participant, answered(entry.text, entry.toolCalls));
        break;
      case 'tool':
        if (entry.to === participant) {
          push(entry.id, 'tool', { role: 'tool', tool_call_id: entry.toolCallId, content: entry.text });
        }
        break;
      case 'consult':
        break;
      default:
        entry satisfies never;
    }
  }
  return thread;
}

/** What the participant has not read yet: nothing twice, not its own words, and not what the message itself tells. */
function unknownTo(
  thread: readonly ThreadMessage[],
  participant: string,
  shared: readonly SharedEntry[],
  text: string,
): SharedEntry[] {
  const read = new Set(thread.map(({ message }) => message.content));
  return shared.filter(
    ({ model, response }) => model !== participant && response !== text && !read.has(said(model, response).content ?? ''),
  );
}

/** Who is behind a request is not named: models know it as the one they serve. */
function said(from: string, text: string): ChatMessage {
  return { role: 'user', content: from === 'user' ? text : `${from} says:\n${text}` };
}

function answered(text: string, toolCalls: Extract<Entry, { type: 'response' }>['toolCalls']): ChatMessage {
  return { role: 'assistant', content: text, ...(toolCalls.length > 0 && { tool_calls: [...toolCalls] }) };
}
