/**
 * `workflow`: roles do their parts one after the other, each with the results of those before it. A reviewer judges the work before
 * it; what it rejects is revised by its author and reviewed again, `max_review_rounds` times at most. With `next: arbiter` a model
 * chooses the next role after each.
 *
 * A role that fails is done without, as long as any has something to give. The answer is the latest work; the last step streams,
 * when no review follows. Its author gets the caller's tools and the form of the answer (with an arbiter every author may be the last, so
 * all do); tools that it calls end the workflow.
 *
 * The answer is as sure as its author is. A review that approves it raises that; a rejection that stands, of any work, leaves at most 0.3.
 */
import { adjust } from '../answers/confidence.ts';
import { asText, contextPrompt, joinContext } from '../answers/framing.ts';
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
  /** A role that failure assistance wants next; heard once a run. */
  #advised: string | null = null;
  #isAdvised = false;

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
    const queue = [...this.#order];
    for (let name = queue.shift(); name !== undefined; name = this.#takeAdvice() ?? queue.shift()) {
      const role = this.#role(name);
      if (queue.length === 0 && !role.reviews) {
        if (yield* this.#stream(role)) return true;
      } else await this.#turn(role, false);
    }
    return false;
  }

  async #arbitrated(): Promise<void> {
    const { arbiter, max_turns: most = 2 * this.#roles.size } = this.#context.config;
    if (arbiter === undefined) return;
    const roles = [...this.#roles.values()];
    const done: Done[] = [];
    for (let turn = 1; turn <= most; turn++) {
      const state = { roles, done, order: this.#order, mayEnd: this.#works.length > 0 };
      const name = this.#takeAdvice() ?? (await nextRole(this.#context, arbiter, turn, state));
      if (name === null) return;
      const text = await this.#turn(this.#role(name), true);
      done.push({ role: name, text: text ?? '' });
      if (this.#works.at(-1)?.answer.toolCalls.length) return;
    }
    this.#decide(`${most} turns are over`);
  }

  #role(name: string): Role {
    const role = this.#roles.get(name);
    if (role === undefined) throw new TuttiError('internal_error', `The workflow has no role ${name}.`);
    return role;
  }

  /** A part of the work, or a review of it: what came of it, or null. */
  async #turn(role: Role, isAuthor: boolean): Promise<string | null> {
    const key = this.#keyFor(role);
    if (role.reviews) return this.#review(role, key);
    const work = this.#begin(role, key, isAuthor);
    try {
      const answer = await this.#call(work).answer();
      this.#finish(work, answer);
      return asText(answer);
    } catch (thrown) {
      this.#fail(key, this.#context.rethrow(thrown));
      return null;
    }
  }

  async #review(reviewer: Role, key: string): Promise<string | null> {
    const work = this.#works.at(-1);
    if (work === undefined) {
      this.#decide(`${key} is left out: there is nothing to review`);
      return null;
    }
    await review(this.#context, reviewer, key, work);
    return work.verdict;
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
      this.#fail(key, this.#context.rethrow(thrown));
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
    const messages = pieces.length === 0 ? input.messages : asking(input.messages, question);
    const own = isAuthor ? { ...input, messages } : forHelper(input, messages);
    return { key, role, question, request: chatFor(own, role.member), verdict: null };
  }

  #call({ key, role, request }: Omit<Work, 'answer'>): ChildRun {
    return this.#context.call(key, role.member.model, request, { role: role.name });
  }

  #finish(work: Omit<Work, 'answer'>, answer: ChildAnswer): void {
    if (asText(answer) === '')
      this.#fail(work.key, { code: 'upstream_invalid', message: 'the answer was empty', retryable: false });
    else this.#works.push({ ...work, answer });
  }

  #fail(key: string, error: MemberError): void {
    this.#failures.push({ member: key, ...error });
    this.#decide(`goes on without ${key} (${error.code})`);
    const { action, phase = null } = error.advice ?? {};
    if (action !== 'change_phase' || phase === null || this.#isAdvised || !this.#roles.has(phase)) return;
    this.#isAdvised = true;
    this.#advised = phase;
  }

  #takeAdvice(): string | null {
    const name = this.#advised;
    this.#advised = null;
    return name;
  }

  #decide(message: string): void {
    this.#context.report({ type: 'decision', message });
  }

  #confidence(own: Confidence | null, verdict: Work['verdict']): Confidence | null {
    const isRejected = this.#works.some((work) => work.verdict === 'rejected');
    return adjust(own, {
      ...(verdict === 'approved' && own !== null && { agreement: 1 }),
      ...(isRejected && { verdict: 'rejected' }),
    });
  }
}
