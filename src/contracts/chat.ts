/**
 * The `chat` operation. Messages and settings keep the shape and the names of OpenAI's Chat Completions
 * (snake_case), because most traffic then needs no conversion on its way through.
 */
import { z } from 'zod';

/** Text inside a message. */
export const textPart = z.looseObject({ type: z.literal('text'), text: z.string() });
/** An image inside a message, as a URL (`https:` or `data:`). */
export const imagePart = z.looseObject({
  type: z.literal('image_url'),
  image_url: z.looseObject({ url: z.string().min(1), detail: z.enum(['auto', 'low', 'high']).optional() }),
});
/** Sound inside a message, in base64. */
export const audioPart = z.looseObject({
  type: z.literal('input_audio'),
  input_audio: z.looseObject({ data: z.string().min(1), format: z.string().min(1) }),
});
/** A file inside a message. */
export const filePart = z.looseObject({
  type: z.literal('file'),
  file: z.looseObject({
    file_data: z.string().optional(),
    file_id: z.string().optional(),
    filename: z.string().optional(),
  }),
});
/** A refusal that a model has written earlier. */
export const refusalPart = z.looseObject({ type: z.literal('refusal'), refusal: z.string() });
/** Schema of `ContentPart`. */
export const contentPart = z.discriminatedUnion('type', [textPart, imagePart, audioPart, filePart, refusalPart]);
/** One part of a message’s content. */
export type ContentPart = z.infer<typeof contentPart>;

const content = z.union([z.string(), z.array(contentPart).min(1)]);

/** Schema of `ToolCall`. */
export const toolCallSchema = z.looseObject({
  id: z.string(),
  type: z.literal('function').default('function'),
  function: z.looseObject({
    name: z.string().min(1),
    /** JSON text, exactly as the model wrote it. */
    arguments: z.string(),
  }),
});
/** A call that a model wants made. */
export type ToolCall = z.infer<typeof toolCallSchema>;

/** Schema of `ChatMessage`. */
export const chatMessage = z.discriminatedUnion('role', [
  z.looseObject({ role: z.literal('system'), content, name: z.string().optional() }),
  z.looseObject({ role: z.literal('developer'), content, name: z.string().optional() }),
  z.looseObject({ role: z.literal('user'), content, name: z.string().optional() }),
  z.looseObject({
    role: z.literal('assistant'),
    content: content.nullish(),
    reasoning_content: z.string().nullish(),
    tool_calls: z.array(toolCallSchema).nullish(),
    name: z.string().optional(),
  }),
  z.looseObject({ role: z.literal('tool'), content, tool_call_id: z.string() }),
]);
/** A message of a conversation, by role. */
export type ChatMessage = z.infer<typeof chatMessage>;

/** A JSON Schema (draft 2020-12 or 7), passed through as it is. */
export type JsonSchema = { [key: string]: unknown };
const jsonSchema = z.record(z.string(), z.unknown());

/** Schema of `ToolDefinition`. */
export const toolDefinition = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: z.string().regex(/^[a-zA-Z0-9_.-]{1,128}$/, 'a tool name has 1 to 128 letters, digits, dots, dashes or underscores'),
    description: z.string().optional(),
    parameters: jsonSchema.optional(),
    strict: z.boolean().nullish(),
  }),
});
/** A function that a model may call. */
export type ToolDefinition = z.infer<typeof toolDefinition>;

/** Schema of `ToolChoice`. */
export const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) }),
]);
/** Whether tools may be called: none, as the model likes, at least one, or this one. */
export type ToolChoice = z.infer<typeof toolChoice>;

/** Schema of `ResponseFormat`. */
export const responseFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({
      name: z.string().default('answer'),
      schema: jsonSchema.default({}),
      strict: z.boolean().nullish(),
    }),
  }),
  /** Tutti's own: text constrained to a GBNF grammar (local llama.cpp models only). */
  z.looseObject({ type: z.literal('grammar'), grammar: z.string().min(1) }),
]);
/** What the answer must be: any text, any JSON, JSON of a schema, or text of a grammar. */
export type ResponseFormat = z.infer<typeof responseFormat>;

/** Settings of a chat call. Names, ranges and defaults are OpenAI's; unset ones are the model's own. */
export const chatSettings = z.object({
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  /** Not OpenAI's, but wide-spread: keep the k most likely tokens. */
  top_k: z.int().min(0).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  stop: z.union([z.string(), z.array(z.string().min(1)).max(16)]).nullish(),
  seed: z.int().nullish(),
  n: z.int().min(1).max(128).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  tools: z.array(toolDefinition).max(256).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: responseFormat.nullish(),
  reasoning_effort: z.string().nullish(),
  user: z.string().nullish(),
});
/** Settings of a chat call, with the names of the wire. */
export type ChatSettings = z.infer<typeof chatSettings>;

/** Schema of `ChatInput`. */
export const chatInput = chatSettings.extend({
  messages: z.array(chatMessage).min(1, 'messages must hold at least one message'),
  /** Fields of the request that Tutti does not know: passed on to remote models, ignored by local ones. */
  extra: z.record(z.string(), z.unknown()).optional(),
});
/** What a `chat` call takes: the body of a Chat Completions request without `model` and `stream`. */
export type ChatInput = z.infer<typeof chatInput>;

/** The whole answer of one choice of a `chat` call. */
export interface ChatOutput {
  readonly text: string;
  readonly reasoning?: string;
  readonly toolCalls: readonly ToolCall[];
}
