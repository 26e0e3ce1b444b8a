/** `/api/conversations`: conversations between models that the caller leads, step by step. Users see their own. */
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { LedConversation } from '../../composition/led-conversation.ts';
import { toolCallSchema, toolDefinition } from '../../contracts/chat.ts';
import { memberConfig } from '../../contracts/member.ts';
import { positive } from '../query.ts';
import type { Call } from '../route.ts';
import { present, toWireConfidence, wireConfidence } from '../wire/answer.ts';
import {
  conversationMode,
  toWireConversation,
  toWireConversationSummary,
  wireConversationSummary,
  type WireConversation,
} from '../wire/conversations.ts';

const name = z.string().min(1);

export const startBody = z.strictObject({
  mode: conversationMode.default('direct').describe('`direct`: they write to each other. `arbitrated`: the arbiter asks each.'),
  arbiter: memberConfig.nullish().describe('Reviews what is said. Default: nobody does.'),
  participants: z.array(memberConfig).min(1).max(64),
  limits: z
    .strictObject({
      max_models: z.int().min(1).optional().describe('How many models may take part. Default 3.'),
      max_turns: z.int().min(1).optional().describe('How many answers may be given. Default 50.'),
      include_full_history: z.boolean().optional().describe('Messages bring along all that was said. Default false.'),
      allow_model_to_model: z.boolean().optional().describe('false: arbitrated, whatever the mode. Default true.'),
      arbiter_reviews_all: z.boolean().optional().describe('Default true.'),
    })
    .optional(),
});
export const listQuery = z.strictObject({
  limit: positive(1000).optional().describe('Conversations a page, at most 1000. Default 100.'),
  cursor: z.string().optional().describe('`next_cursor` of the page before.'),
});
export const conversationPage = z.strictObject({
  conversations: z.array(wireConversationSummary),
  next_cursor: z.string().nullable(),
});

export function startConversation(call: Call<z.output<typeof startBody>>): WireConversation {
  const { mode, arbiter, participants, limits = {} } = call.body;
  const conversation = call.services.tutti.conversation(
    {
      mode,
      participants,
      ...(arbiter != null && { arbiter }),
      limits: present({
        maxModels: limits.max_models,
        maxTurns: limits.max_turns,
        includeFullHistory: limits.include_full_history,
        allowModelToModel: limits.allow_model_to_model,
        arbiterReviewsAll: limits.arbiter_reviews_all,
      }),
    },
    { principal: call.principal },
  );
  call.reply.code(201);
  return toWireConversation(conversation);
}

/** Errors: `invalid_request` for a cursor that is none. */
export function listConversations(call: Call<unknown, z.output<typeof listQuery>>): z.infer<typeof conversationPage> {
  const { conversations, nextCursor } = call.services.tutti.conversations.list({ ...call.query, viewer: call.principal });
  return { conversations: conversations.map(toWireConversationSummary), next_cursor: nextCursor };
}

export function getConversation(call: Call): WireConversation {
  return toWireConversation(named(call));
}

export const messageBody = z.strictObject({
  from: name.default('user').describe('A participant, or anyone else.'),
  to: name,
  message: name,
  include_history: z.boolean().optional().describe('Tell the receiver what all have said. Default: `include_full_history`.'),
});
export const routed = z.strictObject({
  id: z.string(),
  to: z.string().describe('Who got it.'),
  message: z.string().describe('What it got.'),
  action: z.enum(['pass', 'modified', 'redirected', 'stopped']).describe('What the arbiter did to it.'),
  reason: z.string().optional(),
});

/** Errors: `unknown_member`. */
export async function routeMessage(call: Call<z.output<typeof messageBody>>): Promise<z.infer<typeof routed>> {
  const { include_history: includeHistory, ...message } = call.body;
  const request = { ...message, ...(includeHistory !== undefined && { includeHistory }) };
  const { id, to, message: text, action, reason } = await named(call).route(request, asked(call));
  return present({ id, to, message: text, action, reason });
}

export const respondBody = z.strictObject({ model: name, tools: z.array(toolDefinition).max(256).optional() });
export const responded = z.strictObject({
  id: z.string(),
  model: z.string(),
  response: z.string(),
  tool_calls: z.array(toolCallSchema),
  confidence: wireConfidence.nullable(),
});

/** Errors: `unknown_member`, `conversation_limit`, those of the model. */
export async function respond(call: Call<z.output<typeof respondBody>>): Promise<z.infer<typeof responded>> {
  const { model, tools } = call.body;
  const reply = await named(call).respond(model, { ...(tools !== undefined && { tools }) }, asked(call));
  return toWireReply(reply);
}

export const toolResultBody = z.strictObject({ model: name, tool_call_id: name, content: z.string() });

/** Errors: `unknown_member`; `invalid_request` for a call that it has not made. */
export async function addToolResult(call: Call<z.output<typeof toolResultBody>>): Promise<FastifyReply> {
  const { model, tool_call_id, content } = call.body;
  await named(call).toolResult(model, tool_call_id, content);
  return call.reply.code(204).send();
}

export const consultBody = z.strictObject({
  model: name,
  query: name,
  context_filter: z
    .strictObject({
      models: z.array(name).optional().describe('Only what these have said.'),
      last: z.int().min(0).optional().describe('Only the last so many.'),
      max_tokens: z.int().min(0).optional().describe('As many of the newest as fit.'),
      about: z.string().optional().describe('Only what shares words with this.'),
    })
    .optional()
    .describe('Which of the earlier answers it may be shown.'),
});
export const consulted = responded.extend({
  action: z.enum(['pass', 'modified', 'stopped']).describe('What the arbiter did to the answer.'),
  reason: z.string().optional(),
  context: z.array(z.string()).describe('The ids of what it was shown.'),
});

/** Errors: as `respond`. */
export async function consult(call: Call<z.output<typeof consultBody>>): Promise<z.infer<typeof consulted>> {
  const { model, query, context_filter } = call.body;
  const { max_tokens: maxTokens, ...rest } = context_filter ?? {};
  const contextFilter = context_filter && present({ ...rest, maxTokens });
  const reply = await named(call).consult(model, query, { ...(contextFilter && { contextFilter }) }, asked(call));
  const { action, reason, context } = reply;
  return present({ ...toWireReply(reply), action, reason, context: [...context] });
}

export const forkBody = z.strictObject({ message: name.describe('The id of the last message that it is to have.') });

/** Errors: `invalid_request` for an unknown message. */
export function forkConversation(call: Call<z.output<typeof forkBody>>): WireConversation {
  const fork = call.services.tutti.conversations.fork(named(call).id, call.body.message, call.principal);
  call.reply.code(201);
  return toWireConversation(fork);
}

type Reply = Awaited<ReturnType<LedConversation['respond']>>;

function toWireReply({ id, model, response, toolCalls, confidence }: Reply): z.infer<typeof responded> {
  return { id, model, response, tool_calls: [...toolCalls], confidence: toWireConfidence(confidence) };
}

/** Errors: `conversation_not_found`. */
function named(call: Call<unknown>): LedConversation {
  return call.services.tutti.conversations.get(call.params.conversation ?? '', call.principal);
}

/** Each operation is a run of the caller's. */
function asked({ principal, signal }: Call<unknown>): { principal: Call['principal']; signal: AbortSignal } {
  return { principal, signal };
}
