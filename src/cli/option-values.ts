/** How the values of options are read: a wrong one is an error of usage, before anything starts. */
import { InvalidArgumentError } from 'commander';
import type { Price } from '../contracts/usage.ts';
import type { ModelId } from '../contracts/vocabulary.ts';

/** A number between two bounds, both included. */
export function numberIn(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (value >= low && value <= high) return value;
    throw new InvalidArgumentError(
      high === Infinity ? `It takes a number from ${low}.` : `It takes a number from ${low} to ${high}.`,
    );
  };
}

/** A whole number between two bounds, both included. */
export function wholeNumber(low = 0, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isInteger(value) && value >= low && value <= high) return value;
    const range = high === Number.MAX_SAFE_INTEGER ? (low === -high ? '' : ` from ${low}`) : ` from ${low} to ${high}`;
    throw new InvalidArgumentError(`It takes a whole number${range}.`);
  };
}

/** An option that may be given several times. One value each, so that the words after it are not taken for more. */
export function collected(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Names separated by commas. */
export function names(text: string): string[] {
  const list = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (list.length === 0) throw new InvalidArgumentError('It takes names separated by commas.');
  return list;
}

/** `openai:gpt-x=0.15,0.6`: US dollars for a million tokens, in and out. May be given several times. */
export function pricesOf(text: string, before: readonly (readonly [ModelId, Price])[] = []): (readonly [ModelId, Price])[] {
  const cut = text.lastIndexOf('=');
  const [input, output, ...rest] = text
    .slice(cut + 1)
    .split(',')
    .map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const good = cut > 0 && rest.length === 0 && input !== undefined && input >= 0 && output !== undefined && output >= 0;
  if (!good) throw new InvalidArgumentError('It takes model=in,out: dollars for a million tokens.');
  return [...before, [text.slice(0, cut), { inputPerMtok: input, outputPerMtok: output }]];
}
