/** The phases in their order; advice of failure assistance to go back to the one before is followed once. */
import { asText, draftPrompt } from '../../answers/framing.ts';
import { asking } from '../../contracts/asking.ts';
import type { Part } from '../../contracts/part.ts';
import type { FailureAdvice, StrategyContext } from '../../contracts/strategy.ts';
import { allMembersFailed, type FailedMember } from '../../errors/members.ts';
import type { Checked } from './checking.ts';
import type { Phase, PhasedConfig } from './config.ts';
import { gather, type Gathered } from './gathering.ts';
import type { Plan } from './plan.ts';
import { isBackTo, reason, reasoningKey, taskOf, type Reasoned, type Task } from './reasoning.ts';
import { verify } from './verification.ts';

/** What came of context and reasoning. */
interface Answered {
  readonly gathered: Gathered;
  readonly task: Task;
  readonly reasoned: Reasoned;
}

/** What came of all phases. */
export interface Worked extends Answered {
  readonly checked: Checked;
}

export class Work {
  readonly #context: StrategyContext<PhasedConfig>;
  readonly #plan: Plan;
  readonly #streams: boolean;
  readonly #failures: FailedMember[] = [];
  #mayGoBack = true;

  /** `streams`: the answer's content is given as it is written, so that the reasoning cannot be done again. */
  constructor(context: StrategyContext<PhasedConfig>, plan: Plan, { streams }: { readonly streams: boolean }) {
    this.#context = context;
    this.#plan = plan;
    this.#streams = streams;
  }

  /** Errors: `all_members_failed` when there is no answer. */
  async *run(): AsyncGenerator<Part, Worked> {
    const answered = yield* this.#answer();
    const { verifier } = this.#plan;
    const { task, reasoned } = answered;
    if (verifier === null) return { ...answered, checked: { answer: reasoned.answer, verdict: null, verifier: null } };
    let worked = { ...answered, checked: await verify(this.#context, this.#plan, verifier, task, reasoned) };
    const again = yield* this.#reasonAnew(worked);
    if (again !== null) {
      worked = { ...worked, reasoned: again, checked: await verify(this.#context, this.#plan, verifier, task, again) };
    }
    if (worked.checked.verdict === null) this.#decide('the answer is given without the verification');
    return worked;
  }

  async *#answer(): AsyncGenerator<Part, Answered> {
    let remark: string | null = null;
    for (;;) {
      const gathered = await gather(this.#context, this.#plan, remark);
      const task = taskOf(this.#context, gathered);
      const reasoned = yield* this.#reason(task, this.#plan.branches.length > 0);
      if (reasoned === null) {
        throw allMembersFailed([...gathered.failures, ...this.#failures], 'No model for the reasoning could answer');
      }
      if ('answer' in reasoned) return { gathered, task, reasoned };
      remark = this.#goBack('reasoning', 'context', reasoned);
    }
  }

  /** The answer again, when the verifier failed and this is advised. null: it is not, or nothing came of it. */
  async *#reasonAnew({ task, reasoned, checked }: Worked): AsyncGenerator<Part, Reasoned | null> {
    const { advice = null } = checked;
    if (advice === null || this.#streams || !this.#mayGoBack || !isBackTo('reasoning', advice)) return null;
    const remark = this.#goBack('verification', 'reasoning', advice);
    const messages = asking(task.input.messages, draftPrompt(task.question, asText(reasoned.answer), remark));
    const again = yield* this.#reason({ ...task, input: { ...task.input, messages } }, false);
    return again !== null && 'answer' in again ? again : null;
  }

  #reason(task: Task, hasBefore: boolean): AsyncGenerator<Part, Reasoned | FailureAdvice | null> {
    return reason(this.#context, this.#plan.reasoning, task, {
      limit: this.#plan.limits.reasoning,
      streams: this.#streams,
      failures: this.#failures,
      mayGoBack: this.#mayGoBack && hasBefore,
      suffix: this.#plan.suffix,
    });
  }

  /** Both phases are forgotten. What the one before is told when it is done again. */
  #goBack(from: Phase, to: Phase, { cause }: FailureAdvice): string {
    this.#mayGoBack = false;
    this.#decide(`goes back from ${from} to ${to}: ${cause}`, { action: 'rollback', from, to });
    const keys = [
      ...(to === 'context' ? this.#plan.branches.map(({ key }) => key) : ['verification']),
      ...this.#plan.reasoning.map((_member, i) => reasoningKey(i)),
    ];
    for (const key of keys) this.#context.forget(key);
    return `The ${from} failed with it: ${cause}`;
  }

  #decide(message: string, data?: Readonly<Record<string, unknown>>): void {
    this.#context.report({ type: 'decision', message, ...(data && { data }) });
  }
}
