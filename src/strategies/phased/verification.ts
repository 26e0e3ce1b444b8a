/** The third phase: another model checks the answer. */
import type { Member } from '../../contracts/member.ts';
import type { StrategyContext } from '../../contracts/strategy.ts';
import { askVerdict, type Case, type Checked } from './checking.ts';
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
  const { verdict, reply } = check;
  if (verdict.verdict === 'rejected') {
    context.report({
      type: 'conflict',
      kind: 'verification_rejected',
      members: [reasoned.key, 'verification'],
      message: `${verifier.model} rejects the answer of ${reasoned.member.model}`,
    });
  }
  const { on_reject: consequence } = context.config;
  if (consequence === 'correct' && verdict.verdict !== 'approved') return corrected(checked, check);
  if (consequence === 'revise' && verdict.verdict === 'rejected') return revised(checked, check);
  return { answer, verdict: verdict.verdict, verifier: reply.confidence };
}
