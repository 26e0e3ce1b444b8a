/** One model inside a runner: its weights, its context, and the calls that use them. */
import type { ChatInput, ContentPart } from '../../../contracts/chat.ts';
import type { EmbedInput } from '../../../contracts/operations.ts';
import { TuttiError } from '../../../errors/error.ts';
import type { CallMessage, Loaded, LoadRequest, RunnerPart, TokenizeRequest } from '../protocol.ts';
import { OPENERS } from './call-reader.ts';
import { grammarFor, offeredTools } from './constraint.ts';
import { Embedder } from './embedder.ts';
import { Engine } from './engine.ts';
import { Generation } from './generation.ts';
import {
  isOutOfMemory,
  nativeContext,
  nativeModel,
  type Llama,
  type LlamaContext,
  type LlamaModel,
  type NativeContext,
  type NativeModel,
} from './native.ts';
import { PromptTemplate } from './prompt.ts';
import { Vocabulary } from './vocabulary.ts';

/** Tokens computed in one step at most. */
const BATCH = 512;

export class LoadedModel implements AsyncDisposable {
  readonly loaded: Loaded;
  readonly #llama: Llama;
  readonly #model: LlamaModel;
  readonly #native: NativeModel;
  /**
   * Kept though only its native part is used: node-llama-cpp finds the contexts of a model by weak references, and
   * disposing of the model waits for ever for a context that was collected.
   */
  readonly #owner: LlamaContext | null;
  readonly #context: NativeContext | null;
  readonly #engine: Engine | null;
  readonly #embedder: Embedder;
  readonly #vocabulary: Vocabulary;
  readonly #template: PromptTemplate;
  readonly #request: LoadRequest;

