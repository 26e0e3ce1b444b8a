/** A prompt that does not fit into one turn, as several turns that together say all of it. */
import { TuttiError } from '../../errors/error.ts';
import { estimateTokens, type CountTokens } from './estimate.ts';
import { longestRun, splitText, type TextUnit } from './split-text.ts';

/** How large a turn may be. */
export interface ChunkOptions {
  /** Tokens that a turn may take. At least 1. */
  readonly maxPromptTokens: number;
  /** Default: `estimateTokens`. */
  readonly countTokens?: CountTokens;
}

/** Between two parts that share a turn. */
const SEPARATOR = '\n\n';

interface Unit extends TextUnit {
  readonly startsPart: boolean;
}

/**
 * Packs the parts of a prompt into as few turns as they fit, in their order, with a blank line between parts. A part is cut
 * only when it does not fit into a turn by itself: between paragraphs and code blocks, else between lines, sentences,
 * words, and letters last of all. A block of code that has to be cut is fenced in every turn. White space at the seams is
 * dropped, nothing else. Parts without text are left out; no text gives no turns.
 *
 * A turn is over the limit only if a single letter is.
 *
 * Errors: `invalid_request` for a limit below 1.
 */
export function chunkPrompt(parts: readonly string[], { maxPromptTokens, countTokens = estimateTokens }: ChunkOptions): string[] {
  if (!(maxPromptTokens >= 1)) {
    throw new TuttiError('invalid_request', `maxPromptTokens must be at least 1, not ${maxPromptTokens}.`, {
      param: 'maxPromptTokens',
    });
  }
  const fits = (text: string): boolean => countTokens(text) <= maxPromptTokens;
  const units = parts
    .filter((part) => part.trim() !== '')
    .flatMap((part) => splitText(trimmed(part), fits).map((unit, i): Unit => ({ ...unit, startsPart: i === 0 })));
  const turns: string[] = [];
  for (let at = 0; at < units.length;) {
    const count = longestRun(at, units.length, (end) => fits(turnOf(units, at, end)));
    turns.push(turnOf(units, at, at + count));
    at += count;
  }
  return turns.filter((turn) => turn !== '');
}

/** The units from `from` up to `to` as a turn: code that is open at either end is fenced. */
function turnOf(units: readonly Unit[], from: number, to: number): string {
  const run = units.slice(from, to);
  const text = trimmed(run.map((unit, i) => (unit.startsPart && i > 0 ? SEPARATOR : '') + unit.text).join(''));
  if (text === '') return '';
  const opening = units[from]?.inside;
  const closing = units[to]?.inside;
  return [opening?.open, text, closing?.close].filter((piece) => piece != null && piece !== '').join('\n');
}

/** Without white space at the end and blank lines at the start; the indentation of the first line stays. */
function trimmed(text: string): string {
  return text.replace(/^(?:[^\S\n]*\n)+/, '').trimEnd();
}
