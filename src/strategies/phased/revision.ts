/** `on_reject: revise`: the author answers again, knowing the objection. */
import { agree } from '../../answers/comparing.ts';
import { asText, draftPrompt } from '../../answers/framing.ts';
import { readQuestion } from '../../answers/kind.ts';
import { remarksOf } from '../../answers/verdict.ts';
import { asking } from '../../contracts/asking.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import { askVerdict, decide, type Case, type Check, type Checked } from './checking.ts';
import { requestFor } from './reasoning.ts';

/** The rejection is lifted when the author comes to what the verifier holds for right, or to another answer that it approves. */
export async function revised(checked: Case, { verdict, reply }: Check): Promise<Checked> {
  const { answer } = checked.reasoned;
  const stays: Checked = { answer, verdict: 'rejected', verifier: reply.confidence };
  const revision = await revise(checked, { verdict, reply });
  if (revision === null || asText(revision) === '') return stays;
  const question = readQuestion(checked.task.input);
  if (agree(revision, answer, question)) {
    decide(checked, 'the author stays with the rejected answer');
    return stays;
  }
  if (verdict.correction !== undefined && agree(revision, { text: verdict.correction }, question)) {
    decide(checked, 'the author comes to the verifier’s answer');
    return { ...stays, answer: revision, verdict: 'approved' };
  }
  const again = await askVerdict(checked, 'verification#2', revision);
  decide(checked, `the author gives another answer; the verification says: ${again?.verdict.verdict ?? 'nothing'}`);
  return { answer: revision, verdict: again?.verdict.verdict ?? 'rejected', verifier: again?.reply.confidence ?? null };
}

async function revise(checked: Case, { verdict }: Check): Promise<ChildAnswer | null> {
  const { context, plan, task, reasoned } = checked;
  const { member, answer } = reasoned;
  // A verifier that only states its own answer is shown with that: its other words would add nothing.
  const { correction, reason } = verdict;
  const remarks = correction !== undefined && reason.includes(correction) ? '' : remarksOf(verdict);
  const draft = draftPrompt(task.question, correction ?? asText(answer), remarks);
  const base = requestFor(context, member, task);
  const request = { ...base, input: { ...base.input, messages: asking(base.input.messages, draft) } };
  const options = { timeoutMs: plan.limits.reasoning, role: 'reasoning', optional: true };
  try {
    return await context.call(`revision${plan.suffix}`, member.model, request, options).answer();
  } catch (thrown) {
    context.rethrow(thrown);
    return null; // its result tells why
  }
}
