/** The third phase: another model checks the answer, and what comes of a rejection. */
import { agree } from '../../answers/comparing.ts';
import { jsonIn } from '../../answers/data.ts';
import { asText, draftPrompt } from '../../answers/framing.ts';
import { readQuestion } from '../../answers/kind.ts';
import { readVerdict, remarksOf, verifyPrompt, type Verdict } from '../../answers/verdict.ts';
import { asking, forJudge } from '../../contracts/asking.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import type { Confidence } from '../../contracts/confidence.ts';
import { chatFor, type Member } from '../../contracts/member.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import type { StrategyContext } from '../../contracts/strategy.ts';
import { asObject } from '../../lib/json-value.ts';
import type { PhasedConfig } from './config.ts';
import type { Plan } from './plan.ts';
import { requestFor, seenBy, type Reasoned, type Task } from './reasoning.ts';

type Context = StrategyContext<PhasedConfig>;

/** The answer after its check. */
export interface Checked {
  readonly answer: ChildAnswer;
  /** What holds for `answer` in the end; null: nobody could tell. */
  readonly verdict: Verdict['verdict'] | null;
  /** How sure the verifier was of what it said. */
  readonly verifier: Confidence | null;
}

interface Check {
  readonly verdict: Verdict;
  readonly reply: ChildAnswer;
}

/** Has the answer checked, and carries out what the config wants of a rejected one. */
export async function verify(context: Context, plan: Plan, verifier: Member, task: Task, reasoned: Reasoned): Promise<Checked> {
  const { answer } = reasoned;
  const check = await ask(context, 'verification', plan, verifier, task, answer);
  if (check === null) {
    context.report({ type: 'decision', message: 'the answer is given without the verification' });
    return { answer, verdict: null, verifier: null };
  }
  const { verdict, reply } = check;
  const checked: Checked = { answer, verdict: verdict.verdict, verifier: reply.confidence };
  if (verdict.verdict !== 'rejected') return checked;
  context.report({
    type: 'conflict',
    kind: 'verification_rejected',
    members: [reasoned.key, 'verification'],
    message: `${verifier.model} rejects the answer of ${reasoned.member.model}`,
  });
  if (context.config.on_reject === 'correct') return { ...checked, answer: corrected(context, check, task, reasoned) };
  if (context.config.on_reject === 'revise') return revised(context, plan, verifier, task, reasoned, check);
  return checked;
}

async function ask(
  context: Context,
  key: string,
  { limits }: Plan,
  verifier: Member,
  task: Task,
  answer: ChildAnswer,
): Promise<Check | null> {
  const said = asText(answer);
  const { verification_prompt: own } = context.config;
  const prompt = own === undefined ? verifyPrompt(task.question, said) : filled(own, task.question, said);
  const request = chatFor(forJudge(seenBy(context, verifier, task), prompt), verifier);
  try {
    const reply = await context
      .call(key, verifier.model, request, { timeoutMs: limits.verification, role: 'verification' })
      .answer();
    const verdict = readVerdict(reply.text, said);
    context.report({ type: 'result', key, content: verdict });
    return { verdict, reply };
  } catch (thrown) {
    context.rethrow(thrown);
    return null; // its result tells why
  }
}

function filled(prompt: string, question: string, answer: string): string {
  return prompt.replace(/\{(question|answer)\}/g, (_all, name: string) => (name === 'question' ? question : answer));
}

/** The verifier's own answer, where it has one that can stand in the place of the other. */
function corrected(
  context: Context,
  { verdict: { correction }, reply }: Check,
  { input }: Task,
  { answer }: Reasoned,
): ChildAnswer {
  const [author, verifier] = [answer.confidence?.score, reply.confidence?.score];
  const isLessSure = author !== undefined && verifier !== undefined && verifier < author;
  const keep = (why: string): ChildAnswer => {
    context.report({ type: 'decision', message: `the rejected answer is kept: ${why}` });
    return answer;
  };
  if (correction === undefined) return keep('the verifier gives no other');
  if (isLessSure) return keep(`the verifier is less sure (${verifier.toFixed(2)}) than the author (${author.toFixed(2)})`);
  if (answer.toolCalls.length > 0 || !hasForm(correction, answer.text, input))
    return keep('the verifier’s has not the form that is asked for');
  context.report({ type: 'decision', message: 'the verifier’s answer takes the place of the rejected one' });
  const text = styledAs(answer.text, correction);
  const { logprobs: _logprobs, ...rest } = answer;
  return { ...rest, text, reasoning: null, finishReason: 'stop', confidence: reply.confidence };
}

/** JSON of the same kind as the author's, where JSON is asked for. */
function hasForm(text: string, author: string, { response_format: format }: ChatInput): boolean {
  if (format?.type !== 'json_object' && format?.type !== 'json_schema') return format?.type !== 'grammar';
  const [own, other] = [jsonIn(text), jsonIn(author)];
  return own?.form === 1 && (asObject(own.value) !== null) === (asObject(other?.value) !== null);
}

/** Yes and no as the author writes them: verifiers say them inside a sentence. */
function styledAs(model: string, text: string): string {
  const style = /^(y|n)(?:es|o)(\.?)$/i.exec(model.trim());
  if (style === null || !/^(?:yes|no)$/i.test(text)) return text;
  const word = text.toLowerCase();
  const isCapital = /^[YN]/.test(model.trim());
  return `${isCapital ? word.charAt(0).toUpperCase() + word.slice(1) : word}${style[2] ?? ''}`;
}

/** The author's answer to the objection. It stands when it is what the verifier holds for right, or when the verifier approves it now. */
async function revised(
  context: Context,
  plan: Plan,
  verifier: Member,
  task: Task,
  { member, answer }: Reasoned,
  { verdict, reply }: Check,
): Promise<Checked> {
  const stays: Checked = { answer, verdict: 'rejected', verifier: reply.confidence };
  // A verifier that only states its own answer is shown with that: its other words would add nothing.
  const { correction, reason } = verdict;
  const remarks = correction !== undefined && reason.includes(correction) ? '' : remarksOf(verdict);
  const draft = draftPrompt(task.question, correction ?? asText(answer), remarks);
  const base = requestFor(context, member, task);
  const request = { ...base, input: { ...base.input, messages: asking(base.input.messages, draft) } };
  let revision: ChildAnswer;
  try {
    const call = context.call('revision', member.model, request, { timeoutMs: plan.limits.reasoning, role: 'reasoning' });
    revision = await call.answer();
  } catch (thrown) {
    context.rethrow(thrown);
    return stays; // its result tells why
  }
  if (asText(revision) === '') return stays;
  const question = readQuestion(task.input);
  if (agree(revision, answer, question)) {
    context.report({ type: 'decision', message: 'the author stays with the rejected answer' });
    return stays;
  }
  if (verdict.correction !== undefined && agree(revision, { text: verdict.correction }, question)) {
    context.report({ type: 'decision', message: 'the author comes to the verifier’s answer' });
    return { ...stays, answer: revision, verdict: 'approved' };
  }
  const again = await ask(context, 'verification#2', plan, verifier, task, revision);
  context.report({
    type: 'decision',
    message: `the author gives another answer; the verification says: ${again?.verdict.verdict ?? 'nothing'}`,
  });
  return { answer: revision, verdict: again?.verdict.verdict ?? 'rejected', verifier: again?.reply.confidence ?? null };
}
