import type { ExecuteRequest } from '../contracts/library.ts';
import type { CallOptions, ModelDescriptor } from '../contracts/model.ts';
import type { CallOverrides, Conflict, Decision, ModelResult, Outcome, StrategyReport } from '../contracts/orchestrated.ts';
import type { StrategySettings } from '../contracts/strategy.ts';
import type { Capability, ModelId, StepPath } from '../contracts/vocabulary.ts';
import type { Authors } from '../host/authors.ts';
import type { Journal } from '../host/journal.ts';
import type { HostEffects } from '../host/strategy-host.ts';
import type { RunRecorder } from '../runs/recorder.ts';
import type { Snapshot } from './engine.ts';
import type { Orchestration, RunEffects } from './orchestration.ts';
import { ownerOf } from './ownership.ts';

/** What a scope needs of the engine. */
export interface ScopeEffects {
  callMember(scope: RunScope, ...call: Parameters<HostEffects['callMember']>): ReturnType<HostEffects['callMember']>;
  describe(scope: RunScope, target: string): ModelDescriptor | null;
  find(scope: RunScope, capability: Capability, count: number): readonly ModelId[];
  settings(scope: RunScope, options: CallOptions): StrategySettings;
  readonly authors: Authors;
}

export interface RunScopeOptions {
  readonly snapshot: Snapshot;
  readonly recorder: RunRecorder;
  readonly request: ExecuteRequest;
  readonly journal: Journal;
  /** An orchestration that came with the request. */
  readonly inline: Orchestration | null;
  readonly effects: ScopeEffects;
}

/** Everything of one run that the calls below its root need, and what its orchestrations tell. */
export class RunScope implements RunEffects {
  readonly snapshot: Snapshot;
  readonly recorder: RunRecorder;
  readonly request: ExecuteRequest;
  readonly journal: Journal;
  readonly inline: Orchestration | null;
  readonly #effects: ScopeEffects;
  /** The steps at which an orchestration was started, and which. */
  readonly #started = new Map<StepPath, ModelId>();
  #outcome: { -readonly [K in keyof Outcome]: Outcome[K] } | null = null;

  constructor({ snapshot, recorder, request, journal, inline, effects }: RunScopeOptions) {
    this.snapshot = snapshot;
    this.recorder = recorder;
    this.request = request;
    this.journal = journal;
    this.inline = inline;
    this.#effects = effects;
  }

  get seed(): string {
    return this.recorder.id;
  }

  get tellContent(): boolean {
    return this.request.steps === true;
  }

  /** What the orchestration that answered (or was tried last) has told; null when none was asked. */
  get outcome(): Outcome | null {
    return this.#outcome;
  }

  readonly #optional = new Set<StepPath>();

  /** A strategy goes on without the member at this step. */
  markOptional(step: StepPath): void {
    this.#optional.add(step);
  }

  /** Whether a person may be asked about the failure of the member at this step: not if it, or an orchestration it is part of, can be done without. */
  mayAsk(step: StepPath): boolean {
    for (let at = step; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) if (this.#optional.has(at)) return false;
    return true;
  }

  /** Tool calls were meant that could not be made out. */
  unclearToolCalls = false;

  /**
   * The id that a tool call goes out with. Below an orchestration it names run and step, so that it is like no other, and the
   * results find the member that made it.
   */
  nameCall(step: StepPath, index: number, id: string): string {
    if (this.#started.size === 0) return id;
    return `call_${this.recorder.id.replace(/^run_/, '')}_${hash(step)}_${index}`;
  }

  orchestration(id: ModelId): Orchestration | undefined {
    return this.inline?.descriptor.id === id ? this.inline : this.snapshot.orchestrations.get(id);
  }

  overrides(step: StepPath): CallOverrides {
    return this.#isOutermost(step) ? (this.request.overrides ?? {}) : {};
  }

  host(orchestration: Orchestration, options: CallOptions): HostEffects {
    const effects = this.#effects;
    const { step } = options;
    const outermost = this.#isOutermost(step);
    this.#started.set(step, orchestration.descriptor.id);
    if (outermost) {
      this.#outcome = {
        orchestration: orchestration.descriptor.id,
        strategy: orchestration.strategy,
        modelResults: {},
        conflicts: [],
        decisions: [],
      };
    }
    return {
      callMember: (...call) => effects.callMember(this, ...call),
      describe: (target) => effects.describe(this, target),
      find: (capability, count) => effects.find(this, capability, count),
      report: (report) => this.#report(report, step),
      result: (key, result) => this.#result(outermost, key, result),
      fellBack: (fallback) => this.recorder.fallback(fallback),
      settings: effects.settings(this, options),
      authorOf: (request) => effects.authors.of(orchestration.descriptor.id, request),
      authored: (answer, target, request) =>
        effects.authors.record(orchestration.descriptor.id, answer, target, request, this.request),
    };
  }

  #isOutermost(step: StepPath): boolean {
    for (const other of this.#started.keys()) if (step.startsWith(`${other}/`)) return false;
    return true;
  }

  #result(outermost: boolean, key: string, result: ModelResult): void {
    if (this.#outcome === null || !outermost) return;
    this.#outcome.modelResults = { ...this.#outcome.modelResults, [key]: result };
  }

  #report(report: StrategyReport, step: StepPath): void {
    const outcome = this.#outcome;
    if (outcome === null || report.type === 'result') return;
    if (report.type === 'conflict') {
      const { kind, members, message } = report;
      const conflict: Conflict = { kind, members, message, ...ownerOf(step, this.#started) };
      outcome.conflicts = [...outcome.conflicts, conflict];
      this.recorder.conflict();
      return;
    }
    this.decided(report, step);
  }

  /** How often a failed member was helped. */
  interventions = 0;

  /** `step`: where it was decided. */
  decided({ message, data }: Decision, step: StepPath): void {
    const outcome = this.#outcome;
    if (outcome === null) return;
    const decision: Decision = { message, ...(data && { data }), ...ownerOf(step, this.#started) };
    outcome.decisions = [...outcome.decisions, decision];
  }
}

/** FNV-1a, in base 36: short, and the same for the same step. */
function hash(text: string): string {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return (state >>> 0).toString(36);
}
