/** Texts as they are compared: exactly, by words, and whether they decline to answer. */
import { withoutThinking } from './final-statement.ts';
import { withoutTrailing } from './whitespace.ts';

/** Spaces, quotes, emphasis and a closing full stop do not make another answer; case does (`BOBE` answers another question than `bobe`). */
export function exactKey(text: string): string {
  const plain = withoutThinking(text)
    .normalize('NFKC')
    .replace(/```\w*|[*`]+/g, '')
    .replace(/[“”„«»]/g, '"')
    .replace(/[‘’]/g, "'")
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^(?:the\s+)?(?:final\s+)?answer\s*(?:is|:)\s*/i, '')
    .replace(/^(["'])(.*?)\1([.!]?)$/, '$2$3')
    .replace(/\s*([,;])\s*/g, '$1 ');
  return withoutTrailing(plain, '.! ').trim();
}

/** What says "no answer" when a short text begins with it. */
const DECLINES =
  /^(?:i(?:'m| am)? (?:really |still )?(?:do not|don't|don t|dont) know|i(?:'m| am) (?:not sure|unsure|unable|not able|sorry|afraid)|i (?:can't|cannot|can not|could not|couldn't|won't|will not|must decline)|(?:i )?(?:do not|don't) have (?:enough|any|the|access)|sorry\b|unfortunately\b|as an ai\b|no idea\b|not sure\b|unknown$|unsure$|undetermined$|(?:answer )?not (?:available|known|given|stated|found)$|n\/?a$|null$|none given$|no answer\b|\?+$)/;

/** Longer texts than this many words explain something, whatever they begin with. */
const MAX_DECLINING_WORDS = 40;
/** Spares long texts the look at their words. */
const MAX_DECLINING_CHARACTERS = 1000;

/** Whether a text declines to answer or says that it does not know. One that goes on to state an answer does not. */
export function declines(text: string): boolean {
  if (text.length > MAX_DECLINING_CHARACTERS) return false;
  const plain = exactKey(text).toLowerCase();
  if (!DECLINES.test(plain)) return false;
  return plain.split(' ').length <= MAX_DECLINING_WORDS && !/\banswer\b[^.]*\b(?:is|:|=)\s*\S|\\boxed/.test(plain);
}

/** What one will not do; what one cannot find out is another matter. */
const REFUSES =
  /\b(?:can't|cannot|can not|won't|will not|unable to|not able to|decline to|not (?:comfortable|allowed|permitted))\b[^.]{0,20}\b(?:help|assist|comply|do that|provide|fulfil|discuss|engage|continue|share|create|generate|write|support|participate|respond|answer th)|\bmust decline\b|^as an ai\b/;

/** Of a text that declines: whether it refuses, rather than says that it does not know. */
export function refuses(text: string): boolean {
  return REFUSES.test(exactKey(text).toLowerCase());
}

const STOP_WORDS = new Set(
  'a an and are as at be been but by can do does for from had has have he her his i if in into is it its of on or our she so than that the their them then there these they this those to was we were which will with would you your'.split(
    ' ',
  ),
);

/** Whether words stand in a text that only sentences have. */
export function isProse(text: string): boolean {
  return text
    .toLowerCase()
    .split(/[^\p{L}']+/u)
    .some((word) => STOP_WORDS.has(word));
}

const NEGATIONS = new Set([
  'no',
  'not',
  'never',
  'none',
  'cannot',
  "can't",
  "n't",
  'without',
  'neither',
  'nor',
  'false',
  'incorrect',
  'wrong',
]);

/** Words of two texts that must be shared, as an F1 score, for them to mean the same. A rule of thumb, not a measurement. */
export const SAME_WORDS = 0.6;

/**
 * How alike two texts are, 0..1, without a model: the F1 score of their content words (as a multiset, lower case, plurals
 * cut). 0 when they hold different numbers or only one of them negates: such texts share most words and mean the opposite.
 *
 * @param question what both answer, if known: its words say nothing in an answer, so they are left out where others remain
 *   (`Paris` and `The capital of France is Paris` are the same answer)
 */
export function lexicalSimilarity(a: string, b: string, question = ''): number {
  const [first, second] = telling(contentOf(a), contentOf(b), contentOf(question));
  if (first.numbers !== second.numbers || first.negated !== second.negated) return 0;
  if (first.words.length === 0 || second.words.length === 0) return first.text === second.text ? 1 : 0;
  const left = new Map<string, number>();
  for (const word of first.words) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of second.words) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    shared++;
  }
  return (2 * shared) / (first.words.length + second.words.length);
}

interface Content {
  readonly text: string;
  readonly words: readonly string[];
  readonly numbers: string;
  readonly negated: boolean;
}

function telling(a: Content, b: Content, question: Content): [Content, Content] {
  const asked = new Set(question.words);
  const rest = (content: Content): Content => ({ ...content, words: content.words.filter((word) => !asked.has(word)) });
  const [first, second] = [rest(a), rest(b)];
  return first.words.length === 0 || second.words.length === 0 ? [a, b] : [first, second];
}

function contentOf(text: string): Content {
  const plain = exactKey(text).toLowerCase().replace(/n't\b/g, ' not');
  const all = plain.match(/\p{L}+(?:'\p{L}+)?|\d+(?:[.,]\d+)*/gu) ?? [];
  return {
    text: plain,
    words: all.filter((word) => !STOP_WORDS.has(word)).map(stem),
    numbers: all
      .filter((word) => /^\d/.test(word))
      .map((word) => word.replaceAll(',', ''))
      .sort()
      .join(' '),
    negated: all.filter((word) => NEGATIONS.has(word)).length % 2 === 1,
  };
}

/** Enough to make `cats` of `cat` one word; a real stemmer would need a language. */
function stem(word: string): string {
  return word.length > 3 && word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word;
}
