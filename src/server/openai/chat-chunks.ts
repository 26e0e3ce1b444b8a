/** From the parts of a run to the chunks of a Chat Completions stream, as text ready to be sent. */
import type { FinishReason, Part, TextDelta, TokenLogprob, ToolCallDelta } from '../../contracts/part.ts';
import { TuttiError } from '../../errors/error.ts';
import type { Usage } from '../../contracts/usage.ts';
import type { WireDetails } from '../wire/answer.ts';
import type { OpenaiUsage, WireLogprobs } from '../wire/chat.ts';
import type { WireStepEvent } from '../wire/steps.ts';

export interface ChunkOptions {
  readonly id: string;
  /** Epoch seconds. */
  readonly created: number;
  /** Whose answer it is: asked once, when the first delta comes. */
  readonly model: () => string;
  /** `stream_options.include_usage`: a last chunk with the usage, and `usage: null` on all others. */
  readonly includeUsage: boolean;
  /** How many choices were asked for (`n`). Default: those that came. */
  readonly choices?: number;
}

/** What is known once the run has ended. */
export interface ChunkEnding {
  readonly usage: Usage;
  /** On the chunks with a `finish_reason`. */
  readonly tutti: WireDetails | null;
}

/**
 * One per stream. A chunk is mostly the same text over and over, so all but the delta is serialised once: a text delta
 * costs one `JSON.stringify` of its text and three concatenations.
 */
export class ChatChunks {
  readonly #options: ChunkOptions;
  /** Up to and with `"index":`; '' until the first delta. */
  #head = '';
  #tail = '';
  readonly #textHeads: (string | undefined)[] = [];
  readonly #finishes = new Map<number, FinishReason>();

  constructor(options: ChunkOptions) {
    this.#options = options;
  }

  /** The events for a part; '' for parts that clients do not see. */
  add(part: Part): string {
    switch (part.type) {
      case 'text-delta':
        return this.#text(part);
      case 'reasoning-delta':
        return this.#delta(part.choice, `{"reasoning_content":${JSON.stringify(part.text)}}`);
      case 'tool-call-delta':
        return this.#delta(part.choice, JSON.stringify({ tool_calls: [toolCallDelta(part)] }));
      case 'finish':
        this.#finishes.set(part.choice, part.reason);
        return this.#opening(part.choice);
      case 'artifact':
      case 'progress':
      case 'step-start':
      case 'step-end':
      case 'usage':
        return '';
      default:
        return part satisfies never;
    }
  }

  /** What happens in a step: a chunk without choices, so that readers of choices pass over it. */
  step(event: WireStepEvent): string {
    return `data: ${this.#common()},"choices":[]${this.#usageNull},"tutti":${JSON.stringify({ step: event })}}\n\n`;
  }

  /** The last events: how each choice ended, the usage when asked for, `[DONE]`. Throws `stream_truncated` if a choice has no end. */
  end(ending: ChunkEnding): string {
    let text = '';
    const { choices = Math.max(1, this.#finishes.size) } = this.#options;
    for (let choice = 0; choice < choices; choice++) {
      const reason = this.#finishes.get(choice);
      if (reason === undefined) throw truncated();
      const tutti = ending.tutti === null ? '' : `,"tutti":${JSON.stringify(ending.tutti)}`;
      text += `${this.#head}${choice},"delta":{},"logprobs":null,"finish_reason":"${reason}"}]${this.#usageNull}${tutti}}\n\n`;
    }
    if (this.#options.includeUsage) text += this.#usageChunk(ending.usage);
    return `${text}data: [DONE]\n\n`;
  }

  #text(part: TextDelta): string {
    const opening = this.#opening(part.choice);
    const head = this.#textHeads[part.choice]!; // made by #opening
    if (part.logprobs === undefined) return `${opening}${head}${JSON.stringify(part.text)}}${this.#tail}`;
    const logprobs = JSON.stringify(toWireLogprobs(part.logprobs));
    return `${opening}${head}${JSON.stringify(part.text)}},"logprobs":${logprobs},"finish_reason":null}]${this.#usageNull}}\n\n`;
  }

  #delta(choice: number, delta: string): string {
    return `${this.#opening(choice)}${this.#head}${choice},"delta":${delta}${this.#tail}`;
  }

  /** The chunk with the role, before the first of each choice. */
  #opening(choice: number): string {
    if (this.#textHeads[choice] !== undefined) return '';
    if (this.#head === '') this.#begin();
    this.#textHeads[choice] = `${this.#head}${choice},"delta":{"content":`;
    return `${this.#head}${choice},"delta":{"role":"assistant","content":""}${this.#tail}`;
  }

  #begin(): void {
    this.#head = `data: ${this.#common()},"choices":[{"index":`;
    this.#tail = `,"logprobs":null,"finish_reason":null}]${this.#usageNull}}\n\n`;
  }

  #common(): string {
    const { id, created, model } = this.#options;
    return `{"id":${JSON.stringify(id)},"object":"chat.completion.chunk","created":${created},"model":${JSON.stringify(model())}`;
  }

  get #usageNull(): string {
    return this.#options.includeUsage ? ',"usage":null' : '';
  }

  #usageChunk(usage: Usage): string {
    return `data: ${this.#common()},"choices":[],"usage":${JSON.stringify(toOpenaiUsage(usage))}}\n\n`;
  }
}

function toolCallDelta(part: ToolCallDelta) {
  return {
    index: part.index,
    ...(part.id !== undefined && { id: part.id, type: 'function' }),
    function: {
      ...(part.name !== undefined && { name: part.name }),
      // OpenAI's first delta of a call always has the field, and clients add to it without looking.
      ...((part.arguments !== undefined || part.id !== undefined) && { arguments: part.arguments ?? '' }),
    },
  };
}

export function toOpenaiUsage(usage: Usage): OpenaiUsage {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    ...(usage.cachedInputTokens !== undefined && { prompt_tokens_details: { cached_tokens: usage.cachedInputTokens } }),
    ...(usage.reasoningTokens !== undefined && { completion_tokens_details: { reasoning_tokens: usage.reasoningTokens } }),
  };
}

export function toWireLogprobs(tokens: readonly TokenLogprob[]): WireLogprobs {
  return {
    content: tokens.map(({ token, logprob, bytes, top }) => ({
      token,
      logprob: toWireLogprob(logprob),
      bytes: bytes === null ? null : [...bytes],
      top_logprobs: top.map((other) => ({
        token: other.token,
        logprob: toWireLogprob(other.logprob),
        bytes: other.bytes === null ? null : [...other.bytes],
      })),
    })),
    refusal: null,
  };
}

/** JSON knows no −∞ and no NaN (it would write null). OpenAI's API has this number for what is as good as impossible. */
const IMPOSSIBLE = -9999;

function toWireLogprob(logprob: number): number {
  return Number.isFinite(logprob) ? logprob : IMPOSSIBLE;
}

export function truncated(): TuttiError {
  return new TuttiError('stream_truncated', 'The stream ended without saying why: the answer is incomplete.');
}
