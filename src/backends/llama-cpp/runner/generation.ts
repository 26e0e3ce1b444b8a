/** One chat call inside the engine: what it has read and written, and what goes out. */
import { randomInt } from 'node:crypto';
import type { ChatInput } from '../../../contracts/chat.ts';
import type { FinishReason, TokenLogprob } from '../../../contracts/part.ts';
import { TuttiError } from '../../../errors/error.ts';
import { newId } from '../../../lib/id.ts';
import type { RunnerPart, Sampling } from '../protocol.ts';
import { CALL_MARKERS } from './call-reader.ts';
import { ConfidenceMeter, RawProbabilities, rawSamplers, tokenLogprob } from './logprobs.ts';
import {
  copyGrammarState,
  newGrammar,
  newGrammarState,
  newSampler,
  type Llama,
  type NativeContext,
  type NativeGrammar,
  type NativeGrammarState,
  type NativeModel,
  type NativeSampler,
  type SamplerConfig,
} from './native.ts';
import { OutputReader, type ReaderOptions, type Segment } from './output-reader.ts';
import type { Vocabulary } from './vocabulary.ts';

/** What a call needs of its model. */
export interface ModelParts {
  readonly llama: Llama;
  readonly model: NativeModel;
  readonly context: NativeContext;
  readonly vocabulary: Vocabulary;
}

export interface GenerationOptions {
  readonly prompt: Uint32Array;
  readonly input: ChatInput;
  readonly sampling: Sampling;
  /** GBNF, or null. Begins after the reasoning when the prompt ends inside it. */
  readonly grammar: string | null;
  readonly reader: ReaderOptions;
  /** Tokens that must not be written. */
  readonly banned: readonly number[];
  /** One call at most. */
  readonly singleCall: boolean;
  readonly callIds: 'openai' | 'mistral';
}

const MARKERS = new Set([...CALL_MARKERS, '<think>', '</think>']);

export class Generation implements Disposable {
  readonly prompt: Uint32Array;
  /** Tokens written so far, without the one that ended the answer. */
  written = 0;
  #reasoningTokens = 0;
  #finish: FinishReason | null = null;
  readonly #parts: ModelParts;
  readonly #options: GenerationOptions;
  readonly #maxTokens: number;
  readonly #reader: OutputReader;
  readonly #decoder = new TextDecoder();
  readonly #sampler: NativeSampler;
  readonly #constrained: NativeSampler | null = null;
  readonly #grammar: NativeGrammarState | null = null;
  readonly #raw: RawProbabilities | null;
  readonly #top: number;
  readonly #meter = new ConfidenceMeter();
  /** Log-probabilities that wait for the text of their token to go out, by where that text begins. */
  #waiting: { readonly at: number; readonly logprob: TokenLogprob }[] = [];
  #pushed = 0;
  #out: RunnerPart[] = [];

  /** Errors: `invalid_request`, `invalid_schema`. */
  constructor(parts: ModelParts, options: GenerationOptions) {
    const { input } = options;
    this.#parts = parts;
    this.#options = options;
    this.prompt = options.prompt;
    this.#maxTokens = input.max_completion_tokens ?? input.max_tokens ?? options.sampling.maxTokens ?? Number.POSITIVE_INFINITY;
    this.#reader = new OutputReader(options.reader);
    this.#top = input.top_logprobs ?? 0;
    const config = samplerConfig(parts.vocabulary, options);
    const { llama, model, context, vocabulary } = parts;
    const grammar = options.grammar === null ? null : grammarOf(llama, options.grammar, input);
    if (grammar !== null) {
      this.#grammar = newGrammarState(llama, model, grammar);
      this.#constrained = newSampler(llama, model, { ...config, grammarEvaluationState: this.#grammar });
    }
    this.#sampler = newSampler(llama, model, config);
    this.#raw = input.logprobs === true ? new RawProbabilities(context, rawSamplers(llama, model), vocabulary.size) : null;
  }

  get finished(): boolean {
    return this.#finish !== null;
  }

