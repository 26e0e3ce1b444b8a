/** Tutti's parts as the AI SDK's. Pure. */
import type { LanguageModelV4StreamPart, LanguageModelV4Usage, SharedV4ProviderMetadata } from '@ai-sdk/provider';
import type { FinishReason, Part } from '../contracts/part.ts';
import type { Usage } from '../contracts/usage.ts';

type FinishStreamPart = Extract<LanguageModelV4StreamPart, { type: 'finish' }>;
type Metadata = SharedV4ProviderMetadata[string];
interface OpenCall {
  readonly id: string;
  readonly name: string;
  input: string;
}

/** The step and the choice whose deltas are the answer. */
const ROOT = 'root';

/** There every text, thought and call has a beginning and an end, and a call is told whole at its end. */
export class StreamWriter {
  readonly #calls = new Map<number, OpenCall>();
  #open: 'text' | 'reasoning' | null = null;
  #blocks = 0;
  #reason: FinishReason = 'stop';

  *write(part: Part): Generator<LanguageModelV4StreamPart> {
    if (part.step !== ROOT || ('choice' in part && part.choice !== 0)) return;
    switch (part.type) {
      case 'text-delta':
        yield* this.#begin('text');
        yield { type: 'text-delta', id: this.#id, delta: part.text };
        return;
      case 'reasoning-delta':
        yield* this.#begin('reasoning');
        yield { type: 'reasoning-delta', id: this.#id, delta: part.text };
        return;
      case 'tool-call-delta': {
        yield* this.#begin(null);
        let call = this.#calls.get(part.index);
        if (call === undefined) {
          call = { id: part.id ?? `call_${part.index}`, name: part.name ?? '', input: '' };
          this.#calls.set(part.index, call);
          yield { type: 'tool-input-start', id: call.id, toolName: call.name };
        }
        if (part.arguments === undefined || part.arguments === '') return;
        call.input += part.arguments;
        yield { type: 'tool-input-delta', id: call.id, delta: part.arguments };
        return;
      }
      case 'finish':
        this.#reason = part.reason;
        return;
      default:
        return; // steps, progress and usage: `end` has the sum
    }
  }

  *end(usage: Usage, metadata: Metadata): Generator<LanguageModelV4StreamPart> {
    yield* this.#begin(null);
    for (const { id, name, input } of this.#calls.values()) {
      yield { type: 'tool-input-end', id };
      yield { type: 'tool-call', toolCallId: id, toolName: name, input };
    }
    yield finishPart(this.#reason, usage, metadata);
  }

  get #id(): string {
    return String(this.#blocks);
  }

  *#begin(kind: 'text' | 'reasoning' | null): Generator<LanguageModelV4StreamPart> {
    if (this.#open === kind) return;
    if (this.#open !== null) yield { type: `${this.#open}-end`, id: this.#id };
    this.#open = kind;
    if (kind === null) return;
    this.#blocks += 1;
    yield { type: `${kind}-start`, id: this.#id };
  }
}

const REASONS = { stop: 'stop', length: 'length', tool_calls: 'tool-calls', content_filter: 'content-filter' } as const;

export function finishPart(reason: FinishReason, usage: Usage, metadata: Metadata): FinishStreamPart {
  return {
    type: 'finish',
    finishReason: { unified: REASONS[reason], raw: reason },
    usage: usageOf(usage),
    providerMetadata: { tutti: metadata },
  };
}

export function usageOf({ inputTokens, outputTokens, cachedInputTokens, reasoningTokens }: Usage): LanguageModelV4Usage {
  return {
    inputTokens: {
      total: inputTokens,
      noCache: cachedInputTokens === undefined ? undefined : inputTokens - cachedInputTokens,
      cacheRead: cachedInputTokens,
      cacheWrite: undefined,
    },
    outputTokens: {
      total: outputTokens,
      text: reasoningTokens === undefined ? undefined : outputTokens - reasoningTokens,
      reasoning: reasoningTokens,
    },
  };
}
