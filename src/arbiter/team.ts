/**
 * What the arbiter of one run works with: whom it may ask, and the calls that this takes. Everything that is asked goes
 * through the strategy's context, under keys that are the same whenever the run is run again.
 */
import { EMPTY_ANSWER, fromFirstWord } from '../answers/first-word.ts';
import type { ChatInput, ChatMessage } from '../contracts/chat.ts';
import type { Member } from '../contracts/member.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { ChildAnswer } from '../contracts/orchestrated.ts';
import type { Part } from '../contracts/part.ts';
import { questionOf, type StrategyContext } from '../contracts/strategy.ts';
import { allMembersFailed, type FailedMember } from '../errors/members.ts';
import type { ArbiterTool, ConversationConfig } from './arbiter-config.ts';
import type { Ask } from './ask.ts';
import { withAuthor } from './call-author.ts';
import { rankByWords } from './lexical.ts';
import { authorship, consultation, imagesOf, type ConsultResult, type Specialist } from './specialist.ts';

/** What an arbiter may do, and how. */
export interface TeamOptions {
  readonly arbiter: Member;
  readonly specialists: readonly Specialist[];
  readonly limits: Pick<
    ConversationConfig,
    'max_models' | 'include_full_history' | 'allow_model_to_model' | 'arbiter_reviews_all'
  > & { readonly max_turns: number };
  readonly style: 'route' | 'lead';
  readonly direct: boolean;
  readonly maxRounds: number;
  /** Its tools beside those to consult specialists. */
  readonly tools: readonly ArbiterTool[];
  readonly larger: Specialist | null;
  readonly orchestrations: readonly Specialist[];
  /** Whether a specialist answers when the arbiter cannot. */
  readonly standIn: boolean;
}

/** A consultation that gave an answer. */
export interface Consulted {
  readonly specialist: Specialist;
  readonly answer: ChildAnswer;
}

/** Models with a smaller context than this can choose and copy, and no more is asked of them. */
const SMALL_CONTEXT = 4096;

/** Whether a model is too small to lead or to moderate. Unknown ones are not. */
export function isSmall(model: ModelDescriptor | null): boolean {
  return model?.contextWindow !== undefined && model.contextWindow < SMALL_CONTEXT;
}

/** The team at work. */
export class Team {
  readonly context: StrategyContext<unknown>;
  readonly options: TeamOptions;
  /** The request, with what the call adds to know. */
  readonly input: ChatInput;
  readonly question: string;
  readonly consulted: Consulted[] = [];
  readonly failures: FailedMember[] = [];
  readonly #keys = new Map<string, number>();
  /** Keys of the calls whose answers were empty. */
  readonly #silent: string[] = [];
  readonly #involved = new Set<string>();

  constructor(context: StrategyContext<unknown>, options: TeamOptions) {
    this.context = context;
    this.options = options;
    this.input = context.request.input as ChatInput; // a chat strategy gets chat requests alone
    this.question = questionOf(context.request);
  }

  /** What the call lets all know beside the question. */
  get given(): string {
    return this.context.overrides.context ?? '';
  }

