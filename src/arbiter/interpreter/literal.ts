/**
 * Reads one value as models write it: JSON, Python, JavaScript and what lies between (`{'a': True, b: [1, 2,]}`,
 * `f(a=1, b='x')`, `(1, 2)`, `2 * 10**3`). Nothing is evaluated but arithmetic on written numbers; what is not a literal
 * stays an `Expression`, so that a reader can tell a value from a variable.
 */

import { TuttiError } from '../../errors/error.ts';
import { compute, isDate } from './arithmetic.ts';
import { CURLY, isQuote, stringEnd, unescape } from './literal-strings.ts';

/** Something that is no literal: a variable, a formula, a comprehension. `source` is its text. */
export class Expression {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

/** `name(…)` as it was written. */
export class WrittenCall {
  readonly name: string;
  readonly positional: readonly unknown[];
  readonly named: ReadonlyMap<string, unknown>;

  constructor(name: string, positional: readonly unknown[], named: ReadonlyMap<string, unknown>) {
    this.name = name;
    this.positional = positional;
    this.named = named;
  }
}

/** Whether a value holds nothing but literals: no variables, no calls. */
export function isValue(value: unknown): boolean {
  if (value instanceof Expression || value instanceof WrittenCall) return false;
  if (Array.isArray(value)) return value.every(isValue);
  return typeof value !== 'object' || value === null || Object.values(value).every(isValue);
}

/** A value and where it ends. */
export interface ReadLiteral {
  readonly value: unknown;
  /** The index behind it. */
  readonly end: number;
  /** It was not well formed in any language: brackets that were missing or of the wrong kind were supplied. */
  readonly mended: boolean;
}

/** The value that begins at `at` (blanks before it are skipped), or null when there is none. */
export function readLiteral(text: string, at = 0): ReadLiteral | null {
  const reader = new LiteralReader(text, at);
  try {
    const value = reader.expression();
    return { value, end: reader.at, mended: reader.mended };
  } catch (error) {
    if (error === UNREADABLE) return null;
    throw error;
  }
}

/** A name as code has it; Markdown's backslash before an underscore is taken for the underscore. */
const NAME = /(?:[\p{L}_]|\\_)(?:[\p{L}\p{N}_]|\\_|-(?=[\p{L}_])|\.(?=[\p{L}_\\]))*/uy;
const NUMBER = /(?:0[xX][\da-fA-F]+|(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)/y;
const NEXT_KEY = /[\p{L}_][\p{L}\p{N}_]*\s*[=:]/uy;
const OPERATOR = /\*\*|\/\/|[+\-*/%]/y;
const WORDS = new Map<string, unknown>([
  ['True', true],
  ['true', true],
  ['False', false],
  ['false', false],
  ['None', null],
  ['null', null],
  ['undefined', null],
]);
const CLOSERS = ')]}';
/** Deeper values than anybody means; a reader that calls itself must stop somewhere. */
const DEEPEST = 60;

/** Takes Markdown's backslashes off a name. */
export function plainName(name: string): string {
  return name.replaceAll('\\_', '_');
}

/** Thrown and caught in this file: the text holds no value here. One for all, because taking a stack costs more than reading. */
const UNREADABLE = new TuttiError('invalid_json', 'The text holds no value here.');

class LiteralReader {
  at: number;
  mended = false;
  readonly #text: string;
  #depth = 0;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = at;
  }

  /** Terms and operators between them. */
  expression(): unknown {
    if (++this.#depth > DEEPEST) throw UNREADABLE;
    this.#blanks();
    const start = this.at;
    const terms = [this.#term()];
    const operators: string[] = [];
    for (;;) {
      const behind = this.at;
      this.#blanks();
      const operator = this.#match(OPERATOR);
      if (operator === null) {
        this.at = behind;
        break;
      }
      operators.push(operator);
      this.#blanks();
      terms.push(this.#term());
    }
    this.#depth--;
    if (operators.length === 0) return terms[0];
    const source = this.#text.slice(start, this.at);
    return (isDate(source) ? undefined : compute(terms, operators)) ?? new Expression(source);
  }

  #term(): unknown {
    const start = this.at;
    const c = this.#text.charAt(start);
    if (c === '-' || c === '+') {
      this.at++;
      const value = this.#term();
      if (typeof value !== 'number') return new Expression(this.#text.slice(start, this.at));
      this.#blanks();
      if (this.#text.startsWith('**', this.at)) throw UNREADABLE; // -2**2 is not (-2)**2
      return c === '-' ? -value : value;
    }
    const value = this.#primary(c);
    return this.#suffixes(value, start);
  }

  #primary(c: string): unknown {
    if (c === '[') return this.#sequence(']');
    if (c === '(') return this.#tuple();
    if (c === '{') return this.#braces();
    if (isQuote(c)) return this.#strings();
    if (/[\d.]/.test(c)) return this.#number();
    const prefix = /^[rbuf]{1,2}(?=["'])/i.exec(this.#text.slice(this.at, this.at + 3));
    if (prefix !== null) {
      this.at += prefix[0].length;
      return this.#strings();
    }
    return this.#named();
  }

  #number(): unknown {
    const start = this.at;
    const written = this.#match(NUMBER);
    if (written === null) throw UNREADABLE;
    // "5km", "3rd", "2021-01-01T…": words that begin with a digit
    if (/[\p{L}\d_]/u.test(this.#text.charAt(this.at))) {
      while (/[\p{L}\d_.:-]/u.test(this.#text.charAt(this.at))) this.at++;
      return new Expression(this.#text.slice(start, this.at));
    }
    const value = Number(written.replaceAll('_', ''));
    if (!Number.isFinite(value)) throw UNREADABLE;
    return value;
  }

  #named(): unknown {
    const name = this.#match(NAME);
    if (name === null) throw UNREADABLE;
    if (WORDS.has(name)) return WORDS.get(name);
    const open = this.#text.charAt(this.at) === '(' ? this.at : -1;
    return open < 0 ? new Expression(plainName(name)) : builtIn(this.#call(plainName(name)));
  }

  /** Subscripts, methods and calls make an expression of a variable. What is taken of a call's result is left away. */
  #suffixes(value: unknown, start: number): unknown {
    let suffixed = false;
    for (;;) {
      const rest = this.#text.slice(this.at, this.at + 2);
      if (/^\.[\p{L}_]/u.test(rest)) {
        this.at++;
        this.#match(NAME);
      } else if (rest.startsWith('[') && (value instanceof Expression || isCalls(value))) this.#sequence(']');
      else if (rest.startsWith('(') && suffixed) this.#arguments();
      else break;
      suffixed = true;
    }
    if (suffixed && isCalls(value)) return value;
    return suffixed ? new Expression(this.#text.slice(start, this.at)) : value;
  }

  #call(name: string): WrittenCall {
    const { positional, named } = this.#arguments();
    return new WrittenCall(name, positional, named);
  }

  #arguments(): { positional: unknown[]; named: Map<string, unknown> } {
    const positional: unknown[] = [];
    const named = new Map<string, unknown>();
    this.at++;
    this.#list(')', () => {
      if (this.#take('**')) {
        const spread = this.expression();
        if (isRecord(spread)) for (const [key, value] of Object.entries(spread)) named.set(key, value);
        else positional.push(spread); // a variable that holds them all
        return;
      }
      const key = this.#key(/(?:=(?!=)|:)/y);
      const value = this.expression();
      if (key === null) positional.push(value);
      else named.set(key, value);
    });
    return { positional, named };
  }

  #sequence(close: string): unknown[] {
    const values: unknown[] = [];
    this.at++;
    this.#list(close, () => values.push(this.expression()));
    return values;
  }

  #tuple(): unknown {
    const start = this.at;
    const values = this.#sequence(')');
    const inside = this.#text.slice(start + 1, this.at - 1).trimEnd();
    return values.length === 1 && !inside.endsWith(',') ? values[0] : values;
  }

  /** A dictionary, or a set, which becomes a list. */
  #braces(): unknown {
    const entries: [string, unknown][] = [];
    const values: unknown[] = [];
    this.at++;
    this.#list('}', () => {
      const key = this.#key(/(?::|=>|=)/y);
      if (key === null) {
        const value = this.expression();
        this.#blanks();
        if (this.#take(':')) entries.push([String(value), this.expression()]);
        else values.push(value);
      } else entries.push([key, this.expression()]);
    });
    if (values.length > 0 && entries.length > 0) throw UNREADABLE;
    return values.length > 0 ? values : record(entries);
  }

  /** What stands between brackets, with commas between (and one more at the end, as many write). */
  #list(close: string, item: () => void): void {
    for (;;) {
      this.#blanks();
      const c = this.#text.charAt(this.at);
      if (c === close) {
        this.at++;
        return;
      }
      if (c === '' || CLOSERS.includes(c) || this.#text.startsWith('</', this.at)) {
        // A bracket was left out. At the end of the text it may as well have been cut off inside a number or a word.
        if (c === '' && !/["'\])}]\s*$/.test(this.#text)) throw UNREADABLE;
        this.mended = true;
        return;
      }
      item();
      this.#blanks();
      if (!this.#take(',') && !this.#take(';')) {
        const next = this.#text.charAt(this.at);
        if (next !== '' && !CLOSERS.includes(next) && !this.#text.startsWith('</', this.at)) {
          // A comma was left out, if what follows certainly is another item.
          if (!isQuote(next) && !'[{('.includes(next) && !this.#sees(NEXT_KEY)) throw UNREADABLE;
          this.mended = true;
        }
      }
    }
  }

  /** The key before a colon or an equals sign, or null (nothing is taken then). */
  #key(sign: RegExp): string | null {
    this.#blanks();
    const start = this.at;
    const quoted = isQuote(this.#text.charAt(start));
    let key: string | null;
    try {
      key = quoted ? this.#string() : this.#match(NAME);
    } catch (error) {
      if (error !== UNREADABLE) throw error;
      key = null; // no key: whoever reads the value meets the same trouble
    }
    this.#blanks();
    if (key !== null && this.#match(sign) !== null) return quoted ? key : plainName(key);
    this.at = start;
    return null;
  }

  /** A string, and those right behind it: Python joins them. */
  #strings(): string {
    let value = this.#string();
    for (;;) {
      const behind = this.at;
      this.#blanks();
      if (!isQuote(this.#text.charAt(this.at)) || behind === this.at) {
        this.at = behind;
        return value;
      }
      value += this.#string();
    }
  }

  #string(): string {
    const open = this.#text.charAt(this.at);
    const triple = this.#text.startsWith(open.repeat(3), this.at);
    const close = triple ? open.repeat(3) : (CURLY.get(open) ?? open);
    const start = this.at + (triple ? 3 : 1);
    const end = stringEnd(this.#text, start, close);
    if (end < 0) throw UNREADABLE;
    this.at = end + close.length;
    return unescape(this.#text.slice(start, end));
  }

  /** Blanks and comments. */
  #blanks(): void {
    for (;;) {
      const blanks = this.#match(/\s+/y) !== null;
      const comment = this.#match(this.#depth > 0 && this.at > 0 ? /(?:#|\/\/)[^\n]*(?=\n)/y : /(?!)/y) !== null;
      if (!blanks && !comment) return;
    }
  }

  #take(sign: string): boolean {
    if (!this.#text.startsWith(sign, this.at)) return false;
    this.at += sign.length;
    return true;
  }

  #sees(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    return pattern.test(this.#text);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.#text);
    if (match === null) return null;
    this.at += match[0].length;
    return match[0];
  }
}

/** Python's constructors of plain values. */
function builtIn(call: WrittenCall): unknown {
  const [value] = call.positional;
  if (call.name === 'json.dumps' && call.positional.length > 0) return value;
  if (call.name === 'dict' && call.positional.length === 0) return Object.fromEntries(call.named);
  if (call.named.size > 0 || call.positional.length !== 1) return call;
  if (['list', 'tuple', 'set'].includes(call.name) && Array.isArray(value)) return value;
  if (call.name === 'str' && (typeof value === 'string' || typeof value === 'number')) return String(value);
  if ((call.name === 'int' || call.name === 'float') && typeof value === 'number') {
    return call.name === 'int' ? Math.trunc(value) : value;
  }
  return call;
}

/** A call, or a list of calls. */
export function isCalls(value: unknown): boolean {
  const list = Array.isArray(value) ? value : [value];
  return list.length > 0 && list.every((item) => item instanceof WrittenCall);
}

/** Own properties only, also for keys such as `__proto__`. */
function record(entries: readonly [string, unknown][]): Record<string, unknown> {
  return Object.fromEntries(entries);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Expression) &&
    !(value instanceof WrittenCall)
  );
}
