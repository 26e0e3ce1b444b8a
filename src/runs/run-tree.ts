import type { Clock } from '../contracts/clock.ts';
import type { Confidence } from '../contracts/confidence.ts';
import type { FinishPart, FinishReason, StepEnd, StepError, StepOutcome, StepStart, UsagePart } from '../contracts/part.ts';
import type { RunRecord, StepRecord } from '../contracts/run.ts';
import { addUsage, costOf, NO_USAGE, type Price, type Usage } from '../contracts/usage.ts';
import type { BackendId, ModelId, StepPath } from '../contracts/vocabulary.ts';

export interface RunTreeOptions {
  readonly clock: Clock;
  readonly priceOf?: ((model: ModelId) => Price | undefined) | undefined;
  readonly name: string;
}

/** The step whose deltas are the answer. */
export const ROOT: StepPath = 'root';

interface Step {
  readonly path: StepPath;
  parent: StepPath | null;
  kind: string;
  name: string;
  model: ModelId | null;
  backend: BackendId | null;
  reason: string | null;
  status: StepOutcome | 'running';
  startedAt: number;
  /** On the monotonic clock, for durations. */
  startedMono: number;
  endedAt: number | null;
  firstTokenMs: number | null;
  /** Its own, as reported; null when it reported none. */
  usage: Usage | null;
  /** As reported: undefined when it said nothing of a cost, null when it said that the cost is unknown. */
  cost: number | null | undefined;
  confidence: Confidence | null;
  finish: FinishReason | null;
  error: StepError | null;
  /** True after a `step-start`: only then does its end concern anybody. */
  announced: boolean;
  readonly children: Step[];
}

/**
 * The steps of one run. A step is usually announced by `step-start`. One that is not (the run's own, a model called
 * directly) begins with the first that is heard of it or of a step below it; its path says what it is a child of.
 */
export class RunTree {
  readonly #clock: Clock;
  readonly #priceOf: ((model: ModelId) => Price | undefined) | undefined;
  readonly #steps = new Map<StepPath, Step>();
  readonly #root: Step;
  readonly #startedMono: number;
  #answerFirstTokenMs: number | null = null;
  /** The step of the last delta: nearly always the step of the next one. */
  #current: Step;

  /** `name`: what a person calls the whole run. */
  constructor({ clock, priceOf, name }: RunTreeOptions) {
    this.#clock = clock;
    this.#priceOf = priceOf;
    this.#startedMono = clock.monotonic();
    this.#root = this.#add(ROOT);
    this.#root.kind = 'run';
    this.#root.name = name;
    this.#current = this.#root;
  }

