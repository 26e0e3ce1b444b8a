/**
 * `handoff`: the members in order, the cheapest first. An answer that is sure enough is given; one whose confidence is
 * strictly below its member's threshold (or unknown) is handed over to the next, as a draft. What must be judged first is held
 * back; the last member's answer stands, so it streams.
 *
 * By agreement, the first two members are asked at once: what they both say is given, else the next is asked.
 *
 * A member that failure assistance names after another has failed (`change_phase`) comes next.
 *
 * When the last member fails or says nothing, or nobody comes after two that disagree, the surest answer so far is given; of
 * equally sure ones the latest. With `prefer: surest` the last member is judged like the others, and the surest of all is given.
 */
import { readPick } from '../answers/choice.ts';
import { adjust } from '../answers/confidence.ts';
import { EMPTY_ANSWER, fromFirstWord } from '../answers/first-word.ts';
import { asText, draftPrompt } from '../answers/framing.ts';
import { asking } from '../contracts/asking.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { Confidence } from '../contracts/confidence.ts';
import { chatFor, memberKeys, namesOf, targetsOf } from '../contracts/member.ts';
import type { ChildAnswer } from '../contracts/orchestrated.ts';
import type { Part } from '../contracts/part.ts';
import {
  partsOf,
  questionOf,
  type ChildRun,
  type FailureAdvice,
  type StrategyContext,
  type StrategyDefinition,
} from '../contracts/strategy.ts';
import { allMembersFailed, type FailedMember } from '../errors/members.ts';
import { agreementOf, certaintyOf, isEmpty, type Attempt } from './handoff/certainty.ts';
import { handoffConfig, isByAgreement, type HandoffConfig } from './handoff/config.ts';
import { ladderOf, type Rung } from './handoff/ladder.ts';

type Context = StrategyContext<HandoffConfig>;

export const handoffStrategy: StrategyDefinition<HandoffConfig> = {
  strategy: 'handoff',
  config: handoffConfig,
  describe: ({ members, capability, verifier }) => ({
    members: [
      ...targetsOf(verifier === undefined ? members : [...members, verifier]),
      ...(capability === undefined ? [] : [capability]),
    ],
    names: namesOf(members),
    phases: memberKeys(members),
    operations: ['chat'],
    singleAuthor: true,
  }),
  run,
};

/** What was tried so far. */
interface Climb {
  readonly attempts: Attempt[];
  readonly failures: FailedMember[];
  /** The key of who was asked last, when nothing came of it. */
  useless?: string | undefined;
  /** The member that failure assistance wants next, in its words, and why. */
  advice: FailureAdvice | null;
}

async function* run(context: Context): AsyncGenerator<Part> {
  const climb: Climb = { attempts: [], failures: [], advice: null };
  const open = levelsOf(ladderOf(context), context.config);
  for (let rungs = open.shift(); rungs !== undefined; rungs = open.shift()) {
    const [last] = rungs;
    if (open.length === 0 && rungs.length === 1 && last !== undefined && context.config.prefer === 'last') {
      if (yield* stream(context, last, climb)) return;
      break;
    }
    const isLast = open.length === 0 && rungs.length === 1;
    const tried = await Promise.all(rungs.map((rung) => attempt(context, rung, climb, isLast)));
    climb.attempts.push(...tried.filter((one) => one !== null));
    climb.useless = tried.every((one) => one === null || isEmpty(one.answer)) ? rungs.at(-1)?.key : undefined;
    const accepted = await accept(context, climb, tried.at(-1) ?? null);
    if (accepted !== null) return yield* partsOf(accepted.answer, context.options.step, accepted.confidence);
    followAdvice(context, climb, open);
  }
  yield* settle(context, climb);
}

/** Who is named comes next, the others after. */
function followAdvice(context: Context, climb: Climb, open: Rung[][]): void {
  const { advice } = climb;
  climb.advice = null;
  if (advice?.action !== 'change_phase' || advice.phase === null) return;
  const names = open.map(([rung]) => rung?.key ?? '');
  const [advised] = open.splice(readPick(advice.phase, names) ?? open.length, 1);
  if (advised === undefined) return;
  open.unshift(advised);
  decide(context, `goes on with ${advised.map(({ key }) => key).join(', ')}: ${advice.cause}`);
}

/** Told to `climb`; what is advised is heard when nobody else is at work. */
function failed(context: Context, { key }: Rung, climb: Climb, thrown: unknown): void {
  const { advice, ...error } = context.rethrow(thrown);
  climb.failures.push({ member: key, ...error });
  climb.advice ??= advice ?? null;
}

/** Who is asked at once: by agreement the first two, else one after the other. */
function levelsOf(rungs: readonly Rung[], config: HandoffConfig): Rung[][] {
  if (!isByAgreement(config)) return rungs.map((rung) => [rung]);
  return [rungs.slice(0, 2), ...rungs.slice(2).map((rung) => [rung])];
}

