/**
 * Numbers as models write them: thousands separators, money, units, percent, fractions, powers, roots, LaTeX. The reader
 * evaluates an expression of constants (`\frac{3}{4}`, `2\sqrt{3}`, `2^{10}`, `5!`); anything with a variable is no number.
 */

import { withoutTrailing } from './whitespace.ts';

/** What stands between a number's end and the end of its text: `72 clips`, `5 \text{ m}`, `12 cm^2`, `$18 per day`. */
const UNIT =
  /^\s*(?:(?:[a-zA-Zµ°€£¥²³]{2,}(?![a-zA-Zµ°€£¥²³])|[mgshlLJNWVAKCF](?![a-zA-Z]))(?:\s*\^\s*\(?[23]\)?)?[\s/.,;-]*|per\s+|a\s+|[€£¥]\s*|[.,;!]\s*){0,6}$/;

const SCALES: Readonly<Record<string, number>> = { hundred: 1e2, thousand: 1e3, million: 1e6, billion: 1e9, trillion: 1e12 };

const WORDS =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'.split(
    ' ',
  );

const VULGAR: Readonly<Record<string, string>> = {
  '½': '1/2',
  '⅓': '1/3',
  '⅔': '2/3',
  '¼': '1/4',
  '¾': '3/4',
  '⅕': '1/5',
  '⅖': '2/5',
  '⅗': '3/5',
  '⅘': '4/5',
  '⅙': '1/6',
  '⅛': '1/8',
  '⅜': '3/8',
  '⅝': '5/8',
  '⅞': '7/8',
};

/** Most numbers, read without much ado: `1,200`, `-3.5`, `$18`, `50%`. */
const PLAIN_NUMBER = /^\s{0,2}-?\$?(?:\d{1,3}(?:,\d{3}){1,5}|\d{1,15})(?:\.\d{1,15})?%?\s{0,2}$/;

/** Longer texts are not read as one expression: a number that needs more is not an answer. */
const MAX_EXPRESSION = 400;

/**
 * The number that a text is, or null when it is none: the whole text must be one expression of constants, with money signs
 * before and a unit after it at most. `50%` is 50: the sign is a unit, because models leave it out as often as not.
 */
export function parseNumber(text: string): number | null {
  if (PLAIN_NUMBER.test(text)) return Number(text.replace(/[,$%\s]/g, ''));
  const word = WORDS.indexOf(text.trim().toLowerCase().replace(/[.!]$/, ''));
  if (word >= 0) return word;
  if (text.length > MAX_EXPRESSION || !/[\dπ½⅓⅔¼¾⅕⅖⅗⅘⅙⅛⅜⅝⅞]|\\pi|\\sqrt/.test(text)) return null;
  const plain = plainMath(text);
  const parser = new Expression(plain);
  const value = parser.sum();
  if (value === null || !Number.isFinite(value)) return null;
  const rest = plain.slice(parser.position);
  const scale = /^\s*([a-z]+)\b/i.exec(rest);
  const factor = scale?.[1] === undefined ? undefined : SCALES[scale[1].toLowerCase()];
  const after = factor === undefined ? rest : rest.slice(scale?.[0].length);
  return UNIT.test(after) ? value * (factor ?? 1) : null;
}

/**
 * Two numbers are the same answer when they agree in nine significant digits: what is left of `1/3` and `0.3333333333` after
 * different roundings. The key is equal exactly then, so that being the same is transitive.
 */
export function numberKey(value: number): string {
  return String(Number(value.toPrecision(9)) + 0); // + 0: no -0
}

/** The number that the last `=` of a statement leads to (`x = 5`, `2·3 ≈ 6`), or the statement itself is; null when neither. */
export function resultOf(text: string): number | null {
  const plain = withoutTrailing(text.trim(), '. \n');
  const right = /^.*(?:=|\\approx|≈|\\equiv)(.*)$/s.exec(plain)?.[1];
  return parseNumber(plain) ?? (right === undefined ? null : parseNumber(right));
}

