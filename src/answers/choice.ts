/** Answers that choose one of several options: letters, yes or no, numbered candidates, or the option's own words. */
import { finalStatement, type FinalStatement } from './final-statement.ts';
import { calm } from './whitespace.ts';
import { exactKey } from './wording.ts';

/** An option of a question: what it is called (`B`, `2`) and what it says. */
export interface Option {
  readonly label: string;
  readonly text: string;
}

/** Options stand at the end of a question. */
const LONGEST_LIST = 20_000;

/** `A) …`, `(b) …`, `1. …` at the start of a line or sentence, after wide space, or in brackets, up to the next one or the line's end. */
const OPTION = /(?:^|\n|\s{2,}|(?<=[.?:]\s)|\s(?=\())\s*\(?([A-Ha-h]|\d{1,2})[).:]\s+(.+?)(?=\s+\(?[B-Hb-h][).:]\s|\n|$)/g;

/** The options of a question, when it lists at least two in order (`A) …`, `(b) …`, `1. …`), from the last such list. */
export function optionsOf(question: string): Option[] {
  const options = [...calm(question.slice(-LONGEST_LIST)).matchAll(OPTION)].map(([, label = '', text = '']) => ({
    label: label.toUpperCase(),
    text: text.trim(),
  }));
  const first = options.findLastIndex(({ label }) => label === 'A' || label === '1');
  if (first < 0) return [];
  const list = options.slice(first, first + 1);
  for (const option of options.slice(first + 1)) if (option.label === following(list.at(-1)?.label)) list.push(option);
  return list.length >= 2 ? list : [];
}

function following(label: string | undefined): string | undefined {
  if (label === undefined) return undefined;
  return /\d/.test(label) ? String(Number(label) + 1) : String.fromCharCode(label.charCodeAt(0) + 1);
}

const YES = /^(?:yes|yeah|yep|true|correct|right|approved?)\b/i;
const NO = /^(?:no|nope|false|incorrect|wrong|not (?:right|correct|true)|rejected?)\b/i;

/** `yes` or `no` when a text ends or begins with that; null when it does not say. `I get 46. No.` is no. */
export function readYesNo(text: string): 'yes' | 'no' | null {
  const statement = finalStatement(text);
  if (statement === null) return null;
  const sentences = statement.text.split(/(?<=[.!?])\s+|\n/).map((part) => part.replace(/^[\s"'*(]+/, ''));
  const whole = text.trim().replace(/^[\s"'*(]+/, '');
  for (const candidate of [...sentences.toReversed(), whole]) {
    if (NO.test(candidate)) return 'no';
    if (YES.test(candidate)) return 'yes';
  }
  return null;
}

/** The option that a text chooses, with how clearly it does; null when none can be made out. Without `options` any single letter or yes/no. */
export function readChoice(text: string, options: readonly Option[] = []): { label: string; form: number } | null {
  const statement = finalStatement(text);
  if (statement === null) return null;
  const label = labelIn(statement, options);
  if (label !== null) return { label, form: statement.form };
  const said = optionSaid(statement.text, options) ?? optionSaid(text, options);
  if (said !== null) return { label: said, form: statement.form * 0.8 };
  if (options.length > 0) return null;
  const answer = readYesNo(text);
  return answer === null ? null : { label: answer, form: statement.form };
}

/** `B`, `(b)`, `B. Paris`, `option B`, `Number 2.`; the last one named when there are several. */
function labelIn(statement: FinalStatement, options: readonly Option[]): string | null {
  const text = statement.text.replace(/[*`$]|\\(?:text|mathrm|textbf)\s*\{([^}]*)\}/g, '$1').trim();
  const known = (label: string): string | null => {
    const upper = label.toUpperCase();
    return options.length === 0 ? upper : (options.find((option) => option.label === upper)?.label ?? null);
  };
  const patterns = [
    /^\(?([A-Ha-h]|\d{1,2})[).:]?$/,
    /^\(?([A-H]|\d{1,2})[).:](?!\d)\s*\S/,
    /(?:option|choice|candidate|number|no\.|#|answer)\s*(?:is\s*)?:?\s*\(?([A-Ha-h]|\d{1,2})\b\)?(?!\.\d)/gi,
    /\(([A-H])\)/g,
  ];
  for (const pattern of patterns) {
    const found = pattern.global ? [...text.matchAll(pattern)].at(-1)?.[1] : pattern.exec(text)?.[1];
    if (found === undefined || (options.length === 0 && /\d/.test(found))) continue;
    const label = known(found);
    if (label !== null) return label;
  }
  return null;
}

/** The only option whose words a text says. */
function optionSaid(text: string, options: readonly Option[]): string | null {
  const said = exactKey(text).toLowerCase();
  const exact = options.filter((option) => exactKey(option.text).toLowerCase() === said);
  if (exact.length === 1) return exact[0]?.label ?? null;
  const contained = options.filter((option) => {
    const words = exactKey(option.text).toLowerCase();
    return words.length > 0 && new RegExp(`(?<![\\p{L}\\p{N}])${escaped(words)}(?![\\p{L}\\p{N}])`, 'u').test(said);
  });
  return contained.length === 1 ? (contained[0]?.label ?? null) : null;
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * Which of numbered candidates a judge picks, from 0: by number (`2`, `Number 2.`, `I get 46. Number 2.`, `Candidate 2`) or by
 * saying one candidate's own words. null when neither can be made out.
 */
export function readPick(text: string, candidates: readonly string[]): number | null {
  const options = candidates.map((candidate, i): Option => ({ label: String(i + 1), text: candidate }));
  const choice = readChoice(text, options);
  if (choice !== null) return Number(choice.label) - 1;
  const named = (text.match(/(?<![\d.,])\d{1,2}(?![\d,]|\.\d)/g) ?? [])
    .map(Number)
    .filter((n) => n >= 1 && n <= candidates.length);
  const last = named.at(-1);
  return last === undefined ? null : last - 1;
}