  private constructor(llama: Llama, model: LlamaModel, context: LlamaContext | null, request: LoadRequest) {
    this.#llama = llama;
    this.#model = model;
    this.#native = nativeModel(model);
    this.#owner = context;
    this.#context = context === null ? null : nativeContext(context);
    this.#vocabulary = new Vocabulary(model);
    this.#template = templateOf(model, request.chatTemplate);
    this.#request = request;
    this.#embedder = new Embedder(model, request);
    const contextSize = context?.contextSize ?? request.contextSize;
    this.#engine =
      this.#context === null
        ? null
        : new Engine({ context: this.#context, parallel: request.parallel, contextSize, batchSize: context?.batchSize ?? BATCH });
    this.loaded = { contextSize, gpu: llama.gpu === false ? null : llama.gpu, gpuLayers: model.gpuLayers };
  }

  /** Errors: `load_failed`, `out_of_memory`. */
  static async load(llama: Llama, request: LoadRequest, onProgress: (fraction: number) => void): Promise<LoadedModel> {
    let model: LlamaModel | null = null;
    try {
      model = await llama.loadModel({
        modelPath: request.path,
        gpuLayers: llama.gpu === false ? 0 : request.gpuLayers,
        onLoadProgress: onProgress,
        // The pool keeps account of memory; this check would count what is reserved twice, and page cache as used.
        ignoreMemorySafetyChecks: llama.gpu === false,
      });
      const context = request.generates ? await createContext(model, request, llama.gpu === false) : null;
      return new LoadedModel(llama, model, context, request);
    } catch (error) {
      await model?.dispose();
      if (TuttiError.isInstance(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new TuttiError(isOutOfMemory(error) ? 'out_of_memory' : 'load_failed', reason, { cause: error });
    }
  }

  async call(message: CallMessage, signal: AbortSignal, onParts: (parts: RunnerPart[]) => void): Promise<void> {
    switch (message.operation) {
      case 'chat':
        return this.#chat(message, message.input, signal, onParts);
      case 'embed':
        return this.#embed(message.input, signal, onParts);
      default:
        return message satisfies never;
    }
  }

  get memory(): { cpu: number; gpu: number } {
    const weights = this.#native.getMemoryBreakdown();
    const context = this.#context?.getMemoryBreakdown() ?? { cpuRam: 0, gpuVram: 0 };
    return { cpu: weights.cpuRam + context.cpuRam, gpu: weights.gpuVram + context.gpuVram };
  }

  setThreads(threads: number): void {
    this.#engine?.setThreads(threads);
  }

  /** Whether this is the model of a file, with the same template. */
  isOf(path: string, chatTemplate: string | null): boolean {
    return this.#request.path === path && this.#request.chatTemplate === chatTemplate;
  }

  countTokens(input: TokenizeRequest['input']): number {
    return countTokens(this.#vocabulary, this.#template, input);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine?.stop();
    await this.#embedder[Symbol.asyncDispose]();
    await this.#owner?.dispose();
    await this.#model.dispose();
  }

  async #chat(
    message: CallMessage,
    input: ChatInput,
    signal: AbortSignal,
    onParts: (parts: RunnerPart[]) => void,
  ): Promise<void> {
    if (this.#engine === null || this.#context === null)
      throw new TuttiError('unsupported_input', 'This model makes embeddings and writes no text.');
    this.#checkSize(input);
    const tools = offeredTools(input);
    const { callFormat } = this.#template;
    const grammar = grammarFor(input, callFormat);
    const { text, opensReasoning } = this.#template.render(
      { messages: input.messages, tools, reasoningEffort: input.reasoning_effort ?? null },
      (content) => this.#vocabulary.inert(content),
    );
    const prompt = this.#vocabulary.prompt(text);
    this.#checkLength(prompt.length);
    const stops = typeof input.stop === 'string' ? [input.stop] : (input.stop ?? []);
    const generation = new Generation(
      { llama: this.#llama, model: this.#native, context: this.#context, vocabulary: this.#vocabulary },
      {
        prompt,
        input,
        sampling: this.#request.sampling,
        grammar,
        reader: {
          tools: tools.map((tool) => tool.function.name),
          bareCalls: callFormat === 'llama',
          reasoning: opensReasoning,
          thinks: grammar === null,
          stops: [...stops.filter((stop) => stop !== ''), ...this.#template.stops],
        },
        // Some models call from memory of earlier turns though they were shown no tools.
        banned: input.tool_choice === 'none' ? OPENERS.flatMap((opener) => this.#vocabulary.single(opener) ?? []) : [],
        singleCall: input.parallel_tool_calls === false,
        callIds: callFormat === 'mistral' ? 'mistral' : 'openai',
      },
    );
    await this.#engine.run({ generation, principal: message.principal, priority: message.priority, onParts }, signal);
  }

  async #embed(input: EmbedInput, signal: AbortSignal, onParts: (parts: RunnerPart[]) => void): Promise<void> {
    const { vectors, tokens } = await this.#embedder.embed(input, this.#vocabulary, signal);
    onParts([
      { type: 'artifact', kind: 'embeddings', value: { vectors } },
      { type: 'usage', usage: { inputTokens: tokens, outputTokens: 0 } },
      { type: 'finish', reason: 'stop' },
    ]);
  }

  /** What is far too long is refused before it is rendered. */
  #checkSize({ messages }: ChatInput): void {
    const text = messages
      .map(({ content }) => (typeof content === 'string' ? content : (content ?? []).map(textOf).join('')))
      .join('');
    const tokens = this.#vocabulary.farBeyond(this.loaded.contextSize, text);
    if (tokens !== null) this.#checkLength(tokens, 'about ');
  }

  #checkLength(tokens: number, about = ''): void {
    const { contextSize } = this.loaded;
    // One token of room is needed for the answer.
    const over = tokens - (contextSize - 1);
    if (over <= 0) return;
    throw new TuttiError(
      'context_length_exceeded',
      `The prompt has ${about}${tokens} tokens, ${over} more than fit: the context window is ${contextSize} tokens, prompt and answer together.`,
      { param: 'messages', details: { tokens, context_window: contextSize, over_by: over } },
    );
  }
}

function textOf(part: ContentPart): string {
  return part.type === 'text' ? part.text : '';
}

function createContext(model: LlamaModel, request: LoadRequest, ignoreMemorySafetyChecks: boolean): Promise<LlamaContext> {
  const type = request.kvCacheType.toUpperCase() as 'F16'; // every KvCacheType is the lower case of one of ggml's names
  return model.createContext({
    contextSize: request.contextSize,
    sequences: request.parallel,
    batchSize: Math.min(BATCH, request.contextSize * request.parallel),
    threads: request.threads,
    flashAttention: request.flashAttention,
    experimentalKvCacheKeyType: type,
    experimentalKvCacheValueType: type,
    ...(request.lora.length > 0 && { lora: { adapters: request.lora.map(({ path, scale }) => ({ filePath: path, scale })) } }),
    // A smaller context than was asked for must be asked for: the pool decides on that.
    failedCreationRemedy: false,
    ignoreMemorySafetyChecks,
  });
}

export function templateOf(model: LlamaModel, override: string | null): PromptTemplate {
  const own: unknown = model.fileInfo.metadata.tokenizer.chat_template;
  const source = override ?? (typeof own === 'string' && own !== '' ? own : null);
  return new PromptTemplate(source, { bos_token: model.tokens.bosString ?? '', eos_token: model.tokens.eosString ?? '' });
}

export function countTokens(vocabulary: Vocabulary, template: PromptTemplate, input: TokenizeRequest['input']): number {
  if (typeof input === 'string') return vocabulary.plain(input).length;
  const { text } = template.render({ messages: input.messages, tools: input.tools ?? [] }, (content) =>
    vocabulary.inert(content),
  );
  return vocabulary.prompt(text).length;
}
