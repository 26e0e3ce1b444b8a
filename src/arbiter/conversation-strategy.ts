/**
 * `conversation`: the participants talk about the question, and the arbiter writes the answer from what they said; without an
 * arbiter that can, the last word is the answer.
 */
import { EMPTY_ANSWER, fromFirstWord } from '../answers/first-word.ts';
import type { ChatInput, ChatMessage } from '../contracts/chat.ts';
import { chatFor, memberKeys, namesOf, takingPart, targetsOf } from '../contracts/member.ts';
import type { Part } from '../contracts/part.ts';
import { partsOf, type StrategyContext, type StrategyDefinition } from '../contracts/strategy.ts';
import { allMembersFailed, type FailedMember } from '../errors/members.ts';
import { conversationConfig, type ConversationConfig } from './arbiter-config.ts';
import type { Ask } from './ask.ts';
import { textOf } from './context-fit.ts';
import { Conversation, type Reply } from './conversation.ts';
import { holdDialogue, transcriptOf } from './dialogue.ts';
import { withAfterthought, withContext } from './specialist.ts';
import { isSmall } from './team.ts';

export const conversationStrategy: StrategyDefinition<ConversationConfig> = {
  strategy: 'conversation',
  config: conversationConfig,
  describe: ({ arbiter, participants }) => ({
    members: targetsOf([...participants, ...(arbiter === undefined ? [] : [arbiter])]),
    names: namesOf(participants),
    operations: ['chat'],
  }),
  run,
};

async function* run(context: StrategyContext<ConversationConfig>): AsyncGenerator<Part> {
  const { config } = context;
  const conversation = begin(context);
  const { replies, ended, failures } = await holdDialogue(conversation, {
    question: askedText(withContext(inputOf(context).messages, context.overrides.context ?? '')),
    maxTurns: maxTurnsOf(config, conversation.participants.length),
    rethrow: (error) => context.rethrow(error),
    onContradiction: ({ members, message }) => context.report({ type: 'conflict', kind: 'disagreement', members, message }),
  });
  const last = replies.at(-1);
  if (last === undefined) throw allMembersFailed(failures.length > 0 ? failures : unheard(conversation.participants));
  context.report({ type: 'decision', message: ended, data: { turns: replies.length } });
  if (writesAnswer(context) && (yield* conclusion(context, replies))) return;
  yield* lastWord(context, last);
}

function inputOf({ request }: StrategyContext<ConversationConfig>): ChatInput {
  return request.input as ChatInput; // a chat strategy gets chat requests alone
}

/** Nobody failed, and yet nothing was said that the arbiter let pass. */
function unheard(names: readonly string[]): FailedMember[] {
  return names.map((member) => ({ member, code: 'no_answer', message: 'gave no answer that counts' }));
}

function maxTurnsOf({ mode, max_turns, allow_model_to_model }: ConversationConfig, participants: number): number {
  const arbitrated = mode === 'arbitrated' || !allow_model_to_model;
  return max_turns ?? (arbitrated ? participants : DEFAULT_TURNS);
}

const DEFAULT_TURNS = 6;

function begin(context: StrategyContext<ConversationConfig>): Conversation {
  const { config, overrides } = context;
  const members = takingPart(config.participants, overrides.members);
  return new Conversation(
    {
      mode: config.mode,
      arbiter: config.arbiter ?? null,
      participants: members,
      limits: {
        maxModels: config.max_models,
        maxTurns: maxTurnsOf(config, members.length),
        includeFullHistory: config.include_full_history,
        allowModelToModel: config.allow_model_to_model && members.length > 1,
        arbiterReviewsAll: config.arbiter_reviews_all && canModerate(context),
      },
    },
    {
      ask: asking(context, memberKeys(members)),
      now: () => context.clock.now(),
      rethrow: (error) => void context.rethrow(error),
    },
  );
}

