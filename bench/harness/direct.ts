/**
 * The peer of `bench -- local`: the same weights in this process, by the shortest loop there is over node-llama-cpp's binding
 * (decode, sample, decode …). No queue, no events, no messages, no stop sequences, no cancel.
 */
import { templateOf } from '../../src/backends/llama-cpp/runner/loaded-model.ts';
import {
  nativeContext,
  nativeModel,
  newSampler,
  startLlama,
  type Llama,
  type LlamaContext,
  type LlamaModel,
  type NativeContext,
  type NativeSampler,
} from '../../src/backends/llama-cpp/runner/native.ts';
import type { PromptTemplate } from '../../src/backends/llama-cpp/runner/prompt.ts';
import { Vocabulary } from '../../src/backends/llama-cpp/runner/vocabulary.ts';

/** Tokens computed in one step at most. */
const BATCH = 512;

export interface Answer {
  readonly tokens: number;
  readonly text: string;
}

/** One for the process, as in any program that uses the binding. */
let started: Promise<Llama> | null = null;

export class DirectModel implements AsyncDisposable {
  /** All tokens that would end an answer. */
  readonly endings: readonly number[];
  readonly #llama: Llama;
  readonly #model: LlamaModel;
  /** Kept though only its native part is used: a model waits for ever for a context that was collected. */
  readonly #owner: LlamaContext;
  readonly #context: NativeContext;
  readonly #vocabulary: Vocabulary;
  readonly #template: PromptTemplate;

  private constructor(llama: Llama, model: LlamaModel, context: LlamaContext) {
    this.#llama = llama;
    this.#model = model;
    this.#owner = context;
    this.#context = nativeContext(context);
    this.#vocabulary = new Vocabulary(model);
    this.#template = templateOf(model, null);
    this.endings = Array.from({ length: this.#vocabulary.size }, (_, token) => token).filter((token) =>
      this.#vocabulary.ends(token),
    );
  }

  /** On one thread. */
  static async load(
    path: string,
    { sequences, contextSize }: { readonly sequences: number; readonly contextSize: number },
  ): Promise<DirectModel> {
    const llama = await (started ??= startLlama(false, () => {}));
    const model = await llama.loadModel({ modelPath: path, gpuLayers: 0, ignoreMemorySafetyChecks: true });
    const context = await model.createContext({
      contextSize,
      sequences,
      batchSize: BATCH,
      threads: 1,
      failedCreationRemedy: false,
      ignoreMemorySafetyChecks: true,
    });
    return new DirectModel(llama, model, context);
  }

  /** One answer for each prompt, all in the same batches, each of exactly `maxTokens` tokens. */
  async answer(prompts: readonly string[], maxTokens: number): Promise<Answer[]> {
    const context = this.#context;
    const sequences = prompts.map((prompt, id) => {
      const { text } = this.#template.render({ messages: [{ role: 'user', content: prompt }], tools: [] }, (content) =>
        this.#vocabulary.inert(content),
      );
      context.removeTokenCellsFromSequence(id, 0, -1);
      return {
        id,
        position: 0,
        pending: this.#vocabulary.prompt(text),
        logits: 0,
        text: '',
        decoder: new TextDecoder(),
        sampler: this.#sampler(),
      };
    });
    for (let written = 0; written < maxTokens; written++) {
      context.initBatch(sequences.reduce((sum, { pending }) => sum + pending.length, 0));
      for (const sequence of sequences) {
        const { id, position, pending } = sequence;
        sequence.logits = context.addToBatch(id, position, pending, Uint32Array.of(pending.length - 1))[0] ?? 0;
        sequence.position += pending.length;
      }
      await context.decodeBatch();
      await Promise.all(
        sequences.map(async (sequence) => {
          const token = await context.sampleToken(sequence.logits, sequence.sampler);
          const { bytes, control } = this.#vocabulary.piece(token);
          if (!control) sequence.text += sequence.decoder.decode(bytes, { stream: true });
          sequence.pending = Uint32Array.of(token);
        }),
      );
    }
    for (const { sampler } of sequences) sampler.dispose();
    return sequences.map(({ text, decoder }) => ({ tokens: maxTokens, text: text + decoder.decode() }));
  }

  #sampler(): NativeSampler {
    return newSampler(this.#llama, nativeModel(this.#model), {
      temperature: 0,
      tokenBiasKeys: Uint32Array.from(this.endings),
      tokenBiasValues: new Float32Array(this.endings.length).fill(Number.NEGATIVE_INFINITY),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owner.dispose();
    await this.#model.dispose();
  }
}
