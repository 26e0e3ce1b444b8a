/**
 * The embedded models with a memory: a greedy answer is computed once for each model and prompt, and told again with the
 * same probabilities and usage, so that many orchestrations of the same models take little longer than the models alone.
 * What is counted is as if every answer had been computed.
 */
import { createHash } from 'node:crypto';
import { embeddedBackend, embeddedConfig, type EmbeddedConfig } from '../../src/backends/llama-cpp/schema.ts';
import type { Backend, BackendDefinition, OpenModel, OpenOptions } from '../../src/contracts/backend.ts';
import type { ChatInput } from '../../src/contracts/chat.ts';
import type { CallOptions, ModelDescriptor } from '../../src/contracts/model.ts';
import type { Operation, Operations } from '../../src/contracts/operations.ts';
import type { Part } from '../../src/contracts/part.ts';
import type { ModelId } from '../../src/contracts/vocabulary.ts';

/** What one model took so far: of what was computed, not of what was told again. */
interface Speed {
  ms: number;
  tokens: number;
}

/** Answers of models by prompt. One for all backends of a benchmark. */
export class Memory {
  readonly #answers = new Map<string, Promise<readonly Part[]>>();
  readonly #speeds = new Map<ModelId, Speed>();
  /** One entry for each answer that is being computed. */
  readonly #working: Speed[] = [];
  #sharedAt = 0;
  #computed = 0;
  #told = 0;

  /** How many answers were computed, and how many told again. */
  get counts(): { readonly computed: number; readonly told: number } {
    return { computed: this.#computed, told: this.#told };
  }

  /** Milliseconds that the model takes for so many tokens, prompt and answer, going by what it took so far. */
  msFor(model: ModelId, tokens: number): number {
    const speed = this.#speeds.get(model);
    return speed === undefined || speed.tokens === 0 ? 0 : (speed.ms / speed.tokens) * tokens;
  }

  /** The parts of an answer, from memory or by `compute`. Who asks for what is being computed waits for it. */
  async answer(model: ModelId, input: ChatInput, compute: () => AsyncIterable<Part>): Promise<readonly Part[]> {
    const key = keyOf(model, input);
    const known = this.#answers.get(key);
    if (known !== undefined) {
      this.#told++;
      return known;
    }
    const computing = this.#compute(model, compute);
    this.#answers.set(key, computing);
    // A failure is not worth remembering.
    computing.catch(() => this.#answers.delete(key));
    return computing;
  }

  async #compute(model: ModelId, compute: () => AsyncIterable<Part>): Promise<readonly Part[]> {
    this.#computed++;
    const speed = this.#speeds.get(model) ?? { ms: 0, tokens: 0 };
    this.#speeds.set(model, speed);
    this.#share();
    this.#working.push(speed);
    try {
      const parts = await Array.fromAsync(compute());
      for (const part of parts) if (part.type === 'usage') speed.tokens += part.usage.inputTokens + part.usage.outputTokens;
      return parts;
    } finally {
      this.#share();
      this.#working.splice(this.#working.indexOf(speed), 1);
    }
  }

  /** One thread computes for all who are at work: the time since the last look is divided among them. */
  #share(): void {
    const now = performance.now();
    for (const speed of this.#working) speed.ms += (now - this.#sharedAt) / this.#working.length;
    this.#sharedAt = now;
  }
}

function keyOf(model: ModelId, input: ChatInput): string {
  const { logprobs: _logprobs, top_logprobs: _top, user: _user, ...rest } = input;
  const entries = Object.entries(rest).filter(([, value]) => value !== undefined && value !== null);
  const text = JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  return createHash('sha256').update(`${model}\n${text}`).digest('base64');
}

/** The kind of backend `memorised`: takes the keys of `embedded`. */
export function memorisedBackend(memory: Memory): BackendDefinition<EmbeddedConfig> {
  return {
    type: 'memorised',
    config: embeddedConfig,
    create: async (config, context) => remembering(await embeddedBackend.create(config, context), memory),
  };
}

function remembering(backend: Backend, memory: Memory): Backend {
  const open = async (model: ModelDescriptor, options: OpenOptions): Promise<OpenModel> =>
    rememberingModel(await backend.open(model, options), memory);
  return new Proxy(backend, {
    get(target, property) {
      if (property === 'open') return open;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

function rememberingModel(model: OpenModel, memory: Memory): OpenModel {
  async function* call<O extends Operation>(
    operation: O,
    input: Operations[O]['input'],
    options: CallOptions,
  ): AsyncGenerator<Part> {
    if (operation !== 'chat' || !isGreedy(input as ChatInput)) return yield* model.call(operation, input, options);
    const chat = input as ChatInput;
    const asked = chat.logprobs === true;
    // Computed for all who will ask: with probabilities, and to the end even if this caller leaves.
    const parts = await memory.answer(model.descriptor.id, chat, () =>
      model.call('chat', { ...chat, logprobs: true }, { ...options, signal: new AbortController().signal }),
    );
    for (const part of parts) {
      options.signal.throwIfAborted();
      const own = { ...part, step: options.step };
      if (own.type === 'text-delta' && !asked) delete (own as { logprobs?: unknown }).logprobs;
      yield own;
    }
  }
  return new Proxy(model, {
    get(target, property) {
      if (property === 'call') return call;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

/** The embedded models take the most likely token unless told otherwise. */
const isGreedy = ({ temperature }: ChatInput): boolean => (temperature ?? 0) === 0;