/** Keys of the steps: a participant's name, or the arbiter's decision; numbered from the second on. */
function asking(context: StrategyContext<ConversationConfig>, names: readonly string[]): Ask {
  const keys = new Map<string, number>();
  const sampling = samplingOf(inputOf(context));
  const failed = new Set<string>();
  let isHeard = false;
  return async (target, input, { key = target, signal, consult }) => {
    const count = (keys.get(key) ?? 0) + 1;
    keys.set(key, count);
    const isParticipant = names.includes(key);
    // It goes on while anybody has spoken or still can, and without the arbiter's decisions.
    const isLast = isParticipant && !isHeard && names.every((name) => name === key || failed.has(name));
    const child = context.call(
      count === 1 ? key : `${key}.${count}`,
      target,
      {
        operation: 'chat',
        input: isParticipant ? { ...sampling, ...input } : input,
        ...(consult !== undefined && { consult }),
      },
      { role: key, signal, confidence: isParticipant, optional: !isLast },
    );
    try {
      const answer = await child.answer();
      isHeard ||= isParticipant && answer.text.trim() !== '';
      return answer;
    } catch (error) {
      failed.add(key);
      throw error;
    }
  };
}

/** A small model would stop or change things at random: it moderates nothing. */
function canModerate(context: StrategyContext<ConversationConfig>): boolean {
  const { arbiter } = context.config;
  return arbiter !== undefined && !isSmall(context.describe(arbiter.model));
}

/** What each participant may be the author with: the settings of the request, below its own. */
function samplingOf({ temperature, top_p, seed, max_tokens, max_completion_tokens }: ChatInput): Partial<ChatInput> {
  return { temperature, top_p, seed, max_tokens, max_completion_tokens };
}

/** The question with what came before it, as one text: threads begin with it. */
function askedText(messages: readonly ChatMessage[]): string {
  const [only] = messages;
  if (messages.length === 1 && only !== undefined) return textOf(only);
  const last = messages.findLastIndex(({ role }) => role === 'user');
  const before = messages
    .filter((_, i) => i !== last)
    .map((message) => (message.role === 'system' ? textOf(message) : `${message.role}: ${textOf(message)}`));
  return [...before, messages[last] === undefined ? '' : textOf(messages[last])]
    .filter((text) => text.trim() !== '')
    .join('\n\n');
}

function writesAnswer(context: StrategyContext<ConversationConfig>): boolean {
  const { answer, arbiter } = context.config;
  if (arbiter === undefined || answer === 'last') return false;
  return answer === 'arbiter' || canModerate(context);
}

const WRITE = 'Write the answer to the question from what was said. Decide where they disagree. Do not mention the discussion.';

/** The arbiter's answer, as it writes it. False when it failed before its first word, or has none. */
async function* conclusion(
  context: StrategyContext<ConversationConfig>,
  replies: readonly Reply[],
): AsyncGenerator<Part, boolean> {
  const { arbiter } = context.config;
  if (arbiter === undefined) return false;
  const request = inputOf(context);
  const messages = withAfterthought(
    withContext(request.messages, context.overrides.context ?? ''),
    `AI models have discussed this:\n\n${transcriptOf(replies)}\n\n${WRITE}`,
  );
  const child = context.call('conclusion', arbiter.model, chatFor({ ...request, messages }, arbiter), { optional: true });
  let said = false;
  let problem: string = EMPTY_ANSWER.message;
  try {
    for await (const part of fromFirstWord(child)) {
      said = true;
      yield part;
    }
  } catch (error) {
    if (said) throw error;
    problem = context.rethrow(error).message;
  }
  if (said) return true;
  context.report({
    type: 'decision',
    message: `The arbiter could not write the answer (${problem}): the last word is the answer.`,
  });
  return false;
}

function* lastWord(context: StrategyContext<ConversationConfig>, { response, confidence }: Reply): Generator<Part> {
  const answer = { text: response, reasoning: null, toolCalls: [], finishReason: 'stop' as const, confidence };
  yield* partsOf(answer, context.options.step);
}
