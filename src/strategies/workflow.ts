/**
 * `workflow`: roles do their parts one after the other, each with the results of those before it. A reviewer judges the work before
 * it; what it rejects is revised by its author and reviewed again, `max_review_rounds` times at most. With `next: arbiter` a model
 * chooses the next role after each.
 *
 * A role that fails is done without, as long as any has something to give. Advice of failure assistance is heard once: `change_phase` puts
 * the role that it names next; `rollback` goes back to the work of the one that it names (else to the latest), which is done again, as all
 * after it. The answer is the latest work; the last step streams,
 * when no review follows. Its author gets the caller's tools and the form of the answer (with an arbiter every author may be the last, so
 * all do); tools that it calls end the workflow.
 *
 * The answer is as sure as its author is. A review that approves it raises that; a rejection that stands, of any work, leaves at most 0.3.
 */
import { readPick } from '../answers/choice.ts';
import { adjust } from '../answers/confidence.ts';
import { asText, contextPrompt, draftPrompt, joinContext } from '../answers/framing.ts';
import { asking, forHelper } from '../contracts/asking.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { Confidence } from '../contracts/confidence.ts';
import { chatFor, takingPart, targetsOf } from '../contracts/member.ts';
import type { ChildAnswer } from '../contracts/orchestrated.ts';
import { isContent, type Part } from '../contracts/part.ts';
import {
  partsOf,
  questionOf,
  type ChildRun,
  type FailureAdvice,
  type MemberError,
  type StrategyContext,
  type StrategyDefinition,
} from '../contracts/strategy.ts';
import { TuttiError } from '../errors/error.ts';
import { allMembersFailed, type FailedMember } from '../errors/members.ts';
import { rolesOf, unknownRole, workflowConfig, type Role, type WorkflowConfig } from './workflow/config.ts';
import { nextRole, type Done } from './workflow/next.ts';
import { review, type Work } from './workflow/review.ts';

type Context = StrategyContext<WorkflowConfig>;

export const workflowStrategy: StrategyDefinition<WorkflowConfig> = {
  strategy: 'workflow',
  config: workflowConfig,
  describe: (config) => ({
    members: targetsOf([
      ...Array.from(rolesOf(config).values(), ({ member }) => member),
      ...(config.arbiter ? [config.arbiter] : []),
    ]),
    names: Object.keys(config.roles),
    phases: Object.keys(config.roles),
    operations: ['chat'],
    singleAuthor: true,
  }),
  run: (context) => new Workflow(context).run(),
};

/** One run of a workflow. */
class Workflow {
  readonly #context: Context;
  readonly #roles: ReadonlyMap<string, Role>;
  readonly #order: readonly string[];
  readonly #works: Work[] = [];
  readonly #failures: FailedMember[] = [];
  /** How often each role had its turn. */
  readonly #turns = new Map<string, number>();
  /** The turns that count, in order; those that were gone back from do not. */
  readonly #done: (Done & { readonly key: string })[] = [];
  /** Who comes next: the steps, and what failure assistance puts before them. */
  readonly #queue: string[] = [];
  /** Failure assistance is heard once a run. */
  #isAdvised = false;
  /** Work that is to be done again, and why. */
  #rejected: { readonly work: Work; readonly remark: string } | null = null;

