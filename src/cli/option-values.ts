/** How the values of options are read: a wrong one is an error of usage, before anything starts. */
import { InvalidArgumentError } from 'commander';

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
