/**
 * `next: arbiter`: the phases in the order that a model says. It begins with the context, or with the reasoning where there are no
 * sources; after each phase the arbiter is asked, unless the verifier approves or failure assistance says what is next (once).
 *
 * A phase that is done again knows what came of it before: sources are told what they gave, and what they add comes to it; the
 * reasoning gets its answer as a draft, with the verifier's objection. An answer that is written anew has yet to be checked; one
 * that says the same again stands with the check that it had. The last turn is the reasoning's when there is no answer by then.
 */
import { agree } from '../../answers/comparing.ts';
import { asText, draftPrompt, type ContextPiece } from '../../answers/framing.ts';
import { readQuestion } from '../../answers/kind.ts';
import { asking } from '../../contracts/asking.ts';
import type { Member } from '../../contracts/member.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import type { Part } from '../../contracts/part.ts';
import type { FailureAdvice, StrategyContext } from '../../contracts/strategy.ts';
import { allMembersFailed, type FailedMember } from '../../errors/members.ts';
import type { Checked } from './checking.ts';
import type { Phase, PhasedConfig } from './config.ts';
import { gather, joined, type Gathered } from './gathering.ts';
import { FINISHED, nextPhase, type Choice } from './next.ts';
import { inTurn, type Plan } from './plan.ts';
import { isBackTo, reason, taskOf, type Reasoned, type Task } from './reasoning.ts';
import { verify } from './verification.ts';
import type { Worked } from './work.ts';

const NOTHING: Gathered = { text: '', pieces: [], seen: [], failures: [] };

export class ArbitratedWork {
  readonly #context: StrategyContext<PhasedConfig>;
  readonly #plan: Plan;
  readonly #arbiter: Member;
  /** Turns that the phases have together. */
  readonly #most: number;
  readonly #done: Phase[] = [];
  readonly #failures: FailedMember[] = [];
  #gathered: Gathered = NOTHING;
  #answered: { readonly task: Task; readonly reasoned: Reasoned } | null = null;
  /** Of the answer that there is. */
  #checked: Checked | null = null;
  /** What failure assistance says is next, and what that phase is told. */
  #advised: { readonly phase: Phase; readonly remark: string } | null = null;
  #mayGoBack = true;

  constructor(context: StrategyContext<PhasedConfig>, plan: Plan, arbiter: Member) {
    this.#context = context;
    this.#plan = plan;
    this.#arbiter = arbiter;
    this.#most = context.config.max_turns ?? 2 * this.#phases.length;
  }

  /** Errors: `all_members_failed` when there is no answer. */
  async *run(): AsyncGenerator<Part, Worked> {
    let next: Choice = this.#phases[0] ?? 'reasoning';
    while (next !== FINISHED) {
      const isLast = this.#done.length === this.#most - 1;
      const phase: Phase = isLast && this.#answered === null ? 'reasoning' : next;
      if (phase !== next) this.#decide(`${phase} in place of ${next}: it is the last turn, and there is no answer`);
      this.#done.push(phase);
      if (phase === 'context') await this.#gather();
      else if (phase === 'reasoning') yield* this.#reason();
      else await this.#verify();
      next = await this.#next();
    }
    return this.#worked();
  }

