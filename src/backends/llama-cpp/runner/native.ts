/**
 * The only file that imports node-llama-cpp, and the only one that reaches below its public classes.
 *
 * Its own evaluation loop gives each token to a generator behind locks and timers: measured with 3.5 M parameters on one
 * thread, four streams made 1,000 tokens/s through it and 2,000 through the binding's own `decodeBatch` and
 * `sampleToken`. So models and contexts are made by the public classes, and the loop works on their binding objects.
 * Their shape is checked when a model is loaded; the version is pinned.
 */
import type * as NodeLlamaCpp from 'node-llama-cpp';
import type { LlamaContext, LlamaModel, Llama, LlamaLogLevel } from 'node-llama-cpp';
import { TuttiError } from '../../../errors/error.ts';
import type { LoadRequest } from '../protocol.ts';
import { withoutCpuTest } from './build-test.ts';

export type { Llama, LlamaContext, LlamaEmbeddingContext, LlamaModel, Token } from 'node-llama-cpp';

/** The context of the binding: one batch at a time, several sequences. */
export interface NativeContext {
  initBatch(size: number): void;
  /** Adds tokens at `position`; the answer has an index for each entry of `wanted`, to sample from after the decode. */
  addToBatch(sequence: number, position: number, tokens: Uint32Array, wanted: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(index: number, sampler: NativeSampler): Promise<number>;
  /** With `probabilities`, these are pairs of token and probability, most likely first. */
  sampleToken(
    index: number,
    sampler: NativeSampler,
    probabilities: boolean,
    confidence: boolean,
  ): Promise<[token: number, probabilities: number[] | undefined, confidence: number | undefined]>;
  /** False when the kind of cache cannot drop a part (recurrent models, sliding windows). `end` -1: to the end. */
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
  setThreads(threads: number): void;
  getMemoryBreakdown(): { readonly cpuRam: number; readonly gpuVram: number };
}

export interface NativeModel {
  tokenize(text: string, specialTokens: boolean): Uint32Array;
  detokenize(tokens: Uint32Array, specialTokens: boolean): string;
  getTokenString(token: number): string;
  getTokenAttributes(token: number): number;
  isEogToken(token: number): boolean;
  shouldPrependBosToken(): boolean;
  getMemoryBreakdown(): { readonly cpuRam: number; readonly gpuVram: number };
}

export interface SamplerConfig {
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly seed?: number;
  readonly repeatPenaltyTokens?: Uint32Array;
  readonly repeatPenaltyMaxTokens?: number;
  readonly repeatPenaltyPresencePenalty?: number;
  readonly repeatPenaltyFrequencyPenalty?: number;
  readonly tokenBiasKeys?: Uint32Array;
  readonly tokenBiasValues?: Float32Array;
  readonly grammarEvaluationState?: NativeGrammarState;
}

export interface NativeSampler {
  applyConfig(config: SamplerConfig): void;
  dispose(): void;
}
export interface NativeGrammar {
  isTextCompatible(text: string): boolean;
}
export type NativeGrammarState = object & { readonly brand: 'grammar-state' };

interface Bindings {
  AddonSampler: { new (model: NativeModel): NativeSampler };
  AddonGrammar: { new (gbnf: string, options: { addonExports: object; rootRuleName: string }): NativeGrammar };
  AddonGrammarEvaluationState: {
    new (model: NativeModel, grammar: NativeGrammar): NativeGrammarState;
    new (copied: NativeGrammarState): NativeGrammarState;
  };
}

/** Token attributes of llama.cpp, a bit each. */
export const ATTRIBUTE = { unknown: 1, unused: 2, normal: 4, control: 8, userDefined: 16, byte: 32 } as const;

let library: typeof NodeLlamaCpp | null = null;

async function importLibrary(): Promise<typeof NodeLlamaCpp> {
  try {
    return (library ??= await withoutCpuTest(() => import('node-llama-cpp')));
  } catch (error) {
    throw new TuttiError(
      'optional_dependency_missing',
      'Local models need the package node-llama-cpp: npm install node-llama-cpp',
      {
        cause: error,
      },
    );
  }
}

/** llama.cpp for one process. With `gpu: 'auto'` the best interface that works here; never builds or downloads anything. */
export async function startLlama(gpu: LoadRequest['gpu'], log: (level: string, text: string) => void): Promise<Llama> {
  const { getLlama } = await importLibrary();
  try {
    return await getLlama({
      gpu,
      build: 'never',
      skipDownload: true,
      maxThreads: 0,
      logLevel: 'info' as LlamaLogLevel, // a declared enum, which type stripping cannot import as a value
      logger: log,
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (gpu !== false)
      throw new TuttiError('load_failed', `llama.cpp has no working ${gpu} build here: ${reason}`, { cause: error });
    throw new TuttiError('optional_dependency_missing', `llama.cpp has no build that runs on this machine: ${reason}`, {
      cause: error,
    });
  }
}

export function isOutOfMemory(error: unknown): boolean {
  return library !== null && error instanceof library.InsufficientMemoryError;
}

function below<T>(object: object, field: string, methods: readonly string[]): T {
  const found: unknown = Reflect.get(object, field);
  const missing = methods.filter((name) => typeof found !== 'object' || found === null || !(name in found));
  if (missing.length > 0)
    throw new TuttiError('optional_dependency_missing', `This version of node-llama-cpp lacks ${field}.${missing.join(', ')}.`);
  return found as T; // its methods were checked just above
}

export const nativeContext = (context: LlamaContext): NativeContext =>
  below(context, '_ctx', ['initBatch', 'addToBatch', 'decodeBatch', 'sampleToken', 'removeTokenCellsFromSequence', 'setThreads']);

export const nativeModel = (model: LlamaModel): NativeModel =>
  below(model, '_model', ['tokenize', 'detokenize', 'getTokenString', 'getTokenAttributes', 'isEogToken', 'getMemoryBreakdown']);

const bindings = (llama: Llama): Bindings =>
  below(llama, '_bindings', ['AddonSampler', 'AddonGrammar', 'AddonGrammarEvaluationState']);

export function newSampler(llama: Llama, model: NativeModel, config: SamplerConfig): NativeSampler {
  const sampler = new (bindings(llama).AddonSampler)(model);
  sampler.applyConfig(config);
  return sampler;
}

/** Errors: `invalid_schema` when the text is not a GBNF grammar. */
export function newGrammar(llama: Llama, gbnf: string): NativeGrammar {
  const addonExports = bindings(llama);
  try {
    return new addonExports.AddonGrammar(gbnf, { addonExports, rootRuleName: 'root' });
  } catch (error) {
    throw new TuttiError(
      'invalid_schema',
      'The grammar cannot be read: it must be GBNF with a rule named root, without left recursion.',
      {
        cause: error,
        param: 'response_format',
      },
    );
  }
}

export function newGrammarState(llama: Llama, model: NativeModel, grammar: NativeGrammar): NativeGrammarState {
  return new (bindings(llama).AddonGrammarEvaluationState)(model, grammar);
}

export function copyGrammarState(llama: Llama, state: NativeGrammarState): NativeGrammarState {
  return new (bindings(llama).AddonGrammarEvaluationState)(state);
}
