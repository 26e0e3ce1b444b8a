/** What a model's answer is for a vote: a comparable value, or an abstention. */
import type { ToolCall } from '../contracts/chat.ts';

/** The ways of comparing answers. */
export const ANSWER_KINDS = ['exact', 'number', 'choice', 'json', 'tool_call', 'semantic'] as const;
/**
 * How answers are compared.
 *
 * - `number`: by value, nine digits; LaTeX, fractions, separators, money and units are read
 * - `choice`: by the option meant: a letter, yes or no, or the option's own words
 * - `json`: as data, whatever the order of keys; fields of prose (`reasoning`, …) do not count
 * - `tool_call`: the same calls with the same arguments; no call at all is an answer, too
 * - `exact`: the same characters, but for spaces, quotes and a closing full stop
 * - `semantic`: the same meaning, by a given similarity or else by shared words
 */
export type AnswerKind = (typeof ANSWER_KINDS)[number];

/** What a model gave: text, or text and calls. */
export interface RawAnswer {
  readonly text: string;
  readonly toolCalls?: readonly ToolCall[];
}

/** An answer that can be compared with others of its kind. */
export interface Answer {
  readonly kind: AnswerKind;
  /** Equal for the same answers, different for others. With kind `semantic` it is the text as it is compared. */
  readonly key: string;
  /** The value itself: a number, an option, data, calls, or text. */
  readonly value: unknown;
  /** How clearly it was stated, 0..1: alone or in whole JSON 1, at the end of prose 0.3. The best formed speaks for its group. */
  readonly form: number;
}

/** No answer: nothing was said, the model declined or said that it does not know, or nothing of this kind could be read. */
export interface Abstention {
  readonly kind: AnswerKind;
  readonly key: null;
  readonly reason: 'empty' | 'declined' | 'unreadable';
  /** With `declined`: it will not answer. That says nothing of the question, as `I don't know` does. */
  readonly refuses?: boolean;
}

/** A reading of what a model gave. `key` null: an abstention. */
export type Reading = Answer | Abstention;