function callOf(
  context: Context,
  { key, member }: Rung,
  { attempts, useless: insteadOf }: Climb,
  { isLast, streams }: { readonly isLast: boolean; readonly streams: boolean },
): ChildRun {
  const { confidence: source, timeout_seconds: limit } = context.config;
  return context.call(key, member.model, chatFor(withDraft(context, attempts), member), {
    confidence: streams || (source !== 'self_report' && source !== 'verifier'),
    optional: !isLast || attempts.some(({ answer }) => !isEmpty(answer)),
    insteadOf,
    ...(limit !== undefined && { timeoutMs: limit * 1000 }),
  });
}

/** The question with the latest answer that is text. */
function withDraft({ request, config }: Context, attempts: readonly Attempt[]): ChatInput {
  const input = request.input as ChatInput;
  const draft = attempts.findLast(({ answer }) => answer.text.trim() !== '' && answer.toolCalls.length === 0)?.answer;
  if (!config.carry_draft || draft === undefined) return input;
  return { ...input, messages: asking(input.messages, draftPrompt(questionOf(request), asText(draft))) };
}

async function attempt(context: Context, rung: Rung, climb: Climb, isLast: boolean): Promise<Attempt | null> {
  let answer: ChildAnswer;
  try {
    answer = await callOf(context, rung, climb, { isLast, streams: false }).answer();
  } catch (thrown) {
    failed(context, rung, climb, thrown);
    return null;
  }
  return { rung, answer, confidence: await certaintyOf(context, rung, answer) };
}

/** The answer that is sure enough, if there is one by now. `latest`: what came of the level that was asked last. */
async function accept(
  context: Context,
  { attempts }: Climb,
  latest: Attempt | null,
): Promise<Pick<Attempt, 'answer' | 'confidence'> | null> {
  if (isByAgreement(context.config)) return acceptAgreed(context, attempts);
  if (latest === null) return null;
  const { rung, confidence } = latest;
  if (confidence === null) {
    decide(context, `${rung.key} hands over: how sure it is is not known`);
    return null;
  }
  const { score, method } = confidence;
  const isSure = score >= rung.threshold;
  const figure = `${score.toFixed(2)} (${method})`;
  const message = isSure
    ? `is sure enough: ${figure}, ${rung.threshold} is asked for`
    : `hands over: ${figure} is below ${rung.threshold}`;
  decide(context, `${rung.key} ${message}`, { score, method, threshold: rung.threshold });
  return isSure ? latest : null;
}

async function acceptAgreed(
  context: Context,
  attempts: readonly Attempt[],
): Promise<Pick<Attempt, 'answer' | 'confidence'> | null> {
  const agreement = await agreementOf(context, attempts);
  if (agreement === null) {
    decide(context, `${keysOf(attempts)} ${attempts.length === 1 ? 'is alone' : 'do not agree'}`);
    return null;
  }
  decide(context, `${keysOf(agreement.agreeing)} agree`);
  return { answer: agreement.attempt.answer, confidence: agreement.confidence };
}

const keysOf = (attempts: readonly Attempt[]): string => attempts.map(({ rung }) => rung.key).join(', ');

function decide(context: Context, message: string, data?: Readonly<Record<string, unknown>>): void {
  context.report({ type: 'decision', message, ...(data && { data }) });
}

/** The last member's answer, as it comes. False when there was none. */
async function* stream(context: Context, rung: Rung, climb: Climb): AsyncGenerator<Part, boolean> {
  const child = callOf(context, rung, climb, { isLast: true, streams: true });
  let said = false;
  try {
    for await (const part of fromFirstWord(child)) {
      said = true;
      if (part.type !== 'finish') yield part;
      else yield { ...part, confidence: await lastConfidence(context, rung, climb, await child.answer()) };
    }
    if (!said) climb.attempts.push({ rung, answer: await child.answer(), confidence: null });
    return said;
  } catch (thrown) {
    if (said) throw thrown;
    failed(context, rung, climb, thrown);
    return false;
  }
}

/** By agreement, the answer is surer when an earlier member said the same. */
async function lastConfidence(
  context: Context,
  rung: Rung,
  { attempts }: Climb,
  answer: ChildAnswer,
): Promise<Confidence | null> {
  if (!isByAgreement(context.config) || attempts.length === 0) return answer.confidence;
  const all = [...attempts, { rung, answer, confidence: answer.confidence }];
  const agreement = await agreementOf(context, all);
  const share = agreement?.agreeing.some(({ rung: { key } }) => key === rung.key) ? agreement.agreeing.length : 1;
  return adjust(answer.confidence, { agreement: share / all.length });
}

/** Nobody was sure enough. Errors: `all_members_failed` when nobody answered. */
function* settle(context: Context, { attempts, failures }: Climb): Generator<Part> {
  const answered = attempts.filter(({ answer }) => !isEmpty(answer));
  const score = ({ confidence }: Attempt): number => confidence?.score ?? -1;
  const [surest] = answered.toReversed().toSorted((a, b) => score(b) - score(a));
  if (surest === undefined) {
    for (const { rung } of attempts) context.forget(rung.key);
    throw allMembersFailed([...failures, ...attempts.map(({ rung }) => ({ member: rung.key, ...EMPTY_ANSWER }))]);
  }
  decide(context, `nobody was sure enough; of those who answered, ${surest.rung.key} is the surest`);
  yield* partsOf(surest.answer, context.options.step, surest.confidence);
}
