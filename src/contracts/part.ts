/**
 * What every call yields. Deltas and `finish` carry their `choice` (0 … n-1), every part its `step`.
 *
 * A stream ends with exactly one `finish` for each choice, or by throwing. An end without either is the error
 * `stream_truncated`. There is no error part: `error` exists only on the wire. Deltas of the root step are what the
 * caller sees and are never taken back.
 */
import type { Confidence } from './confidence.ts';
import type { ModelId, StepPath } from './vocabulary.ts';
import type { Usage } from './usage.ts';

/** A token and its probability. */
export interface TopLogprob {
  readonly token: string;
  /** Natural logarithm of the model's own distribution, before temperature and grammar. */
  readonly logprob: number;
  readonly bytes: readonly number[] | null;
}
/** The token that was chosen, and the most likely ones at its place. */
export interface TokenLogprob extends TopLogprob {
  readonly top: readonly TopLogprob[];
}

/** Why a choice ended: by itself, at the limit, to have tools called, or by a filter. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

/** The next piece of a choice’s text. */
export interface TextDelta {
  readonly type: 'text-delta';
  readonly step: StepPath;
  readonly choice: number;
  readonly text: string;
  readonly logprobs?: readonly TokenLogprob[];
}
/** The next piece of what a model thinks before it answers. */
export interface ReasoningDelta {
  readonly type: 'reasoning-delta';
  readonly step: StepPath;
  readonly choice: number;
  readonly text: string;
}
/** The first delta of an `index` has `id` and `name`; later ones add to `arguments`. */
export interface ToolCallDelta {
  readonly type: 'tool-call-delta';
  readonly step: StepPath;
  readonly choice: number;
  readonly index: number;
  readonly id?: string;
  readonly name?: string;
  readonly arguments?: string;
}
/** An output that is not text: vectors, an image, detected boxes. `value` has the operation's output type. */
export interface ArtifactPart {
  readonly type: 'artifact';
  readonly step: StepPath;
  readonly choice: number;
  readonly kind: string;
  readonly value: unknown;
}
/** How far a step is while nothing else comes of it. */
export interface ProgressPart {
  readonly type: 'progress';
  readonly step: StepPath;
  /** `queue`: waiting for room; `load`: weights are being read; `prompt`: the prompt is being read; others are a strategy's own. */
  readonly phase: 'queue' | 'load' | 'prompt' | (string & {});
  /** 0..1, or null when unknown. */
  readonly fraction: number | null;
  readonly model?: ModelId;
  readonly message?: string;
}
/** A step begins. */
export interface StepStart {
  readonly type: 'step-start';
  readonly step: StepPath;
  readonly parent: StepPath | null;
  readonly kind: 'call' | 'orchestration' | 'tool' | (string & {});
  /** What a person calls this step: `reasoning`, `context.vision`, or the model's id. */
  readonly name: string;
  readonly model: ModelId | null;
  readonly backend?: string;
  /** Why this model: the router's sentence. */
  readonly reason?: string;
  readonly at: number;
  /** It was done in an earlier part of this run, and is only told again. */
  readonly replayed?: true;
}
/** Why a step failed, as plain data. */
export interface StepError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}
/** How a step ended. */
export type StepOutcome = 'completed' | 'failed' | 'cancelled';
/** A step has ended: how, and what it took. */
export interface StepEnd {
  readonly type: 'step-end';
  readonly step: StepPath;
  readonly outcome: StepOutcome;
  readonly error?: StepError;
  readonly usage?: Usage;
  readonly costUsd?: number | null;
  readonly confidence?: Confidence | null;
  /** Milliseconds from the start of the step to its first delta. */
  readonly firstTokenMs?: number | null;
  readonly at: number;
  readonly replayed?: true;
}
/** Counts of one call; a later one of the same step replaces an earlier one. */
export interface UsagePart {
  readonly type: 'usage';
  readonly step: StepPath;
  readonly usage: Usage;
}
/** The last part of a choice. */
export interface FinishPart {
  readonly type: 'finish';
  readonly step: StepPath;
  readonly choice: number;
  readonly reason: FinishReason;
  readonly confidence?: Confidence | null;
}

/** Anything that a call yields. */
export type Part =
  | TextDelta
  | ReasoningDelta
  | ToolCallDelta
  | ArtifactPart
  | ProgressPart
  | StepStart
  | StepEnd
  | UsagePart
  | FinishPart;

/** Whether a part is content that a caller may have seen, so that another model can no longer start afresh. */
export function isContent(part: Part): boolean {
  return (
    part.type === 'text-delta' || part.type === 'reasoning-delta' || part.type === 'tool-call-delta' || part.type === 'artifact'
  );
}
