/**
 * `pipeline`: stages in order; each gets the output of the one before, checked. A stage whose call fails in a way that may pass, or
 * whose output is not as expected, is tried again and told why. The last stage is the author: it gets the caller's tools and the form of
 * the answer, and streams unless its output must be checked first.
 *
 * Advice to go back (`rollback`) is followed, twice at most: the outputs from the stage that it means on are forgotten, and that stage
 * is done again and told what went wrong.
 *
 * A run that failed can be resumed: stages that had succeeded are not done again. The answer is as sure as the least sure stage.
 */
import { readPick } from '../answers/choice.ts';
import { asking, forHelper } from '../contracts/asking.ts';
import type { ChatInput, ChatMessage } from '../contracts/chat.ts';
import type { Confidence } from '../contracts/confidence.ts';
import { takingPart, targetsOf } from '../contracts/member.ts';
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
import { operationOf } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { allMembersFailed, type FailedMember } from '../errors/members.ts';
import { pipelineConfig, stagesOf, type PipelineConfig, type Stage } from './pipeline/config.ts';
import { isChecked, mapped, problemWith, responseFormat } from './pipeline/expectation.ts';
import { callOf } from './pipeline/operations.ts';
import { fillTemplate } from './pipeline/template.ts';

type Context = StrategyContext<PipelineConfig>;

export const pipelineStrategy: StrategyDefinition<PipelineConfig> = {
  strategy: 'pipeline',
  config: pipelineConfig,
  describe: (config) => ({
    members: targetsOf(stagesOf(config).map(({ member }) => member)),
    names: stagesOf(config).map(({ name }) => name),
    phases: stagesOf(config).map(({ name }) => name),
    operations: ['chat'],
    singleAuthor: true,
  }),
  run,
};

/** A stage that is done. */
interface Done {
  readonly name: string;
  readonly output: string;
  readonly confidence: Confidence | null;
}

/** Where a pipeline that went back begins again, and what that stage is told. */
interface Return {
  readonly to: number;
  readonly remark: string;
}

/** How often a run goes back. Each time it does stages again, whose outputs may be no better. */
const MOST_ROLLBACKS = 2;

async function* run(context: Context): AsyncGenerator<Part> {
  const stages = takingStages(context);
  const done: Done[] = [];
  const calls: ChildRun[][] = stages.map(() => []);
  let left = MOST_ROLLBACKS;
  let remark: string | null = null;
  for (let at = 0; at < stages.length;) {
    const stage = stages[at]!; // `at` is a place in it
    const isLast = at === stages.length - 1;
    const work = new StageWork({
      context,
      stage,
      done,
      remark,
      place: { isFirst: at === 0, isLast },
      called: (child) => calls[at]?.push(child),
      goBack: (advice) => (left > 0 ? returnFrom(stages, at, advice) : null),
    });
    const outcome = isLast && !isChecked(stage.expect) ? yield* work.stream() : await work.perform();
    if (outcome === 'given') return;
    if ('to' in outcome) {
      left--;
      remark = outcome.remark;
      tellOfReturn(context, stage, stages[outcome.to]!.name, remark); // it is a place in the stages
      for (const made of calls.slice(outcome.to)) for (const { key } of made.splice(0)) context.forget(key);
      done.length = at = outcome.to;
      continue;
    }
    if (isLast) return yield* partsOf(outcome, context.options.step, leastSure(done, outcome.confidence));
    done.push({ name: stage.name, output: mapped(outcome, stage.expect), confidence: outcome.confidence });
    remark = null;
    at++;
  }
}

/**
 * The earlier stage that advice means: of a rollback that names none of the stages, the one before. null: it names no earlier
 * one, and later ones cannot be done without what is missing.
 */
function returnFrom(stages: readonly Stage[], at: number, { action, phase, cause }: FailureAdvice): Return | null {
  const names = stages.map(({ name }) => name);
  const named = phase === null ? null : readPick(phase, names);
  const to = named ?? (action === 'rollback' ? at - 1 : at);
  return to < 0 || to >= at ? null : { to, remark: `the stage ${names[at] ?? ''} failed with it: ${cause}` };
}

function tellOfReturn({ report }: Context, { name: from }: Stage, to: string, why: string): void {
  report({ type: 'decision', message: `goes back from ${from} to ${to}: ${why}`, data: { action: 'rollback', from, to } });
}

/** All stages, or those that the call names, in their order. */
function takingStages({ config, overrides }: Context): Stage[] {
  const stages = stagesOf(config).filter(({ name, member }) => takingPart([{ ...member, name }], overrides.members).length > 0);
  if (stages.length === 0) throw new TuttiError('unknown_member', '`members` leaves no stage.', { param: 'members' });
  return stages;
}

