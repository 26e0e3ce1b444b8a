/**
 * Runs a strategy: gives it its context, and puts its own parts and those of its children's inner steps into one stream.
 *
 * A strategy ends when its generator ends. Children that are still at work then are stopped and waited for, so that
 * nothing computes for an answer that has been given.
 */
import type { ChatInput } from '../contracts/chat.ts';
import type { Clock } from '../contracts/clock.ts';
import type { CallOptions, ModelDescriptor } from '../contracts/model.ts';
import type { EventData } from '../contracts/event.ts';
import type { CallOverrides, ChildAnswer, ModelResult, StrategyReport } from '../contracts/orchestrated.ts';
import type { Part } from '../contracts/part.ts';
import type {
  AnyStrategyDefinition,
  ChildOptions,
  ChildRun,
  MemberError,
  StrategyContext,
  StrategyRequest,
  StrategySettings,
} from '../contracts/strategy.ts';
import type { Capability, ModelId, StepPath } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { Channel } from '../lib/channel.ts';
import { LinkedAbort } from '../lib/linked-abort.ts';
import { followUp, type Author } from './authors.ts';
import { MemberBudget } from './budget.ts';
import { Journal } from './journal.ts';
import { MemberRun } from './member-run.ts';
import { seeded } from './seeded-random.ts';

/** What a member is in the orchestration that calls it. */
export interface MemberPlace {
  /** Its role, as traces name it. */
  readonly name: string;
  /** The orchestration goes on without it when it fails. */
  readonly optional: boolean;
  /** What advice on its failure may name as the phase to go to, see `StrategyDescription.phases`. */
  readonly phases: readonly string[];
}

/** What the host needs of the world, beside what it is told for each run. */
export interface HostEffects {
  /** Calls a member below the strategy's step. */
  callMember(target: string, request: StrategyRequest, options: CallOptions, place: MemberPlace): AsyncIterable<Part>;
  describe(target: string): ModelDescriptor | null;
  find(capability: Capability, count: number): readonly ModelId[];
  /** Each report of the strategy, and each child's result when it has ended. */
  report(report: StrategyReport): void;
  result(key: string, result: ModelResult): void;
  /** A member is called in the place of one that was of no use. */
  fellBack(fallback: EventData['run.fallback']): void;
  readonly settings: StrategySettings;
  /** Whose tool calls the request brings the results of; null when it is a new question. */
  authorOf?(request: StrategyRequest): Author | null;
  /** A child made tool calls. */
  authored?(answer: ChildAnswer, target: string, request: StrategyRequest): void;
}

export interface StrategyRunOptions {
  readonly definition: AnyStrategyDefinition;
  /** Already validated. */
  readonly config: unknown;
  readonly request: StrategyRequest;
  readonly options: CallOptions;
  readonly overrides?: CallOverrides;
  readonly effects: HostEffects;
  /** Default: a new one. */
  readonly journal?: Journal;
  /** The same seed gives the same `random()`. */
  readonly seed: string;
  readonly clock: Clock;
  /** Pass on what members write while they write it, as parts of their own steps. Default false. */
  readonly tellContent?: boolean;
}

/** The strategy's parts and those of all steps below it. Nothing happens before the first is asked for. */
export async function* runStrategy(run: StrategyRunOptions): AsyncGenerator<Part> {
  checkOverrides(run);
  using stop = new LinkedAbort(run.options.signal);
  const out = new Channel<Part>(() => stop.abort(new TuttiError('cancelled', 'The caller left before the answer was complete.')));
  const host = new StrategyHost(run, stop, (part) => out.push(part));
  const work = (async () => {
    try {
      for await (const part of host.parts()) out.push(part);
    } catch (thrown) {
      await host.stop();
      throw thrown;
    }
    await host.stop();
  })().then(
    () => out.close(),
    (error: unknown) => out.fail(error),
  );
  try {
    for await (const part of out) yield part;
  } finally {
    await work;
  }
}

