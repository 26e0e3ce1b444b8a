import type { FinishReason, Part } from '../../contracts/part.ts';
import type { Usage } from '../../contracts/usage.ts';
import type { StepPath } from '../../contracts/vocabulary.ts';
import { TuttiError } from '../../errors/error.ts';
import { asNumber, asObject } from '../../lib/json-value.ts';
import type { AiSdkStreamPart } from './models.ts';

type FinishStreamPart = Extract<AiSdkStreamPart, { type: 'finish' }>;

export interface StreamReaderOptions {
  readonly step: StepPath;
  /** For messages: the model's id. */
  readonly model: string;
  estimateInput(): number;
  /** An error of the SDK or a provider, as ours. */
  toError(error: unknown): TuttiError;
}

/** Turns the AI SDK's stream parts (V2 to V4) into Tutti's. Pure. Tools that the provider ran itself are not calls to anybody. */
export class AiSdkStreamReader {
  readonly #options: StreamReaderOptions;
  readonly #calls = new Map<string, number>();
  #finish: FinishStreamPart | null = null;
  #outputLength = 0;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
  }

  read(part: AiSdkStreamPart): Part[] {
    const { step } = this.#options;
    switch (part.type) {
      case 'text-delta':
        this.#outputLength += part.delta.length;
        return part.delta === '' ? [] : [{ type: 'text-delta', step, choice: 0, text: part.delta }];
      case 'reasoning-delta':
        this.#outputLength += part.delta.length;
        return part.delta === '' ? [] : [{ type: 'reasoning-delta', step, choice: 0, text: part.delta }];
      case 'tool-input-start':
        return part.providerExecuted ? [] : [this.#begin(part.id, part.toolName, '')];
      case 'tool-input-delta': {
        const index = this.#calls.get(part.id);
        this.#outputLength += part.delta.length;
        return index === undefined ? [] : [{ type: 'tool-call-delta', step, choice: 0, index, arguments: part.delta }];
      }
      case 'tool-call':
        // Whole, and also said after a call that came in pieces.
        if (part.providerExecuted || this.#calls.has(part.toolCallId)) return [];
        return [this.#begin(part.toolCallId, part.toolName, part.input)];
      case 'file':
        return [{ type: 'artifact', step, choice: 0, kind: 'file', value: { mediaType: part.mediaType, data: part.data } }];
      case 'error':
        throw this.#options.toError(part.error);
      case 'finish':
        this.#finish = part;
        return [];
      default:
        return []; // starts, ends, sources, metadata: nothing that a caller of Tutti sees
    }
  }

  #begin(id: string, name: string, args: string): Part {
    const index = this.#calls.size;
    this.#calls.set(id, index);
    this.#outputLength += args.length;
    return { type: 'tool-call-delta', step: this.#options.step, choice: 0, index, id, name, arguments: args };
  }

  /** Usage and finish. Throws `stream_truncated` when the stream had no finish. */
  end(): Part[] {
    const { step, model } = this.#options;
    if (!this.#finish) throw new TuttiError('stream_truncated', `The stream of ${model} ended without its finish.`);
    return [
      { type: 'usage', step, usage: this.#usage(this.#finish) },
      { type: 'finish', step, choice: 0, reason: this.#reason(this.#finish) },
    ];
  }

  #reason({ finishReason }: FinishStreamPart): FinishReason {
    const { model } = this.#options;
    const word = typeof finishReason === 'string' ? finishReason : finishReason.unified; // V2 has the bare word
    switch (word) {
      case 'length':
        return 'length';
      case 'content-filter':
        return 'content_filter';
      case 'tool-calls':
        return 'tool_calls';
      case 'error':
        throw new TuttiError('upstream_error', `${model} ended its answer with an error.`);
      case 'interrupted':
        throw new TuttiError('stream_truncated', `${model} broke off its answer.`);
      default:
        return this.#calls.size > 0 ? 'tool_calls' : 'stop';
    }
  }

  /** V2 counts flat, V3 and V4 by kind. */
  #usage({ usage }: FinishStreamPart): Usage {
    const flat = asObject(usage) ?? {};
    const input = asObject(flat['inputTokens']);
    const output = asObject(flat['outputTokens']);
    const inputTokens = asNumber(input?.['total']) ?? asNumber(flat['inputTokens']);
    const outputTokens = asNumber(output?.['total']) ?? asNumber(flat['outputTokens']);
    if (inputTokens === null && outputTokens === null) {
      return { inputTokens: this.#options.estimateInput(), outputTokens: Math.ceil(this.#outputLength / 4), estimated: true };
    }
    const cached = asNumber(input?.['cacheRead']) ?? asNumber(flat['cachedInputTokens']);
    const reasoning = asNumber(output?.['reasoning']) ?? asNumber(flat['reasoningTokens']);
    return {
      inputTokens: inputTokens ?? 0,
      outputTokens: outputTokens ?? 0,
      ...(cached !== null && { cachedInputTokens: cached }),
      ...(reasoning !== null && { reasoningTokens: reasoning }),
    };
  }
}
