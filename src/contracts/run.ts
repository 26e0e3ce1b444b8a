/** A run is one execution: a tree of steps. These are its records, as they are stored and shown. */
import type { Confidence } from './confidence.ts';
import type { StepError, StepOutcome } from './part.ts';
import type { Usage } from './usage.ts';
import type { ModelId, RunId, StepPath } from './vocabulary.ts';

/** Where a run stands; `waiting` for a person’s answer. */
export type RunStatus = 'running' | 'completed' | 'failed' | 'cancelled' | 'waiting';

/** One candidate of a routing decision and why it stands where it stands. */
export interface RouteCandidate {
  readonly model: ModelId;
  /** Higher is better; comparable inside one decision only. null: given explicitly. */
  readonly score: number | null;
  /** A sentence for people: `named by the request`, `quality 0.75, 412 ms, free; loaded`. */
  readonly reason: string;
}
/** Which models may answer a request, in which order and why. */
export interface RouteDecision {
  /** What the caller asked for: an id, an alias, a capability, `auto`. */
  readonly target: string;
  /** Which rule of resolution applied: `id`, `orchestration`, `alias`, `backend`, `name`, `capability`, `auto`, `rule`. */
  readonly resolvedBy: string;
  /** In order of trial; the first that succeeds answers. */
  readonly candidates: readonly RouteCandidate[];
  /** Models left out and why (circuit open, privacy, no vision …). */
  readonly excluded: readonly { readonly model: ModelId; readonly reason: string }[];
  /** The features that rules and policies saw. */
  readonly features?: Readonly<Record<string, unknown>>;
}

/** One step of a run as it is stored. Times are epoch milliseconds. */
export interface StepRecord {
  readonly path: StepPath;
  readonly parent: StepPath | null;
  readonly kind: string;
  readonly name: string;
  readonly model: ModelId | null;
  readonly backend: string | null;
  readonly reason: string | null;
  readonly status: StepOutcome | 'running';
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly firstTokenMs: number | null;
  readonly usage: Usage | null;
  readonly costUsd: number | null;
  readonly confidence: Confidence | null;
  readonly error: StepError | null;
}

/** A run as it is stored and shown. Times are epoch milliseconds. */
export interface RunRecord {
  readonly id: RunId;
  readonly principal: string;
  /** `chat`, `embed` … */
  readonly operation: string;
  /** The kind of work: a capability. */
  readonly type: string | null;
  readonly target: string;
  /** The model whose answer was given, once known. */
  readonly model: ModelId | null;
  readonly backend: string | null;
  readonly status: RunStatus;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly firstTokenMs: number | null;
  readonly usage: Usage;
  readonly usageByModel: Readonly<Record<ModelId, Usage>>;
  /** null when any price is unknown. */
  readonly costUsd: number | null;
  readonly confidence: Confidence | null;
  readonly error: StepError | null;
  readonly conflicts: number;
  readonly fallbacks: number;
  readonly cacheHit: boolean;
  readonly route: RouteDecision | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Only with `runs.store_content`. */
  readonly content?: { readonly input: unknown; readonly output: unknown };
  readonly steps: readonly StepRecord[];
}
