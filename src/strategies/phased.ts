/**
 * `phased`: sources of context at once → the reasoning, along its chain of models → the verification → the answer with its
 * confidence and conflicts. Each phase has its time. What a source does not give in time is done without; without a verifier's
 * word the answer is given as it is; only without a reasoning model is there none.
 *
 * When a phase fails, failure assistance may name another member of the reasoning, or send the run back to the phase before, once.
 *
 * The answer streams when nothing can take its place: without a verification, or when a rejected answer is kept. With `next: arbiter`,
 * where a model says which phase comes next, any answer may be written anew, so none streams.
 *
 * Its confidence is its author's, changed by these rules in this order: an approval is an agreement of all, and raises it; where author
 * and verifier give different answers, it is that of a tied vote; errors that an image shows take 20 % off; a rejection that stands leaves
 * at most 0.3. A rejection stands unless both come to the same answer in the end, or the verifier approves what the author makes of it.
 */
import { adjust, confidenceOfVote } from '../answers/confidence.ts';
import { confidenceOfVerdict } from '../answers/verdict.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { Confidence } from '../contracts/confidence.ts';
import { namesOf, targetsOf } from '../contracts/member.ts';
import type { Part } from '../contracts/part.ts';
import { partsOf, type StrategyContext, type StrategyDefinition } from '../contracts/strategy.ts';
import { phasedConfig, type PhasedConfig } from './phased/config.ts';
import { reportsError, unavailableTools } from './phased/findings.ts';
import type { Gathered } from './phased/gathering.ts';
import { ArbitratedWork } from './phased/arbitrated.ts';
import { planOf } from './phased/plan.ts';
import type { Reasoned } from './phased/reasoning.ts';
import type { Checked } from './phased/checking.ts';
import { Work } from './phased/work.ts';

type Context = StrategyContext<PhasedConfig>;

export const phasedStrategy: StrategyDefinition<PhasedConfig> = {
  strategy: 'phased',
  config: phasedConfig,
  describe: ({ context, reasoning, verification, on_reject, arbiter }) => {
    const all = [...context, ...reasoning, ...(verification === undefined ? [] : [verification])];
    return {
      members: targetsOf([...all, ...(arbiter === undefined ? [] : [arbiter])]),
      names: namesOf(all),
      phases: [
        ...(context.length > 0 ? ['context'] : []),
        'reasoning',
        ...(verification === undefined ? [] : ['verification']),
        ...(reasoning.length > 1 ? reasoning.map(({ name, model }) => name ?? model) : []),
      ],
      operations: ['chat'],
      singleAuthor: verification === undefined || on_reject !== 'correct',
    };
  },
  run,
};

async function* run(context: Context): AsyncGenerator<Part> {
  const { step } = context.options;
  const plan = planOf(context);
  const { next, arbiter, on_reject } = context.config;
  const isArbitrated = next === 'arbiter' && arbiter !== undefined;
  const streams = !isArbitrated && (plan.verifier === null || on_reject === 'keep');
  const work = isArbitrated ? new ArbitratedWork(context, plan, arbiter) : new Work(context, plan, { streams });
  const { gathered, reasoned, checked } = yield* work.run();
  const confidence = conclude(context, gathered, reasoned, checked);
  if (!streams) return yield* partsOf(checked.answer, step, confidence);
  yield { type: 'finish', step, choice: 0, reason: reasoned.answer.finishReason, confidence };
}

/** The last phase: conflicts, and the confidence that is left. */
function conclude(
  context: Context,
  { seen }: Gathered,
  { key }: Reasoned,
  { answer, verdict, verifier, isDisputed }: Checked,
): Confidence | null {
  const errors = seen.filter(({ text }) => reportsError(text)).map((one) => one.key);
  if (errors.length > 0) {
    context.report({
      type: 'conflict',
      kind: 'vision_error',
      members: errors,
      message: `an image shows an error, says ${errors.join(', ')}`,
    });
  }
  const missing = unavailableTools(answer, context.request.input as ChatInput, context.overrides.availableTools);
  if (missing.length > 0) {
    const message = `the answer uses tools that are not there: ${missing.join(', ')}`;
    context.report({ type: 'conflict', kind: 'tool_unavailable', members: [key], message });
  }
  const isApproved = verdict === 'approved';
  const known = answer.confidence ?? (isApproved ? confidenceOfVerdict({ verdict, reason: '' }, verifier) : null);
  return adjust(isDisputed && known !== null ? confidenceOfVote(TIED, [known.score]) : known, {
    ...(isApproved && answer.confidence !== null && { agreement: 1 }),
    visionError: errors.length > 0,
    ...(verdict !== null && { verdict }),
  });
}

/** The share of two that give different answers. */
const TIED = 0.5;