function checkOverrides({ definition, config, overrides = {} }: StrategyRunOptions): void {
  if (overrides.members === undefined) return;
  const { members, names = [] } = definition.describe(config as never);
  const known = [...new Set([...names, ...members])];
  const unknown = overrides.members.filter((name) => !known.includes(name));
  if (overrides.members.length > 0 && unknown.length === 0) return;
  const what = unknown.length === 0 ? '`members` is empty' : `no member is called ${unknown.join(', ')}`;
  throw new TuttiError('unknown_member', `${what}; there are: ${known.join(', ')}`, { param: 'members' });
}

class StrategyHost implements StrategyContext<unknown> {
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly overrides: CallOverrides;
  readonly #run: StrategyRunOptions;
  readonly #journal: Journal;
  readonly #emit: (part: Part) => void;
  readonly #over: LinkedAbort;
  readonly #children = new Map<string, MemberRun>();
  readonly #shown = new Map<string, unknown>();
  readonly #questions = new Set<string>();
  /** Keys that may be called anew. */
  readonly #forgotten = new Set<string>();
  readonly #phases: readonly string[];

  constructor(run: StrategyRunOptions, stop: LinkedAbort, emit: (part: Part) => void) {
    this.#run = run;
    this.#emit = emit;
    this.#journal = run.journal ?? new Journal();
    this.#over = stop;
    this.signal = stop.signal;
    this.overrides = run.overrides ?? {};
    this.random = seeded(run.seed);
    this.#phases = run.definition.describe(run.config as never).phases ?? []; // its config is what its schema gave
  }

  get config(): unknown {
    return this.#run.config;
  }
  get request(): StrategyRequest {
    return this.#run.request;
  }
  get options(): CallOptions {
    return this.#run.options;
  }
  get clock(): Clock {
    return this.#run.clock;
  }
  get settings(): StrategySettings {
    return this.#run.effects.settings;
  }

  // Properties and not methods, so that a strategy may take its context apart.
  readonly describe = (target: string): ModelDescriptor | null => this.#run.effects.describe(target);
  readonly find = (capability: Capability, count: number): readonly ModelId[] => this.#run.effects.find(capability, count);

