import type {
  Backend,
  CountInput,
  Health,
  Memory,
  OpenModel,
  OpenOptions,
  Placement,
  PullProgress,
} from '../contracts/backend.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { Clock } from '../contracts/clock.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { EmbedInput } from '../contracts/operations.ts';
import type { BackendId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';
import { nearest } from '../lib/nearest.ts';
import { countWords, textOfContent, textOfMessages, type FakeAnswer } from './fake-answer.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeOpenModel, pass, textsOf, throwIfCancelled, type FakeCall, type Mutable } from './fake-model.ts';

/** One model of a `FakeBackend`. Without `answer` it repeats the last message. */
export interface FakeModelScript {
  /** An answer, a list (one a call; the last one repeats), or a function of the call. */
  readonly answer?:
    | string
    | FakeAnswer
    | readonly FakeAnswer[]
    | ((input: ChatInput, call: FakeCall) => FakeAnswer | string | Promise<FakeAnswer | string>);
  /** The vector of a text. Default: eight numbers of unit length that depend on the text only. */
  readonly embed?: (text: string) => readonly number[];
  /** Beside `id`, `backend` and `name`. Default: `text_generation` by `chat`; `embedding` by `embed` when `embed` is given. */
  readonly descriptor?: Partial<Omit<ModelDescriptor, 'id' | 'backend' | 'name'>>;
  /** What `estimate` says, by placement if need be. Default: 100 MiB on the device. */
  readonly memory?: Memory | ((placement: Placement) => Memory);
  /** What `measure` says once it is loaded. Default: the estimate. */
  readonly measured?: Memory;
  /** How loading goes. */
  readonly load?: {
    /** Milliseconds of the clock. */
    readonly ms?: number;
    readonly gate?: PromiseLike<unknown>;
    /** Thrown instead of loading; a function sees the number of the attempt (from 1) and the placement, and may let it pass. */
    readonly error?: Error | ((attempt: number, placement: Placement) => Error | null);
    /** What `onProgress` is told. Default `[0, 1]`. */
    readonly progress?: readonly number[];
  };
}

/** How a fake backend looks to others. */
export interface FakeBackendOptions {
  /** Default `fake`. */
  readonly id?: BackendId;
  /** Default `remote`. */
  readonly residency?: 'local' | 'remote';
  /** Default true. */
  readonly onThisMachine?: boolean;
  /** Delays are of this clock. Default: a `FakeClock` of its own, at `backend.clock`. */
  readonly clock?: Clock;
  readonly models?: Readonly<Record<string, FakeModelScript>>;
  readonly health?: Health;
}

/** One load that a fake model got. */
export interface FakeLoad {
  readonly model: string;
  readonly placement: Placement;
  readonly state: 'loading' | 'loaded' | 'failed' | 'unloaded' | 'crashed';
}

/**
 * A backend whose models say what they are told, when they are told. It obeys the contract that real backends obey, so
 * that pool, router and strategies can be tested without a model.
 *
 * @example
 * const backend = new FakeBackend({ models: { yes: { answer: 'yes' }, broken: { answer: { failBefore: new TuttiError('upstream_error', 'down') } } } });
 */
export class FakeBackend implements Backend {
  readonly id: BackendId;
  readonly type = 'fake';
  readonly residency: 'local' | 'remote';
  readonly onThisMachine: boolean;
  readonly clock: Clock;
  /** All calls so far, in the order of their arrival. */
  readonly calls: FakeCall[] = [];
  /** All loads so far, in the order of their start. */
  readonly loads: FakeLoad[] = [];
  #scripts = new Map<string, FakeModelScript>();
  #open = new Set<FakeOpenModel>();
  #health: Health;
  #callWaiters: Deferred<FakeCall>[] = [];
  #disposed = false;

  constructor(options: FakeBackendOptions = {}) {
    this.id = options.id ?? 'fake';
    this.residency = options.residency ?? 'remote';
    this.onThisMachine = options.onThisMachine ?? true;
    this.clock = options.clock ?? new FakeClock();
    this.#health = options.health ?? { ok: true, message: 'a fake is always well' };
    for (const [name, script] of Object.entries(options.models ?? { echo: {} })) this.#scripts.set(name, script);
  }

  /** Adds a model, or changes what one says from now on. */
  script(name: string, script: FakeModelScript): void {
    this.#scripts.set(name, script);
  }

  /** The names of the models that are open now, each as often as it is. */
  get loaded(): readonly string[] {
    return [...this.#open].map((model) => model.descriptor.name);
  }

  /** The next call to come. */
  nextCall(): Promise<FakeCall> {
    const waiter = deferred<FakeCall>();
    this.#callWaiters.push(waiter);
    return waiter.promise;
  }

  /** Ends every open instance of a model as `kill -9` would: its calls fail, `closed` settles with the error. */
  crash(name: string, error: Error = new TuttiError('runner_crashed', `The runner of ${this.id}:${name} ended.`)): void {
    for (const model of [...this.#open]) if (model.descriptor.name === name) model.end(error);
  }

  descriptor(name: string): ModelDescriptor {
    const script = this.#script(name);
    return {
      id: `${this.id}:${name}`,
      backend: this.id,
      name,
      capabilities: script.embed ? ['embedding'] : ['text_generation'],
      operations: script.embed ? ['embed'] : ['chat'],
      nativeChoices: true,
      ...script.descriptor,
    };
  }

  async list(signal: AbortSignal): Promise<readonly ModelDescriptor[]> {
    signal.throwIfAborted();
    return [...this.#scripts.keys()].map((name) => this.descriptor(name));
  }

  async open(model: ModelDescriptor, { placement, signal, onProgress }: OpenOptions): Promise<OpenModel> {
    if (this.#disposed) throw new TuttiError('closed', `The backend ${this.id} is closed.`);
    const { load = {}, ...script } = this.#script(model.name);
    const record: Mutable<FakeLoad> = { model: model.name, placement, state: 'loading' };
    const attempt = this.loads.push(record) - this.loads.filter((other) => other.model !== model.name).length;
    const [first = 0, ...rest] = load.progress ?? [0, 1];
    onProgress?.(first);
    try {
      await pass(this.clock, { ms: load.ms, gate: load.gate, signal });
      const error = typeof load.error === 'function' ? load.error(attempt, placement) : load.error;
      if (error) throw error;
    } catch (error) {
      record.state = 'failed';
      throw TuttiError.from(error, 'load_failed');
    }
    for (const fraction of rest) onProgress?.(fraction);
    record.state = 'loaded';
    const memory = script.measured ?? (await this.estimate(model, placement));
    const open = new FakeOpenModel(model, {
      memory,
      run: (call) => this.#answer(model.name, call),
      began: (call) => this.#began(call),
      clock: this.clock,
      ended: (crashed) => {
        record.state = crashed ? 'crashed' : 'unloaded';
        this.#open.delete(open);
      },
    });
    this.#open.add(open);
    return open;
  }

  async estimate(model: ModelDescriptor, placement: Placement): Promise<Memory> {
    const { memory = { [placement.device]: 100 * 2 ** 20 } } = this.#script(model.name);
    return typeof memory === 'function' ? memory(placement) : memory;
  }

  async countTokens(_model: ModelDescriptor, input: string | CountInput): Promise<number> {
    return countWords(typeof input === 'string' ? input : textOfMessages({ messages: [...input.messages] }));
  }

  async *pull(name: string, { signal }: { signal: AbortSignal }): AsyncGenerator<PullProgress> {
    for (const doneBytes of [0, 50, 100]) {
      throwIfCancelled(signal);
      yield { item: name, doneBytes, totalBytes: 100, status: doneBytes < 100 ? 'downloading' : 'done' };
    }
    if (!this.#scripts.has(name)) this.script(name, {});
  }

  async health(): Promise<Health> {
    return this.#health;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    for (const model of [...this.#open]) await model[Symbol.asyncDispose]();
  }

  #script(name: string): FakeModelScript {
    const script = this.#scripts.get(name);
    if (script) return script;
    const near = nearest(name, [...this.#scripts.keys()]);
    throw new TuttiError(
      'model_not_found',
      `The backend ${this.id} has no model "${name}". Nearest: ${near.join(', ') || 'none'}.`,
    );
  }

  #began(call: FakeCall): void {
    this.calls.push(call);
    for (const waiter of this.#callWaiters.splice(0)) waiter.resolve(call);
  }

  async #answer(name: string, call: FakeCall): Promise<FakeAnswer | { readonly vectors: number[][] }> {
    const script = this.#script(name);
    if (call.operation === 'embed') {
      const texts = textsOf((call.input as EmbedInput).input);
      return { vectors: texts.map((text) => [...(script.embed ?? embedText)(text)]) };
    }
    const input = call.input as ChatInput;
    const { answer } = script;
    const given = typeof answer === 'function' ? await answer(input, call) : answer;
    if (given === undefined) return { text: textOfContent(input.messages.at(-1)?.content) };
    if (typeof given === 'string') return { text: given };
    return isList(given) ? (given[Math.min(call.index, given.length - 1)] ?? {}) : given;
  }
}

const isList = (value: FakeAnswer | readonly FakeAnswer[]): value is readonly FakeAnswer[] => Array.isArray(value);

/** Eight numbers of unit length that depend on the text only. */
function embedText(text: string): number[] {
  const sums = Array.from({ length: 8 }, () => 0.01);
  for (let i = 0; i < text.length; i++) sums[(text.charCodeAt(i) + i) % 8]! += 1; // an index below 8
  const norm = Math.hypot(...sums);
  return sums.map((sum) => sum / norm);
}