function leastSure(done: readonly Done[], own: Confidence | null): Confidence | null {
  const known = [...done.map(({ confidence }) => confidence), own].filter((confidence) => confidence !== null);
  return known.toSorted((a, b) => a.score - b.score)[0] ?? null;
}

interface StageOptions {
  readonly context: Context;
  readonly stage: Stage;
  readonly done: readonly Done[];
  /** Why it is done again, after a later stage has failed; null: it is done for the first time. */
  readonly remark: string | null;
  readonly place: { readonly isFirst: boolean; readonly isLast: boolean };
  readonly called: (child: ChildRun) => void;
  /** Where to go back to when a call has failed with such advice; null: nowhere. */
  readonly goBack: (advice: FailureAdvice) => Return | null;
}

/** One stage at work, try by try. */
class StageWork {
  readonly #options: StageOptions;
  readonly #context: Context;
  readonly #stage: Stage;
  readonly #failures: FailedMember[] = [];
  #calls = 0;
  /** What was wrong with the last output, for the next try. */
  #problem: string | null;

  constructor(options: StageOptions) {
    this.#options = options;
    this.#context = options.context;
    this.#stage = options.stage;
    this.#problem = options.remark;
  }

  /** Errors: `all_members_failed` with the reason of each try. */
  async perform(): Promise<ChildAnswer | Return> {
    for (;;) {
      const child = this.#next();
      try {
        const answer = await child.answer();
        const problem = problemWith(answer, this.#stage.expect);
        if (problem === null) return answer;
        this.#reject(child, problem);
      } catch (thrown) {
        const back = this.#fail(child, this.#context.rethrow(thrown));
        if (back !== null) return back;
      }
    }
  }

  /** The answer as it comes. Once some of it was given it cannot be tried again. */
  async *stream(): AsyncGenerator<Part, 'given' | Return> {
    for (;;) {
      const child = this.#next();
      let said = !this.#stage.expect.not_empty;
      try {
        for await (const part of child) {
          said ||= isContent(part);
          if (part.type !== 'finish') yield part;
          else if (said) yield { ...part, confidence: leastSure(this.#options.done, part.confidence ?? null) };
        }
        if (said) return 'given';
        this.#reject(child, 'it was empty');
      } catch (thrown) {
        if (said) throw thrown;
        const back = this.#fail(child, this.#context.rethrow(thrown));
        if (back !== null) return back;
      }
    }
  }

  /** The next try; throws when there is none. */
  #next(): ChildRun {
    const { key, name, member, capability, tries } = this.#stage;
    if (this.#calls >= tries) throw this.#giveUp();
    const tryKey = this.#calls === 0 ? key : `${key}.retry${this.#calls}`;
    this.#calls++;
    const { done, called } = this.#options;
    const question = questionOf(this.#context.request);
    const stages = new Map(done.map((one) => [one.name, one.output]));
    const text = fillTemplate(this.#stage.prompt, { input: done.at(-1)?.output ?? question, question, stages });
    const request = callOf(operationOf(capability ?? ''), text, this.#chat(text), member);
    const child = this.#context.call(tryKey, member.model, request, { role: name });
    called(child);
    return child;
  }

  #chat(text: string): ChatInput {
    const { isFirst, isLast } = this.#options.place;
    const caller = this.#context.request.input as ChatInput;
    const asked = this.#problem === null ? text : `${text}\n\nYour last answer was not accepted: ${this.#problem}. Answer again.`;
    const messages: ChatMessage[] = isFirst
      ? asking(caller.messages, asked)
      : [...(isLast ? systemOf(caller) : []), { role: 'user', content: asked }];
    const form = responseFormat(this.#stage.expect);
    return isLast ? { ...form, ...caller, messages } : { ...forHelper(caller, messages), ...form };
  }

  #reject({ key }: ChildRun, problem: string): void {
    this.#problem = problem;
    this.#failures.push({ member: key, code: 'upstream_invalid', message: `the output was not accepted: ${problem}` });
    this.#context.report({ type: 'decision', message: `${key} was not accepted: ${problem}` });
    // When the run is resumed the stage is done anew.
    this.#context.forget(key);
  }

  /** Where to go back to; null: it is tried again. Throws when it is not. */
  #fail({ key }: ChildRun, { advice, ...error }: MemberError): Return | null {
    this.#failures.push({ member: key, ...error });
    const back = advice === undefined ? null : this.#options.goBack(advice);
    if (back === null && !error.retryable) throw this.#giveUp();
    return back;
  }

  #giveUp(): TuttiError {
    return allMembersFailed(this.#failures, `The stage ${this.#stage.name} failed`);
  }
}

function systemOf({ messages }: ChatInput): ChatMessage[] {
  return messages.filter(({ role }) => role === 'system' || role === 'developer');
}
