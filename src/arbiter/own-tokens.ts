/**
 * A model's own count of tokens where prompts are cut: an estimate can be off by much (a vocabulary of bytes takes four times
 * what it says), and then what was cut to fit does not. Own tokenizers answer later and cost; so a text is counted once, and
 * its parts are taken to be like it.
 */
import { estimateTokens, type CountTokens } from './prompts/estimate.ts';

/** Tokens of a text by the tokenizer of the model that a name means; null: it cannot be asked here (remote, an orchestration). */
export type CountOwnTokens = (target: string, text: string) => Promise<number | null>;

/** Enough of a text to know it by. */
const SAMPLE_CHARACTERS = 4000;

/** How many of its own tokens the model takes for each that is estimated, in texts like this one; 1 where nobody can tell. */
export async function tokenRatio(target: string, text: string, countOwn: CountOwnTokens | undefined): Promise<number> {
  const sample = text.slice(0, SAMPLE_CHARACTERS);
  const estimated = estimateTokens(sample);
  if (countOwn === undefined || estimated === 0) return 1;
  const own = await countOwn(target, sample);
  return own === null || own === 0 ? 1 : own / estimated;
}

/** Counts parts of a text by its ratio. */
export function countsLike(ratio: number): CountTokens {
  return ratio === 1 ? estimateTokens : (text) => Math.ceil(estimateTokens(text) * ratio);
}
