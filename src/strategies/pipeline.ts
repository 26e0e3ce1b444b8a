/**
 * `pipeline`: stages in order; each gets the output of the one before, checked. A stage whose call fails in a way that may pass, or
 * whose output is not as expected, is tried again and told why. The last stage is the author: it gets the caller's tools and the form of
 * the answer, and streams unless its output must be checked first.
 *
 * A run that failed can be resumed: stages that had succeeded are not done again. The answer is as sure as the least sure stage.
 */
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
    operations: ['chat'],
    singleAuthor: true,
  }),
  run,
};

/** What is known when a stage begins. */
interface Progress {
  input: string;
  readonly outputs: Map<string, string>;
  readonly confidences: Confidence[];
}

async function* run(context: Context): AsyncGenerator<Part> {
  const stages = takingStages(context);
  const progress: Progress = { input: questionOf(context.request), outputs: new Map(), confidences: [] };
  for (const [i, stage] of stages.entries()) {
    const place = { isFirst: i === 0, isLast: i === stages.length - 1 };
    const work = new StageWork(context, stage, progress, place);
    if (place.isLast && !isChecked(stage.expect)) return yield* work.stream();
    const answer = await work.perform();
    if (place.isLast) return yield* partsOf(answer, context.options.step, leastSure(progress, answer.confidence));
    progress.input = mapped(answer, stage.expect);
    progress.outputs.set(stage.name, progress.input);
    if (answer.confidence !== null) progress.confidences.push(answer.confidence);
  }
}

/** All stages, or those that the call names, in their order. */
function takingStages({ config, overrides }: Context): Stage[] {
  const stages = stagesOf(config).filter(({ name, member }) => takingPart([{ ...member, name }], overrides.members).length > 0);
  if (stages.length === 0) throw new TuttiError('unknown_member', '`members` leaves no stage.', { param: 'members' });
  return stages;
}

function leastSure({ confidences }: Progress, own: Confidence | null): Confidence | null {
  const known = own === null ? confidences : [...confidences, own];
  return known.toSorted((a, b) => a.score - b.score)[0] ?? null;
}

/** One stage at work, try by try. */
class StageWork {
  readonly #context: Context;
  readonly #stage: Stage;
  readonly #progress: Progress;
  readonly #place: { readonly isFirst: boolean; readonly isLast: boolean };
  readonly #failures: FailedMember[] = [];
  #calls = 0;
  /** What was wrong with the last output, for the next try. */
  #problem: string | null = null;

  constructor(
    context: Context,
    stage: Stage,
    progress: Progress,
    place: { readonly isFirst: boolean; readonly isLast: boolean },
  ) {
    this.#context = context;
    this.#stage = stage;
    this.#progress = progress;
    this.#place = place;
  }

  /** Errors: `all_members_failed` with the reason of each try. */
  async perform(): Promise<ChildAnswer> {
    for (;;) {
      const child = this.#next();
      try {
        const answer = await child.answer();
        const problem = problemWith(answer, this.#stage.expect);
        if (problem === null) return answer;
        this.#reject(child, problem);
      } catch (thrown) {
        this.#fail(child, this.#context.rethrow(thrown));
      }
    }
  }

  /** The answer as it comes. Once some of it was given it cannot be tried again. */
  async *stream(): AsyncGenerator<Part> {
    for (;;) {
      const child = this.#next();
      let said = !this.#stage.expect.not_empty;
      try {
        for await (const part of child) {
          said ||= isContent(part);
          if (part.type !== 'finish') yield part;
          else if (said) yield { ...part, confidence: leastSure(this.#progress, part.confidence ?? null) };
        }
        if (said) return;
        this.#reject(child, 'it was empty');
      } catch (thrown) {
        if (said) throw thrown;
        this.#fail(child, this.#context.rethrow(thrown));
      }
    }
  }

  /** The next try; throws when there is none. */
  #next(): ChildRun {
    const { key, name, member, capability, tries } = this.#stage;
    if (this.#calls >= tries) throw this.#giveUp();
    const tryKey = this.#calls === 0 ? key : `${key}.retry${this.#calls}`;
    this.#calls++;
    const { input, outputs } = this.#progress;
    const text = fillTemplate(this.#stage.prompt, { input, question: questionOf(this.#context.request), stages: outputs });
    const request = callOf(operationOf(capability ?? ''), text, this.#chat(text), member);
    return this.#context.call(tryKey, member.model, request, { role: name });
  }

  #chat(text: string): ChatInput {
    const { isFirst, isLast } = this.#place;
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

  #fail({ key }: ChildRun, error: MemberError): void {
    this.#failures.push({ member: key, ...error });
    if (!error.retryable) throw this.#giveUp();
  }

  #giveUp(): TuttiError {
    return allMembersFailed(this.#failures, `The stage ${this.#stage.name} failed`);
  }
}

function systemOf({ messages }: ChatInput): ChatMessage[] {
  return messages.filter(({ role }) => role === 'system' || role === 'developer');
}
