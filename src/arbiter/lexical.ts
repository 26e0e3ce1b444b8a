/**
 * How well descriptions fit a request, by the words that they share. It needs no model, so it works when models fail and
 * costs nothing: it chooses the tools that a prompt shows, and the specialist when the arbiter cannot.
 *
 * The rule: a word that both have counts more the fewer of the descriptions have it (ln(1 + n / count)), and more in a name
 * than in a description. Words are compared by their stems, in lower case; `getUserById` and `get_user` are several words;
 * words that say nothing (`the`, `please`, `what`) do not count.
 */

/** Something that can be chosen. */
export interface Described {
  readonly name: string;
  readonly description?: string | undefined;
}

/** A candidate and how well it fits. 0: no word in common. */
export interface Scored<T> {
  readonly candidate: T;
  readonly score: number;
}

const IN_NAME = 2;
const IN_DESCRIPTION = 1;

/** All candidates, best first; equal ones in the order given. */
export function rankByWords<T extends Described>(request: string, candidates: readonly T[]): Scored<T>[] {
  const wanted = new Set(stemsOf(request));
  const described = candidates.map((candidate) => ({
    candidate,
    name: new Set(stemsOf(candidate.name)),
    description: new Set(stemsOf(candidate.description ?? '')),
  }));
  const weight = (stem: string): number => {
    const count = described.filter((one) => one.name.has(stem) || one.description.has(stem)).length;
    return count === 0 ? 0 : Math.log(1 + described.length / count);
  };
  return described
    .map(({ candidate, name, description }) => {
      let score = 0;
      for (const stem of wanted) {
        if (name.has(stem)) score += IN_NAME * weight(stem);
        else if (description.has(stem)) score += IN_DESCRIPTION * weight(stem);
      }
      return { candidate, score };
    })
    .sort((a, b) => b.score - a.score);
}

const SILENT = new Set(
  (
    'a about all also am an and any are as at be been but by can could did do does each for from had has have he her his how i ' +
    'if in into is it its let like me my no not of on or our please she should so some such than that the their them then ' +
    'there these they this those to too tool up us use used using very was we were what when where which who why will with ' +
    'would you your'
  ).split(' '),
);

/** The words of a text that say something, cut down to their stems. */
export function stemsOf(text: string): string[] {
  const words = text
    .replaceAll(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .match(/\p{L}+|\p{N}+/gu);
  return (words ?? []).filter((word) => !SILENT.has(word)).map(stem);
}

const ENDINGS = 'izations ization izing izes ized ize ings ing ions ion ers er ies ied ed es s e y'.split(' ');

/** English endings go as long as four letters stay: `translation` and `translates`, `summary` and `summarize` are one. */
function stem(word: string): string {
  const ending = ENDINGS.find((one) => word.endsWith(one) && word.length - one.length >= 4);
  const base = ending === undefined ? word : word.slice(0, -ending.length);
  // `debugging` and `debug`, `planning` and `plan`
  return ending !== undefined && /([bdgklmnprt])\1$/.test(base) && base.length > 4 ? base.slice(0, -1) : base;
}
