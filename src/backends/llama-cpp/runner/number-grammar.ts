/** Numbers between two bounds, as GBNF. Whole bounds only: digits can be counted off, fractions of bounds cannot. */

/** More digits than a double holds exactly; also what keeps a lost model from writing digits for ever. */
const MOST = 9_999_999_999_999_999n;
const FRACTION = '("." [0-9]{1,16})?';

/** Whole numbers from `low` to `high`, both included; null: no bound. Empty when there is none. */
export function integerRange(low: bigint | null, high: bigint | null): string {
  const from = low === null || low < -MOST ? -MOST : low;
  const to = high === null || high > MOST ? MOST : high;
  return alternatives([from < 0n ? negative(from, to) : '', to >= 0n ? digits(from > 0n ? from : 0n, to) : '']);
}

/** Numbers from `low` to `high`. Exclusive bounds leave the bound itself out. */
export function numberRange(low: bigint | null, high: bigint | null, excludes: { low: boolean; high: boolean }): string {
  const above = low === null || low < 0n ? 0n : low;
  const positive =
    high !== null && high < 0n ? '' : magnitudes(above, high, { low: excludes.low && above === low, high: excludes.high });
  const needsNegative = low === null || low < 0n;
  const below = high === null || high > 0n ? 0n : -high;
  const minus = needsNegative
    ? magnitudes(below, low === null ? null : -low, {
        low: excludes.high && high !== null && below === -high,
        high: excludes.low,
      })
    : '';
  return alternatives([minus === '' ? '' : `"-" (${minus})`, positive]);
}

/** Numbers without a sign. */
function magnitudes(low: bigint, high: bigint | null, excludes: { low: boolean; high: boolean }): string {
  const top = high ?? MOST;
  if (low > top) return '';
  const first = low === top ? '' : excludes.low ? `"${low}." [0-9]{0,15} [1-9]` : `"${low}" ${FRACTION}`;
  const middle = low + 1n <= top - 1n ? `(${digits(low + 1n, top - 1n)}) ${FRACTION}` : '';
  const last = excludes.high || (low === top && excludes.low) ? '' : `"${top}" ("." "0"{1,16})?`;
  return alternatives([first, middle, last]);
}

function negative(from: bigint, to: bigint): string {
  const least = to < 0n ? -to : 1n;
  return `"-" (${digits(least, -from)})`;
}

/** Whole numbers without a sign, by their number of digits. */
function digits(low: bigint, high: bigint): string {
  const parts: string[] = [];
  for (let length = String(low).length; length <= String(high).length; length++) {
    const smallest = length === 1 ? 0n : 10n ** BigInt(length - 1);
    const largest = 10n ** BigInt(length) - 1n;
    const a = low > smallest ? low : smallest;
    const b = high < largest ? high : largest;
    if (a <= b) parts.push(between(String(a), String(b)));
  }
  return alternatives(parts);
}

/** Two texts of digits of one length. */
function between(a: string, b: string): string {
  const rest = a.length - 1;
  if (/^0*$/.test(a) && /^9*$/.test(b)) return any(a.length);
  const [x, y] = [a.charCodeAt(0), b.charCodeAt(0)];
  if (rest === 0) return span(x, y);
  if (x === y) return `"${a.charAt(0)}" (${between(a.slice(1), b.slice(1))})`;
  const lowest = `"${a.charAt(0)}" (${between(a.slice(1), '9'.repeat(rest))})`;
  const highest = `"${b.charAt(0)}" (${between('0'.repeat(rest), b.slice(1))})`;
  return alternatives([lowest, x + 1 < y ? `${span(x + 1, y - 1)} ${any(rest)}` : '', highest]);
}

const any = (length: number): string => (length === 1 ? '[0-9]' : `[0-9]{${length}}`);
const span = (x: number, y: number): string => `[${String.fromCharCode(x)}-${String.fromCharCode(y)}]`;
const alternatives = (parts: readonly string[]): string => parts.filter((part) => part !== '').join(' | ');