  #add(path: StepPath): Step {
    const step: Step = {
      path,
      parent: null,
      kind: 'call',
      name: path,
      model: null,
      backend: null,
      reason: null,
      status: 'running',
      startedAt: this.#clock.now(),
      startedMono: this.#clock.monotonic(),
      endedAt: null,
      firstTokenMs: null,
      usage: null,
      cost: undefined,
      confidence: null,
      finish: null,
      error: null,
      announced: false,
      children: [],
    };
    this.#steps.set(path, step);
    const slash = path.lastIndexOf('/');
    if (slash > 0) this.#link(step, path.slice(0, slash));
    return step;
  }

  #step(path: StepPath): Step {
    return this.#steps.get(path) ?? this.#add(path);
  }

  start({ step: path, parent, kind, name, model, backend, reason, at }: StepStart): void {
    const step = this.#step(path);
    step.announced = true;
    step.kind = kind;
    step.name = name;
    step.model = model;
    step.backend = backend ?? null;
    step.reason = reason ?? null;
    step.startedAt = at;
    step.startedMono = this.#clock.monotonic();
    step.status = 'running';
    step.endedAt = null;
    step.error = null;
    if (parent !== null && parent !== step.parent && !this.#isBelow(parent, step)) this.#link(step, parent);
  }

  /** Whether a step lies in the tree below (or is) another: a plug-in's mistake must not close a circle. */
  #isBelow(path: StepPath, above: Step): boolean {
    for (let step: Step | null = this.#step(path); step !== null; step = step.parent === null ? null : this.#step(step.parent)) {
      if (step === above) return true;
    }
    return false;
  }

  #link(step: Step, parent: StepPath): void {
    const former = step.parent === null ? undefined : this.#step(step.parent).children;
    former?.splice(former.indexOf(step), 1);
    step.parent = parent;
    this.#step(parent).children.push(step);
  }

  /** A delta or artifact came by. Called for every one of them: no allocation here. */
  content(path: StepPath): void {
    let step = this.#current;
    if (step.path !== path) this.#current = step = this.#step(path);
    if (step.firstTokenMs !== null) return;
    const now = this.#clock.monotonic();
    step.firstTokenMs = roundMs(now - step.startedMono);
    if (step === this.#root) this.#answerFirstTokenMs ??= roundMs(now - this.#startedMono);
  }

  usage({ step, usage }: UsagePart): void {
    this.#step(step).usage = usage;
  }

  finish({ step: path, choice, reason, confidence }: FinishPart): void {
    const step = this.#step(path);
    if (choice !== 0 && step.finish !== null) return;
    step.finish = reason;
    if (confidence !== undefined) step.confidence = confidence;
  }

  end({ step: path, outcome, error, usage, costUsd, confidence, firstTokenMs, at }: StepEnd): void {
    const step = this.#step(path);
    step.status = outcome;
    step.endedAt = at;
    step.error = error ?? null;
    if (usage !== undefined) step.usage = usage;
    if (costUsd !== undefined) step.cost = costUsd;
    if (confidence !== undefined && confidence !== null) step.confidence ??= confidence;
    if (firstTokenMs !== undefined && firstTokenMs !== null) step.firstTokenMs = firstTokenMs;
  }

  /** Ends the steps that are still running, inner ones first, and returns the paths of those that were announced. */
  closeOpen(outcome: StepOutcome, error: StepError | null): StepPath[] {
    const open = [...this.#steps.values()].filter((step) => step.status === 'running').toReversed();
    for (const step of open) {
      step.status = outcome;
      step.endedAt = this.#clock.now();
      if (step.announced) step.error = error;
    }
    return open.filter((step) => step.announced).map((step) => step.path);
  }

  finishReason(path: StepPath): FinishReason | null {
    return this.#step(path).finish;
  }

  /** Milliseconds from the start of the run to the first delta that the caller sees. */
  answerFirstTokenMs(): number | null {
    return this.#answerFirstTokenMs;
  }

  record(path: StepPath): StepRecord {
    return this.#toRecord(this.#step(path));
  }

  /** In the order in which the steps began. */
  records(): StepRecord[] {
    return [...this.#steps.values()].filter(wasHeardOf).map((step) => this.#toRecord(step));
  }

  #toRecord(step: Step): StepRecord {
    const { path, parent, kind, name, model, backend, reason, status, startedAt, endedAt, firstTokenMs, confidence, error } =
      step;
    return {
      path,
      parent,
      kind,
      name,
      model,
      backend,
      reason,
      status,
      startedAt,
      endedAt,
      firstTokenMs,
      usage: usageOf(step),
      costUsd: this.#costOf(step),
      confidence,
      error,
    };
  }

  /** Sums over the calls that did the work: what a step reports for itself and its children together is not counted twice. */
  totals(): Pick<RunRecord, 'usage' | 'usageByModel' | 'costUsd'> {
    const usageByModel: Record<ModelId, Usage> = {};
    for (const { model, usage } of leavesOf([...this.#steps.values()])) {
      if (model !== null && usage !== null) usageByModel[model] = addUsage(usageByModel[model] ?? NO_USAGE, usage);
    }
    const roots = [...this.#steps.values()].filter((step) => step.parent === null);
    const costs = roots.map((step) => this.#costOf(step));
    return {
      usage: roots.reduce((sum, step) => addUsage(sum, usageOf(step) ?? NO_USAGE), NO_USAGE),
      usageByModel,
      costUsd: costs.includes(null) ? null : costs.reduce<number>((sum, cost) => sum + (cost ?? 0), 0),
    };
  }

  /** US dollars of a step and all below it; null when that of any is unknown. */
  #costOf(step: Step): number | null {
    if (step.children.some(hasWork)) {
      let sum = 0;
      for (const child of step.children) {
        const cost = this.#costOf(child);
        if (cost === null) return null;
        sum += cost;
      }
      return sum;
    }
    if (step.cost !== undefined) return step.cost;
    if (!hasWork(step)) return 0;
    return step.usage !== null && step.model !== null ? costOf(step.usage, this.#priceOf?.(step.model)) : null;
  }

  /**
   * The model whose answer the root step gives: the root's own when it called one itself; else that of the one child
   * that completed or runs (else that was tried last), and so on down. Where there are several, the step above them.
   */
  author(): { model: ModelId; backend: BackendId | null } | null {
    let author: Step | null = null;
    for (let step: Step | undefined = this.#root; step !== undefined; step = authorAmong(step.children)) {
      if (step.model !== null) author = step;
    }
    return author?.model == null ? null : { model: author.model, backend: author.backend };
  }
}

function authorAmong(steps: readonly Step[]): Step | undefined {
  const models = steps.filter((step) => step.kind !== 'tool');
  // One that runs after another has completed may yet be the author: a handoff has gone on to its next member.
  const able = models.filter(({ status }) => status === 'completed' || status === 'running');
  if (able.length > 0) return able.length === 1 ? able[0] : undefined;
  return models.at(-1);
}

/** Whether anything was consumed or may have been: then its cost must be known for the sum to be known. */
function hasWork(step: Step): boolean {
  if (step.usage !== null || step.cost !== undefined || step.firstTokenMs !== null) return true;
  if (step.kind === 'call' && step.model !== null && step.status === 'completed') return true;
  return step.children.some(hasWork);
}

/** The root exists before anything is known of it, and for ever when the run fails before its first step. */
function wasHeardOf(step: Step): boolean {
  return step.announced || step.children.length > 0 || step.finish !== null || step.error !== null || hasWork(step);
}

/** To the microsecond: the clock's further digits are noise. */
function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function usageOf(step: Step): Usage | null {
  const children = step.children.map(usageOf).filter((usage) => usage !== null);
  return children.length === 0 ? step.usage : children.reduce(addUsage);
}

function leavesOf(steps: readonly Step[]): Step[] {
  return steps.filter((step) => step.usage !== null && step.children.every((child) => usageOf(child) === null));
}
