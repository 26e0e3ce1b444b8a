/** What a conversation is made of, and how it is stored. */
import { z } from 'zod';
import { memberConfig, type Member } from '../contracts/member.ts';
import { entrySchema } from './conversation-log.ts';

/** Limits and habits of a conversation. */
export interface ConversationLimits {
  /** How many models may take part. Default 3. */
  readonly maxModels?: number;
  /** How many answers the participants may give in all. Default 50. */
  readonly maxTurns?: number;
  /** Messages bring along what all have said so far, and consultations show all of it. Default false: the arbiter chooses. */
  readonly includeFullHistory?: boolean;
  /** False: the conversation is arbitrated, whatever its mode. Default true. */
  readonly allowModelToModel?: boolean;
  /** False: messages, context and answers pass without a review. Default true. */
  readonly arbiterReviewsAll?: boolean;
}

/** What a conversation is made of. */
export interface ConversationOptions {
  /** Default `direct`. */
  readonly mode?: 'direct' | 'arbitrated';
  /** Reviews what is said; null: nobody does. */
  readonly arbiter?: string | Member | null;
  /** Ids, or members with a name and settings of their own. */
  readonly participants: readonly (string | Member)[];
  readonly limits?: ConversationLimits;
}

/** Schema of `ConversationState`. */
export const conversationState = z.strictObject({
  id: z.string(),
  mode: z.enum(['direct', 'arbitrated']),
  arbiter: memberConfig.nullable(),
  participants: z.array(memberConfig).min(1),
  limits: z.strictObject({
    maxModels: z.number(),
    maxTurns: z.number(),
    includeFullHistory: z.boolean(),
    allowModelToModel: z.boolean(),
    arbiterReviewsAll: z.boolean(),
  }),
  forkedFrom: z.strictObject({ conversation: z.string(), message: z.string() }).nullable(),
  history: z.array(entrySchema),
});
/** All of a conversation as plain data: what is stored, and what `GET /api/conversations/{id}` gives. */
export type ConversationState = z.infer<typeof conversationState>;

/** See `ConversationLimits`. */
export const DEFAULT_LIMITS = {
  maxModels: 3,
  maxTurns: 50,
  includeFullHistory: false,
  allowModelToModel: true,
  arbiterReviewsAll: true,
} as const satisfies ConversationLimits;
