/**
 * Operations: the shapes of a call. The interface is augmentable, so that a plug-in can add its own:
 *
 * @example
 * declare module 'tutti' { interface Operations { paint: { input: PaintInput; output: PaintOutput } } }
 */
import { z } from 'zod';
import type { ChatInput, ChatOutput } from './chat.ts';

/** Schema of `EmbedInput`. */
export const embedInput = z.object({
  /** One text, several, or token ids. Answers come in the same order. */
  input: z.union([
    z.string(),
    z.array(z.string()).min(1).max(2048),
    z.array(z.int()).min(1),
    z.array(z.array(z.int()).min(1)).min(1),
  ]),
  /** Cut each vector to this many numbers (and normalise it again). */
  dimensions: z.int().min(1).nullish(),
  user: z.string().nullish(),
  extra: z.record(z.string(), z.unknown()).optional(),
});
/** What an `embed` call takes. */
export type EmbedInput = z.infer<typeof embedInput>;
/** One vector for each input, of unit length unless the model says otherwise. */
export interface EmbedOutput {
  readonly vectors: readonly (readonly number[])[];
}

/** The operations and what they take and give. Augmentable: a plug-in can add its own. */
export interface Operations {
  chat: { input: ChatInput; output: ChatOutput };
  /** Yields one `artifact` of kind `embeddings` whose value is an `EmbedOutput`, then `usage` and `finish`. */
  embed: { input: EmbedInput; output: EmbedOutput };
}
/** The name of an operation: `chat`, `embed` … */
export type Operation = keyof Operations & string;
/** What an operation takes. */
export type Input<O extends Operation = Operation> = Operations[O]['input'];
/** What an operation gives. */
export type Output<O extends Operation = Operation> = Operations[O]['output'];
