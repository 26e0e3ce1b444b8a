/** Work of Tutti's own that asks models: a run like any other, whose steps are the calls. */
import { z } from 'zod';
import type { AskedAnswer, AskOptions } from '../arbiter/ask.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { CallRequest } from '../contracts/library.ts';
import type { Part } from '../contracts/part.ts';
import type { StrategyContext, StrategyDefinition } from '../contracts/strategy.ts';
import type { RunId } from '../contracts/vocabulary.ts';

/** Who asks, and what holds for the whole. */
export type WorkOptions = Pick<CallRequest, 'principal' | 'signal' | 'timeout' | 'priority' | 'metadata' | 'budget'>;

/** Asks one model; several calls of one key are numbered. */
export type WorkAsk = (target: string, input: ChatInput, options?: Partial<AskOptions>) => Promise<AskedAnswer>;

/** A piece of work: `run` gives the value and what is shown of it. */
export interface Work<T> {
  /** What it is called in traces: `interpret`, `conversation` … */
  readonly name: string;
  /** What it is about, for the record of the run. */
  readonly task: string;
  run(ask: WorkAsk): Promise<{ readonly value: T; readonly text: string }>;
}

export interface Performed<T> {
  readonly runId: RunId;
  readonly value: T;
}

/** The work as a strategy; `done` gets the value. */
export function workStrategy<T>(work: Work<T>, done: (value: T) => void): StrategyDefinition<{ strategy: string }> {
  return {
    strategy: work.name,
    config: z.looseObject({ strategy: z.string() }),
    describe: () => ({ members: [], operations: ['chat'] }),
    run: (context) => perform(work, context, done),
  };
}

async function* perform<T>(
  work: Work<T>,
  { call, options, signal }: StrategyContext<unknown>,
  done: (value: T) => void,
): AsyncGenerator<Part> {
  const used = new Map<string, number>();
  const { value, text } = await work.run(async (target, input, { key = 'ask', signal: own, consult } = {}) => {
    const count = (used.get(key) ?? 0) + 1;
    used.set(key, count);
    const stop = own === undefined ? signal : AbortSignal.any([signal, own]);
    return call(
      count === 1 ? key : `${key}#${count}`,
      target,
      { operation: 'chat', input, ...(consult !== undefined && { consult }) },
      { signal: stop },
    ).answer();
  });
  done(value);
  const { step } = options;
  if (text !== '') yield { type: 'text-delta', step, choice: 0, text };
  yield { type: 'finish', step, choice: 0, reason: 'stop', confidence: null };
}
