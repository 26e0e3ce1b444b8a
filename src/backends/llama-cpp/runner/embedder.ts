/** Embeddings: a context of its own, made when the first text comes, for one text at a time. */
import type { EmbedInput } from '../../../contracts/operations.ts';
import { TuttiError } from '../../../errors/error.ts';
import type { LoadRequest } from '../protocol.ts';
import type { LlamaEmbeddingContext, LlamaModel, Token } from './native.ts';
import type { Vocabulary } from './vocabulary.ts';

export class Embedder implements AsyncDisposable {
  readonly #model: LlamaModel;
  readonly #request: LoadRequest;
  #context: Promise<LlamaEmbeddingContext> | null = null;

  constructor(model: LlamaModel, request: LoadRequest) {
    this.#model = model;
    this.#request = request;
  }

  /** Unit vectors in the order of the input. */
  async embed(input: EmbedInput, vocabulary: Vocabulary, signal: AbortSignal): Promise<{ vectors: number[][]; tokens: number }> {
    this.#checkSizes(input, vocabulary);
    const texts = tokenized(input, vocabulary);
    const size = this.#model.embeddingVectorSize;
    const dimensions = input.dimensions ?? size;
    if (dimensions > size)
      throw new TuttiError('invalid_request', `dimensions is ${dimensions}, but this model’s vectors have ${size}.`, {
        param: 'dimensions',
      });
    const context = await this.#open();
    const vectors: number[][] = [];
    let count = 0;
    for (const [i, tokens] of texts.entries()) {
      signal.throwIfAborted();
      this.#checkLength(tokens.length, i);
      const { vector } = await context.getEmbeddingFor(tokens.slice());
      vectors.push(unit(vector.slice(0, dimensions)));
      count += tokens.length;
    }
    return { vectors, tokens: count };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#context)?.dispose();
  }

  async #open(): Promise<LlamaEmbeddingContext> {
    const contextSize = this.#request.contextSize;
    this.#context ??= this.#model.createEmbeddingContext({ contextSize, batchSize: contextSize, threads: this.#request.threads });
    try {
      return await this.#context;
    } catch (error) {
      this.#context = null;
      throw new TuttiError(
        'backend_error',
        `This model makes no embeddings: ${error instanceof Error ? error.message : String(error)}`,
        {
          cause: error,
        },
      );
    }
  }

  /** What is far too long is refused before it is read. */
  #checkSizes({ input }: EmbedInput, vocabulary: Vocabulary): void {
    for (const [i, item] of (Array.isArray(input) ? input : [input]).entries()) {
      const tokens = typeof item === 'string' ? vocabulary.farBeyond(this.#request.contextSize, item) : null;
      if (tokens !== null) this.#checkLength(tokens, i, 'about ');
    }
  }

  #checkLength(tokens: number, index: number, about = ''): void {
    // Two places for the tokens that the model wants at the ends.
    const over = tokens - (this.#request.contextSize - 3);
    if (over > 0)
      throw new TuttiError(
        'context_length_exceeded',
        `input[${index}] has ${about}${tokens} tokens, ${over} more than fit into the context window of ${this.#request.contextSize}.`,
        { param: `input[${index}]`, details: { tokens, context_window: this.#request.contextSize, over_by: over } },
      );
  }
}

function tokenized({ input }: EmbedInput, vocabulary: Vocabulary): Token[][] {
  const items: readonly (string | readonly number[])[] = typeof input === 'string' ? [input] : isTokens(input) ? [input] : input;
  return items.map((item) => {
    if (typeof item === 'string') return vocabulary.plain(item) as Token[]; // ids come from this model’s own tokenizer
    for (const token of item) vocabulary.checkToken(token, 'input');
    return [...item] as Token[]; // checked on the line above
  });
}

function isTokens(input: readonly (string | number | readonly number[])[]): input is readonly number[] {
  return typeof input[0] === 'number';
}

function unit(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return length === 0 ? [...vector] : vector.map((x) => x / length);
}