  constructor(context: Context) {
    this.#context = context;
    const all = rolesOf(context.config);
    const { members, workflow: order = context.config.steps } = context.overrides;
    const unknown = order.find((name) => !all.has(name));
    if (unknown !== undefined || order.length === 0) {
      const what = unknown === undefined ? 'it names no role' : unknownRole(unknown, [...all.keys()]);
      throw new TuttiError('invalid_request', `workflow: ${what}`, { param: 'workflow' });
    }
    this.#roles = new Map([...all].filter(([name, { member }]) => takingPart([{ ...member, name }], members).length > 0));
    this.#order = order.filter((name) => this.#roles.has(name));
    if (this.#order.length === 0) throw new TuttiError('unknown_member', '`members` leaves no step.', { param: 'members' });
  }

  async *run(): AsyncGenerator<Part> {
    const { config, options } = this.#context;
    if (config.next === 'arbiter') await this.#arbitrated();
    else if (yield* this.#inOrder()) return;
    const last = this.#works.at(-1);
    if (last === undefined) throw allMembersFailed(this.#failures, 'No role could do its part');
    yield* partsOf(last.answer, options.step, this.#confidence(last.answer.confidence, last.verdict));
  }

  /** True when the answer has been given. */
  async *#inOrder(): AsyncGenerator<Part, boolean> {
    this.#queue.push(...this.#order);
    for (let name = this.#queue.shift(); name !== undefined; name = this.#queue.shift()) {
      const role = this.#role(name);
      if (this.#queue.length === 0 && !role.reviews) {
        if (yield* this.#stream(role)) return true;
      } else await this.#turn(role, false);
    }
    return false;
  }

  async #arbitrated(): Promise<void> {
    const { arbiter, max_turns: most = 2 * this.#roles.size } = this.#context.config;
    if (arbiter === undefined) return;
    const roles = [...this.#roles.values()];
    for (let turn = 1; turn <= most; turn++) {
      const state = { roles, done: this.#done, order: this.#order, mayEnd: this.#works.length > 0 };
      const name = this.#queue.shift() ?? (await nextRole(this.#context, arbiter, turn, state));
      if (name === null) return;
      await this.#turn(this.#role(name), true);
      if (this.#works.at(-1)?.answer.toolCalls.length) return;
    }
    this.#decide(`${most} turns are over`);
  }

  #role(name: string): Role {
    const role = this.#roles.get(name);
    if (role === undefined) throw new TuttiError('internal_error', `The workflow has no role ${name}.`);
    return role;
  }

  /** A part of the work, or a review of it. */
  async #turn(role: Role, isAuthor: boolean): Promise<void> {
    const key = this.#keyFor(role);
    if (role.reviews) return this.#review(role, key);
    const work = this.#begin(role, key, isAuthor);
    try {
      this.#finish(work, await this.#call(work).answer());
    } catch (thrown) {
      this.#fail(work, this.#context.rethrow(thrown));
    }
  }

  async #review(reviewer: Role, key: string): Promise<void> {
    const work = this.#works.at(-1);
    if (work === undefined) this.#decide(`${key} is left out: there is nothing to review`);
    else await review(this.#context, reviewer, key, work);
    this.#done.push({ key, role: reviewer.name, text: work?.verdict ?? '' });
  }

  /** The last step's answer, as it comes. False when it gave none. */
  async *#stream(role: Role): AsyncGenerator<Part, boolean> {
    const key = this.#keyFor(role);
    const work = this.#begin(role, key, true);
    const child = this.#call(work);
    let said = false;
    try {
      for await (const part of child) {
        said ||= isContent(part);
        if (part.type !== 'finish') yield part;
        else if (said) yield { ...part, confidence: this.#confidence(part.confidence ?? null, null) };
      }
      if (!said) this.#finish(work, await child.answer());
    } catch (thrown) {
      if (said) throw thrown;
      this.#fail(work, this.#context.rethrow(thrown));
    }
    return said;
  }

  #keyFor({ name }: Role): string {
    const turn = (this.#turns.get(name) ?? 0) + 1;
    this.#turns.set(name, turn);
    return turn === 1 ? name : `${name}#${turn}`;
  }

  #begin(role: Role, key: string, isAuthor: boolean): Omit<Work, 'answer'> {
    const { request } = this.#context;
    const input = request.input as ChatInput;
    const pieces = this.#works.map((work) => ({ source: work.key, text: asText(work.answer) }));
    const question = contextPrompt(joinContext(pieces), questionOf(request));
    const again = this.#rejected?.work.role.name === role.name ? this.#rejected : null;
    this.#rejected = null;
    const asked = again === null ? question : draftPrompt(question, asText(again.work.answer), again.remark);
    const messages = asked === questionOf(request) ? input.messages : asking(input.messages, asked);
    const own = isAuthor ? { ...input, messages } : forHelper(input, messages);
    return { key, role, question, request: chatFor(own, role.member), verdict: null };
  }

  #call({ key, role, request }: Omit<Work, 'answer'>): ChildRun {
    return this.#context.call(key, role.member.model, request, { role: role.name });
  }

  #finish(work: Omit<Work, 'answer'>, answer: ChildAnswer): void {
    const text = asText(answer);
    if (text === '') return this.#fail(work, { code: 'upstream_invalid', message: 'the answer was empty', retryable: false });
    this.#works.push({ ...work, answer });
    this.#done.push({ key: work.key, role: work.role.name, text });
  }

  #fail({ key, role }: Omit<Work, 'answer'>, { advice, ...error }: MemberError): void {
    this.#failures.push({ member: key, ...error });
    if (advice !== undefined && !this.#isAdvised && this.#follow(advice, key, role)) {
      this.#isAdvised = true;
      return;
    }
    this.#decide(`goes on without ${key} (${error.code})`);
    this.#done.push({ key, role: role.name, text: '' });
  }

  /** Whether the advice means anything here. */
  #follow(advice: FailureAdvice, key: string, role: Role): boolean {
    const names = [...this.#roles.keys()];
    const named = names[advice.phase === null ? -1 : (readPick(advice.phase, names) ?? -1)];
    if (advice.action === 'rollback') return this.#goBack(advice, named, key, role);
    if (named === undefined) return false;
    this.#decide(`goes on without ${key}, with ${named}: ${advice.cause}`, { action: 'change_phase', from: key, to: named });
    this.#done.push({ key, role: role.name, text: '' });
    this.#queue.unshift(named);
    return true;
  }

  /** To the work of the role that is named, else to the latest. It and all after it are done again, up to the one that failed. */
  #goBack({ cause }: FailureAdvice, named: string | undefined, from: string, role: Role): boolean {
    const at = this.#works.findLastIndex((work) => named === undefined || work.role.name === named);
    const work = this.#works[at];
    if (work === undefined) return false;
    this.#decide(`goes back from ${from} to ${work.key}: ${cause}`, { action: 'rollback', from, to: work.key });
    this.#works.length = at;
    const gone = this.#done.splice(this.#done.findIndex(({ key }) => key === work.key));
    const again = [...gone.map((done) => done.role), role.name];
    // An arbiter chooses what comes after it.
    this.#queue.unshift(...(this.#context.config.next === 'arbiter' ? again.slice(0, 1) : again));
    this.#rejected = { work, remark: `${from} failed with it: ${cause}` };
    return true;
  }

  #decide(message: string, data?: Readonly<Record<string, unknown>>): void {
    this.#context.report({ type: 'decision', message, ...(data && { data }) });
  }

  #confidence(own: Confidence | null, verdict: Work['verdict']): Confidence | null {
    const isRejected = this.#works.some((work) => work.verdict === 'rejected');
    return adjust(own, {
      ...(verdict === 'approved' && own !== null && { agreement: 1 }),
      ...(isRejected && { verdict: 'rejected' }),
    });
  }
}
