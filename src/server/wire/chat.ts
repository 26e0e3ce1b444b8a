/** What `/v1/chat/completions` answers: OpenAI's shapes, with `reasoning_content` and `tutti` added. */
import { z } from 'zod';
import { wireDetails } from './answer.ts';
import { wireStepEvent } from './steps.ts';

const logprob = z.strictObject({ token: z.string(), logprob: z.number(), bytes: z.array(z.number()).nullable() });
const logprobs = z.strictObject({
  content: z.array(logprob.extend({ top_logprobs: z.array(logprob) })).nullable(),
  refusal: z.null(),
});
export type WireLogprobs = z.infer<typeof logprobs>;

const finishReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter']);

export const openaiUsage = z.strictObject({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  total_tokens: z.number(),
  prompt_tokens_details: z.strictObject({ cached_tokens: z.number() }).optional(),
  completion_tokens_details: z.strictObject({ reasoning_tokens: z.number() }).optional(),
});
export type OpenaiUsage = z.infer<typeof openaiUsage>;

const toolCall = z.strictObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});

export const chatCompletion = z.strictObject({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.strictObject({
      index: z.int(),
      message: z.strictObject({
        role: z.literal('assistant'),
        content: z.string().nullable(),
        refusal: z.null(),
        reasoning_content: z.string().optional(),
        tool_calls: z.array(toolCall).optional(),
      }),
      logprobs: logprobs.nullable(),
      finish_reason: finishReason,
    }),
  ),
  usage: openaiUsage,
  tutti: wireDetails.optional(),
});
export type ChatCompletion = z.infer<typeof chatCompletion>;

export const chatChunk = z.strictObject({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.strictObject({
      index: z.int(),
      delta: z.strictObject({
        role: z.literal('assistant').optional(),
        content: z.string().nullable().optional(),
        reasoning_content: z.string().optional(),
        tool_calls: z
          .array(
            z.strictObject({
              index: z.int(),
              id: z.string().optional(),
              type: z.literal('function').optional(),
              function: z.strictObject({ name: z.string().optional(), arguments: z.string().optional() }),
            }),
          )
          .optional(),
      }),
      logprobs: logprobs.nullable(),
      finish_reason: finishReason.nullable(),
    }),
  ),
  usage: openaiUsage.nullable().optional(),
  tutti: z
    .union([wireDetails, z.strictObject({ step: wireStepEvent })])
    .optional()
    .describe('How the answer came to be, with each `finish_reason`; or, for those who ask for steps, what happens in one.'),
});
export type ChatChunk = z.infer<typeof chatChunk>;
