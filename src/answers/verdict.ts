/**
 * Asking a model whether an answer is right, and reading what it says. The form is one that the embedded models know: they
 * state their own answer first (`I get 46. No.`), because who judges must know the answer.
 */
import type { Confidence } from '../contracts/confidence.ts';
import { asArray, asObject, type JsonObject } from '../lib/json-value.ts';
import { readYesNo } from './choice.ts';
import { jsonIn } from './data.ts';
import { withoutThinking } from './final-statement.ts';
import { numberKey, resultOf } from './number.ts';
import { declines, exactKey } from './wording.ts';

/** What a verifier says about an answer. */
export interface Verdict {
  readonly verdict: 'approved' | 'rejected' | 'uncertain';
  /** In the verifier's words. */
  readonly reason: string;
  /** The right answer, where the verifier gives one; only with a rejection. */
  readonly correction?: string;
}

/** The question to a verifier; its reply is for `readVerdict`. */
export function verifyPrompt(question: string, answer: string): string {
  return `Question: ${question}\nAnswer: ${answer}\nIs the answer right? Reply yes or no.`;
}

/**
 * The verdict in a verifier's reply, leniently: JSON with `verdict` (or `approved`, `correct` …), `approved`, `yes`,
 * `No, it is 46.`, `I get 42. Yes.`, `The answer is wrong; it should be 46.` What says neither, or contradicts itself (a
 * rejection whose correction is the answer, an approval beside another answer of its own), is `uncertain`.
 *
 * @param answer what was verified
 */
export function readVerdict(text: string, answer: string): Verdict {
  const said = withoutThinking(text);
  const read = readJson(said) ?? readWords(said);
  const { verdict, reason, own } = read;
  const isSame = own !== null && sameAnswer(own, answer);
  if (verdict === 'approved' && own !== null && !isSame) return { verdict: 'uncertain', reason };
  if (verdict !== 'rejected') return { verdict, reason };
  if (isSame) return { verdict: 'uncertain', reason };
  return { verdict, reason, ...(own !== null && { correction: own }) };
}

/**
 * A verdict as a confidence in the answer: an approval is worth what the verifier's reply is, a rejection what is left of it
 * and at most 0.3, uncertainty 0.5. A verifier without a confidence of its own is taken at its word: 1 or 0.3.
 */
export function confidenceOfVerdict({ verdict }: Verdict, verifier: Confidence | null): Confidence {
  const sure = verifier?.score ?? 1;
  const rejected = Math.min(0.3, verifier === null ? 0.3 : 1 - sure);
  const score = { approved: sure, rejected, uncertain: 0.5 }[verdict];
  return { score, method: 'verifier', calibrated: false };
}

/** Whether a text judges where it should have answered. `answer`: one that says yes or no shows that this answers, too. */
export function isVerdict(text: string, answer: string): boolean {
  const said = withoutThinking(text);
  return readJson(said) !== null || (readYesNo(said) !== null && readYesNo(answer) === null);
}

/** The least number of words that tell more than yes or no. */
const MIN_REMARK_WORDS = 4;

/** What the author of a rejected answer can learn from: '' where the verifier says no more than that it is wrong. */
export function remarksOf({ reason }: Verdict): string {
  return reason.split(/\s+/).length < MIN_REMARK_WORDS ? '' : reason;
}

interface Reading {
  readonly verdict: Verdict['verdict'];
  readonly reason: string;
  /** What the verifier itself takes for the answer. */
  readonly own: string | null;
}

const APPROVED = /^(?:approved?|accept(?:ed|able)?|pass(?:ed|es)?|yes|true|correct|right|valid|ok(?:ay)?|good|lgtm)\b/i;
const REJECTED = /^(?:reject(?:ed)?|fail(?:ed|s)?|no|false|incorrect|wrong|invalid|bad|not|needs?|revise|changes?)\b/i;

function wordOf(value: unknown): Verdict['verdict'] | null {
  if (typeof value === 'boolean') return value ? 'approved' : 'rejected';
  if (typeof value !== 'string') return null;
  const word = value.trim();
  if (REJECTED.test(word)) return 'rejected';
  return APPROVED.test(word) ? 'approved' : 'uncertain';
}

const VERDICT_KEYS = 'verdict decision status approved is_approved correct is_correct valid is_valid right pass passed'.split(
  ' ',
);
const REASON_KEYS = 'reason reasons reasoning explanation feedback comments comment issues problems'.split(' ');
const CORRECTION_KEYS = 'correction corrected corrected_answer correct_answer right_answer fixed'.split(' ');

function readJson(text: string): Reading | null {
  const data = asObject(jsonIn(text)?.value);
  if (data === null) return null;
  const verdict = wordOf(field(data, VERDICT_KEYS));
  if (verdict === null) return null;
  return { verdict, reason: textOf(field(data, REASON_KEYS)) ?? text, own: textOf(field(data, CORRECTION_KEYS)) };
}

