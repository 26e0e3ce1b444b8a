/** Decides how the answers to a question are to be compared, when nobody said so. */
import type { ChatInput } from '../contracts/chat.ts';
import type { AnswerKind, RawAnswer } from './answer.ts';
import { optionsOf, readChoice, readYesNo, type Option } from './choice.ts';
import { wholeJson } from './data.ts';
import { finalStatement, withoutThinking } from './final-statement.ts';
import { numbersIn, resultOf } from './number.ts';
import { readAnswer } from './read.ts';
import { isProse } from './wording.ts';

/** What of a request bears on how its answers compare. */
export interface Question {
  /** The text of the last user message. */
  readonly text: string;
  readonly options: readonly Option[];
  readonly hasTools: boolean;
  readonly wantsJson: boolean;
}

/** The question of a chat request. */
export function readQuestion(input: Pick<ChatInput, 'messages' | 'tools' | 'tool_choice' | 'response_format'>): Question {
  const content = input.messages.findLast(({ role }) => role === 'user')?.content ?? '';
  const text = typeof content === 'string' ? content : content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
  const format = input.response_format?.type;
  return {
    text,
    options: optionsOf(text),
    hasTools: (input.tools?.length ?? 0) > 0 && input.tool_choice !== 'none',
    wantsJson: format === 'json_object' || format === 'json_schema',
  };
}

/** Longer answers than this many words are compared by meaning. */
const MAX_EXACT_WORDS = 12;
/** Up to this many words an answer is a name (`the United States of America`), whatever words it has. */
const MAX_NAME_WORDS = 5;

/**
 * The kind for these answers; the first that fits:
 *
 * 1. tools were given and some answer calls one: `tool_call`
 * 2. JSON was asked for, or most answers are JSON without an `answer` field of their own: `json`
 * 3. the question lists options, or is answered by yes or no, and most answers name one: `choice`
 * 4. most answers state a number: `number`
 * 5. every answer is a name, a value or a list of such, not a sentence: `exact`; else `semantic`
 *
 * Most are more than half: with `number`, a member that writes "infinitely many" abstains, instead of making all others'
 * solutions texts to be compared word by word. Answers that abstain anyway have no say.
 */
export function decideKind(answers: readonly RawAnswer[], question: Question): AnswerKind {
  if (question.hasTools && answers.some(({ toolCalls }) => (toolCalls?.length ?? 0) > 0)) return 'tool_call';
  if (question.wantsJson) return 'json';
  const voices = answers.map((answer) => traitsOf(answer, question)).filter(({ words }) => words > 0);
  if (voices.length === 0) return 'exact';
  const most = (trait: 'data' | 'option' | 'yesOrNo' | 'number'): boolean =>
    voices.filter((voice) => voice[trait]).length * 2 > voices.length;
  if (most('data')) return 'json';
  if (most('option') || most('yesOrNo')) return 'choice';
  if (most('number')) return 'number';
  return voices.every(({ words, prose }) => words <= MAX_EXACT_WORDS && !prose) ? 'exact' : 'semantic';
}

/** What one answer looks like. */
interface Traits {
  readonly question: Question;
  /** 0: it abstains. */
  readonly words: number;
  readonly data: boolean;
  readonly option: boolean;
  readonly yesOrNo: boolean;
  readonly number: boolean;
  /** A sentence rather than a name or a list. */
  readonly prose: boolean;
}

/** While votes come in, the kind is asked for again and again: long answers are looked at once. */
const known = new WeakMap<RawAnswer, Traits>();

function traitsOf(answer: RawAnswer, question: Question): Traits {
  const before = known.get(answer);
  if (before?.question === question) return before;
  const { text } = answer;
  const traits: Traits = {
    question,
    ...lengthOf(answer),
    data: isPlainData(text),
    option: question.options.length > 0 && readChoice(text, question.options) !== null,
    yesOrNo: readYesNo(text) !== null,
    number: statesNumber(text, question),
  };
  known.set(answer, traits);
  return traits;
}

/** A longer text has more words than any name or list. */
const MAX_EXACT_CHARACTERS = 1000;

function lengthOf(answer: RawAnswer): Pick<Traits, 'words' | 'prose'> {
  if (answer.text.length > MAX_EXACT_CHARACTERS && withoutThinking(answer.text).length > MAX_EXACT_CHARACTERS) {
    return { words: MAX_EXACT_CHARACTERS, prose: true };
  }
  const { key } = readAnswer(answer, 'exact');
  const words = key === null ? 0 : key.split(' ').length;
  return { words, prose: key !== null && words > MAX_NAME_WORDS && isProse(key) };
}

/** Data rather than an answer in an envelope: `{"answer": 4}` is the number 4, `{"city": "Paris"}` is data. */
function isPlainData(text: string): boolean {
  const value = wholeJson(text);
  if (value === undefined || typeof value.value !== 'object' || value.value === null) return false;
  return !Object.keys(value.value).some((key) => /^(?:final_?)?answer$/i.test(key));
}

const ASKS_FOR_NUMBER =
  /\b(?:how (?:many|much|far|long|old|tall|high|fast)|calculate|compute|evaluate|what is the (?:sum|product|difference|total|number|value|area|probability|remainder)|find the (?:sum|product|number|value|area|least|greatest|smallest|largest))\b|\d\s*[-+*/×÷=]\s*\d/i;
/** A short answer may have this many words around its number. */
const MAX_WORDS_WITH_NUMBER = 8;

/** A list (`6, 4, 2`), a code (`DJ05`) or a time (`10:30`) is no number; nor is prose in which one stands, unless one was asked for. */
function statesNumber(text: string, question: Question): boolean {
  const statement = finalStatement(text);
  if (statement === null) return false;
  if (resultOf(statement.text) !== null) return true;
  const numbers = numbersIn(statement.text);
  const digits = statement.text.match(/\d+(?:[.,:]\d+|\s?\/\s?\d+)*/g) ?? [];
  if (numbers.length === 0 || digits.length !== numbers.length) return false;
  if (ASKS_FOR_NUMBER.test(question.text) && !/^[\d\s,;]+$/.test(statement.text.trim())) return true;
  return numbers.length === 1 && statement.text.split(/\s+/).length <= MAX_WORDS_WITH_NUMBER && statement.form > 0.3;
}
