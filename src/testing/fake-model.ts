import type { Memory, OpenModel } from '../contracts/backend.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { Clock } from '../contracts/clock.ts';
import { mayHave, type CallOptions, type ModelDescriptor } from '../contracts/model.ts';
import type { EmbedInput, Operation, Operations } from '../contracts/operations.ts';
import type { Part } from '../contracts/part.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred } from '../lib/deferred.ts';
import { countWords, deltasOf, stamp, usageOf, type FakeAnswer } from './fake-answer.ts';

/** One call that a fake model got. */
export interface FakeCall {
  readonly model: string;
  readonly operation: Operation;
  readonly input: Operations[Operation]['input'];
  readonly options: CallOptions;
  /** From 0, for each model. */
  readonly index: number;
  readonly state: 'running' | 'finished' | 'failed' | 'cancelled';
  /** Settles when the call no longer works, however it ended. Never rejects. */
  readonly ended: Promise<void>;
}

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface FakeOpenModelOptions {
  readonly memory: Memory;
  readonly clock: Clock;
  run(call: FakeCall): Promise<FakeAnswer | { readonly vectors: number[][] }>;
  began(call: FakeCall): void;
  ended(crashed: boolean): void;
}

/** A model of a `FakeBackend`, open. */
export class FakeOpenModel implements OpenModel {
  readonly descriptor: ModelDescriptor;
  readonly closed: Promise<Error | null>;
  readonly #options: FakeOpenModelOptions;
  readonly #closed = deferred<Error | null>();
  readonly #crash = new AbortController();
  #state: 'open' | 'closed' = 'open';
  #calls = 0;

  constructor(descriptor: ModelDescriptor, options: FakeOpenModelOptions) {
    this.descriptor = descriptor;
    this.closed = this.#closed.promise;
    this.#options = options;
  }

  async *call<O extends Operation>(operation: O, input: Operations[O]['input'], options: CallOptions): AsyncGenerator<Part> {
    if (this.#state === 'closed') throw new TuttiError('closed', `${this.descriptor.id} is closed.`);
    throwIfCancelled(options.signal);
    this.#refuseWhatItCannot(operation, input);
    const ended = deferred();
    const call: Mutable<FakeCall> = {
      model: this.descriptor.name,
      operation,
      input,
      options,
      index: this.#calls++,
      state: 'running',
      ended: ended.promise,
    };
    this.#options.began(call);
    try {
      yield* this.#parts(call);
      call.state = 'finished';
    } catch (error) {
      call.state = options.signal.aborted ? 'cancelled' : 'failed';
      throw error;
    } finally {
      if (call.state === 'running') call.state = 'cancelled'; // the caller left the iteration
      ended.resolve();
    }
  }

  #refuseWhatItCannot(operation: Operation, input: Operations[Operation]['input']): void {
    const { id, operations } = this.descriptor;
    if (!operations.includes(operation)) {
      throw new TuttiError('unsupported_input', `${id} cannot ${operation}; it can ${operations.join(', ')}.`);
    }
    if (operation !== 'chat' || mayHave(this.descriptor, 'vision')) return;
    (input as ChatInput).messages.forEach(({ content }, index) => {
      if (Array.isArray(content) && content.some((part) => part.type === 'image_url')) {
        throw new TuttiError('unsupported_input', `${id} takes no images.`, { param: `messages[${index}].content` });
      }
    });
  }

  async *#parts(call: FakeCall): AsyncGenerator<Part> {
    const { step } = call.options;
    const signal = AbortSignal.any([call.options.signal, this.#crash.signal]);
    const answer = await this.#options.run(call);
    if ('vectors' in answer) {
      throwIfCancelled(signal);
      yield { type: 'artifact', step, choice: 0, kind: 'embeddings', value: { vectors: answer.vectors } };
      const inputTokens = countWords(textsOf((call.input as EmbedInput).input).join(' '));
      yield { type: 'usage', step, usage: { inputTokens, outputTokens: 0 } };
      yield { type: 'finish', step, choice: 0, reason: 'stop' };
      return;
    }
    const input = call.input as ChatInput;
    const { deltas, finish } = deltasOf(answer, input);
    const choices = this.descriptor.nativeChoices ? (input.n ?? 1) : 1;
    const wait = (ms: number | undefined, gate?: PromiseLike<unknown>): Promise<void> =>
      pass(this.#options.clock, { ms, gate, signal });
    await wait(answer.delayMs, answer.gate);
    if (answer.failBefore) throw answer.failBefore;
    for (const [index, delta] of deltas.entries()) {
      await wait(index > 0 ? answer.deltaDelayMs : undefined, answer.gates?.[index]);
      if (answer.failAfter?.deltas === index) throw answer.failAfter.error;
      if (answer.cutAfter === index) throw truncated(this.descriptor.id);
      for (let choice = 0; choice < choices; choice++) yield stamp(delta, step, choice);
    }
    await wait(undefined, answer.gates?.[deltas.length]);
    if (answer.failAfter && answer.failAfter.deltas >= deltas.length) throw answer.failAfter.error;
    if (answer.cutAfter !== undefined && answer.cutAfter >= deltas.length) throw truncated(this.descriptor.id);
    yield { type: 'usage', step, usage: usageOf(answer, input, deltas, choices) };
    for (let choice = 0; choice < choices; choice++) yield { type: 'finish', step, choice, reason: finish };
  }

  async measure(): Promise<Memory> {
    return this.#options.memory;
  }

  /** Closes it: `null` as a disposal does, an error as a crash does. */
  end(error: Error | null): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#crash.abort(error ?? new TuttiError('closed', `${this.descriptor.id} was closed.`));
    this.#closed.resolve(error);
    this.#options.ended(error !== null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end(null);
  }
}

const truncated = (id: string): TuttiError =>
  new TuttiError('stream_truncated', `The stream of ${id} ended without its closing event.`);

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
}

/** Waits for time and a gate, or throws as soon as the signal is aborted. */
export async function pass(
  clock: Clock,
  { ms = 0, gate, signal }: { ms?: number | undefined; gate?: PromiseLike<unknown> | undefined; signal: AbortSignal },
): Promise<void> {
  throwIfCancelled(signal);
  if (ms <= 0 && gate === undefined) return;
  const aborted = deferred<never>();
  const onAbort = (): void => aborted.reject(TuttiError.from(signal.reason, 'cancelled'));
  signal.addEventListener('abort', onAbort, { once: true });
  const time = deferred();
  using _timer = ms > 0 ? clock.after(ms, time.resolve) : undefined;
  if (ms <= 0) time.resolve();
  try {
    await Promise.race([Promise.all([time.promise, gate]), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

export function textsOf(input: EmbedInput['input']): string[] {
  if (typeof input === 'string') return [input];
  const items: readonly (string | number | number[])[] = input;
  if (items.every((item) => typeof item === 'number')) return [items.join(' ')];
  return items.map((item) => (Array.isArray(item) ? item.join(' ') : String(item)));
}