  readonly call = (key: string, target: string, request: StrategyRequest, options: ChildOptions = {}): ChildRun => {
    const { effects, clock, tellContent = false } = this.#run;
    const own = this.#run.options.step;
    const step = this.#stepFor(key);
    const place = { name: options.role ?? key, optional: options.optional ?? false, phases: this.#phases };
    let budget: MemberBudget | undefined;
    const child = new MemberRun({
      key,
      role: options.role ?? key,
      target,
      step,
      own,
      start: (signal) => {
        const { budget: whole } = this.#run.options;
        // From here on, and not from its first call: those who start together are to share what is left.
        if (whole?.isMetered === true) budget = new MemberBudget(whole);
        return effects.callMember(target, request, this.#optionsFor(step, options, request, { signal, budget }), place);
      },
      signals: options.signal === undefined ? [this.signal] : [this.signal, options.signal],
      timeoutMs: options.timeoutMs,
      trace: this.#emit,
      tellContent,
      replay: this.#journal.entry(step),
      onEnd: (ended, entry) => {
        budget?.[Symbol.dispose]();
        if (entry !== null) {
          this.#journal.record(step, entry);
          effects.authored?.(entry.answer, target, request);
        }
        this.#tell(ended);
      },
      clock,
    });
    this.#children.set(key, child);
    if (options.insteadOf !== undefined) this.#fellBack(options.insteadOf, target);
    return child;
  };

  /** One that ended well and is of no use all the same has said nothing. */
  #fellBack(key: string, to: string): void {
    const failed = this.#children.get(key)?.result();
    if (failed === undefined) return;
    const error = failed.error ?? { code: 'upstream_invalid', message: 'the answer was empty', retryable: true };
    this.#run.effects.fellBack({ from: failed.model, to, error });
  }

  #optionsFor(
    step: StepPath,
    { confidence = true }: ChildOptions,
    { operation }: StrategyRequest,
    { signal, budget }: { readonly signal: AbortSignal; readonly budget: MemberBudget | undefined },
  ): CallOptions {
    const wantsConfidence = confidence && operation === 'chat';
    return { ...this.#run.options, step, signal, wantsConfidence, ...(budget && { budget }) };
  }

  readonly forget = (key: string): void => {
    const child = this.#children.get(key);
    if (child?.isWorking === true) {
      throw new TuttiError('internal_error', `The strategy ${this.#run.definition.strategy} forgot ${key}, which is at work.`);
    }
    // An earlier part of the run may have made a call that this one has not come to.
    this.#journal.forget(child?.step ?? this.#stepNow(key));
    if (child === undefined) return;
    this.#shown.delete(key);
    this.#forgotten.add(key);
  };

  /** The first time the key itself. A call that is made anew in the same run is another step, also when the run is run again. */
  #stepFor(key: string): StepPath {
    const step = childStep(this.#run.options.step, key);
    if (this.#children.has(key)) {
      if (!this.#forgotten.delete(key)) {
        throw new TuttiError('internal_error', `The strategy ${this.#run.definition.strategy} used the step key ${key} twice.`);
      }
      this.#journal.beginAnew(step);
    }
    return this.#stepNow(key);
  }

  #stepNow(key: string): StepPath {
    const step = childStep(this.#run.options.step, key);
    const times = this.#journal.timesAnew(step);
    return times === 0 ? step : `${step}.anew${times}`;
  }

  readonly report = (report: StrategyReport): void => {
    if (report.type === 'result') {
      this.#shown.set(report.key, report.content);
      const child = this.#children.get(report.key);
      if (child !== undefined) this.#tell(child, report.role);
      return;
    }
    this.#run.effects.report(report);
  };

  #tell(child: MemberRun, role?: string): void {
    const result = child.result(this.#shown.get(child.key));
    this.#run.effects.result(child.key, role === undefined ? result : { ...result, role });
  }

  readonly waitForUser = async (key: string, question: string): Promise<string> => {
    const step = childStep(this.#run.options.step, key);
    if (this.#questions.has(key)) {
      throw new TuttiError('internal_error', `The strategy ${this.#run.definition.strategy} asked by the key ${key} twice.`);
    }
    this.#questions.add(key);
    const reply = this.#journal.reply(step);
    if (reply !== undefined) return reply;
    throw new TuttiError('awaiting_input', question, { details: { step } });
  };

  readonly rethrow = (thrown: unknown): MemberError => {
    const { options } = this.#run;
    if (options.signal.aborted) throw TuttiError.from(options.signal.reason);
    const error = TuttiError.from(thrown, 'backend_error');
    if (error.code === 'awaiting_input' || error.code === 'internal_error') throw error;
    if (error.code === 'deadline_exceeded' && options.deadline !== undefined && this.clock.now() >= options.deadline) throw error;
    const advice = error.details.advice as MemberError['advice']; // set by failure assistance alone
    return { code: error.code, message: error.message, retryable: error.retryable, ...(advice && { advice }) };
  };

  /** The strategy's parts; those of one member, when the caller brings the results of tools that this member called. */
  parts(): AsyncIterable<Part> {
    const { definition, effects, request } = this.#run;
    const author = effects.authorOf?.(request) ?? null;
    if (author === null) return definition.run(this as never); // its config is what its schema gave
    const input = followUp(author, request.input as ChatInput);
    return this.call(author.key, author.target, { operation: 'chat', input });
  }

  /** Stops what is still at work, and waits for it. */
  async stop(): Promise<void> {
    const working = Array.from(this.#children.values()).filter((child) => child.isWorking);
    if (working.length === 0) return;
    this.#over.abort(new TuttiError('cancelled', 'The answer was given without it.'));
    await Promise.all(working.map((child) => child.ended));
  }
}

/** Keys may hold model ids; slashes would look like levels. */
function childStep(step: StepPath, key: string): StepPath {
  return `${step}/${key.replaceAll('/', '∕')}`;
}
