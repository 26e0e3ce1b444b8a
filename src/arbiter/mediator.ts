/**
 * The mediator: makes one model's answer fit for another. It changes no more than it must, in this order, and stops as soon
 * as the answer fits:
 *
 *     1. as it is      it fits the other's context window and is in the form asked for: no model is called
 *     2. stripped      thoughts and control marks of the first model's template are taken off
 *     3. summarized    a model shortens it to the tokens that are left
 *     4. truncated     no model could: the sentences at its beginning, and its last one, which mostly concludes
 *
 * As tool calls, the interpreter reads it.
 */
import type { ChatInput, ToolCall, ToolDefinition } from '../contracts/chat.ts';
import { TuttiError } from '../errors/error.ts';
import type { Ask } from './ask.ts';
import type { Interpreter, InterpretSource } from './interpreter/interpreter.ts';
import { countsLike, tokenRatio, type CountOwnTokens } from './own-tokens.ts';
import { estimateTokens, type CountTokens } from './prompts/estimate.ts';

/** What was done to an answer. */
export type Mediation = 'as_is' | 'stripped' | 'summarized' | 'truncated' | 'interpreted';

/** What is to be handed over, and to whom. Names as in the library. */
export interface MediateInput {
  readonly response: string;
  readonly to: string;
  readonly context?: string | undefined;
  readonly as?: 'text' | 'tool_calls' | undefined;
  readonly tools?: readonly ToolDefinition[] | undefined;
  /** Room for the response, in tokens. Default: half of the window of `to`, less the context. */
  readonly maxTokens?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The answer as the other model gets it. */
export interface Mediated {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly action: Mediation;
  readonly tokens: number;
  readonly source?: InterpretSource;
}

/** What a mediator needs. */
export interface MediatorOptions {
  readonly ask: Ask;
  readonly interpreter: Interpreter;
  /** The model that shortens. Null: the one that is to read the answer. */
  readonly model?: string | null;
  /** The context window of a model in tokens, null when it is not known: then only `maxTokens` limits. */
  contextWindow(target: string): number | null;
  /** Default: by the own tokenizer of the model that is to read it (`countOwn`), else `estimateTokens`. */
  readonly countTokens?: CountTokens;
  readonly countOwn?: CountOwnTokens;
}

/** Hands answers over. */
export interface Mediator {
  /** Errors: `cancelled`. A model that fails to shorten is made up for by truncating. */
  mediate(input: MediateInput): Promise<Mediated>;
}

/** The share of the window that a handed-over answer may take: the rest is for the question and the answer to come. */
const SHARE = 0.5;
/** Less room than this makes no sense of any answer. */
const LEAST_TOKENS = 32;

/** Makes a mediator. */
export function createMediator(options: MediatorOptions): Mediator {
  const { ask, interpreter, model = null, contextWindow, countOwn } = options;

  /** How the reader counts texts like this one. */
  const counting = async (to: string, text: string): Promise<CountTokens> =>
    options.countTokens ?? countsLike(await tokenRatio(to, text, countOwn));
  /** What a finished text takes, as exactly as can be known. */
  const tokensOf = async (to: string, text: string, countTokens: CountTokens): Promise<number> =>
    (options.countTokens === undefined && text !== '' ? await countOwn?.(to, text) : null) ?? countTokens(text);

  const roomFor = ({ to, context, maxTokens }: MediateInput, countTokens: CountTokens): number => {
    if (maxTokens !== undefined) return maxTokens;
    const window = contextWindow(to);
    if (window === null) return Number.POSITIVE_INFINITY;
    return Math.max(LEAST_TOKENS, Math.floor(window * SHARE) - countTokens(context ?? ''));
  };

  /** Null when the model failed, said nothing or was no shorter than allowed. */
  const summarize = async (
    text: string,
    { room, countTokens }: Limits,
    input: MediateInput,
    signal: AbortSignal,
  ): Promise<string | null> => {
    const target = model ?? input.to;
    const window = contextWindow(target);
    const readable = window === null ? text : shortened(text, Math.max(LEAST_TOKENS, window - room - PROMPT_TOKENS), countTokens);
    const request: ChatInput = {
      messages: [{ role: 'user', content: summaryPrompt(readable, room, input.context) }],
      max_tokens: room,
      temperature: 0,
    };
    try {
      const answer = await ask(target, request, { signal, key: 'mediate' });
      const summary = plainAnswer(answer.text);
      return summary !== '' && (await tokensOf(input.to, summary, countTokens)) <= room ? summary : null;
    } catch (error) {
      if (signal.aborted) throw TuttiError.from(error, 'cancelled');
      return null; // truncating is left
    }
  };

  /** Parts can be denser than the whole that they were measured by: then less of it. */
  const truncate = async (text: string, { room, countTokens }: Limits, to: string): Promise<string> => {
    let limit = room;
    for (let attempt = 0; ; attempt++) {
      const short = shortened(text, limit, countTokens);
      const tokens = await tokensOf(to, short, countTokens);
      if (tokens <= room || attempt === MAX_ATTEMPTS) return short;
      limit = Math.floor((limit * room) / (tokens + 1));
    }
  };

  return {
    async mediate(input) {
      const signal = input.signal ?? new AbortController().signal;
      if (input.as === 'tool_calls') {
        const { toolCalls, text, source } = await interpreter.interpret({
          text: input.response,
          tools: input.tools ?? [],
          signal,
        });
        return {
          text,
          toolCalls,
          action: 'interpreted',
          tokens: await tokensOf(input.to, text, options.countTokens ?? estimateTokens),
          source,
        };
      }
      const plain = plainAnswer(input.response);
      const countTokens = await counting(input.to, plain);
      const limits: Limits = { room: roomFor(input, countTokens), countTokens };
      const result = async (text: string, action: Mediation): Promise<Mediated> => ({
        text,
        toolCalls: [],
        action,
        tokens: await tokensOf(input.to, text, countTokens),
      });
      const asItIs = await result(plain, plain === input.response ? 'as_is' : 'stripped');
      if (asItIs.tokens <= limits.room) return asItIs;
      const summary = await summarize(plain, limits, input, signal);
      return summary === null ? result(await truncate(plain, limits, input.to), 'truncated') : result(summary, 'summarized');
    },
  };
}

/** How much there is room for, and how it is counted. */
interface Limits {
  readonly room: number;
  readonly countTokens: CountTokens;
}

/** Each gets closer; texts are not that uneven. */
const MAX_ATTEMPTS = 4;

/** About what the words around the response take. */
const PROMPT_TOKENS = 120;

/** The prompt that asks for a shorter version. */
export function summaryPrompt(text: string, maxTokens: number, context?: string): string {
  const about =
    context === undefined || context.trim() === '' ? '' : `It is for a reader who is busy with this:\n${context.trim()}\n\n`;
  // Words are fewer than tokens; models count words less badly.
  const words = Math.max(10, Math.floor(maxTokens * 0.6));
  return `Response:\n${text}\n\n${about}Write the response again in at most ${words} words. Keep numbers, names, code and the conclusion. Add nothing.`;
}

/** Without thoughts and without the marks of a chat template. Code fences and Markdown stay: they are content. */
export function plainAnswer(text: string): string {
  return text
    .replace(/<(think|thinking|thought|scratchpad|reasoning|reflection)>[\s\S]*?(?:<\/\1>|$)/gi, '')
    .replace(/<\|(?:im_start|start_header_id)\|>\s*\w*\s*(?:<\|end_header_id\|>)?/g, '')
    .replace(/<\|[\w/]{1,40}\|>|<\/?s>|<\/?(?:answer|response|final)>|<(?:start|end)_of_turn>(?:model|user)?/gi, '')
    .trim();
}

/** The sentences at the beginning that fit, and the last one. Within the limit also when a single sentence is too long. */
export function shortened(text: string, maxTokens: number, countTokens: CountTokens = estimateTokens): string {
  if (countTokens(text) <= maxTokens) return text;
  const sentences = Array.from(
    new Intl.Segmenter(undefined, { granularity: 'sentence' }).segment(text),
    ({ segment }) => segment,
  );
  const last = sentences.at(-1)?.trim() ?? '';
  const withEnd = fitting(sentences.slice(0, -1), maxTokens, (head) => countTokens(`${head.trimEnd()} […] ${last}`));
  if (withEnd > 0) return `${sentences.slice(0, withEnd).join('').trimEnd()} […] ${last}`;
  const whole = fitting(sentences, maxTokens, (head) => countTokens(`${head.trimEnd()} […]`));
  if (whole > 0) return `${sentences.slice(0, whole).join('').trimEnd()} […]`;
  const words = text.split(/(?<=\s)/);
  return words
    .slice(0, fitting(words, maxTokens, countTokens))
    .join('')
    .trimEnd();
}

/** How many pieces fit, by halving: counting is what costs. */
function fitting(pieces: readonly string[], maxTokens: number, count: (head: string) => number): number {
  let [low, high] = [0, pieces.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (count(pieces.slice(0, middle).join('')) <= maxTokens) low = middle;
    else high = middle - 1;
  }
  return low;
}
