/**
 * Where the value of an argument comes from: the user's words, or nowhere. A word for word match is not needed: `5 million` says
 * 5000000, `100µF` says 0.0001, `Canadian dollars` says `CAD`.
 */
import { asArray, asObject, type JsonObject } from '../../lib/json-value.ts';
import { stemsOf } from '../lexical.ts';

/**
 * | ground | meaning |
 * |---|---|
 * | `said` | the user's words have it |
 * | `open` | a model may well choose or know it: booleans, one of a list, long texts, codes, coordinates, limits, units, 0 and 1, dates when the user speaks of today |
 * | `number`, `words` | from nowhere |
 * | `blank` | nothing at all, or a placeholder: `""`, `your_city`, `N/A` |
 */
export type Ground = 'said' | 'open' | 'number' | 'words' | 'blank';

/** What a user said, prepared for looking values up. */
export interface Spoken {
  /** In lower case, without signs. */
  readonly text: string;
  readonly stems: ReadonlySet<string>;
  readonly words: readonly string[];
  /** Those written in digits and in words; `5 million` gives 5 and 5000000. */
  readonly numbers: readonly number[];
  /** It speaks of a time that only the day on which it is said makes a date. */
  readonly isRelative: boolean;
}

const RELATIVE =
  /\b(?:to(?:day|night|morrow)|yesterday|now|current(?:ly)?|latest|last|past|next|this|recent(?:ly)?|ago|(?:mon|tues|wednes|thurs|fri|satur|sun)day|weekend)\b/i;

/** Prepares a text. */
export function spokenOf(text: string): Spoken {
  return {
    text: plain(text),
    stems: new Set(stemsOf(text)),
    words: text.toLowerCase().match(/\p{L}+/gu) ?? [],
    numbers: numbersOf(text),
    isRelative: RELATIVE.test(text),
  };
}

/** The ground of an argument. Of a list or an object: the best that any of its values has. */
export function groundOf(name: string, value: unknown, schema: JsonObject, spoken: Spoken): Ground {
  const found = groundOfValue(name, value, schema, spoken);
  return found !== 'said' && isOptional(schema, value) ? 'open' : found;
}

/** One of a list, or what the schema itself gives or would do without (strict schemas require everything). */
function isOptional(schema: JsonObject, value: unknown): boolean {
  return asArray(schema['enum']).includes(value) || 'default' in schema || asArray(schema['type']).includes('null');
}

function groundOfValue(name: string, value: unknown, schema: JsonObject, spoken: Spoken): Ground {
  if (Array.isArray(value)) {
    const items = asObject(schema['items']) ?? {};
    return best(value.map((item) => groundOf(name, item, items, spoken)));
  }
  const object = asObject(value);
  if (object !== null) {
    const properties = asObject(schema['properties']) ?? {};
    return best(Object.entries(object).map(([key, inner]) => groundOf(key, inner, asObject(properties[key]) ?? {}, spoken)));
  }
  if (typeof value === 'number') return groundOfNumber(name, value, spoken);
  if (typeof value !== 'string') return 'open';
  return groundOfText(name, value, spoken);
}

const BEST_FIRST: readonly Ground[] = ['said', 'open', 'number', 'words', 'blank'];

function best(grounds: readonly Ground[]): Ground {
  return BEST_FIRST.find((ground) => grounds.includes(ground)) ?? 'open';
}

/** Longer ones are written by the model on purpose: texts, code. */
const LONGEST_QUOTE = 60;
/** What models write for what they were not told. */
const PLACEHOLDER =
  /^(?:[<[{].*[>\]}]|(?:your|insert|enter|example)[ _-].*|(?:my|the|some)_\w+|n\/?a|none|null|unknown|undefined|unspecified|not[ _](?:specified|provided|given|available)|placeholder|example|tbd|\?+|\.{3}|x{3,})$/i;
/** Parameters that may be left empty on purpose: it means all. */
const EMPTY_IS_ALL = /path|dir|folder|prefix|filter|query|search|content|body/i;
const DATE =
  /^(?:\d{4}-\d{1,2}(?:-\d{1,2})?(?:[T ].*)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|(?:19|20)\d\d(?:[-/](?:(?:19|20)?\d\d))?|\d{1,2}:\d\d(?::\d\d)?)$/;
/** Tickers, currencies, languages, airports, time zones: what `in Boston` is called, a model knows. */
const CODE = /^(?:[A-Z]{2,5}|[a-z]{2}(?:[-_][A-Z]{2})?|[A-Z]\w+\/[A-Z]\w+)$/;

/** How much of an answer is wanted, and in which units: nobody says it, everybody may choose it. */
const PREFERENCE =
  /limit|results|page|count|offset|precision|decimals|timeout|^(?:k|n|num|number|size|top_?[kn]|radius)$|(?:^|_)(?:units?|measurement|lang|language|locale|currency)$/i;
