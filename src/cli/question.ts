/** What is asked, and whom: from the words of the command line, or from standard input. */
import { text as readText } from 'node:stream/consumers';
import { TuttiError } from '../errors/error.ts';

export interface Question {
  readonly model: string;
  readonly text: string;
}

/** Where the text comes from when the words do not hold it. */
export interface Input {
  /** Nothing can be read from a terminal without the person being asked. */
  readonly isTTY: boolean;
  read(): Promise<string>;
}

export const STANDARD_INPUT: Input = { isTTY: process.stdin.isTTY === true, read: () => readText(process.stdin) };

/**
 * The first word is the model when a text follows it, or when the text comes from standard input. A single word of several
 * (in quotes) can only be a question: no model's name has a blank. `-` stands for standard input.
 */
export async function question(
  args: readonly string[],
  options: { readonly capability?: string; readonly backend?: string },
  input: Input = STANDARD_INPUT,
): Promise<Question> {
  if (options.capability !== undefined) return { model: options.capability, text: await textOf(args, input) };
  const [first = '', ...rest] = args;
  if (rest.length > 0) return { model: first, text: await textOf(rest, input) };
  if (args.length === 0 || first === '-' || /\s/.test(first.trim())) return { model: 'auto', text: await textOf(args, input) };
  if (!input.isTTY) {
    const text = await input.read();
    if (text.trim() !== '') return { model: first, text };
  }
  return { model: 'auto', text: first };
}

/** The words, or standard input when there are none. */
export async function textOf(words: readonly string[], input: Input = STANDARD_INPUT): Promise<string> {
  const fromInput = words.length === 0 ? !input.isTTY : words.length === 1 && words[0] === '-';
  const text = fromInput ? await input.read() : words.join(' ');
  if (text.trim() !== '') return text;
  throw new TuttiError(
    'invalid_request',
    'There is no question. Write it after the model: tutti run embedded:base "What is 2 + 2?"',
  );
}
