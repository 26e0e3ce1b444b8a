/** The second phase: the answer itself, from the first model of a chain that can give one. */
import { readPick } from '../../answers/choice.ts';
import { contextPrompt } from '../../answers/framing.ts';
import { asking, wordsOnly } from '../../contracts/asking.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import { chatFor, type Member } from '../../contracts/member.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import { isContent, type Part } from '../../contracts/part.ts';
import {
  questionOf,
  type ChildRun,
  type FailureAdvice,
  type StrategyContext,
  type StrategyRequest,
} from '../../contracts/strategy.ts';
import type { FailedMember } from '../../errors/members.ts';
import type { Phase, PhasedConfig } from './config.ts';
import type { Gathered } from './gathering.ts';

type Context = StrategyContext<PhasedConfig>;

/** An answer and its author. */
export interface Reasoned {
  readonly key: string;
  readonly member: Member;
  readonly answer: ChildAnswer;
}

/** What is asked, as it is asked of whoever is to answer or judge. */
export interface Task {
  /** The question with its context. */
  readonly question: string;
  readonly input: ChatInput;
  /** Whether somebody has told in words what the images show. */
  readonly isDescribed: boolean;
}

export function taskOf({ request, overrides: { availableTools } }: Context, { text, seen }: Gathered): Task {
  const input = request.input as ChatInput;
  const question = contextPrompt(text, questionOf(request));
  const { tools } = input;
  const offered = availableTools === undefined ? tools : tools?.filter(({ function: { name } }) => availableTools.includes(name));
  return {
    question,
    input: {
      ...input,
      ...(offered && { tools: offered.length > 0 ? offered : null }),
      messages: text === '' ? input.messages : asking(input.messages, question),
    },
    isDescribed: seen.some(({ text: told }) => told.trim() !== ''),
  };
}

/** How the members are asked. */
export interface Asking {
  /** Milliseconds for all of them. */
  readonly limit: number;
  /** The answer's content comes as it is written, and a failure after some of it is the run's. */
  readonly streams: boolean;
  /** Those that gave no answer are added. */
  readonly failures: FailedMember[];
  /** Whether advice to go back to an earlier phase is followed. */
  readonly mayGoBack: boolean;
  /** `Plan.suffix` */
  readonly suffix: string;
}

/**
 * Asks the members in order until one has answered; a member that advice on a failure names comes next. What is given is the
 * answer, the advice to go back, or null when no member could answer.
 */
export async function* reason(
  context: Context,
  members: readonly Member[],
  task: Task,
  { limit, streams, failures, mayGoBack, suffix }: Asking,
): AsyncGenerator<Part, Reasoned | FailureAdvice | null> {
  const start = context.clock.monotonic();
  const open = members.map((member, i) => ({ member, key: `${reasoningKey(i)}${suffix}` }));
  let useless: string | undefined;
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { member, key } = next;
    const timeoutMs = limit - (context.clock.monotonic() - start);
    if (timeoutMs <= 0) {
      failures.push({ member: key, code: 'member_timeout', message: `the ${limit / 1000} s for the reasoning were over` });
      continue;
    }
    const options = { timeoutMs, role: 'reasoning', optional: open.length > 0, insteadOf: useless };
    const child = context.call(key, member.model, requestFor(context, member, task), options);
    const { answer, advice } = yield* take(context, child, streams, failures);
    if (answer !== null) return { key, member, answer };
    useless = key;
    if (advice === undefined) continue;
    const names = open.map((other) => other.member.name ?? other.member.model);
    const named = advice.phase === null ? null : readPick(advice.phase, names);
    if (named !== null) open.unshift(...open.splice(named, 1));
    else if (mayGoBack && isBackTo('context', advice)) return advice;
  }
  return null;
}

export const reasoningKey = (i: number): string => (i === 0 ? 'reasoning' : `reasoning#${i + 1}`);

/** Whether the advice is to go back to this phase: a rollback means the one before unless it names another. */
export function isBackTo(before: Phase, { action, phase }: FailureAdvice): boolean {
  const named = phase === null ? undefined : PHASES.find((name) => new RegExp(`\\b${name}\\b`, 'i').test(phase));
  return named === undefined ? action === 'rollback' : named === before;
}

const PHASES: readonly Phase[] = ['context', 'reasoning', 'verification'];

interface Taken {
  readonly answer: ChildAnswer | null;
  readonly advice?: FailureAdvice | undefined;
}

async function* take(context: Context, child: ChildRun, streams: boolean, failures: FailedMember[]): AsyncGenerator<Part, Taken> {
  let said = false;
  try {
    if (streams) {
      for await (const part of child) {
        said ||= isContent(part);
        if (part.type !== 'finish') yield part;
      }
    }
    const answer = await child.answer();
    if (answer.text.trim() !== '' || answer.toolCalls.length > 0 || said) return { answer };
    failures.push({ member: child.key, code: 'upstream_invalid', message: 'the answer was empty' });
    return { answer: null };
  } catch (thrown) {
    if (said) throw thrown;
    const { advice, ...error } = context.rethrow(thrown);
    failures.push({ member: child.key, ...error });
    return { answer: null, advice };
  }
}

/** The task without images, for a member that cannot see them when somebody has described them. */
export function seenBy({ describe }: Pick<Context, 'describe'>, member: Member, { input, isDescribed }: Task): ChatInput {
  const capabilities = describe(member.model)?.capabilities ?? [];
  const isBlind = capabilities.length > 0 && !capabilities.includes('vision');
  return isDescribed && isBlind ? { ...input, messages: wordsOnly(input.messages) } : input;
}

/** The task as its author gets it. */
export function requestFor(context: Context, member: Member, task: Task): StrategyRequest<'chat'> {
  const input = seenBy(context, member, task);
  const { availableTools } = context.overrides;
  if (availableTools === undefined || (input.tools?.length ?? 0) > 0) return chatFor(input, member);
  const rule =
    availableTools.length === 0
      ? 'No tools may be used.'
      : `Tools that may be used: ${availableTools.join(', ')}. Use no others.`;
  const instructions = member.instructions === undefined ? rule : `${member.instructions}\n\n${rule}`;
  return chatFor(input, { ...member, instructions });
}
