/** Reviews: rejected work goes back to its author, a few times at most. */
import { asText, draftPrompt } from '../../answers/framing.ts';
import { readVerdict, remarksOf, verifyPrompt, type Verdict } from '../../answers/verdict.ts';
import { asking, forJudge } from '../../contracts/asking.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import { chatFor } from '../../contracts/member.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import type { StrategyContext, StrategyRequest } from '../../contracts/strategy.ts';
import type { Role, WorkflowConfig } from './config.ts';

type Context = StrategyContext<WorkflowConfig>;

/** A piece of work, as it stands by now. */
export interface Work {
  readonly key: string;
  readonly role: Role;
  /** What its author was asked: the question with the results before it. */
  readonly question: string;
  readonly request: StrategyRequest<'chat'>;
  answer: ChildAnswer;
  /** What the last review said of it. */
  verdict: Verdict['verdict'] | null;
}

/** Has work reviewed and revised until it is not rejected any more, or the rounds are over. `key`: the step of the first review. */
export async function review(context: Context, reviewer: Role, key: string, work: Work): Promise<void> {
  const { max_review_rounds: rounds } = context.config;
  for (let round = 0; ; round++) {
    const verdict = await judge(context, reviewer, round === 0 ? key : `${key}.round${round + 1}`, work);
    if (verdict === null) return;
    work.verdict = verdict.verdict;
    if (verdict.verdict !== 'rejected') return;
    if (round === rounds || !(await revise(context, work, verdict, round + 1))) break;
  }
  const message = `${reviewer.name} still rejects the work of ${work.role.name}`;
  context.report({ type: 'conflict', kind: 'verification_rejected', members: [work.key, key], message });
}

/** null: the reviewer could not say anything. */
async function judge(context: Context, { name, member }: Role, key: string, work: Work): Promise<Verdict | null> {
  const said = asText(work.answer);
  const request = chatFor(forJudge(context.request.input as ChatInput, verifyPrompt(work.question, said)), member);
  try {
    const reply = await context.call(key, member.model, request, { role: name, optional: true }).answer();
    const verdict = readVerdict(reply.text, said);
    context.report({ type: 'result', key, content: verdict });
    return verdict;
  } catch (thrown) {
    const { code } = context.rethrow(thrown);
    context.report({ type: 'decision', message: `${key} failed (${code}): the work of ${work.role.name} goes on as it is` });
    return null;
  }
}

/** The author's next version. False when there is none. */
async function revise(context: Context, work: Work, verdict: Verdict, round: number): Promise<boolean> {
  const { key, role, request } = work;
  const draft = draftPrompt(work.question, asText(work.answer), remarksOf(verdict));
  const asked = { ...request, input: { ...request.input, messages: asking(request.input.messages, draft) } };
  try {
    const answer = await context
      .call(`${key}.revision${round}`, role.member.model, asked, { role: role.name, optional: true })
      .answer();
    if (asText(answer) === '') return false;
    work.answer = answer;
    context.report({ type: 'result', key, content: asText(answer) });
    return true;
  } catch (thrown) {
    const { code } = context.rethrow(thrown);
    context.report({ type: 'decision', message: `${role.name} could not revise its work (${code})` });
    return false;
  }
}
