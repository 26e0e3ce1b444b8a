/** How sure an answer is. */
import { compareAnswers } from '../../answers/comparing.ts';
import { confidenceOfVote } from '../../answers/confidence.ts';
import { asText } from '../../answers/framing.ts';
import { SAME_MEANING, type AnswerGroup, type Ballot, type Comparison } from '../../answers/group.ts';
import { readQuestion } from '../../answers/kind.ts';
import { confidenceOfVerdict, readVerdict, verifyPrompt } from '../../answers/verdict.ts';
import { forJudge } from '../../contracts/asking.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import type { Confidence } from '../../contracts/confidence.ts';
import { chatFor, type Member } from '../../contracts/member.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import { questionOf, type StrategyContext } from '../../contracts/strategy.ts';
import type { HandoffConfig } from './config.ts';
import type { Rung } from './ladder.ts';

type Context = StrategyContext<HandoffConfig>;

/** An answer, and how sure it is. null: nothing is known, which counts as not sure enough. */
export interface Attempt {
  readonly rung: Rung;
  readonly answer: ChildAnswer;
  readonly confidence: Confidence | null;
}

/** How sure a member's answer is, by itself. */
export async function certaintyOf(context: Context, rung: Rung, answer: ChildAnswer): Promise<Confidence | null> {
  const { confidence: source } = context.config;
  if (isEmpty(answer) || answer.finishReason === 'content_filter') return null;
  switch (source) {
    case 'auto':
    case 'agreement':
      return answer.confidence;
    case 'logprobs':
      return answer.confidence?.method === 'logprobs' ? answer.confidence : null;
    case 'self_report':
      return answer.confidence?.method === 'self_report' ? answer.confidence : selfReport(context, rung, answer);
    case 'verifier':
      return verified(context, rung, answer);
    default:
      return source satisfies never;
  }
}

export function isEmpty({ text, toolCalls, artifact }: ChildAnswer): boolean {
  return text.trim() === '' && toolCalls.length === 0 && artifact === undefined;
}

const HOW_SURE = 'How sure are you that this answer is right? Reply with a number from 0 (not at all) to 100 (certain).';

async function selfReport(context: Context, { key, member }: Rung, answer: ChildAnswer): Promise<Confidence | null> {
  const { messages } = context.request.input as ChatInput;
  const said = { role: 'assistant' as const, content: asText(answer) };
  const input = forJudge({ messages: [...messages, said] }, HOW_SURE);
  const reply = await aside(context, `${key}.confidence`, member, input, 'confidence');
  const score = reply === null ? null : readScore(reply.text);
  return score === null ? null : { score, method: 'self_report', calibrated: false };
}

/** `85`, `85 %`, `0.85`, `I am 85% sure`; null when there is no number, or one that is no share. */
export function readScore(text: string): number | null {
  const found = /(\d+(?:\.\d+)?)\s*(%?)/.exec(text);
  if (found === null) return null;
  const [, digits = '', percent] = found;
  const value = Number(digits);
  const share = percent === '' && digits.includes('.') && value <= 1 ? value : value / 100;
  return share <= 1 ? share : null;
}

async function verified(context: Context, { key }: Rung, answer: ChildAnswer): Promise<Confidence | null> {
  const { verifier } = context.config;
  if (verifier === undefined) return null;
  const said = asText(answer);
  const input = forJudge(context.request.input as ChatInput, verifyPrompt(questionOf(context.request), said));
  const reply = await aside(context, `${key}.verification`, verifier, input, 'verification');
  if (reply === null) return null;
  const verdict = readVerdict(reply.text, said);
  context.report({ type: 'result', key: `${key}.verification`, content: verdict });
  return confidenceOfVerdict(verdict, reply.confidence);
}

/** A call that only tells how sure an answer is: without it, nothing is known. */
async function aside(context: Context, key: string, asked: Member, input: ChatInput, role: string): Promise<ChildAnswer | null> {
  try {
    return await context.call(key, asked.model, chatFor(input, asked), { role, optional: true }).answer();
  } catch (thrown) {
    context.rethrow(thrown);
    return null; // its result tells why
  }
}

/** Attempts that say the same. */
export interface Agreement {
  /** In the words of the one that put it best. */
  readonly attempt: Attempt;
  readonly agreeing: readonly Attempt[];
  readonly confidence: Confidence;
}

/** The answer that at least two attempts give; null when all differ. Answers that decline agree with nobody. */
export async function agreementOf(context: Context, attempts: readonly Attempt[]): Promise<Agreement | null> {
  const question = readQuestion(context.request.input as ChatInput);
  const answers = attempts.map(({ answer }) => answer);
  let compared = compareAnswers(answers, question);
  if (compared.kind === 'semantic') {
    compared = compareAnswers(answers, question, { comparison: await comparisonOf(context, compared.ballots) });
  }
  const [first] = compared.groups;
  if (first === undefined || first.ballots.length < 2) return null;
  return agreementIn(attempts, first);
}

function agreementIn(attempts: readonly Attempt[], group: AnswerGroup): Agreement | null {
  const agreeing = group.ballots.flatMap((at) => attempts[at] ?? []);
  const attempt = attempts[group.representative];
  if (attempt === undefined) return null;
  const scores = agreeing.map(({ answer }) => answer.confidence?.score);
  return { attempt, agreeing, confidence: confidenceOfVote(agreeing.length / attempts.length, scores) };
}

/** By the embedding model, when there is one; else by shared words. */
async function comparisonOf({ settings, rethrow }: Context, ballots: readonly Ballot[]): Promise<Comparison> {
  const { similarity } = settings;
  if (similarity === undefined) return {};
  const texts = ballots.flatMap(({ reading }) => reading.key ?? []);
  const known = new Map<string, number>();
  try {
    for (const [i, a] of texts.entries()) {
      for (const b of texts.slice(0, i)) known.set(pairOf(a, b), await similarity(a, b));
    }
  } catch (thrown) {
    rethrow(thrown);
    return {}; // words tell, too
  }
  return { similarity: (a, b) => known.get(pairOf(a, b)) ?? 0, threshold: SAME_MEANING };
}

const pairOf = (a: string, b: string): string => JSON.stringify(a < b ? [a, b] : [b, a]);
