/** The one idea, as a type: a model is anything that answers a capability, and an orchestration is a model made of models. */
import type { Operation, Operations } from './operations.ts';
import type { Part } from './part.ts';
import type { Principal } from './principal.ts';
import type { Price, Usage } from './usage.ts';
import type { BackendId, Capability, ModelId, Priority, StepPath } from './vocabulary.ts';

/** Ratings in 0..1 by capability; `default` stands for those not named. */
export type Quality = Readonly<Record<string, number>>;

/** How a local model is put into memory. */
export interface LoadSettings {
  /** `auto`: a GPU when there is one with room, else the CPU. `cuda`, `metal`, `vulkan`: any GPU through that interface. Default `auto`. */
  readonly device?: 'auto' | 'cpu' | 'cuda' | 'metal' | 'vulkan' | `gpu:${number}`;
  /** How many layers go to the GPU. Default `auto`: as many as fit. */
  readonly gpuLayers?: number | 'auto' | 'max';
  /** Tokens of context for each sequence. Default: the model's own, at most 8192. */
  readonly contextSize?: number;
  /** CPU threads. Default: the model's share of (cores − 1). */
  readonly threads?: number;
}

/** A model as it is known before it is loaded. Plain data. */
export interface ModelDescriptor {
  readonly id: ModelId;
  /** The configured backend instance, or null for an orchestration. */
  readonly backend: BackendId | null;
  /** The name by which the backend knows it: the id without the backend's prefix. */
  readonly name: string;
  readonly capabilities: readonly Capability[];
  /**
   * True while nobody has said what it can do: its backend has not listed it (yet), and the config says nothing. Then `capabilities` is a
   * guess from its name, and it may have others: see `mayHave`.
   */
  readonly assumed?: boolean;
  readonly operations: readonly string[];
  /** Tokens, prompt and answer together. */
  readonly contextWindow?: number;
  readonly maxOutputTokens?: number;
  readonly price?: Price;
  /** Set by hand. */
  readonly quality?: Quality;
  /** What `tutti eval` or live outcomes measured; kept apart from `quality`. */
  readonly measuredQuality?: Quality;
  /** 0..1, set by hand: used until a real speed has been measured. */
  readonly speed?: number;
  /** Parameters of the network, when known. */
  readonly parameters?: number;
  /** Bytes on disk, when known. */
  readonly sizeBytes?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly load?: LoadSettings;
  readonly pinned?: boolean;
  readonly preload?: boolean;
  /** Unload after so many seconds without use; 0: never. Default: the pool's. */
  readonly idleUnloadSeconds?: number;
  readonly fallbacks?: readonly ModelId[];
  /** False for the embedded models: they share one runner and do not count in `pool.max_loaded_models`. Default true. */
  readonly countsAsLoaded?: boolean;
  /** True when the backend itself answers `n` choices in one call. Default false: Tutti makes n calls. */
  readonly nativeChoices?: boolean;
  /** True when the backend takes images as bytes only: those given by web address are then fetched here. Default false. */
  readonly imagesAsBytes?: boolean;
  /** True for a model that is answered elsewhere although its backend is on this machine (Ollama's cloud models): `routing.privacy` asks. */
  readonly leavesMachine?: boolean;
  /** A sentence for people: shown by `tutti models`. */
  readonly notice?: string;
}

/** Whether a request that needs the capability may be given to it: it has it, or nobody knows what it has. */
export function mayHave({ capabilities, assumed = false }: ModelDescriptor, capability: Capability): boolean {
  return assumed || capabilities.includes(capability);
}

/** What is common to all calls. */
export interface CallOptions {
  /** Leaving the iteration is an abort, too. */
  readonly signal: AbortSignal;
  /** The step whose parts these are. A model stamps it on every part that it yields. */
  readonly step: StepPath;
  readonly principal: Principal;
  readonly priority: Priority;
  /** Epoch milliseconds after which the caller no longer wants the answer. */
  readonly deadline?: number;
  /** Give a confidence with the answer, also when the caller did not ask for probabilities. Default false: only what costs nothing. */
  readonly wantsConfidence?: boolean;
  /** What the call, and all below it, may consume. */
  readonly budget?: Budget;
}

/** What is left of what a run, or an orchestration in it, may consume. Everything below it counts. */
export interface Budget {
  /** Before each call of a model. Errors: `run_budget_exceeded` with the limit that is reached. */
  takeCall(): void;
  /** Undoes `takeCall`: what was left did not do for the call, and no model was asked. */
  giveCallBack(): void;
  /** Whether tokens or money are limited, here or above. If not, nothing need be reserved. */
  readonly isMetered: boolean;
  /**
   * Keeps what a call of a model may take at most, so that calls which run at once stay within the limits together. A call that does
   * not say how long its answer may be gets a share of what is left: as many may call, itself included.
   * Errors: `run_budget_exceeded` when what is left does not do for the prompt and one token of each answer.
   */
  reserve(need: CallNeed): BudgetReservation;
  /** Somebody is about to call, so that a share is kept for it; until this is disposed of. */
  expectCall(): Disposable;
}

/** What a call of a model takes at most, as far as that can be told before. */
export interface CallNeed {
  /** Of the prompt, estimated. */
  readonly promptTokens: number;
  /** How many answers are written: `n` of a chat; 0 where nothing is written. */
  readonly answers: number;
  /** Tokens that each answer may have by the request; undefined: it does not say. */
  readonly maxTokens: number | undefined;
  /** Tokens of an answer that the model itself does not go beyond; Infinity: unknown. */
  readonly mostTokens: number;
  /** Absent: unknown, so that it counts as nothing. */
  readonly price: Price | undefined;
}

/** A part of a budget that is kept for one call. */
export interface BudgetReservation {
  /** Tokens that each answer may have; Infinity: as many as it likes. */
  readonly maxTokens: number;
  /**
   * The call has ended, however it did: what it took counts, the rest can be had by others. Only the first time. `usage` null: it
   * told nothing, so that it counts as nothing; so does money where the price is unknown (`costUsd` null).
   */
  settle(usage: Usage | null, costUsd: number | null): void;
}

/** Anything that answers a capability: loaded weights, a remote API, or an orchestration of other models. */
export interface Model {
  readonly descriptor: ModelDescriptor;
  /** Errors: any `TuttiError`; anything else is a bug of the backend and is wrapped as `backend_error`. */
  call<O extends Operation>(operation: O, input: Operations[O]['input'], options: CallOptions): AsyncIterable<Part>;
}