  /** A key for a step: numbered from the second on. */
  key(base: string): string {
    const count = (this.#keys.get(base) ?? 0) + 1;
    this.#keys.set(base, count);
    return count === 1 ? base : `${base}.${count}`;
  }

  /** Asks any model for something that the arbiter can do without; for the parts that know nothing of runs. */
  readonly ask: Ask = (target, input, { key = 'ask', signal, consult }) =>
    this.context
      .call(
        this.key(key),
        target,
        { operation: 'chat', input, ...(consult !== undefined && { consult }) },
        { role: key, confidence: false, signal, optional: true },
      )
      .answer();

  /** Why a member failed. Throws what ends the run. */
  failed(member: string, error: unknown): FailedMember {
    const { code, message } = this.context.rethrow(error);
    const failure = { member, code, message };
    this.failures.push(failure);
    return failure;
  }

  /** Whether one more may be asked; whoever was asked once may be asked again. */
  admits(specialist: Specialist): boolean {
    return this.#involved.has(specialist.name) || this.#involved.size < this.options.limits.max_models;
  }

  /** Asks a specialist and waits for its answer. One that fails is a result that failed: the arbiter goes on without it. */
  async consult(specialist: Specialist, tool: string, query: string, context: string): Promise<ConsultResult> {
    if (!this.admits(specialist)) {
      const limit = this.options.limits.max_models;
      return {
        tool,
        success: false,
        response: `At most ${limit} models may be asked; work with what you know.`,
        reasoning: null,
      };
    }
    this.#involved.add(specialist.name);
    const known = [this.given, context].filter((text) => text.trim() !== '').join('\n\n');
    const history = this.options.limits.include_full_history ? earlierTalk(this.input.messages) : [];
    const images = imagesOf(this.input.messages);
    const request = consultation({ query, context: known, history, images }, specialist);
    const key = this.key(keyFor(specialist));
    try {
      const child = this.context.call(key, specialist.member.model, request, { role: specialist.name, optional: true });
      const answer = await child.answer();
      if (answer.text.trim() === '') {
        this.#silent.push(key);
        return { tool, success: false, response: 'It gave no answer.', reasoning: answer.reasoning };
      }
      this.consulted.push({ specialist, answer });
      return { tool, success: true, response: answer.text, reasoning: answer.reasoning };
    } catch (error) {
      return { tool, success: false, response: this.failed(specialist.name, error).message, reasoning: null };
    }
  }

  /**
   * The first of these that can answer does so in the run's name, as it writes. Gives false when none could, or none said
   * anything; a failure in the middle of an answer is the run's. `optional`: there is something else to do then.
   */
  async *answeredBy(
    order: readonly Specialist[],
    { optional = false, messages = this.input.messages }: { optional?: boolean; messages?: readonly ChatMessage[] } = {},
  ): AsyncGenerator<Part, boolean> {
    for (const [i, specialist] of order.entries()) {
      const request = authorship({ ...this.input, messages: [...messages] }, specialist, this.given);
      const key = this.key(keyFor(specialist));
      const options = { role: specialist.name, optional: optional || i < order.length - 1 };
      const child = this.context.call(key, specialist.member.model, request, options);
      this.#involved.add(specialist.name);
      let said = false;
      try {
        for await (const part of fromFirstWord(child)) {
          said = true;
          yield withAuthor(part, specialist.name);
        }
        if (said) return true;
        this.#silent.push(key);
        this.failures.push({ member: specialist.name, ...EMPTY_ANSWER });
      } catch (error) {
        if (said) throw error;
        this.failed(specialist.name, error);
      }
    }
    return false;
  }

  /** Those who have not failed, the one first whose description fits the question best by its words. */
  get byWords(): Specialist[] {
    const able = this.options.specialists.filter(({ name }) => !this.failures.some(({ member }) => member === name));
    return rankByWords(this.question, able).map(({ candidate }) => candidate);
  }

  decided(message: string, data: Readonly<Record<string, unknown>> = {}): void {
    this.context.report({ type: 'decision', message, data });
  }

  /** When the run is resumed, those who said nothing are asked again. */
  allFailed(): never {
    for (const key of this.#silent) this.context.forget(key);
    throw allMembersFailed(this.failures);
  }
}

/** Steps of consultations are told by this, also when depth is counted. */
const CONSULT = 'consult_';

function keyFor({ name }: Specialist): string {
  return `${CONSULT}${name}`;
}

/** How many consultations a step lies within. */
export function depthOf(step: string): number {
  return step.split('/').filter((segment) => segment.startsWith(CONSULT)).length;
}

/** What was said before the question, without system messages and tools. */
function earlierTalk(messages: readonly ChatMessage[]): ChatMessage[] {
  const last = messages.findLastIndex(({ role }) => role === 'user');
  return messages.slice(0, Math.max(0, last)).flatMap((message): ChatMessage[] => {
    if (message.role === 'user') return [message];
    const isAnswer = message.role === 'assistant' && typeof message.content === 'string' && message.content !== '';
    return isAnswer ? [{ role: 'assistant', content: message.content }] : [];
  });
}
