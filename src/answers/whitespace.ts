/** Texts of models that ran wild (thousands of line breaks, dots without end) must not make patterns slow. */

/** Runs of spaces become two, runs of blank lines one break: patterns that skip space then have little to try. */
export function calm(text: string): string {
  return text
    .replace(/[^\S\n]{3,}/g, '  ')
    .replace(/\n\s+/g, '\n')
    .trim();
}

/** Without any of `characters` at its end. A pattern such as `[.!]+$` would try each run of them in the middle, too. */
export function withoutTrailing(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}
