/**
 * What the server and a runner say to each other over the child's IPC channel. Every request is answered exactly once, by
 * `answer` or `failed`; every call ends with exactly one `done`. Parts carry no step and no choice: the parent adds them,
 * so that a message of a fast model is little more than its text.
 */
import type { ChatInput, ChatMessage, ToolDefinition } from '../../contracts/chat.ts';
import type { Confidence } from '../../contracts/confidence.ts';
import type { EmbedInput } from '../../contracts/operations.ts';
import type { FinishReason, TokenLogprob } from '../../contracts/part.ts';
import type { Usage } from '../../contracts/usage.ts';
import type { Code } from '../../errors/codes.ts';
import { TuttiError } from '../../errors/error.ts';

/** Names a loaded model inside its runner. */
export type ModelKey = string;
/** Numbers a request or a call, unique for the life of a runner. */
export type RequestId = number;

export interface LoraAdapter {
  readonly path: string;
  /** Default 1. */
  readonly scale: number;
}

export type KvCacheType = 'f32' | 'f16' | 'bf16' | 'q8_0' | 'q5_1' | 'q5_0' | 'q4_1' | 'q4_0' | 'iq4_nl';

/** What applies to a chat call that does not say otherwise. */
export interface Sampling {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly minP: number;
  /** Of an answer; null: what the context has room for. */
  readonly maxTokens: number | null;
}

export interface LoadRequest {
  readonly path: string;
  readonly gpu: 'auto' | 'cuda' | 'vulkan' | 'metal' | false;
  readonly gpuLayers: number | 'auto' | 'max';
  /** Tokens for each sequence. */
  readonly contextSize: number;
  readonly parallel: number;
  readonly threads: number;
  readonly kvCacheType: KvCacheType;
  readonly flashAttention: boolean | 'auto';
  readonly lora: readonly LoraAdapter[];
  readonly chatTemplate: string | null;
  readonly sampling: Sampling;
  /** False for models that only make embeddings. */
  readonly generates: boolean;
}

export interface Loaded {
  /** As the model really has it, which may be rounded up. */
  readonly contextSize: number;
  readonly gpu: string | null;
  readonly gpuLayers: number;
}

export interface TokenizeRequest {
  readonly path: string;
  readonly chatTemplate: string | null;
  readonly input: string | { readonly messages: readonly ChatMessage[]; readonly tools?: readonly ToolDefinition[] };
}

/** Bytes. */
export interface Measured {
  /** Resident bytes of the whole process. */
  readonly resident: number;
  /** By model: what llama.cpp has allocated for weights, cache and computing. */
  readonly models: Readonly<Record<ModelKey, { readonly cpu: number; readonly gpu: number }>>;
}

export interface Probe {
  readonly gpu: string | null;
  readonly devices: readonly string[];
  readonly vramTotal: number;
  readonly vramUsed: number;
}

/** Requests by name: what they carry, and what answers them. */
export interface Requests {
  load: { params: LoadRequest & { readonly model: ModelKey }; answer: Loaded };
  unload: { params: { readonly model: ModelKey }; answer: null };
  tokenize: { params: TokenizeRequest; answer: number };
  measure: { params: object; answer: Measured };
  threads: { params: { readonly model: ModelKey; readonly threads: number }; answer: null };
  probe: { params: { readonly gpu: LoadRequest['gpu'] }; answer: Probe };
}
export type RequestName = keyof Requests;

export type CallInput =
  | { readonly operation: 'chat'; readonly input: ChatInput }
  | { readonly operation: 'embed'; readonly input: EmbedInput };

export type CallMessage = {
  readonly type: 'call';
  readonly call: RequestId;
  readonly model: ModelKey;
  /** Prompts of one principal are never reused for another. */
  readonly principal: string;
  readonly priority: number;
} & CallInput;

export type ToRunner =
  | { [N in RequestName]: { readonly type: N; readonly request: RequestId } & Requests[N]['params'] }[RequestName]
  | CallMessage
  /** Answered by the `done` of the call. */
  | { readonly type: 'cancel'; readonly call: RequestId }
  /** Ends the process. */
  | { readonly type: 'shutdown' };

export type RunnerPart =
  | { readonly type: 'text-delta'; readonly text: string; readonly logprobs?: readonly TokenLogprob[] }
  | { readonly type: 'reasoning-delta'; readonly text: string }
  | {
      readonly type: 'tool-call-delta';
      readonly index: number;
      readonly id?: string;
      readonly name?: string;
      readonly arguments?: string;
    }
  | { readonly type: 'progress'; readonly phase: 'prompt'; readonly fraction: number }
  | { readonly type: 'artifact'; readonly kind: 'embeddings'; readonly value: { readonly vectors: readonly number[][] } }
  | { readonly type: 'usage'; readonly usage: Usage }
  | { readonly type: 'finish'; readonly reason: FinishReason; readonly confidence?: Confidence | null };

export type FromRunner =
  | { readonly type: 'answer'; readonly request: RequestId; readonly value: Requests[RequestName]['answer'] }
  | { readonly type: 'failed'; readonly request: RequestId; readonly error: WireError }
  | { readonly type: 'load-progress'; readonly request: RequestId; readonly fraction: number }
  | { readonly type: 'parts'; readonly call: RequestId; readonly parts: readonly RunnerPart[] }
  | { readonly type: 'done'; readonly call: RequestId; readonly error?: WireError };

export interface WireError {
  readonly code: Code;
  readonly message: string;
  readonly param?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function toWire(error: unknown): WireError {
  const { code, message, param, details } = TuttiError.from(error, 'backend_error');
  return { code, message, ...(param !== undefined && { param }), ...(Object.keys(details).length > 0 && { details }) };
}

export function fromWire({ code, message, param, details }: WireError): TuttiError {
  return new TuttiError(code, message, { ...(param !== undefined && { param }), ...(details !== undefined && { details }) });
}
