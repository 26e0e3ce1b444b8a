/** Whether an arbiter adds anything to what a specialist says. Pure; the rules are those of `direct` in the config. */
import { exactKey, lexicalSimilarity } from '../answers/wording.ts';
import { asObject, asString, parseJson } from '../lib/json-value.ts';
import { editDistance } from '../lib/nearest.ts';

/** Up to this share of the letters may differ when a small model copies a question. */
const COPY_ERRORS = 0.15;
/** Texts this much alike, with the same numbers, say the same. */
const SAME = 0.85;

/** What small models say when nothing fits; `embedded:tools` says the first. */
const NOTHING = new Set(['', 'no tool fits', 'none', 'null', 'n/a', '{}', '[]']);

/** Whether an answer says nothing. */
export function saysNothing(text: string): boolean {
  return NOTHING.has(exactKey(text).toLowerCase());
}

/** Whether a query is the question as it stands, apart from spelling, so that the specialist can answer it in the run's name. */
export function isHandOver(query: string, question: string): boolean {
  const [a, b] = [plain(query), plain(question)];
  if (a === '' || b === '') return a === b;
  const limit = Math.floor(b.length * COPY_ERRORS);
  // Long texts: a copy is cheap to tell apart from another question by its words.
  if (Math.max(a.length, b.length) > 2000) return a === b || lexicalSimilarity(a, b) >= 1 - COPY_ERRORS;
  return editDistance(a, b, limit) <= limit;
}

/** Whether a text only repeats one of these, or a part of the JSON that they came in. */
export function isRepetition(text: string, responses: readonly string[]): boolean {
  const said = unwrapped(text);
  return responses.some((response) => plain(said) === plain(response) || lexicalSimilarity(said, response) >= SAME);
}

/** The text inside `{"response": …}`, which small models copy whole. */
function unwrapped(text: string): string {
  const object = asObject(parseJson(text.trim()));
  return asString(object?.['response']) ?? text;
}

function plain(text: string): string {
  return exactKey(text)
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
