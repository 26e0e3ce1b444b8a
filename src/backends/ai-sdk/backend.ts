import type { Backend, OpenModel, OpenOptions } from '../../contracts/backend.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import type { Clock } from '../../contracts/clock.ts';
import type { CallOptions, ModelDescriptor } from '../../contracts/model.ts';
import type { EmbedInput } from '../../contracts/operations.ts';
import type { Part } from '../../contracts/part.ts';
import type { BackendId } from '../../contracts/vocabulary.ts';
import { TuttiError } from '../../errors/error.ts';
import { systemClock } from '../../lib/clock.ts';
import { nearest } from '../../lib/nearest.ts';
import { familyOf } from '../openai-protocol/model-families.ts';
import { RemoteModel } from '../upstream/remote-model.ts';
import { embedTexts } from './embed.ts';
import { isEmbeddingModel, modelOf, type AiSdkEntry } from './models.ts';
import { streamChat } from './stream-chat.ts';

export interface AiSdkOptions {
  /** The backend's id: models are called `id:name`. */
  readonly id: BackendId;
  /** By the names that they get here. */
  readonly models: Readonly<Record<string, AiSdkEntry>>;
  /** True when nothing of a call leaves this machine. Default false. */
  readonly onThisMachine?: boolean;
  /** The longest silence of a model, in seconds. Default 300. */
  readonly timeoutSeconds?: number;
  readonly clock?: Clock;
}

/**
 * A backend of models of the Vercel AI SDK (`LanguageModelV2` to `V4`, embedding models of the same versions).
 *
 * @example
 * import { anthropic } from '@ai-sdk/anthropic';
 * const backend = aiSdkBackend({ id: 'anthropic', models: { sonnet: anthropic('claude-sonnet-4-5') } });
 * await using tutti = await createTutti({ backends: [backend] });
 * await tutti.run({ model: 'anthropic:sonnet', input: 'Hello' });
 */
export function aiSdkBackend(options: AiSdkOptions): Backend {
  return new AiSdkBackend(options);
}

class AiSdkBackend implements Backend {
  readonly id: BackendId;
  readonly type = 'ai-sdk';
  readonly residency = 'remote';
  readonly onThisMachine: boolean;
  readonly #entries: ReadonlyMap<string, AiSdkEntry>;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #open = new Set<RemoteModel>();
  readonly #closing = new AbortController();

  constructor({ id, models, onThisMachine = false, timeoutSeconds = 300, clock = systemClock }: AiSdkOptions) {
    this.id = id;
    this.onThisMachine = onThisMachine;
    this.#entries = new Map(Object.entries(models));
    this.#clock = clock;
    this.#timeoutMs = timeoutSeconds * 1000;
  }

  async list(signal: AbortSignal): Promise<readonly ModelDescriptor[]> {
    if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
    return [...this.#entries].map(([name, entry]) => this.#describe(name, entry));
  }

  #describe(name: string, entry: AiSdkEntry): ModelDescriptor {
    const model = modelOf(entry);
    const { model: _model, ...given } = 'specificationVersion' in entry ? { model: entry } : entry;
    const embeds = isEmbeddingModel(model);
    const family = familyOf(model.modelId);
    const known = family?.kind === undefined ? (family?.capabilities ?? []) : [];
    return {
      id: `${this.id}:${name}`,
      backend: this.id,
      name,
      capabilities: embeds ? ['embedding'] : ['text_generation', ...known],
      operations: [embeds ? 'embed' : 'chat'],
      ...(!embeds && family?.contextWindow !== undefined && { contextWindow: family.contextWindow }),
      metadata: { provider: model.provider, model: model.modelId },
      ...given,
    };
  }

  async open(descriptor: ModelDescriptor, { signal }: OpenOptions): Promise<OpenModel> {
    if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
    if (this.#closing.signal.aborted) throw new TuttiError('closed', `The backend ${this.id} is closed.`);
    const entry = this.#entries.get(descriptor.name);
    if (!entry) {
      const near = nearest(descriptor.name, this.#entries.keys()).join(', ') || 'none';
      throw new TuttiError('model_not_found', `The backend ${this.id} has no model "${descriptor.name}". Nearest: ${near}.`);
    }
    const open = new RemoteModel(descriptor, {
      chat: (_name, input, options) => this.#chat(descriptor, entry, { input, options }),
      embed: (_name, input, options) => this.#embed(descriptor, entry, { input, options }),
    });
    this.#open.add(open);
    void open.closed.then(() => this.#open.delete(open));
    return open;
  }

  #chat(
    descriptor: ModelDescriptor,
    entry: AiSdkEntry,
    { input, options }: { input: ChatInput; options: CallOptions },
  ): AsyncIterable<Part> {
    const model = modelOf(entry);
    if (isEmbeddingModel(model)) throw new TuttiError('unsupported_input', `${descriptor.id} embeds and does not chat.`);
    return streamChat(model, input, { ...this.#call(descriptor, options), timeoutMs: this.#timeoutMs, clock: this.#clock });
  }

  #embed(
    descriptor: ModelDescriptor,
    entry: AiSdkEntry,
    { input, options }: { input: EmbedInput; options: CallOptions },
  ): AsyncIterable<Part> {
    const model = modelOf(entry);
    if (!isEmbeddingModel(model)) throw new TuttiError('unsupported_input', `${descriptor.id} chats and does not embed.`);
    return embedTexts(model, input, this.#call(descriptor, options));
  }

  #call(descriptor: ModelDescriptor, { signal, step }: CallOptions) {
    const who = { name: this.id, model: descriptor.name, now: this.#clock.now() };
    return { step, who, descriptor, signal: AbortSignal.any([signal, this.#closing.signal]) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new TuttiError('closed', `The backend ${this.id} was closed.`));
    for (const model of [...this.#open]) await model[Symbol.asyncDispose]();
  }
}
