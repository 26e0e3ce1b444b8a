/** What an orchestration tells beside its answer: its members' results, conflicts, decisions. And what one call may change of it. */
import type { ToolCall } from './chat.ts';
import type { Confidence } from './confidence.ts';
import type { FinishReason, StepError, TokenLogprob } from './part.ts';
import type { Usage } from './usage.ts';
import type { ModelId } from './vocabulary.ts';

/** Whose a decision or conflict is. The run fills it in: strategies do not know where they are. */
export interface Owner {
  /** The orchestration: the one that the call named, or one inside it. */
  readonly by?: ModelId;
  /** The way to it from the one that the call named, by the members on it (`thrifty`, `thrifty/panel`). Absent for that one itself. */
  readonly path?: string;
}

/** What kind of conflict it was. */
export const CONFLICT_KINDS = ['verification_rejected', 'vision_error', 'disagreement', 'tool_unavailable'] as const;
/** Members that contradict each other, a verifier that rejects, an error seen in an image, a plan that names a tool there is not. */
export interface Conflict extends Owner {
  readonly kind: (typeof CONFLICT_KINDS)[number];
  /** The steps or models concerned. */
  readonly members: readonly string[];
  /** A sentence for people. */
  readonly message: string;
}

/** What one member did, by the name of its step. */
export interface ModelResult {
  /** The model that answered (or was tried last); the orchestration's name when the member is one. */
  readonly model: ModelId;
  /** What it was asked for: `reasoning`, `verification`, a role, or the member's name. */
  readonly role: string;
  readonly success: boolean;
  /** The text; the tool calls where there is no text; a structured verdict; null when it failed. */
  readonly content: unknown;
  readonly error: StepError | null;
  readonly confidence: Confidence | null;
  readonly executionTimeMs: number;
  readonly usage: Usage | null;
}

/** What an orchestration decided, and why: for `--explain`. */
export interface Decision extends Owner {
  /** A sentence for people: `3 of 3 agree: stopped early`. */
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** How the orchestration that answered came to its answer. */
export interface Outcome {
  readonly orchestration: ModelId;
  readonly strategy: string;
  /** By the names of the steps right below the orchestration: `reasoning`, `context.vision`, a member’s name. */
  readonly modelResults: Readonly<Record<string, ModelResult>>;
  readonly conflicts: readonly Conflict[];
  readonly decisions: readonly Decision[];
}

/** What a strategy tells of its work beside its answer. */
export type StrategyReport =
  | ({ readonly type: 'conflict' } & Conflict)
  | ({ readonly type: 'decision' } & Decision)
  /** How a child's result is to be shown: a role other than its key, a verdict in place of its text. */
  | { readonly type: 'result'; readonly key: string; readonly role?: string; readonly content?: unknown };

/** The answer of one child call, whole. */
export interface ChildAnswer {
  readonly key: string;
  /** The model that answered; the orchestration when the member is one. */
  readonly model: ModelId;
  readonly text: string;
  readonly reasoning: string | null;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: FinishReason;
  readonly confidence: Confidence | null;
  /** The output of operations that do not give text; undefined for `chat`. */
  readonly artifact?: { readonly kind: string; readonly value: unknown };
  readonly usage: Usage | null;
  /** Of the text's tokens, when the request asked for them. */
  readonly logprobs?: readonly TokenLogprob[];
}

/** Limits over the whole tree of a run or of one orchestration in it. Absent ones do not limit. */
export interface BudgetLimits {
  /** Model calls, retries included. */
  readonly maxCalls?: number;
  /** Tokens, prompts and answers together. */
  readonly maxTokens?: number;
  readonly maxCostUsd?: number;
  /** Milliseconds. */
  readonly maxTime?: number;
}

/** What a single call may change of the orchestration that answers it. Each strategy takes what concerns it and ignores the rest. */
export interface CallOverrides {
  /** Only these members (by name or model) take part; for a `handoff` or `fallback` in this order. */
  readonly members?: readonly string[];
  /** Names of tools that a plan may use; others that it names are a conflict (`tool_unavailable`). */
  readonly availableTools?: readonly string[];
  /** Text that the model is to know beside the question. */
  readonly context?: string;
  readonly webSearchQuery?: string;
  /** Whether the answer is verified. */
  readonly verification?: boolean;
  /** Milliseconds, by phase. */
  readonly timeouts?: Readonly<Record<string, number>>;
  /** The roles of a `workflow`, in order. */
  readonly workflow?: readonly string[];
}
