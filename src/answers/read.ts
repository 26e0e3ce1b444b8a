/** Reads the comparable value out of what a model gave, leniently: a vote should not be lost to a missing brace. */
import type { Abstention, Answer, AnswerKind, RawAnswer, Reading } from './answer.ts';
import { readChoice, type Option } from './choice.ts';
import { callsKey, canonicalJson, jsonIn } from './data.ts';
import { finalStatement, withoutThinking, type FinalStatement } from './final-statement.ts';
import { numberKey, numbersIn, resultOf } from './number.ts';
import { declines, exactKey, refuses } from './wording.ts';

/** What the question says about its answers. */
export interface ReadContext {
  /** The options of a question with options. */
  readonly options?: readonly Option[];
}

/**
 * What `raw` answers, as an answer of `kind`; an abstention when it is empty, declines, or holds nothing of the kind.
 *
 * @example
 * readAnswer('{"reasoning": "…", "answer": "1,200 clips"', 'number').key  // '1200'
 */
export function readAnswer(raw: RawAnswer | string, kind: AnswerKind, context: ReadContext = {}): Reading {
  const { text, toolCalls = [] } = typeof raw === 'string' ? { text: raw } : raw;
  const said = withoutThinking(text);
  if (kind === 'tool_call') return readCalls(said, toolCalls);
  if (said === '') return abstention(kind, 'empty');
  if (GARBLED.test(said)) return abstention(kind, 'unreadable');
  if (declines(said)) return { ...abstention(kind, 'declined'), ...(refuses(said) && { refuses: true }) };
  const read = READERS[kind](said, context);
  if (read === null) return abstention(kind, 'unreadable');
  return { kind, ...read };
}

/** Bytes that are no text: control characters (but for those that LaTeX in JSON becomes, `\\boxed`), and what stands for broken ones. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const GARBLED = /[\u0000-\u0007\u000e-\u001f]|\ufffd{2}/;

type Read = Omit<Answer, 'kind'>;

const READERS: Readonly<Record<Exclude<AnswerKind, 'tool_call'>, (text: string, context: ReadContext) => Read | null>> = {
  number: readNumber,
  choice: (text, { options = [] }) => {
    const choice = readChoice(text, options);
    return choice && { key: choice.label, value: choice.label, form: choice.form };
  },
  json: (text) => {
    const found = jsonIn(text);
    return found === undefined ? null : { key: canonicalJson(found.value), ...found };
  },
  exact: readText,
  semantic: readText,
};

function abstention(kind: AnswerKind, reason: Abstention['reason']): Abstention {
  return { kind, key: null, reason };
}

function readText(text: string): Read | null {
  const key = exactKey(text);
  return key === '' ? null : { key, value: text, form: 1 };
}

/** No call is an answer as well: most requests with tools need none. */
function readCalls(text: string, calls: NonNullable<RawAnswer['toolCalls']>): Reading {
  if (calls.length > 0) return { kind: 'tool_call', key: callsKey(calls), value: calls, form: 1 };
  if (text === '') return abstention('tool_call', 'empty');
  return { kind: 'tool_call', key: '', value: [], form: 1 };
}

/** A statement that is no number but short is an answer of its own (`x + 1`, `(2, 3)`): equal ones still agree. */
const MAX_EXPRESSION_CHARACTERS = 120;
/** Below this a statement is only the end of the prose: numbers before it may be meant. */
const GUESSED = 0.3;

function readNumber(text: string): Read | null {
  const statement = finalStatement(text);
  if (statement === null) return null;
  const value = numberOf(statement);
  if (value !== null) return { key: numberKey(value), value, form: statement.form };
  if (statement.form > GUESSED) return /\d|\\[a-z]|\^/i.test(statement.text) ? expression(statement) : null;
  const last = numbersIn(text).at(-1);
  return last === undefined ? null : { key: numberKey(last), value: last, form: GUESSED / 2 };
}

function expression({ text, form }: FinalStatement): Read | null {
  const key = text.replace(/\\(?:left|right|,|;|!|\s)|[\s${}]/g, '').replace(/\\[dt]frac/g, '\\frac');
  return key === '' || key.length > MAX_EXPRESSION_CHARACTERS ? null : { key, value: text.trim(), form: form / 2 };
}

/** A letter where only a variable can stand: `91 - 2x`, `x + 1`, `f(x)`, `\omega`. */
const VARIABLE = /[a-z]\s*[\^(]|\b[a-z]\b\s*[+\-*/]|[+\-*/]\s*[a-z]\b|\d[a-fh-km-rt-z]\b|\\[a-z]+/i;

/** The number that a final statement means: all of it, what is after its last `=`, what is stressed, begins it, or ends it. */
function numberOf({ text, form }: FinalStatement): number | null {
  const result = resultOf(text);
  if (result !== null) return result;
  const stressed = [...text.matchAll(/\*\*([^*]+)\*\*|\\boxed\{([^{}]*)\}/g)].at(-1);
  const inside = stressed === undefined ? null : resultOf(stressed[1] ?? stressed[2] ?? '');
  if (inside !== null) return inside;
  if (VARIABLE.test(text) && form > GUESSED) return null;
  const numbers = numbersIn(text);
  // "18 dollars a day for 7 days" states 18; "so in 7 days she makes 126 dollars" states 126.
  const begins = form > GUESSED && /^[^\p{L}\d]*-?[$€£]?\d/u.test(text);
  return (begins && !/[.!?]\s+\S/.test(text.trim()) ? numbers[0] : numbers.at(-1)) ?? null;
}
