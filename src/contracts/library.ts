/** What the library's calls take and give. The server and the command line translate to and from these. */
import type { ChatMessage, ChatSettings, ToolCall, ToolChoice, ToolDefinition, ResponseFormat } from './chat.ts';
import type { Confidence } from './confidence.ts';
import type { Operation, Operations } from './operations.ts';
import type { BudgetLimits, CallOverrides, Conflict, Decision, ModelResult } from './orchestrated.ts';
import type { FinishReason, Part, TokenLogprob } from './part.ts';
import type { Policy } from './policy.ts';
import type { Principal } from './principal.ts';
import type { RouteDecision, RunRecord, RunStatus } from './run.ts';
import type { Usage } from './usage.ts';
import type { BackendId, Capability, ModelId, Priority, RunId } from './vocabulary.ts';

/** Where the bytes of an image, sound or file come from: exactly one of `path`, `url` and `data`. */
export interface MediaSource {
  /** A file on this machine. Over HTTP only inside `server.file_roots`. */
  readonly path?: string;
  /** `https:`, `http:` or `data:`. */
  readonly url?: string;
  /** Bytes, or base64 text. */
  readonly data?: Uint8Array | string;
  /** `image/png`, `audio/wav` … Default: from the path's ending or the bytes' first few. */
  readonly mediaType?: string;
}
/** A piece of an input: text, or an image, sound or file from a path, a URL or bytes. */
export type InputPart =
  | { readonly type: 'text'; readonly text: string }
  | ({ readonly type: 'image' | 'audio' | 'file' } & MediaSource);
/** A question, a question with pictures, or a whole conversation. */
export type RunInput = string | readonly InputPart[] | readonly ChatMessage[];

type Camel<S extends string> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;
/** Settings of a call in camelCase; the wire's snake_case names are taken, too. Unknown ones go on to remote models. */
export type Parameters = {
  readonly [K in keyof Omit<ChatSettings, 'tools' | 'tool_choice' | 'response_format'> & string as Camel<K>]?: ChatSettings[K];
} & { readonly [name: string]: unknown };

/** What is common to all ways of asking. */
export interface CallRequest {
  /** A model's id, an alias, an orchestration, a capability or `auto` (the default). */
  readonly model?: string;
  readonly capability?: Capability;
  /** Only models of this backend. */
  readonly backend?: BackendId;
  /** Larger goes first. Default 0. */
  readonly priority?: Priority;
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole run. Default: no limit. */
  readonly timeout?: number;
  /** Default: the process itself (`local`, admin). */
  readonly principal?: Principal;
  /** Kept with the run, and `request.metadata` in rules. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Override the detected features `task.complexity` (0..10) and `task.requires_speed`. */
  readonly complexity?: number;
  readonly requiresSpeed?: boolean;
  /** How to choose among several models, in place of `routing.policy`. */
  readonly policy?: Policy;
  /** The model on whose behalf this is asked (`collaborate`): it does not answer itself. */
  readonly requestedBy?: ModelId;
  /** What this call changes of the orchestration that answers it. */
  readonly overrides?: CallOverrides;
  /** What the whole run may consume. */
  readonly budget?: BudgetLimits;
  /** Ask for a confidence also where no orchestration needs one. Default false. */
  readonly confidence?: boolean;
  /** Pass on what members write, as parts of their own steps, while they write it. Default false. */
  readonly steps?: boolean;
}

/**
 * What `run` and `stream` take. What the call changes of the orchestration that answers it (`members`, `context`, `verification`,
 * `timeouts`, `workflow` …) stands beside the input; `overrides` is the same as one object.
 */
export interface RunRequest extends CallRequest, CallOverrides {
  readonly input: RunInput;
  /** Shown with the question: paths, URLs (`https:`, `data:`), bytes, or sources of them. */
  readonly images?: readonly (string | Uint8Array | MediaSource)[];
  readonly parameters?: Parameters;
  readonly tools?: readonly ToolDefinition[];
  readonly toolChoice?: ToolChoice;
  readonly responseFormat?: ResponseFormat;
}

/**
 * What `orchestrate` takes beside what `run` does: a strategy with the keys of its config, in camelCase or as in the file
 * (`confidenceThreshold`, `numModels`), units as there; or a policy, to choose one model.
 */
