/** Asks every target every item, a few at a time, and notes what became of each. */
import type { ToolCall } from '../contracts/chat.ts';
import type { Confidence } from '../contracts/confidence.ts';
import type { Usage } from '../contracts/usage.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import type { Code } from '../errors/codes.ts';
import type { EvalItem } from './items.ts';

/** A model that stands for itself, or an orchestration that is to be worth more than they. */
export interface Target {
  readonly name: string;
  readonly kind: 'model' | 'orchestration';
}

/** What a target said to one item, and what that took. */
export interface Reply {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly confidence: Confidence | null;
  /** Calls of models, also those that failed; null when unknown. */
  readonly modelCalls: number | null;
  readonly usageByModel: Readonly<Record<ModelId, Usage>>;
  readonly costUsd: number | null;
  /** Milliseconds that it would take, from those who answer from memory. Default: as it took. */
  readonly ms?: number;
}

/** Asks one target one item. Errors count as wrong answers, but for those that would meet every item. */
export type Ask = (target: string, item: EvalItem, signal: AbortSignal) => Promise<Reply>;
/** Whether a reply is right. */
export type Judge = (item: EvalItem, reply: Reply) => boolean;

/** What became of one item at one target. */
export interface Trial {
  readonly item: EvalItem;
  readonly right: boolean;
  /** null when the target failed. */
  readonly reply: Reply | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Milliseconds from the question to the whole answer, waiting included. */
  readonly ms: number;
}

/** All that one target did. */
export interface TargetTrials {
  readonly target: Target;
  /** In the order of the items. */
  readonly trials: readonly Trial[];
  /** Milliseconds for all of them. */
  readonly ms: number;
}

export interface EvaluateOptions {
  readonly items: readonly EvalItem[];
  readonly targets: readonly Target[];
  readonly ask: Ask;
  readonly judge: Judge;
  readonly signal: AbortSignal;
  /** Questions under way at once. Default 4. */
  readonly concurrency?: number;
  /** After each item: how many of all are done. */
  readonly onProgress?: (target: Target, done: number, items: number) => void;
  /** Milliseconds, monotonic. Default: the process's own. */
  readonly now?: () => number;
}

/** Errors of the call or the set-up: every item would meet them, so the evaluation ends with the first. */
const HOPELESS: ReadonlySet<string> = new Set<Code>([
  'cancelled',
  'closed',
  'model_not_found',
  'ambiguous_model',
  'unknown_backend',
  'unauthorized',
  'forbidden',
  'server_unreachable',
]);

/**
 * One target after the other, so that local models are loaded once each and the time of one is not another's.
 * Errors: `cancelled`, and those that would meet every item (`model_not_found`, `unauthorized` …).
 */
export async function evaluate(options: EvaluateOptions): Promise<TargetTrials[]> {
  const all: TargetTrials[] = [];
  for (const target of options.targets) all.push(await askAll(target, options));
  return all;
}

async function askAll(target: Target, options: EvaluateOptions): Promise<TargetTrials> {
  const { items, concurrency = 4, onProgress, now = () => performance.now() } = options;
  const trials: Trial[] = [];
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const began = now();
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) {
      signal.throwIfAborted();
      trials[i] = await askOne(target, items[i]!, { ...options, now, signal }); // i < items.length
      onProgress?.(target, ++done, items.length);
    }
  };
  const workers = Array.from({ length: Math.min(concurrency, items.length) }, worker);
  try {
    await Promise.all(workers);
  } catch (error) {
    stop.abort(new TuttiError('cancelled', 'Another question of the evaluation failed.'));
    await Promise.allSettled(workers);
    throw TuttiError.from(error);
  }
  return { target, trials, ms: now() - began };
}

async function askOne(
  target: Target,
  item: EvalItem,
  { ask, judge, signal, now }: EvaluateOptions & { readonly now: () => number },
): Promise<Trial> {
  const began = now();
  try {
    const reply = await ask(target.name, item, signal);
    return { item, right: judge(item, reply), reply, error: null, ms: reply.ms ?? now() - began };
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    const error = TuttiError.from(thrown);
    if (HOPELESS.has(error.code)) throw error;
    return { item, right: false, reply: null, error: { code: error.code, message: error.message }, ms: now() - began };
  }
}
