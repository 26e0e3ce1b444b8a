/** Answers in Tutti's own shape, whole or streamed. */
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { collectAnswer } from '../../composition/answer.ts';
import { toolCallSchema } from '../../contracts/chat.ts';
import type { Answer, Execution } from '../../contracts/library.ts';
import { streamChat } from '../openai/chat-stream.ts';
import { nameIgnored } from '../openai/unknown-fields.ts';
import { nameRun, type Call } from '../route.ts';
import { toWireDetails, toWireUsage, wireDetails, wireUsage } from '../wire/answer.ts';

export const wireAnswer = z.strictObject({
  model: z.string().describe('The model whose answer it is.'),
  output: z.unknown().describe('The text; vectors for embeddings.'),
  tool_calls: z.array(toolCallSchema).optional(),
  finish_reason: z.string(),
  usage: wireUsage,
  tutti: wireDetails,
});
export type WireAnswer = z.infer<typeof wireAnswer>;

/** The field of a body that asks for a stream. */
export const stream = z
  .boolean()
  .default(false)
  .describe('Send the answer while it is written, as the chunks of `/v1/chat/completions`.');

export interface AnswerOptions {
  readonly streamed: boolean;
  /** In a stream: tell what happens in the steps. */
  readonly steps?: boolean | undefined;
  /** What was asked for: the name of a streamed answer until it is known which model answers. */
  readonly target: string;
  /** Fields of the request that Tutti does not know. */
  readonly extra?: Record<string, unknown> | undefined;
}

/** The answer of a run, as the client wants it. Errors: those of the run. */
export async function sendAnswer(
  call: Call<unknown, unknown>,
  execution: Execution,
  { streamed, steps = false, target, extra }: AnswerOptions,
): Promise<WireAnswer | FastifyReply> {
  nameRun(call, execution.runId);
  if (streamed) return streamChat(call, execution, { target, steps, includeUsage: true, tellAll: true, extra });
  const answer = await collectAnswer(execution);
  nameIgnored(call, execution.record(), extra);
  return toWireAnswer(answer);
}

export function toWireAnswer(answer: Answer): WireAnswer {
  return {
    model: answer.model,
    output: answer.output,
    ...(answer.toolCalls.length > 0 && { tool_calls: [...answer.toolCalls] }),
    finish_reason: answer.finishReason,
    usage: toWireUsage(answer.usage),
    tutti: toWireDetails(answer),
  };
}