  /** Chooses the next token from the logits at `index` and reads it. Null: the answer is complete. */
  async next(index: number): Promise<number | null> {
    const { context, vocabulary } = this.#parts;
    const constrained = this.#reader.inReasoning ? null : this.#constrained;
    const distribution = await this.#raw?.read(index);
    const forced = distribution !== undefined && constrained !== null && (await this.#isForced(index));
    const token =
      constrained === null ? await context.sampleToken(index, this.#sampler) : await this.#constrain(index, constrained);
    if (token < 0 || vocabulary.ends(token)) {
      this.#end(this.#reader.calls > 0 ? 'tool_calls' : 'stop');
      return null;
    }
    this.written++;
    if (this.#reader.inReasoning) this.#reasoningTokens++;
    else if (distribution !== undefined && !forced) {
      const p = await distribution.of(token);
      this.#meter.add(p, distribution);
      this.#waiting.push({ at: this.#pushed, logprob: tokenLogprob(vocabulary, token, p, distribution, this.#top) });
    }
    this.#read(token);
    if (this.#reader.stopped) this.#end('stop');
    else if (this.#options.singleCall && this.#reader.calls > 0 && this.#reader.betweenCalls) this.#end('tool_calls');
    else if (this.written >= this.#maxTokens) this.#end('length');
    return this.finished ? null : token;
  }

  /** The context is full: the answer ends here. */
  outOfRoom(): void {
    this.#end('length');
  }

  /** What has become certain since the last time. */
  take(): RunnerPart[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  get pending(): boolean {
    return this.#out.length > 0;
  }

  closing(cachedInputTokens: number): RunnerPart[] {
    const reasoning = this.#reasoningTokens > 0;
    return [
      {
        type: 'usage',
        usage: {
          inputTokens: this.prompt.length,
          outputTokens: this.written,
          cachedInputTokens,
          ...(reasoning && { reasoningTokens: this.#reasoningTokens }),
        },
      },
      { type: 'finish', reason: this.#finish ?? 'stop', ...(this.#raw !== null && { confidence: this.#meter.result() }) },
    ];
  }

  [Symbol.dispose](): void {
    this.#sampler.dispose();
    this.#constrained?.dispose();
    this.#raw?.[Symbol.dispose]();
  }

  /** llama.cpp throws where a grammar allows no token at all. */
  async #constrain(index: number, sampler: NativeSampler): Promise<number> {
    try {
      return await this.#parts.context.sampleToken(index, sampler);
    } catch (cause) {
      throw new TuttiError('invalid_schema', 'The grammar leaves nothing that could be written next.', { cause });
    }
  }

  /** Whether the grammar leaves only one token: then its probability says nothing of the model. */
  async #isForced(index: number): Promise<boolean> {
    if (this.#grammar === null) return false;
    const { llama, model, context } = this.#parts;
    // Sampling moves the state of the grammar on, so the question is put to a copy.
    const probe = newSampler(llama, model, {
      temperature: 1,
      topK: 2,
      seed: 0,
      grammarEvaluationState: copyGrammarState(llama, this.#grammar),
    });
    try {
      const [, leading = []] = await context.sampleToken(index, probe, true, false);
      return (leading[3] ?? 0) === 0;
    } finally {
      probe.dispose();
    }
  }

  #read(token: number): void {
    const { bytes, control } = this.#parts.vocabulary.piece(token);
    if (control && !MARKERS.has(Buffer.from(bytes).toString())) return;
    this.#push(this.#decoder.decode(bytes, { stream: true }));
  }

  #push(text: string): void {
    this.#pushed += text.length;
    this.#emit(text === '' ? [] : this.#reader.push(text));
  }

  #end(reason: FinishReason): void {
    if (this.#finish !== null) return;
    this.#finish = reason;
    const tail = this.#decoder.decode();
    this.#push(tail);
    this.#emit(this.#reader.end());
    if (reason === 'stop' && this.#reader.calls > 0) this.#finish = 'tool_calls';
  }

  #emit(segments: readonly Segment[]): void {
    for (const segment of segments) {
      switch (segment.kind) {
        case 'text':
          this.#add({
            type: 'text-delta',
            text: segment.text,
            ...(this.#raw !== null && { logprobs: this.#logprobsOf(segment) }),
          });
          break;
        case 'reasoning':
          this.#add({ type: 'reasoning-delta', text: segment.text });
          break;
        case 'call': {
          const { index, name, arguments: args } = segment;
          this.#add({
            type: 'tool-call-delta',
            index,
            ...(name !== undefined && { id: this.#callId(), name }),
            ...(args !== undefined && { arguments: args }),
          });
          break;
        }
        default:
          segment satisfies never;
      }
    }
  }

  /** Joined with the last part where they belong together: what goes out at once goes out as one. */
  #add(part: RunnerPart): void {
    const last = this.#out.at(-1);
    const joined = last === undefined ? null : join(last, part);
    if (joined === null) this.#out.push(part);
    else this.#out[this.#out.length - 1] = joined;
  }

  #logprobsOf({ from, to }: { readonly from: number; readonly to: number }): TokenLogprob[] {
    const logprobs = this.#waiting.filter(({ at }) => at >= from && at < to).map(({ logprob }) => logprob);
    this.#waiting = this.#waiting.filter(({ at }) => at >= to);
    return logprobs;
  }

  #callId(): string {
    // Mistral's templates take nothing but nine letters or digits.
    return this.#options.callIds === 'mistral' ? newId('').slice(-9) : newId('call');
  }
}

function join(last: RunnerPart, part: RunnerPart): RunnerPart | null {
  if (last.type === 'text-delta' && part.type === 'text-delta')
    return {
      type: 'text-delta',
      text: last.text + part.text,
      ...(part.logprobs !== undefined && { logprobs: [...(last.logprobs ?? []), ...part.logprobs] }),
    };
  if (last.type === 'reasoning-delta' && part.type === 'reasoning-delta') return { ...last, text: last.text + part.text };
  if (last.type === 'tool-call-delta' && part.type === 'tool-call-delta' && last.index === part.index && part.id === undefined)
    return { ...last, arguments: (last.arguments ?? '') + (part.arguments ?? '') };
  return null;
}

function samplerConfig(vocabulary: Vocabulary, { input, sampling, banned }: GenerationOptions): SamplerConfig {
  const temperature = input.temperature ?? sampling.temperature;
  const topK = input.top_k ?? sampling.topK;
  const topP = input.top_p ?? sampling.topP;
  const minP = input.min_p ?? sampling.minP;
  const presence = input.presence_penalty ?? 0;
  const frequency = input.frequency_penalty ?? 0;
  const biases = new Map<number, number>(banned.map((token) => [token, Number.NEGATIVE_INFINITY]));
  for (const [key, bias] of Object.entries(input.logit_bias ?? {})) {
    vocabulary.checkToken(Number(key), 'logit_bias');
    biases.set(Number(key), bias <= -100 ? Number.NEGATIVE_INFINITY : bias);
  }
  return {
    temperature,
    // At temperature 0 the binding takes the best token and looks at nothing else.
    ...(temperature > 0 && {
      seed: (input.seed ?? randomInt(2 ** 32)) >>> 0,
      ...(topK > 0 && { topK }),
      ...(topP < 1 && { topP }),
      ...(minP > 0 && { minP }),
    }),
    ...((presence !== 0 || frequency !== 0) && {
      repeatPenaltyTokens: new Uint32Array(0),
      repeatPenaltyMaxTokens: 8192,
      repeatPenaltyPresencePenalty: presence,
      repeatPenaltyFrequencyPenalty: frequency,
    }),
    ...(biases.size > 0 && {
      tokenBiasKeys: Uint32Array.from(biases.keys()),
      tokenBiasValues: Float32Array.from(biases.values()),
    }),
  };
}

/** Whoever sent a schema need not know that it became a grammar. */
function grammarOf(llama: Llama, gbnf: string, { response_format: format }: ChatInput): NativeGrammar {
  try {
    return newGrammar(llama, gbnf);
  } catch (cause) {
    if (format?.type === 'grammar') throw cause;
    throw new TuttiError(
      'invalid_schema',
      'The schema cannot be enforced while the answer is written: it leads back to itself before anything is written, or repeats something too often.',
      { cause, param: format?.type === 'json_schema' ? 'response_format' : 'tools' },
    );
  }
}
