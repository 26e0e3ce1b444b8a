/** The part of the config that belongs to the arbiter and to conversations: schemas, and what their keys mean. */
import { z } from 'zod';
import { memberConfig, memberSettings } from '../contracts/member.ts';

/** A specialist: an id, or an object with a model or a capability. */
export const specialistConfig = z
  .union([
    z.string().min(1),
    memberSettings
      .extend({
        /** An id, alias, orchestration or capability. */
        model: z.string().min(1).optional(),
        /** In place of `model`: the best one for it. Beside `model`: says what it is good at. */
        capability: z.string().min(1).optional(),
        /** What it is good at, in a few words: the arbiter chooses by this. Default: from its name. */
        description: z.string().min(1).optional(),
        /** Put before what it is asked, as a system message. */
        instructions: z.string().min(1).optional(),
        /** Tokens that it takes; what it is asked fits into three quarters of them. Default: the model's. */
        context_window: z.int().min(256).optional(),
        /** Ids, aliases or orchestrations that it may ask itself: each is a tool `consult_<name>` for it. */
        consult: z.array(z.string().min(1)).min(1).optional(),
      })
      .strict()
      .refine(({ model, capability }) => model !== undefined || capability !== undefined, {
        message: 'a specialist needs a `model` or a `capability`',
      }),
  ])
  .transform((value) => (typeof value === 'string' ? { model: value } : value));
/** A specialist as the config gives it. */
export type SpecialistConfig = z.infer<typeof specialistConfig> & {
  readonly model?: string | undefined;
  readonly capability?: string | undefined;
  readonly description?: string | undefined;
  readonly instructions?: string | undefined;
  readonly context_window?: number | undefined;
  readonly consult?: readonly string[] | undefined;
};

/** Limits and habits of conversations between models, and of consultations. */
export const conversationLimits = z.strictObject({
  /** How many different models may take part in a conversation, or be consulted in a run. */
  max_models: z.int().min(1).default(3),
  /** How many answers they may give in a conversation. */
  max_turns: z.int().min(1).default(6),
  /** Specialists and participants see all that was said before; else only what they are given. */
  include_full_history: z.boolean().default(false),
  /** False: conversations are arbitrated, models never write to each other. */
  allow_model_to_model: z.boolean().default(true),
  /** The arbiter reviews each message and answer in a conversation. */
  arbiter_reviews_all: z.boolean().default(true),
});

/** The tools that an arbiter may have beside `consult_<specialist>`. */
export const ARBITER_TOOLS = [
  'consult_specialist',
  'start_conversation',
  'synthesize_responses',
  'escalate_to_user',
  'escalate_to_larger',
  'reinterpret',
  'system_information',
  'use_orchestration',
] as const;
/** One of them. */
export type ArbiterTool = (typeof ARBITER_TOOLS)[number];

/** Names that are safe as a part of a tool's name. */
const specialistName = z
  .string()
  .regex(/^[a-zA-Z][a-zA-Z0-9_-]{0,40}$/, 'a specialist is named by letters, digits, dashes and underscores');

/** The strategy `arbiter`. */
export const arbiterConfig = z.strictObject({
  strategy: z.literal('arbiter'),
  /** The model that decides: an id, or a member with instructions of its own. */
  arbiter: memberConfig,
  specialists: z
    .record(specialistName, specialistConfig)
    .refine((specialists) => Object.keys(specialists).length > 0, 'an arbiter needs at least one specialist'),
  conversation: conversationLimits.prefault({}),
  /**
   * `route`: the arbiter only chooses who answers; the question goes on as it stands, and the chosen one is the author.
   * `lead`: it may ask several, and writes the answer itself. `auto`: `route` for arbiters with a context of less than
   * 4096 tokens, which are too small to lead.
   */
  style: z.enum(['auto', 'route', 'lead']).default('auto'),
  /**
   * True (`relay`): a specialist's answer is the run's answer where the arbiter adds nothing to it, because it handed the
   * question on as it stands, or repeats the specialist, or says nothing. False: the arbiter always writes the answer,
   * unless it has nothing to say.
   */
  direct: z.boolean().default(true),
  /** How often the arbiter may think again after what it learned; in the last round it has no tools. */
  max_rounds: z.int().min(1).max(50).default(6),
  /** How deep consultations may nest: a consulted orchestration may consult again. */
  max_depth: z.int().min(1).max(8).default(3),
  /** Whom `escalate_to_larger` asks. Default: the best model for `reasoning` that is not the arbiter. */
  larger: memberConfig.optional(),
  /** Orchestrations that `use_orchestration` may run. */
  orchestrations: z.array(z.string().min(1)).default([]),
  /** Which tools the arbiter has beside those to consult. Default: all that can work. */
  tools: z.array(z.enum(ARBITER_TOOLS)).optional(),
});
/** The config of the strategy `arbiter`. */
export type ArbiterConfig = z.infer<typeof arbiterConfig>;

/** The strategy `conversation`. */
export const conversationConfig = z
  .strictObject({
    strategy: z.literal('conversation'),
    /**
     * `direct`: each participant answers the one before it, on a thread of its own. `arbitrated`: the arbiter asks each in
     * turn, with what it may know of the others.
     */
    mode: z.enum(['direct', 'arbitrated']).default('direct'),
    /** Reviews what is said and writes the answer. Without one, the last word is the answer. */
    arbiter: memberConfig.optional(),
    participants: z.array(memberConfig).min(1, 'a conversation needs participants'),
    ...conversationLimits.shape,
    /** How many answers the participants may give. Default 6; in an arbitrated conversation one each. */
    max_turns: z.int().min(1).optional(),
    /** Who writes the answer: the arbiter from what was said, or whoever has the last word. `auto`: the arbiter if it can. */
    answer: z.enum(['auto', 'arbiter', 'last']).default('auto'),
  })
  .superRefine(({ mode, allow_model_to_model, arbiter, participants, max_models, answer }, context) => {
    const issue = (message: string, path: string): void => context.addIssue({ code: 'custom', message, path: [path] });
    if (participants.length > max_models) {
      issue(`there are ${participants.length} participants, and max_models is ${max_models}`, 'participants');
    }
    if (mode === 'direct' && allow_model_to_model && participants.length < 2)
      issue('a direct conversation needs two participants', 'participants');
    if (answer === 'arbiter' && arbiter === undefined) issue('`answer: arbiter` needs an `arbiter`', 'answer');
  });
/** The config of the strategy `conversation`. */
export type ConversationConfig = z.infer<typeof conversationConfig>;