  /** Those that there are, in their order. */
  get #phases(): Phase[] {
    const { branches, verifier } = this.#plan;
    return [
      ...(branches.length > 0 ? (['context'] as const) : []),
      'reasoning',
      ...(verifier ? (['verification'] as const) : []),
    ];
  }

  async #next(): Promise<Choice> {
    if (this.#checked?.verdict === 'approved') return FINISHED;
    if (this.#done.length >= this.#most) {
      this.#decide(`${this.#most} turns are over`);
      return FINISHED;
    }
    if (this.#advised !== null) return this.#advised.phase;
    const hasAnswer = this.#answered !== null;
    const mayVerify = hasAnswer && this.#checked?.verdict == null;
    const phases = this.#phases.filter((phase) => phase !== 'verification' || mayVerify);
    return nextPhase(this.#context, this.#arbiter, {
      turn: this.#done.length + 1,
      choices: hasAnswer ? [...phases, FINISHED] : phases,
      byOrder: this.#byOrder(),
      done: this.#done,
      pieces: this.#pieces(),
      limit: this.#plan.limits.verification,
    });
  }

  /** What comes after the latest phase without an arbiter. */
  #byOrder(): Choice {
    const latest = this.#done.at(-1);
    if (latest === 'context') return 'reasoning';
    return latest === 'reasoning' && this.#plan.verifier !== null && this.#checked === null ? 'verification' : FINISHED;
  }

  /** What there is, for the arbiter. */
  #pieces(): ContextPiece[] {
    const { verdict = null, remarks = '' } = this.#checked ?? {};
    return [
      { source: 'context', text: this.#gathered.text },
      { source: 'answer', text: this.#answer === null ? '' : asText(this.#answer) },
      { source: 'verification', text: verdict === null ? '' : `${verdict}. ${remarks}` },
    ];
  }

  get #answer(): ChildAnswer | null {
    return this.#checked?.answer ?? this.#answered?.reasoned.answer ?? null;
  }

  /** The plan for the turn that this phase has now. */
  #turnOf(phase: Phase): Plan {
    return inTurn(this.#plan, this.#done.filter((one) => one === phase).length);
  }

  #remark(): string | null {
    const remark = this.#advised?.remark ?? null;
    this.#advised = null;
    return remark;
  }

  async #gather(): Promise<void> {
    const { text } = this.#gathered;
    const known = text === '' ? null : `Known so far:\n${text}\nSay what is missing.`;
    const remarks = [known, this.#remark()].filter((one) => one !== null).join('\n\n');
    const more = await gather(this.#context, this.#turnOf('context'), remarks === '' ? null : remarks);
    this.#gathered = joined(this.#gathered, more);
  }

  async *#reason(): AsyncGenerator<Part, void> {
    const plan = this.#turnOf('reasoning');
    const task = taskOf(this.#context, this.#gathered);
    // With advice to go back, context and reasoning come after it.
    const hasTime = this.#most - this.#done.length >= (this.#answered === null ? 2 : 1);
    const reasoned = yield* reason(this.#context, plan.reasoning, this.#withDraft(task), {
      limit: plan.limits.reasoning,
      streams: false,
      failures: this.#failures,
      mayGoBack: this.#mayGoBack && hasTime && plan.branches.length > 0,
      suffix: plan.suffix,
    });
    if (reasoned !== null && 'answer' in reasoned) this.#take(task, reasoned);
    else if (reasoned !== null) this.#goBack('reasoning', 'context', reasoned);
    else if (this.#answered !== null) this.#decide('the reasoning gives no answer now: the one before stays');
    else throw allMembersFailed([...this.#gathered.failures, ...this.#failures], 'No model for the reasoning could answer');
  }

  #withDraft(task: Task): Task {
    const remark = this.#remark() ?? (this.#checked?.verdict === 'rejected' ? this.#checked.remarks : undefined);
    if (this.#answer === null) return task;
    const messages = asking(task.input.messages, draftPrompt(task.question, asText(this.#answer), remark));
    return { ...task, input: { ...task.input, messages } };
  }

  #take(task: Task, reasoned: Reasoned): void {
    const before = this.#answered?.reasoned.answer;
    const isChecked = this.#checked !== null && this.#checked.verdict !== null;
    if (before !== undefined && isChecked && agree(before, reasoned.answer, readQuestion(task.input))) {
      this.#decide('the reasoning comes to the same answer: its check stands');
      return;
    }
    this.#answered = { task, reasoned };
    this.#checked = null;
  }

  async #verify(): Promise<void> {
    const { verifier } = this.#plan;
    if (verifier === null || this.#answered === null) return;
    const { task, reasoned } = this.#answered;
    this.#checked = await verify(this.#context, this.#turnOf('verification'), verifier, task, reasoned);
    const { advice = null } = this.#checked;
    const hasTime = this.#done.length < this.#most;
    if (advice === null || !hasTime || !this.#mayGoBack || !isBackTo('reasoning', advice)) return;
    this.#goBack('verification', 'reasoning', advice);
  }

  #goBack(from: Phase, to: Phase, { cause }: FailureAdvice): void {
    this.#mayGoBack = false;
    this.#decide(`goes back from ${from} to ${to}: ${cause}`, { action: 'rollback', from, to });
    this.#advised = { phase: to, remark: `The ${from} failed with it: ${cause}` };
  }

  #worked(): Worked {
    const answered = this.#answered;
    // Unless there is an answer, the last turn is the reasoning's, which gives one or throws.
    if (answered === null) throw allMembersFailed(this.#failures, 'No model for the reasoning could answer');
    const checked = this.#checked ?? { answer: answered.reasoned.answer, verdict: null, verifier: null };
    if (this.#plan.verifier !== null && checked.verdict === null) this.#decide('the answer is given without the verification');
    return { ...answered, gathered: this.#gathered, checked };
  }

  #decide(message: string, data?: Readonly<Record<string, unknown>>): void {
    this.#context.report({ type: 'decision', message, ...(data && { data }) });
  }
}
