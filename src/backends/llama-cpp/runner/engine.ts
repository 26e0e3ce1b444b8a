/**
 * Continuous batching: one context, several sequences, one loop. Every turn of the loop puts one token of each answer
 * being written and a piece of each prompt being read into one batch, computes it, and chooses the next tokens.
 *
 * A call is `waiting` (for a slot), `reading` (its prompt), `writing` (its answer), then `over`. Only the loop moves it on.
 * A cancel marks it; the loop drops it before its next turn and only then confirms, so that a confirmed call computes nothing.
 */
import { TuttiError } from '../../../errors/error.ts';
import { deferred, type Deferred } from '../../../lib/deferred.ts';
import type { RunnerPart } from '../protocol.ts';
import type { NativeContext } from './native.ts';
import { chooseSlot, nextChunk, shareBatch, type Slot } from './slots.ts';

/** The part of a context that the loop needs. */
export type BatchContext = Pick<
  NativeContext,
  'initBatch' | 'addToBatch' | 'decodeBatch' | 'removeTokenCellsFromSequence' | 'setThreads'
>;

export interface EngineOptions {
  readonly context: BatchContext;
  readonly parallel: number;
  /** Tokens for each sequence, prompt and answer together. */
  readonly contextSize: number;
  readonly batchSize: number;
}

/** One answer in the making; `Generation` is the real one. */
export interface EngineJob extends Disposable {
  readonly prompt: Uint32Array;
  readonly finished: boolean;
  /** Whether `take` has anything. */
  readonly pending: boolean;
  /** Chooses a token from the logits at `index`; null when the answer is complete. */
  next(index: number): Promise<number | null>;
  outOfRoom(): void;
  take(): RunnerPart[];
  closing(cachedInputTokens: number): RunnerPart[];
}

export interface EngineCall {
  readonly generation: EngineJob;
  readonly principal: string;
  readonly priority: number;
  /** Called as parts become certain, at most every few milliseconds. */
  onParts(parts: RunnerPart[]): void;
}

interface Entry extends EngineCall {
  readonly order: number;
  readonly done: Deferred<void>;
  slot: Slot | null;
  /** Tokens that the sequence must still take in before the next is chosen. */
  pending: Uint32Array;
  reused: number;
  cancelled: boolean;
  lastSent: number;
  /** Where in the batch its logits will be; null while the prompt is not read to the end. */
  logits: number | null;
}

/**
 * Tokens are sent together when they come faster than this: a message for each would cost a tiny model half its speed, and
 * nobody sees more than 200 a second. Against 2 ms the server works a third less for each token. The first is never held.
 */
const FLUSH_MS = 5;
/** How often a long prompt reports how far it has been read. */
const PROGRESS_MS = 200;

