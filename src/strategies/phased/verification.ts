/** The third phase: another model checks the answer. */
import { remarksOf } from '../../answers/verdict.ts';
import type { Member } from '../../contracts/member.ts';
import type { StrategyContext } from '../../contracts/strategy.ts';
import { askVerdict, type Case, type Check, type Checked } from './checking.ts';
import type { PhasedConfig } from './config.ts';
import { corrected } from './correction.ts';
import type { Plan } from './plan.ts';
import type { Reasoned, Task } from './reasoning.ts';
import { revised } from './revision.ts';

/** Has the answer checked, and does what the config wants of one that is not approved. */
export async function verify(
  context: StrategyContext<PhasedConfig>,
  plan: Plan,
  verifier: Member,
  task: Task,
  reasoned: Reasoned,
): Promise<Checked> {
  const { answer } = reasoned;
  const checked: Case = { context, plan, verifier, task, reasoned, start: context.clock.monotonic(), advice: null };
  const check = await askVerdict(checked, 'verification', answer);
  if (check === null) return { answer, verdict: null, verifier: null, advice: checked.advice };
  const { verdict } = check;
  if (verdict.verdict === 'rejected') {
    context.report({
      type: 'conflict',
      kind: 'verification_rejected',
      members: [reasoned.key, `verification${plan.suffix}`],
      message: `${verifier.model} rejects the answer of ${reasoned.member.model}`,
    });
  }
  return { ...(await consequence(checked, check)), remarks: remarksOf(verdict) };
}

/** What comes of the verdict, as the config wants it. */
async function consequence(checked: Case, check: Check): Promise<Checked> {
  const { verdict, reply } = check;
  const { on_reject: wanted } = checked.context.config;
  if (wanted === 'correct' && verdict.verdict !== 'approved') return corrected(checked, check);
  if (wanted === 'revise' && verdict.verdict === 'rejected') return revised(checked, check);
  return { answer: checked.reasoned.answer, verdict: verdict.verdict, verifier: reply.confidence };
}