const COORDINATE = /coord|(?:^|_)[Ll](?:at|on|ng|ong)(?:itude)?\d?(?:_|$)|[a-z](?:Lat|Lon|Lng)(?:itude)?\d?$/;
const POINT = /^-?\d+\.\d+\s*,\s*-?\d+\.\d+$/;

function groundOfText(name: string, value: string, spoken: Spoken): Ground {
  if (value.length > LONGEST_QUOTE) return 'open';
  const text = plain(value);
  const trimmed = value.trim();
  if (trimmed === '') return EMPTY_IS_ALL.test(name) ? 'open' : 'blank';
  if (text !== '' && ` ${spoken.text} `.includes(` ${text} `)) return 'said';
  if (stemsOf(value).some((stem) => spoken.stems.has(stem))) return 'said';
  if (PLACEHOLDER.test(trimmed)) return 'blank';
  if (!/[\p{L}\p{N}]/u.test(trimmed)) return 'open'; // `*`, `.`, `/`: all there is
  if (abbreviates(trimmed, spoken.words)) return 'said';
  const numbers = trimmed.match(/\d+(?:\.\d+)?/g) ?? [];
  if (numbers.some((number) => isSaid(Number(number), spoken))) return 'said';
  if (DATE.test(trimmed)) return spoken.isRelative ? 'open' : 'number';
  if (CODE.test(trimmed) || POINT.test(trimmed) || PREFERENCE.test(name)) return 'open';
  return numbers.length > 0 ? 'number' : 'words';
}

function groundOfNumber(name: string, value: number, spoken: Spoken): Ground {
  if (isSaid(value, spoken)) return 'said';
  if (Math.abs(value) <= 1 && Number.isInteger(value)) return 'open';
  if (COORDINATE.test(name) || PREFERENCE.test(name)) return 'open';
  return spoken.isRelative && DATE.test(String(value)) ? 'open' : 'number';
}

/** From a unit to another: powers of a thousand, percent, time, dozens. */
const FACTORS = [1, 1e3, 1e6, 1e9, 1e12, 100, 60, 3600, 24, 7, 12, 365, 30];

function isSaid(value: number, { numbers }: Spoken): boolean {
  const wanted = Math.abs(value);
  return numbers.some((said) => FACTORS.some((factor) => near(said * factor, wanted) || near(wanted * factor, said)));
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
}

const NUMBER_WORDS = new Map(
  Object.entries({
    zero: 0, one: 1, two: 2, three: 3, four: 4, five: 5, six: 6, seven: 7, eight: 8, nine: 9, ten: 10, eleven: 11, twelve: 12, thirteen: 13,
    fourteen: 14, fifteen: 15, sixteen: 16, seventeen: 17, eighteen: 18, nineteen: 19, twenty: 20, thirty: 30, forty: 40, fifty: 50, sixty: 60,
    seventy: 70, eighty: 80, ninety: 90, hundred: 100, thousand: 1e3, million: 1e6, billion: 1e9, dozen: 12, half: 0.5, quarter: 0.25, couple: 2,
    pair: 2, both: 2, twice: 2, double: 2, triple: 3, second: 2, third: 3, daily: 1, weekend: 2, week: 7, weekly: 7, fortnight: 14, month: 30,
    monthly: 12, quarterly: 4, year: 12, yearly: 1, annual: 1, annually: 1, decade: 10, century: 100,
  }),
); // prettier-ignore
const SCALES = new Map(
  Object.entries({ hundred: 100, dozen: 12, thousand: 1e3, k: 1e3, million: 1e6, m: 1e6, billion: 1e9, bn: 1e9 }),
);

function numbersOf(text: string): number[] {
  const found: number[] = [];
  const written =
    /(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+|[a-z]+)(?:[ -]?(hundred|dozen|thousand|million|billion|k|m|bn)\b)?/g;
  for (const [, number = '', scale = ''] of text.toLowerCase().matchAll(written)) {
    const value = /\d/.test(number) ? Number(number.replaceAll(',', '')) : NUMBER_WORDS.get(number);
    if (value === undefined) continue;
    found.push(value, value * (SCALES.get(scale) ?? 1));
  }
  return found;
}

/** Whether letters are the beginnings of words that follow each other: `CAD` of `Canadian dollars`, `NY`, `fr` of `French`. */
function abbreviates(code: string, words: readonly string[]): boolean {
  if (!/^[A-Za-z]{2,5}$/.test(code)) return false;
  const from = (at: number, rest: string): boolean => {
    if (rest === '') return true;
    const word = words[at] ?? '';
    for (let length = Math.min(word.length, rest.length); length > 0; length--) {
      if (word.startsWith(rest.slice(0, length)) && from(at + 1, rest.slice(length))) return true;
    }
    return false;
  };
  return words.some((_, at) => from(at, code.toLowerCase()));
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}.]+/gu, ' ')
    .trim();
}