/** A number inside prose: sign only where it cannot be a subtraction or a dash, separators only between groups of three. */
const IN_PROSE =
  /(?:(?<=^|[\s(=:$€£*\u2248~])-\s?)?(?<![\w.])[$€£]?\s?(?:\d{1,3}(?:(?:,|\{,\}|\\,)\d{3})+|\d+)(?:\.\d+)?(?:\s?\/\s?\d+(?![\w/]))?(?:\s?\\?%)?(?![\d]|\.\d)/g;

/** All numbers that stand in a text, in order. Digits inside words (`B2B`), versions and times (`10:30`) are left out. */
export function numbersIn(text: string): number[] {
  const found: number[] = [];
  for (const match of text.matchAll(IN_PROSE)) {
    const before = text[match.index - 1] ?? ' ';
    const after = text.slice(match.index + match[0].length, match.index + match[0].length + 2);
    if (/^:\d/.test(after) || (before === ':' && /\d/.test(text[match.index - 2] ?? ''))) continue;
    const value = parseNumber(match[0]);
    if (value !== null) found.push(value);
  }
  return found;
}

/** LaTeX and typography as plain arithmetic: `\dfrac{3}{4}` becomes `((3)/(4))`. */
function plainMath(text: string): string {
  let plain = text
    .replace(/[−–﹣－]/g, '-')
    .replace(/[×·∙⋅]|\\(?:cdot|times)(?![a-zA-Z])/g, '*')
    .replace(/÷|\\div(?![a-zA-Z])/g, '/')
    .replace(/π|\\pi(?![a-zA-Z])/g, ' pi ')
    .replace(/√/g, '\\sqrt')
    .replace(/[½⅓⅔¼¾⅕⅖⅗⅘⅙⅛⅜⅝⅞]/g, (sign) => ` (${VULGAR[sign] ?? sign})`)
    .replace(/\\(?:left|right|displaystyle|,|;|!|:|quad|qquad|\s)(?![a-zA-Z])/g, ' ')
    .replace(/\\[()[\]]|\*\*|[`~]|\\?\$|€|£|¥/g, ' ')
    .replace(/\\(?:text|textbf|textit|mathrm|mathbf|mbox|operatorname|rm)\s*\{([^{}]*)\}/g, ' $1 ')
    .replace(/\^\s*\{?\s*\\circ\s*\}?|°|\\degree(?![a-zA-Z])|\\?%/g, ' ')
    .replace(/(\d)(?:\{,\}|\\,|,)(?=\d{3}(?!\d))/g, '$1')
    .replace(/(\d)\s(?=\d{3}(?:\s\d{3})*(?![\d/.]))/g, '$1');
  plain = unfold(plain, /\\[dtc]?frac\s*/, ([top, bottom]) => `((${top})/(${bottom}))`, 2);
  plain = plain.replace(/\\sqrt\s*\[\s*(\d+)\s*\]\s*\{([^{}]*)\}/g, '(($2)^(1/$1))');
  plain = unfold(plain, /\\sqrt\s*/, ([inner]) => ` sqrt(${inner})`, 1);
  return plain.replace(/\{/g, '(').replace(/\}/g, ')').trim();
}

/** Replaces a LaTeX command and its arguments, in braces or single characters, innermost last. */
function unfold(text: string, command: RegExp, write: (args: string[]) => string, count: number): string {
  let rest = text;
  for (let round = 0; round < 20; round++) {
    const match = command.exec(rest);
    if (match === null) return rest;
    let at = match.index + match[0].length;
    const args: string[] = [];
    for (let i = 0; i < count; i++) {
      const arg = argumentAt(rest, at);
      if (arg === null) return rest;
      args.push(arg.text);
      at = arg.end;
    }
    rest = rest.slice(0, match.index) + write(args) + rest.slice(at);
  }
  return rest;
}

function argumentAt(text: string, start: number): { text: string; end: number } | null {
  let at = start;
  while (text[at] === ' ') at++;
  const open = text[at];
  if (open === undefined) return null;
  if (open !== '{' && open !== '(') return /[\dπ]/.test(open) ? { text: open, end: at + 1 } : null;
  const end = closing(text, at);
  return end === null ? null : { text: text.slice(at + 1, end), end: end + 1 };
}

/** Where the bracket at `open` is closed, or null when it is not. */
export function closing(text: string, open: number): number | null {
  const pair = text[open] === '{' ? '{}' : '()';
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === pair[0]) depth++;
    else if (text[at] === pair[1] && --depth === 0) return at;
  }
  return null;
}

/** Nesting beyond this is not an answer, and would use up the stack. */
const MAX_DEPTH = 30;

/** Reads sums, products, powers, factorials and roots of constants; null at the first thing that is none of these. */
class Expression {
  position = 0;
  #depth = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  sum(): number | null {
    if (++this.#depth > MAX_DEPTH) return null;
    let total = this.#product();
    for (
      let sign = this.#take(/^\s*([+-])\s*(?=[\d(.ps])/);
      total !== null && sign !== null;
      sign = this.#take(/^\s*([+-])\s*(?=[\d(.ps])/)
    ) {
      const next = this.#product();
      total = next === null ? null : sign.trim() === '+' ? total + next : total - next;
    }
    this.#depth--;
    return total;
  }

  #product(): number | null {
    let total = this.#signed();
    while (total !== null) {
      const sign = this.#take(/^\s*(?:\*\s*|\/\s*|:\s+(?=\d))(?=[\d(.\-+ps])/);
      // Without a sign only what cannot be anything else is a factor: `2(3)`, `2 sqrt(3)`, `4 pi`.
      if (sign === null && !/^\s*(?:\(|sqrt|pi\b)/.test(this.#text.slice(this.position))) return total;
      const next = this.#signed();
      if (next === null) return null;
      total = sign?.trim() === '/' || sign?.trim() === ':' ? total / next : total * next;
    }
    return total;
  }

  #signed(): number | null {
    const sign = this.#take(/^\s*[+-]\s*/);
    const value = this.#power();
    return value === null ? null : sign?.trim() === '-' ? -value : value;
  }

  #power(): number | null {
    let base = this.#atom();
    if (base !== null && this.#take(/^!(?!=)/) !== null) base = factorial(base);
    if (base === null || this.#take(/^\s*\^\s*/) === null) return base;
    const exponent = this.#signed();
    return exponent === null ? null : base ** exponent;
  }

  #atom(): number | null {
    if (this.#take(/^\s*\(\s*/) !== null) return this.#closed(this.sum());
    if (this.#take(/^\s*sqrt\s*\(\s*/) !== null) {
      const inner = this.#closed(this.sum());
      return inner === null || inner < 0 ? null : Math.sqrt(inner);
    }
    if (this.#take(/^\s*pi\b\s*/) !== null) return Math.PI;
    const mixed = this.#take(/^\s*\d+\s*\(+\d+\)*\s*\/\s*\(*\d+\)+|^\s*\d+\s+\d+\s*\/\s*\d+(?![\d/])/);
    if (mixed !== null) return mixedNumber(mixed);
    const literal = this.#take(/^\s*(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+(?![\w]))?/);
    if (literal === null || /^[a-zA-Z_](?![a-zA-Z])/.test(this.#text.slice(this.position)) === true)
      return this.#unitAfter(literal);
    return Number(literal);
  }

  /** `3x` holds a variable, `3m` a unit. */
  #unitAfter(literal: string | null): number | null {
    if (literal === null) return null;
    return /^[mgshlLJNWVAKCF](?![a-zA-Z])/.test(this.#text.slice(this.position)) ? Number(literal) : null;
  }

  #closed(value: number | null): number | null {
    return this.#take(/^\s*\)/) === null ? null : value;
  }

  #take(pattern: RegExp): string | null {
    const match = pattern.exec(this.#text.slice(this.position));
    if (match === null) return null;
    this.position += match[0].length;
    return match[0];
  }
}

/** `2 1/2` and `2((1)/(2))` are 2.5. */
function mixedNumber(text: string): number | null {
  const [whole, top, bottom] = (text.match(/\d+/g) ?? []).map(Number);
  if (whole === undefined || top === undefined || bottom === undefined || bottom === 0) return null;
  return whole + top / bottom;
}

function factorial(value: number): number | null {
  if (!Number.isInteger(value) || value < 0 || value > 170) return null; // 171! is beyond a double
  let product = 1;
  for (let i = 2; i <= value; i++) product *= i;
  return product;
}
