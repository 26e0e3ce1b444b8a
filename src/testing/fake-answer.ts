/** What a scripted model says, and how it becomes parts. Pure but for the waits that the script asks for. */
import type { ChatInput } from '../contracts/chat.ts';
import type { FinishReason, Part, TokenLogprob } from '../contracts/part.ts';
import type { StepPath } from '../contracts/vocabulary.ts';
import type { Usage } from '../contracts/usage.ts';

/** One answer of a fake model. All keys are optional; an empty one finishes at once without text. */
export interface FakeAnswer {
  /** A string is streamed word by word, a list item by item. */
  readonly text?: string | readonly string[];
  /** Text with its probabilities: one delta each. They are given out only when the call asks for `logprobs`. */
  readonly tokens?: readonly {
    readonly text: string;
    readonly logprob: number;
    readonly top?: Readonly<Record<string, number>>;
  }[];
  readonly reasoning?: string;
  readonly toolCalls?: readonly { readonly id?: string; readonly name: string; readonly arguments: string | object }[];
  /** Default: `tool_calls` when there are some, else `stop`. */
  readonly finish?: FinishReason;
  /** Default: one token a word, in and out. */
  readonly usage?: Usage;
  /** Milliseconds before the first delta: of a `FakeBackend`'s clock; real ones at a fake upstream. */
  readonly delayMs?: number;
  /** The same before each further delta. */
  readonly deltaDelayMs?: number;
  /** Waited for before the first delta; `gates[i]` before delta i. Open them to let the answer go on. */
  readonly gate?: PromiseLike<unknown>;
  readonly gates?: Readonly<Record<number, PromiseLike<unknown>>>;
  /** Thrown before the first delta. */
  readonly failBefore?: Error;
  /** Thrown after so many deltas. */
  readonly failAfter?: { readonly deltas: number; readonly error: Error };
  /** Ends without a `finish` after so many deltas, as a stream that was cut. */
  readonly cutAfter?: number;
}

/** A delta before it has its step and choice. */
export type FakeDelta =
  | { readonly type: 'text-delta'; readonly text: string; readonly logprobs?: readonly TokenLogprob[] }
  | { readonly type: 'reasoning-delta'; readonly text: string }
  | {
      readonly type: 'tool-call-delta';
      readonly index: number;
      readonly id?: string;
      readonly name?: string;
      readonly arguments?: string;
    };

const encoder = new TextEncoder();
const bytesOf = (token: string): number[] => [...encoder.encode(token)];

/** The deltas of an answer, as `stop` and `max_tokens` leave them, and why it ends. A delta counts as a token. */
export function deltasOf(answer: FakeAnswer, input: ChatInput): { deltas: FakeDelta[]; finish: FinishReason } {
  const limit = input.max_completion_tokens ?? input.max_tokens ?? Number.POSITIVE_INFINITY;
  const stops = input.stop == null ? [] : [input.stop].flat();
  const deltas: FakeDelta[] = [];
  for (const text of pieces(answer.reasoning ?? '')) deltas.push({ type: 'reasoning-delta', text });
  const { texts, stopped } = cutAtStop(textDeltas(answer, input), stops);
  deltas.push(...texts);
  const room = deltas.slice(0, limit);
  if (room.length < deltas.length) return { deltas: room, finish: 'length' };
  if (stopped) return { deltas, finish: 'stop' };
  answer.toolCalls?.forEach((call, index) => {
    const text = typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments);
    const half = Math.ceil(text.length / 2);
    deltas.push({
      type: 'tool-call-delta',
      index,
      id: call.id ?? `call_${index}`,
      name: call.name,
      arguments: text.slice(0, half),
    });
    if (half < text.length) deltas.push({ type: 'tool-call-delta', index, arguments: text.slice(half) });
  });
  return { deltas, finish: answer.finish ?? (answer.toolCalls?.length ? 'tool_calls' : 'stop') };
}

type TextDelta = Extract<FakeDelta, { type: 'text-delta' }>;

function textDeltas(answer: FakeAnswer, input: ChatInput): TextDelta[] {
  const plain: TextDelta[] = pieces(answer.text ?? '').map((text) => ({ type: 'text-delta', text }));
  const tokens = (answer.tokens ?? []).map(({ text, logprob, top = {} }): TextDelta => {
    if (!input.logprobs) return { type: 'text-delta', text };
    const all = Object.entries({ [text]: logprob, ...top }).toSorted((a, b) => b[1] - a[1]);
    const best = all.slice(0, input.top_logprobs ?? 0).map(([token, lp]) => ({ token, logprob: lp, bytes: bytesOf(token) }));
    return { type: 'text-delta', text, logprobs: [{ token: text, logprob, bytes: bytesOf(text), top: best }] };
  });
  return [...plain, ...tokens];
}

function cutAtStop(deltas: TextDelta[], stops: readonly string[]): { texts: TextDelta[]; stopped: boolean } {
  const whole = deltas.map((delta) => delta.text).join('');
  const found = stops.map((stop) => whole.indexOf(stop)).filter((at) => at >= 0);
  if (found.length === 0) return { texts: deltas, stopped: false };
  let left = Math.min(...found);
  const texts: TextDelta[] = [];
  for (const delta of deltas) {
    if (left <= 0) break;
    texts.push(left >= delta.text.length ? delta : { ...delta, text: delta.text.slice(0, left) });
    left -= delta.text.length;
  }
  return { texts, stopped: true };
}

function pieces(text: string | readonly string[]): readonly string[] {
  return typeof text === 'string' ? (text.match(/\s*\S+\s*$|\s*\S+|\s+$/g) ?? []) : text;
}

export function stamp(delta: FakeDelta, step: StepPath, choice: number): Part {
  return { ...delta, step, choice };
}

/** One token a word: stable, so that tests can state the numbers. */
export function countWords(text: string): number {
  return text.match(/\S+/g)?.length ?? 0;
}

export function textOfMessages(input: ChatInput): string {
  return input.messages.map((message) => textOfContent(message.content)).join(' ');
}

export function textOfContent(content: ChatInput['messages'][number]['content']): string {
  if (content == null) return '';
  if (typeof content === 'string') return content;
  return content.map((part) => (part.type === 'text' ? part.text : '')).join(' ');
}

export function usageOf(answer: FakeAnswer, input: ChatInput, deltas: readonly FakeDelta[], choices: number): Usage {
  return answer.usage ?? { inputTokens: countWords(textOfMessages(input)), outputTokens: deltas.length * choices };
}
