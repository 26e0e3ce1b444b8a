/** Conversations between models on the wire. */
import { z } from 'zod';
import type { ConversationSummary } from '../../composition/conversation-list.ts';
import type { LedConversation } from '../../composition/led-conversation.ts';
import { chatMessage, toolCallSchema } from '../../contracts/chat.ts';
import { memberConfig } from '../../contracts/member.ts';
import { present, seconds } from './answer.ts';

const action = z.enum(['pass', 'modified', 'redirected', 'stopped']).describe('What the arbiter did to it.');
export const conversationMode = z.enum(['direct', 'arbitrated']);
const limits = z.strictObject({
  max_models: z.int(),
  max_turns: z.int(),
  include_full_history: z.boolean(),
  allow_model_to_model: z.boolean(),
  arbiter_reviews_all: z.boolean(),
});

const base = { id: z.string(), at: z.number() };
const entry = z
  .discriminatedUnion('type', [
    z.strictObject({
      ...base,
      type: z.literal('message'),
      from: z.string(),
      to: z.string(),
      text: z.string(),
      action,
      original: z.string().optional(),
      reason: z.string().optional(),
      include_history: z.boolean(),
    }),
    z.strictObject({
      ...base,
      type: z.literal('response'),
      from: z.string(),
      text: z.string(),
      tool_calls: z.array(toolCallSchema),
    }),
    z.strictObject({ ...base, type: z.literal('tool'), to: z.string(), tool_call_id: z.string(), text: z.string() }),
    z.strictObject({
      ...base,
      type: z.literal('consult'),
      to: z.string(),
      query: z.string(),
      context: z.array(z.string()).describe('The ids of what it was shown.'),
      text: z.string(),
      action,
      original: z.string().optional(),
      reason: z.string().optional(),
    }),
  ])
  .meta({ id: 'ConversationEntry' });

const forkedFrom = z.strictObject({ conversation: z.string(), message: z.string() }).nullable();
const turnsLeft = z.int().describe('How many answers may still be given.');

export const wireConversation = z
  .strictObject({
    id: z.string(),
    mode: conversationMode,
    arbiter: memberConfig.nullable(),
    participants: z.array(memberConfig),
    limits,
    forked_from: forkedFrom,
    turns_left: turnsLeft,
    health: z
      .strictObject({
        healthy: z.boolean(),
        problems: z.array(
          z.strictObject({
            kind: z.enum(['repetition', 'no_progress', 'contradiction']),
            members: z.array(z.string()),
            message: z.string(),
          }),
        ),
      })
      .describe('Seen from the newest message.'),
    threads: z
      .record(z.string(), z.array(z.strictObject({ id: z.string(), from: z.string(), message: chatMessage })))
      .describe('What each participant has before it.'),
    shared_context: z
      .array(z.strictObject({ id: z.string(), model: z.string(), response: z.string() }))
      .describe('Who has said what, oldest first.'),
    history: z.array(entry).describe('Everything that happened, oldest first.'),
  })
  .meta({ id: 'Conversation' });
export type WireConversation = z.infer<typeof wireConversation>;

export const wireConversationSummary = z
  .strictObject({
    id: z.string(),
    mode: conversationMode,
    participants: z.array(z.strictObject({ model: z.string(), name: z.string() })),
    forked_from: forkedFrom,
    turns: z.int().describe('How many answers were given.'),
    turns_left: turnsLeft,
    changed_at: z.number().describe('When something was last said, or it began. Epoch seconds.'),
  })
  .meta({ id: 'ConversationSummary' });

export function toWireConversationSummary(summary: ConversationSummary): z.infer<typeof wireConversationSummary> {
  const { forkedFrom: forked_from, turnsLeft: turns_left, changedAt, ...rest } = summary;
  return { ...rest, forked_from, turns_left, changed_at: seconds(changedAt) };
}

export function toWireConversation(conversation: LedConversation): WireConversation {
  const state = conversation.toJSON();
  const { limits: own } = state;
  const { healthy, problems } = conversation.health;
  return {
    id: state.id,
    mode: state.mode,
    arbiter: state.arbiter,
    participants: state.participants,
    limits: {
      max_models: own.maxModels,
      max_turns: own.maxTurns,
      include_full_history: own.includeFullHistory,
      allow_model_to_model: own.allowModelToModel,
      arbiter_reviews_all: own.arbiterReviewsAll,
    },
    forked_from: state.forkedFrom,
    turns_left: conversation.turnsLeft,
    health: { healthy, problems: problems.map(({ kind, members, message }) => ({ kind, members: [...members], message })) },
    threads: Object.fromEntries(
      Object.entries(conversation.threads).map(([name, thread]) => [
        name,
        thread.map(({ id, from, message }) => ({ id, from, message })),
      ]),
    ),
    shared_context: conversation.sharedContext.map(({ id, model, response }) => ({ id, model, response })),
    history: state.history.map(toWireEntry),
  };
}

function toWireEntry(given: LedConversation['history'][number]): WireConversation['history'][number] {
  const at = seconds(given.at);
  switch (given.type) {
    case 'message': {
      const { includeHistory, ...rest } = given;
      return present({ ...rest, at, include_history: includeHistory });
    }
    case 'response': {
      const { toolCalls, ...rest } = given;
      return { ...rest, at, tool_calls: toolCalls };
    }
    case 'tool': {
      const { toolCallId, ...rest } = given;
      return { ...rest, at, tool_call_id: toolCallId };
    }
    case 'consult':
      return present({ ...given, at });
    default:
      return given satisfies never;
  }
}