function field(data: JsonObject, names: readonly string[]): unknown {
  for (const [key, value] of Object.entries(data)) {
    const name = key.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
    if (names.includes(name) && value !== null) return value;
  }
  return undefined;
}

function textOf(value: unknown): string | null {
  if (Array.isArray(value))
    return (
      asArray(value)
        .map(textOf)
        .filter((item) => item !== null)
        .join('; ') || null
    );
  if (typeof value === 'string') return value.trim() === '' ? null : value.trim();
  if (value === undefined || value === null || typeof value === 'boolean') return null;
  return JSON.stringify(value);
}

/** `No errors found.` begins with no and approves. */
const FOUND_NOTHING = /^no (?:\w+ )?(?:errors?|mistakes?|problems?|issues?|corrections?|changes?|objections?)\b/i;
const UNSURE =
  /^(?:uncertain|unsure|unclear|maybe|perhaps|possibly|partially|partly|(?:i )?can(?:no|')t (?:say|tell|verify|judge))\b/i;
const SAYS_WRONG =
  /\b(?:incorrect|wrong|mistaken|inaccurate|(?:not|isn't|n't) (?:quite |entirely |really )?(?:right|correct|true|accurate)|rejected?)\b/i;
const SAYS_RIGHT = /\b(?:correct|right|accurate|approved?|looks good)\b/i;

function readWords(text: string): Reading {
  const plain = text.replace(/[*_`]+/g, '').trim();
  const reason = text.trim();
  const own = ownAnswer(plain);
  const marked = /\bverdict\b\W{0,4}([a-z]+)/i.exec(plain)?.[1];
  if (marked !== undefined) return { verdict: wordOf(marked) ?? 'uncertain', reason, own };
  if (plain === '' || UNSURE.test(plain) || declines(plain)) return { verdict: 'uncertain', reason, own: null };
  if (FOUND_NOTHING.test(plain)) return { verdict: 'approved', reason, own: null };
  const word = readYesNo(plain);
  if (word !== null) return { verdict: word === 'yes' ? 'approved' : 'rejected', reason, own };
  if (SAYS_WRONG.test(plain)) return { verdict: 'rejected', reason, own };
  return { verdict: SAYS_RIGHT.test(plain) ? 'approved' : 'uncertain', reason, own: null };
}

/** Where a verifier states the answer itself. */
const STATEMENTS: readonly RegExp[] = [
  /^I (?:get|got|have|find)\s+(.+?)[.!]?(?:\s+(?:yes|no|true|false|correct|right|wrong|incorrect)\b.*)$/is,
  /\b(?:right|correct|actual|true|proper|corrected)\s+(?:answer|result|value|one)\s*(?:is|was|would be|should be|:)\s*(.+)/is,
  /\b(?:it|this|that|answer|result)\s+(?:should|must|ought to|would)\s+(?:be|have been)\s+(.+)/is,
  /^(?:no|wrong|incorrect|rejected|false)\b[\s,.;:!–—-]*(?:it is|it's|it was|the answer is|that is|that's)\s+(.+)/is,
  /\bcorrection\s*:\s*(.+)/is,
  /^(?:no|wrong|incorrect|rejected|false)\b[\s,.;:!–—-]+(\S*\d\S*(?:\s+\S+)?)$/is,
];
/** `It is wrong` states nothing. */
const NO_STATEMENT =
  /^(?:not\b|n't|wrong|incorrect|false|invalid|right|correct|true|too\b|missing|incomplete|because|off\b|unclear)/i;
/** What is longer is an explanation. */
const MAX_STATEMENT_WORDS = 24;

function ownAnswer(text: string): string | null {
  for (const pattern of STATEMENTS) {
    const found = pattern.exec(text)?.[1];
    if (found === undefined) continue;
    const stated = firstSentence(found);
    if (stated !== '' && !NO_STATEMENT.test(stated) && stated.split(/\s+/).length <= MAX_STATEMENT_WORDS) return stated;
  }
  return null;
}

/** To the first stop that ends a sentence (not that of `3.5`), without what it is set against. */
function firstSentence(text: string): string {
  const sentence = /^.*?(?=[.!?;](?:\s|$)|\n|$)/s.exec(text)?.[0] ?? text;
  return sentence
    .replace(/,?\s+(?:not|rather than|instead of|and not)\s.*$/s, '')
    .replace(/^["“']+|["”'\s.]+$/g, '')
    .trim();
}

function sameAnswer(a: string, b: string): boolean {
  if (exactKey(a).toLowerCase() === exactKey(b).toLowerCase()) return true;
  const [left, right] = [resultOf(a), resultOf(b)];
  return left !== null && right !== null && numberKey(left) === numberKey(right);
}
