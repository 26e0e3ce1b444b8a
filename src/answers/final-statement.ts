/**
 * Where the answer stands in what a model wrote. Models that were asked for one form write another: JSON (whole, cut off or
 * broken), `\boxed{…}`, `#### 42`, "the answer is 42", or a solution whose last line has it.
 */
import { closing } from './number.ts';
import { calm, withoutTrailing } from './whitespace.ts';

/** The piece of a text that states the answer, and how clearly: 1 by a marker or alone, less when it had to be guessed. */
export interface FinalStatement {
  readonly text: string;
  /** 1: the only thing in the text, or a field of whole JSON. 0.9: marked. 0.6: broken JSON. 0.3: the end of the prose. */
  readonly form: number;
}

/** Without what a model thinks before it answers, also where only its end is marked. */
export function withoutThinking(text: string): string {
  const end = text.lastIndexOf('</think>');
  const rest = end >= 0 ? text.slice(end + '</think>'.length) : text.replace(/^\s*<think>[\s\S]*$/, '');
  return rest.trim();
}

/** Of longer texts only the end is looked at: models that run on repeat themselves. */
const LONGEST = 100_000;

/** The final statement of a text, or null when the text is empty. */
export function finalStatement(raw: string): FinalStatement | null {
  const text = calm(withoutThinking(raw).slice(-LONGEST));
  if (text === '') return null;
  return jsonField(text) ?? boxed(text) ?? marked(text) ?? lastOf(text);
}

const FIELD = /["'“”]?\b(?:final[_ ]?answer|answer|result)\b["'“”]?\s*:\s*/gi;

/** The value of the last `answer` (`final_answer`, `result`) field, from JSON or from what was meant to be JSON. */
function jsonField(text: string): FinalStatement | null {
  for (const match of [...text.matchAll(FIELD)].toReversed()) {
    const before = text.slice(Math.max(0, match.index - 2), match.index);
    if (!/["'“”]\s*:/.test(match[0]) && !/[{,]\s?$/.test(before)) continue; // `Answer: 4` is prose
    const value = valueAt(text, match.index + match[0].length);
    if (value !== null) return value;
  }
  return null;
}

/** A JSON value in broken JSON: a string ends at a quote that a comma, a bracket or the end follows. */
function valueAt(text: string, start: number): FinalStatement | null {
  const rest = text.slice(start);
  const quote = /^["“']/.exec(rest)?.[0];
  if (quote === undefined) {
    const bare = /^(?:\[[^\]]*\]|\{[^}]*\}|[^,}\n]+)/.exec(rest)?.[0].trim() ?? '';
    return bare === '' ? null : { text: unescaped(bare), form: /^(-?[\d.]+|null|true|false)$/.test(bare) ? 1 : 0.6 };
  }
  const close = quote === '“' ? '”' : quote;
  for (let at = 1; at < rest.length; at++) {
    if (rest[at] === '\\' && rest[at + 1] !== undefined) at++;
    else if (rest[at] === close && /^["“”']?\s*(?:[,}\]]|$|\n|```)/.test(rest.slice(at + 1))) {
      const whole = /^\s*\}/.test(rest.slice(at + 1));
      return { text: unescaped(rest.slice(1, at)), form: whole ? 1 : 0.6 };
    }
  }
  return { text: unescaped(rest.slice(1).split('\n')[0] ?? ''), form: 0.6 };
}

/**
 * A JSON string's escapes, except where LaTeX was written with one backslash: `\frac` is no form feed, `\times` no tab.
 */
function unescaped(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|[bfnrt](?![a-zA-Z])|["\\/])/g, (_all, escape: string) => {
    if (escape.startsWith('u')) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return { b: '', f: '', n: '\n', r: '', t: '\t' }[escape] ?? escape;
  });
}

/** The content of the last `\boxed{…}`. */
function boxed(text: string): FinalStatement | null {
  const at = Math.max(text.lastIndexOf('\\boxed{'), text.lastIndexOf('\\fbox{'));
  if (at < 0) return null;
  const open = text.indexOf('{', at);
  const end = closing(text, open);
  return { text: text.slice(open + 1, end ?? text.length), form: end === null ? 0.6 : 0.9 };
}

const MARKERS: readonly RegExp[] = [
  /####\s*(.+)/g,
  /(?:final|correct|right|best)\s+(?:answer|result|value|option|choice)\s*(?:is|was|will be|would be|equals|:|=|\*\*:?)+\s*:?\s*(?:\*\*)?\s*(.+)/gi,
  /\b(?:answer|result)\b[^.:\n]{0,40}?(?:\bis\b|:|=)\s*:?\s*(?:\*\*)?\s*(.+)/gi,
  /\banswers?\s*\n+\s*(.+)/gi,
];

/** What follows the last "the answer is", to the end of its sentence. */
function marked(text: string): FinalStatement | null {
  for (const marker of MARKERS) {
    const found = [...text.matchAll(marker)].at(-1)?.[1];
    if (found !== undefined && found.trim() !== '') return { text: firstSentence(found), form: 0.9 };
  }
  return null;
}

/** The sentence that a text begins with: a full stop ends it unless a digit follows (`3.5`) or it closes an abbreviation. */
function firstSentence(text: string): string {
  return withoutTrailing(/^.*?(?:[.!?](?=\s+[A-Z]|\s*$)|\n|$)/s.exec(text)?.[0] ?? text, '.!?* \n').trim();
}

/** A line of up to so many words is nothing but an answer. */
const MAX_ALONE_WORDS = 8;

/** The last line that says something; the text itself when it is but one short line. */
function lastOf(text: string): FinalStatement {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /[\p{L}\p{N}]/u.test(line));
  const last = lines.at(-1) ?? text;
  return { text: last, form: lines.length === 1 && last.split(/\s+/).length <= MAX_ALONE_WORDS ? 1 : 0.3 };
}
