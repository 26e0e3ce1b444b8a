/** A backend can list, size, load and call one kind of model. Every one passes the contract suite in `tutti/testing`. */
import type { ZodType } from 'zod';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import type { LoadSettings, Model, ModelDescriptor } from './model.ts';
import type { ChatMessage, ToolDefinition } from './chat.ts';
import type { BackendId, DeviceId, ModelId } from './vocabulary.ts';

/** Where and how one model is to be loaded: `LoadSettings` after the pool has decided. */
export interface Placement extends Omit<LoadSettings, 'device'> {
  readonly device: DeviceId;
}

/** Bytes by device. */
export type Memory = Readonly<Partial<Record<DeviceId, number>>>;

/** How a model is to be opened. */
export interface OpenOptions {
  /** Ignored by remote backends. */
  readonly placement: Placement;
  readonly signal: AbortSignal;
  /** 0..1 while the weights are read. */
  readonly onProgress?: (fraction: number) => void;
}

/** A model that is ready to be called, until it is disposed of. Disposing really frees what it held, and may be done twice. */
export interface OpenModel extends Model, AsyncDisposable {
  /**
   * Settles once the model can no longer be called: `null` after a disposal, the reason after a crash.
   * A local model whose runner died must settle it, so that the pool forgets the instance. Never rejects.
   */
  readonly closed: Promise<Error | null>;
  /** Bytes really held. Absent where nothing is held here (remote models). */
  measure?(): Promise<Memory>;
  /** The process that holds the weights. */
  readonly pid?: number;
}

/** Whether a backend can be used now. */
export interface Health {
  readonly ok: boolean;
  /** A sentence: what was found, or what is wrong and how to mend it. */
  readonly message: string;
  readonly latencyMs?: number;
}

/** One report of a download. */
export interface PullProgress {
  /** The file or layer at work. */
  readonly item: string;
  readonly doneBytes: number;
  /** null until known. */
  readonly totalBytes: number | null;
  readonly status: string;
}

/** Messages to count the tokens of, as the chat template renders them. */
export interface CountInput {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ToolDefinition[];
}

/** What can list, size, load and call one kind of model. Every one passes `backendContract` of `tutti/testing`. */
export interface Backend extends AsyncDisposable {
  readonly id: BackendId;
  /** The kind: `llama-cpp`, `ollama`, … */
  readonly type: string;
  /** `local`: the weights are in this machine's memory under the pool's budget. `remote`: somebody else's. */
  readonly residency: 'local' | 'remote';
  /** True when a call never leaves this machine (local ones, and servers at a loopback address): `routing.privacy` asks. */
  readonly onThisMachine: boolean;
  /** The models it has now. Cheap enough to be called every minute. Rejects when it cannot be reached. */
  list(signal: AbortSignal): Promise<readonly ModelDescriptor[]>;
  /** Local: loads the weights. Remote: binds, without a request. Errors: `model_not_found`, `load_failed`, `out_of_memory`, `invalid_model_file`. */
  open(model: ModelDescriptor, options: OpenOptions): Promise<OpenModel>;
  /** Bytes per device that `open` will need, before loading. Local backends have it. */
  estimate?(model: ModelDescriptor, placement: Placement): Promise<Memory>;
  /** Tokens of a text, or of messages as the model's chat template renders them, without loading the weights. */
  countTokens?(model: ModelDescriptor, input: string | CountInput): Promise<number>;
  /** Fetches a model so that `list` has it afterwards. */
  pull?(name: string, options: { signal: AbortSignal }): AsyncIterable<PullProgress>;
  health?(signal: AbortSignal): Promise<Health>;
  /** Remote servers that load models themselves (Ollama): what they hold, and loading and unloading by name. */
  readonly residents?: {
    running(signal: AbortSignal): Promise<readonly { model: ModelId; memory: Memory }[]>;
    load(name: string, signal: AbortSignal): Promise<void>;
    unload(name: string, signal: AbortSignal): Promise<void>;
  };
  /** The last lines that a model's runner wrote, oldest first, and what it writes from now on when `follow` is set. */
  logs?(name: string, options: { follow: boolean; signal: AbortSignal }): AsyncIterable<string>;
}

/** What a backend is given when it is made. */
export interface BackendContext {
  readonly id: BackendId;
  /** A folder of its own for downloads, caches and logs. Made on first use by the backend. */
  readonly dataDir: string;
  /** Where relative paths of the config start: the folder of the config file. Default: the working directory. */
  readonly directory?: string;
  readonly log: Logger;
  readonly clock: Clock;
}

/** A kind of backend, as the config names it. Light: `create` imports what is heavy. */
export interface BackendDefinition<C = unknown> {
  readonly type: string;
  /** The keys under `backends.<id>` beside `type`. */
  readonly config: ZodType<C>;
  /** The names of all models that it can ever have, where that is known without asking: others are errors of the config. */
  modelNames?(config: C): readonly string[] | null;
  create(config: C, context: BackendContext): Promise<Backend>;
}

/** A kind of backend whose config is of any type: what a list of kinds holds. */
export type AnyBackendDefinition = Omit<BackendDefinition<never>, 'config'> & { readonly config: ZodType };