export class Engine {
  readonly #options: EngineOptions;
  readonly #slots: Slot[];
  #entries: Entry[] = [];
  #loop: Promise<void> | null = null;
  #counter = 0;
  #chunk: number;
  #threads: number | null = null;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#chunk = Math.min(128, options.batchSize);
    this.#slots = Array.from({ length: options.parallel }, (_, id) => ({
      id,
      tokens: [],
      principal: null,
      busy: false,
      lastUsed: 0,
    }));
  }

  /** Settles when the call computes no more: fulfilled when complete, rejected with `cancelled` or what went wrong. */
  run(call: EngineCall, signal: AbortSignal): Promise<void> {
    const entry: Entry = {
      generation: call.generation,
      principal: call.principal,
      priority: call.priority,
      onParts: (parts) => call.onParts(parts),
      order: this.#counter++,
      done: deferred(),
      slot: null,
      pending: call.generation.prompt,
      reused: 0,
      cancelled: signal.aborted,
      lastSent: 0,
      logits: null,
    };
    signal.addEventListener('abort', () => (entry.cancelled = true), { once: true });
    this.#entries.push(entry);
    this.#loop ??= this.#work();
    return entry.done.promise;
  }

  /** Cancels all calls. Settles when nothing is computed any more, so that the context can be freed. */
  async stop(): Promise<void> {
    for (const entry of this.#entries) entry.cancelled = true;
    await this.#loop;
  }

  /** Used from the next turn on. */
  setThreads(threads: number): void {
    this.#threads = threads;
    if (this.#loop === null) this.#applyThreads();
  }

  async #work(): Promise<void> {
    await Promise.resolve(); // so that the end below always comes after `#loop` was set
    while (this.#entries.length > 0) {
      this.#applyThreads();
      this.#dropCancelled();
      this.#admit();
      const active = this.#entries.filter((entry) => entry.slot !== null);
      if (active.length === 0) continue;
      try {
        await this.#turn(active);
      } catch (error) {
        for (const entry of active) this.#leave(entry, TuttiError.from(error, 'backend_error'), 'forget');
      }
    }
    this.#loop = null;
  }

  #applyThreads(): void {
    if (this.#threads !== null) this.#options.context.setThreads(this.#threads);
    this.#threads = null;
  }

  #dropCancelled(): void {
    for (const entry of this.#entries) {
      if (entry.cancelled) this.#leave(entry, new TuttiError('cancelled', 'The call was cancelled.'), 'keep');
    }
  }

  /** Gives free slots to waiting calls: the highest priority first, then by arrival. */
  #admit(): void {
    const waiting = this.#entries.filter((entry) => entry.slot === null);
    waiting.sort((a, b) => b.priority - a.priority || a.order - b.order);
    for (const entry of waiting) {
      const { prompt } = entry.generation;
      const choice = chooseSlot(this.#slots, prompt, entry.principal);
      if (choice === null) return;
      const { slot } = choice;
      entry.reused = this.#keep(slot, choice.reused);
      slot.busy = true;
      slot.principal = entry.principal;
      slot.lastUsed = this.#counter++;
      entry.slot = slot;
      entry.pending = prompt.subarray(entry.reused);
    }
  }

  /** Cuts the sequence back to its first `length` tokens; to none where the cache cannot be cut. */
  #keep(slot: Slot, length: number): number {
    if (slot.tokens.length === length) return length;
    const { context } = this.#options;
    const kept = length > 0 && context.removeTokenCellsFromSequence(slot.id, length, -1) ? length : 0;
    if (kept === 0) context.removeTokenCellsFromSequence(slot.id, 0, -1);
    slot.tokens.length = kept;
    return kept;
  }

  async #turn(active: readonly Entry[]): Promise<void> {
    const { context, batchSize } = this.#options;
    const shares = shareBatch(
      active.map(({ pending }) => ({ pending: pending.length })),
      Math.min(this.#chunk, batchSize),
    );
    const size = shares.reduce((sum, share) => sum + share, 0);
    const began = performance.now();
    context.initBatch(size);
    for (const [i, entry] of active.entries()) addToBatch(context, entry, shares[i] ?? 0);
    await context.decodeBatch();
    const now = performance.now();
    if (size > active.length) this.#chunk = nextChunk(this.#chunk, now - began, batchSize);
    // llama.cpp may put the logits of a batch in order when they are first looked at, and that must not happen in two
    // threads: one answer goes first, then the others together.
    const [first, ...others] = active.filter((entry) => entry.logits !== null);
    if (first !== undefined) await this.#settle(first, now);
    await Promise.all([...others, ...active.filter((entry) => entry.logits === null)].map((entry) => this.#settle(entry, now)));
  }

  /** Each for itself: a grammar that breaks down must not take the other answers with it. */
  async #settle(entry: Entry, now: number): Promise<void> {
    try {
      await this.#advance(entry, now);
    } catch (error) {
      this.#leave(entry, TuttiError.from(error, 'backend_error'), 'forget');
    }
  }

  async #advance(entry: Entry, now: number): Promise<void> {
    const { generation, logits, slot } = entry;
    if (entry.cancelled || slot === null) return;
    if (logits === null) {
      if (now - entry.lastSent < PROGRESS_MS) return;
      entry.lastSent = now;
      const total = generation.prompt.length;
      entry.onParts([{ type: 'progress', phase: 'prompt', fraction: (total - entry.pending.length) / total }]);
      return;
    }
    const token = await generation.next(logits);
    if (token !== null && slot.tokens.length >= this.#options.contextSize) generation.outOfRoom();
    if (generation.finished) {
      entry.onParts([...generation.take(), ...generation.closing(entry.reused)]);
      this.#leave(entry, null, 'keep');
      return;
    }
    if (token !== null) entry.pending = Uint32Array.of(token);
    if (generation.pending && now - entry.lastSent >= FLUSH_MS) {
      entry.lastSent = now;
      entry.onParts(generation.take());
    }
  }

  #leave(entry: Entry, error: TuttiError | null, cache: 'keep' | 'forget'): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    if (entry.slot !== null) {
      entry.slot.busy = false;
      if (cache === 'forget') this.#keep(entry.slot, 0);
      entry.slot = null;
    }
    entry.generation[Symbol.dispose]();
    if (error === null) entry.done.resolve();
    else entry.done.reject(error);
  }
}

function addToBatch(context: BatchContext, entry: Entry, share: number): void {
  const { slot, pending } = entry;
  if (slot === null) return;
  const tokens = pending.subarray(0, share);
  const last = share === pending.length;
  const indexes = context.addToBatch(slot.id, slot.tokens.length, tokens, last ? Uint32Array.of(share - 1) : new Uint32Array(0));
  for (const token of tokens) slot.tokens.push(token);
  entry.pending = pending.subarray(share);
  entry.logits = last ? (indexes[0] ?? null) : null;
}