export type OrchestrateRequest = Omit<
  RunRequest,
  'model' | 'tools' | 'confidence' | 'steps' | 'members' | 'timeouts' | 'budget' | 'context' | 'verification'
> & {
  /** As in `run`; names are an arbiter's own tools. */
  readonly tools?: readonly ToolDefinition[] | readonly string[];
  /** As in `run`; a word is the strategy's. */
  readonly confidence?: boolean | string;
  /** As in `run`; a list is a workflow's. */
  readonly steps?: boolean | readonly unknown[];
  /** As in `run`; a list is the strategy's. */
  readonly context?: string | readonly unknown[];
  /** As in `run`; a model is the strategy's. */
  readonly verification?: boolean | string | object;
  /** The name of a configured orchestration; nothing else of a strategy is given then. */
  readonly orchestration?: string;
  /** `handoff`, `consensus` …, or a policy: `performance`, `accuracy`, `cost`, `balanced`. */
  readonly strategy?: string;
  readonly [key: string]: unknown;
};

/** One of the `n` answers of a call. */
export interface Choice {
  readonly index: number;
  readonly text: string;
  readonly reasoning: string | null;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: FinishReason;
  readonly logprobs: readonly TokenLogprob[] | null;
}

/** How an answer (or the lack of one) came to be: the `tutti` object of the wire. */
export interface RunDetails {
  readonly runId: RunId;
  /** What was asked: the text of the last user message; '' for operations without one. */
  readonly task: string;
  /** `waiting`: the text is a question, and `tutti.reply` goes on with the answer to it. */
  readonly status: RunStatus;
  /** The orchestration that it came from; null when a model was asked by itself. */
  readonly orchestration: ModelId | null;
  /** How the orchestration combined its calls. */
  readonly strategy: string | null;
  readonly usageByModel: Readonly<Record<ModelId, Usage>>;
  readonly costUsd: number | null;
  readonly confidence: Confidence | null;
  readonly executionTimeMs: number;
  readonly modelsUsed: readonly ModelId[];
  /**
   * The models that were tried, in order, also those of a `fallback`, a `handoff` or a phase; one entry when the first answered.
   * Of an orchestration whose members worked together its name.
   */
  readonly fallbackChain: readonly ModelId[];
  /** What each member did, by the name of its step; empty when a model was asked by itself. */
  readonly modelResults: Readonly<Record<string, ModelResult>>;
  readonly conflicts: readonly Conflict[];
  readonly decisions: readonly Decision[];
  /** Whether a person should look at it, by the confidence (`review:` in the config). */
  readonly review: Review;
}

/** The answer of a run. */
export interface Answer extends RunDetails {
  /** The model whose answer it is. */
  readonly model: ModelId;
  /** The text of the first choice. */
  readonly text: string;
  /** `text` for chat; the operation's output (vectors, an image) for others. */
  readonly output: unknown;
  readonly toolCalls: readonly ToolCall[];
  readonly choices: readonly Choice[];
  readonly finishReason: FinishReason;
  readonly usage: Usage;
  readonly route: RouteDecision | null;
}

/** Whether a person should look at an answer. */
export type Review = 'none' | 'suggested' | 'needed';

/** An orchestration given with the call: `strategy` and the keys of its config, in camelCase or as in the file. */
export interface InlineOrchestration {
  readonly strategy: string;
  readonly [key: string]: unknown;
}

/** The typed call below `run` and `stream`: what the server uses. */
export interface ExecuteRequest<O extends Operation = Operation> extends CallRequest {
  readonly operation: O;
  readonly input: Operations[O]['input'];
  /**
   * When another model may no longer take over: once content has been passed on (`first-content`, the default: for
   * streams), or only at the end (`finish`: nothing is passed on before it, for callers that collect anyhow).
   */
  readonly commit?: 'first-content' | 'finish';
  /** Answers in place of `model`. */
  readonly orchestration?: InlineOrchestration;
}

/** A run under way. Iterate `parts` once; leaving the iteration cancels the run. */
export interface Execution {
  readonly runId: RunId;
  readonly parts: AsyncIterable<Part>;
  /** The run as it stands; complete when `parts` has ended. */
  record(): RunRecord;
  /** How the answer came to be, as far as it has. */
  details(): RunDetails;
}
