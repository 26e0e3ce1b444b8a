/** The bodies of `POST /api/tools/interpret`. On the wire, names are in snake_case. */
import { z } from 'zod';
import { toolCallSchema, toolDefinition } from '../../contracts/chat.ts';

/** By which rung of the ladder the calls were found. */
export const INTERPRET_SOURCES = ['structured', 'parsed', 'repaired', 'model', 'none'] as const;

const tools = z.array(toolDefinition).max(256);

/** A call as clients write it: OpenAI's, or a name with arguments (an object, or JSON text). */
export const failedCall = z.union([
  toolCallSchema,
  z.strictObject({ name: z.string().min(1), arguments: z.union([z.string(), z.record(z.string(), z.unknown())]).default({}) }),
  z.string().min(1),
]);

/** Longer texts are no answers with calls; reading takes time that grows with them. */
const LONGEST_TEXT = 200_000;

/** Schema of the body of `POST /api/tools/interpret`: one of `text`, `message` and `call`. */
export const interpretRequest = z
  .strictObject({
    /** All that a model wrote. */
    text: z.string().max(LONGEST_TEXT).optional(),
    /** An assistant's message, with `content`, `tool_calls` or both. */
    message: z
      .looseObject({
        content: z.string().max(LONGEST_TEXT).nullish(),
        tool_calls: z.array(toolCallSchema).nullish(),
      })
      .optional(),
    /** What the user asked, if that is all they said: a written call that it does not ask for is dropped. */
    question: z.string().max(LONGEST_TEXT).optional(),
    /** A call that failed: it is corrected. */
    call: failedCall.optional(),
    /** With `call`: what went wrong. */
    error: z.string().max(LONGEST_TEXT).optional(),
    /** The tools that may be called. */
    tools: tools.min(1, 'tools must hold at least one tool'),
  })
  .refine((body) => [body.text, body.message, body.call].filter((given) => given !== undefined).length === 1, {
    message: 'give exactly one of text, message and call',
  });

/** Schema of the answer of `POST /api/tools/interpret`. */
export const interpretAnswer = z.object({
  tool_calls: z.array(toolCallSchema),
  source: z.enum(INTERPRET_SOURCES),
  /** 0..1: how sure it is that these calls, and no others, were meant. */
  confidence: z.number().min(0).max(1),
  /** The text without the calls. */
  text: z.string(),
  /** Calls that were left out, and why. */
  problems: z.array(z.object({ name: z.string(), message: z.string() })),
});
