/** Asking the verifier for its verdict. */
import { asText } from '../../answers/framing.ts';
import { readVerdict, verifyPrompt, type Verdict } from '../../answers/verdict.ts';
import { forJudge } from '../../contracts/asking.ts';
import type { Confidence } from '../../contracts/confidence.ts';
import { chatFor, type Member } from '../../contracts/member.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import type { ChildOptions, FailureAdvice, StrategyContext, StrategyRequest } from '../../contracts/strategy.ts';
import type { PhasedConfig } from './config.ts';
import type { Plan } from './plan.ts';
import { seenBy, type Reasoned, type Task } from './reasoning.ts';

/** An answer that is checked, and by whom. */
export interface Case {
  readonly context: StrategyContext<PhasedConfig>;
  readonly plan: Plan;
  readonly verifier: Member;
  readonly task: Task;
  readonly reasoned: Reasoned;
  /** When the phase began, by the monotonic clock: the verifier's calls share its time. */
  readonly start: number;
  /** What failure assistance said when the verifier failed. */
  advice: FailureAdvice | null;
}

/** What the verifier said. */
export interface Check {
  readonly verdict: Verdict;
  readonly reply: ChildAnswer;
}

/** The answer after its check. */
export interface Checked {
  readonly answer: ChildAnswer;
  /** What holds for `answer` in the end; null: nobody could tell. */
  readonly verdict: Verdict['verdict'] | null;
  /** How sure the verifier was of what it said. */
  readonly verifier: Confidence | null;
  /** Author and verifier give different answers. */
  readonly isDisputed?: true;
  /** What the verifier has to say about the author's answer. */
  readonly remarks?: string;
  /** There is no verdict, and failure assistance says what to do about it. */
  readonly advice?: FailureAdvice | null;
}

/** The verdict on an answer; null when the verifier could give none. */
export async function askVerdict(checked: Case, key: string, answer: ChildAnswer): Promise<Check | null> {
  const { context, plan, task, verifier } = checked;
  const said = asText(answer);
  const { verification_prompt: own } = context.config;
  const prompt = own === undefined ? verifyPrompt(task.question, said) : filled(own, task.question, said);
  const reply = await askVerifier(checked, key, chatFor(forJudge(seenBy(context, verifier, task), prompt), verifier));
  if (reply === null) return null;
  const verdict = readVerdict(reply.text, said);
  context.report({ type: 'result', key: `${key}${plan.suffix}`, content: verdict });
  return { verdict, reply };
}

function filled(prompt: string, question: string, answer: string): string {
  return prompt.replace(/\{(question|answer)\}/g, (_all, name: string) => (name === 'question' ? question : answer));
}

/** A call of the verifier in what is left of the phase's time; null when nothing came of it. */
export async function askVerifier(checked: Case, key: string, request: StrategyRequest<'chat'>): Promise<ChildAnswer | null> {
  const { context, plan, verifier, start } = checked;
  const timeoutMs = plan.limits.verification - (context.clock.monotonic() - start);
  if (timeoutMs <= 0) return null;
  const options: ChildOptions = { timeoutMs, role: 'verification', optional: true };
  try {
    return await context.call(`${key}${plan.suffix}`, verifier.model, request, options).answer();
  } catch (thrown) {
    checked.advice = context.rethrow(thrown).advice ?? null;
    return null; // its result tells why
  }
}

export function decide({ context }: Case, message: string): void {
  context.report({ type: 'decision', message });
}
