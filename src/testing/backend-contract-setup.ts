/** What a backend's author gives to the contract suite. */
import type { Backend, OpenModel } from '../contracts/backend.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { EmbedInput } from '../contracts/operations.ts';
import type { Code } from '../errors/codes.ts';

/** `describe` and `it` of the test runner: Vitest's, node:test's, Jest's. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

/** What `create` makes for each test. It is disposed of after the test, the backend first. */
export interface ContractSubject {
  readonly backend: Backend;
  /** Ends what the backend needed: a fake server, a temporary folder. */
  dispose?(): Promise<void>;
}

/** A call that shows a feature, or why there is none. */
export type Feature<T> = T | { readonly unsupported: string };

/** A chat call, and how to bring the backend to answer it. */
export interface ChatCase<S> {
  /** The model's name in the backend (the id without the prefix). */
  readonly model: string;
  readonly input: ChatInput;
  /** The exact answer, where it is known. */
  readonly text?: string;
  /** Called before the call: makes a fake server ready for it. */
  arrange?(subject: S): void | Promise<void>;
}

/** A call that goes wrong, and the error that it must give. */
export interface FaultCase<S> extends ChatCase<S> {
  /** Ends a test's name: `reports <name>`. */
  readonly name: string;
  readonly code: Code;
  readonly retryable: boolean;
  readonly retryAfter?: number;
  /** Called once the call is under way: lets a fake clock pass, for example. */
  during?(subject: S): void | Promise<void>;
}

/** What the suite needs to know of a backend: how to make one, and a case for each feature or why there is none. */
export interface BackendContractSetup<S extends ContractSubject = ContractSubject> {
  create(): Promise<S>;
  readonly chat: ChatCase<S>;
  /** Whether the counts come from the model (`reported`) or are Tutti's own (`estimated`). */
  readonly usage: 'reported' | 'estimated';
  /** A call that gives several deltas and would go on; `stopped` settles once its compute has stopped for certain. */
  readonly cancel: ChatCase<S> & { stopped(subject: S): Promise<unknown> };
  /** `n: 2` in one call: set for models with `nativeChoices`. */
  readonly choices: Feature<ChatCase<S>>;
  readonly reasoning: Feature<ChatCase<S> & { readonly reasoning?: string }>;
  readonly logprobs: Feature<ChatCase<S>>;
  readonly tools: Feature<ChatCase<S> & { readonly calls?: readonly { readonly name: string; readonly arguments: unknown }[] }>;
  /** The answer must be JSON and have the keys that the schema requires. */
  readonly jsonSchema: Feature<ChatCase<S>>;
  /** A message with an image that the model takes. */
  readonly images: Feature<ChatCase<S>>;
  /** A message with an image for a model that takes none: `unsupported_input`. */
  readonly refusedImages: Feature<ChatCase<S>>;
  readonly embeddings: Feature<{
    readonly model: string;
    readonly input: EmbedInput;
    readonly count: number;
    arrange?(subject: S): void | Promise<void>;
  }>;
  /** A name that no model has; refused when it is opened or when it is called. */
  readonly unknownModel: ChatCase<S>;
  /** A stream that is cut in the middle. */
  readonly truncation: Feature<ChatCase<S>>;
  /** Kills what holds the model: `closed` must settle with an error. */
  readonly crash: Feature<{ readonly model: string; kill(subject: S, open: OpenModel): void | Promise<void> }>;
  /** Everything else that can go wrong with a call, with the error that must come of it. */
  readonly faults: readonly FaultCase<S>[];
}
