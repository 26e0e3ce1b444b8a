/**
 * Cuts a text into units that each fit a limit, at the coarsest seam that will do: between blocks (paragraphs and fenced
 * code), lines, sentences, words, and only then letters. A fenced block is one unit if it fits; if not, each piece of it
 * is fenced again, so that every piece is well-formed by itself.
 */

/** An opened code fence: the line that opens it and the line that closes it. */
export interface Fence {
  readonly open: string;
  readonly close: string;
}

/** A piece of the text. All units of a text, joined, are the text; the fence lines that joining pieces needs are not in them. */
export interface TextUnit {
  readonly text: string;
  /** The fence that is open where this unit begins; null outside code, and for a whole block of it. */
  readonly inside: Fence | null;
}

/** Whether a text is small enough. */
export type Fits = (text: string) => boolean;

/** Finer from top to bottom. Each gives pieces that, joined, are the text again. */
const SEAMS: readonly ((text: string) => string[])[] = [
  (text) => piecesAfter(text, /\n/g),
  (text) => piecesAfter(text, /[.!?…。！？]["')\]]*\s+|[。！？]/g),
  (text) => piecesAfter(text, /\s+/g),
  (text) => Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment),
];

/** The units of a text. One that is still too large is a single letter, and cannot be helped. */
export function splitText(text: string, fits: Fits): TextUnit[] {
  if (text === '') return [];
  if (fits(text)) return [{ text, inside: null }];
  return blocksOf(text).flatMap((block): TextUnit[] => {
    if (fits(block.text)) return [{ text: block.text, inside: null }];
    return block.fence === null ? plainUnits(block.text, fits) : fencedUnits(block.text, block.fence, fits);
  });
}

function plainUnits(text: string, fits: Fits): TextUnit[] {
  return cut(text, fits).map((piece) => ({ text: piece, inside: null }));
}

function fencedUnits(text: string, fence: Fence, fits: Fits): TextUnit[] {
  const fenced: Fits = (piece) => fits(`${fence.open}\n${piece}\n${fence.close}`);
  const pieces = cut(text, fenced);
  // A limit that the fence lines use up leaves no choice but to go without them.
  if (!pieces.every(fenced)) return plainUnits(text, fits);
  return joinedEdges(pieces, fence).map((piece, i) => ({ text: piece, inside: i === 0 ? null : fence }));
}

/** The opening line goes with the line after it and the closing line with the one before: alone they fence nothing. */
function joinedEdges(pieces: readonly string[], fence: Fence): string[] {
  const joined = [pieces.slice(0, 2).join(''), ...pieces.slice(2)];
  const last = joined.at(-1) ?? '';
  if (joined.length > 1 && last.trim() === fence.close) joined.splice(-2, 2, (joined.at(-2) ?? '') + last);
  return joined;
}

/** A paragraph with the blank lines after it, or a fenced block with its fences. */
interface Block {
  readonly text: string;
  readonly fence: Fence | null;
}

const FENCE_LINE = /^[^\S\n]*(`{3,}|~{3,})([^\n]*)$/;

/** The blocks of a text. A fence that is never closed lasts to the end, as in Markdown. */
function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let plain = '';
  let code: { text: string; fence: Fence } | null = null;
  const endPlain = (): void => {
    for (const piece of piecesAfter(plain, /\n(?:[^\S\n]*\n)+/g)) blocks.push({ text: piece, fence: null });
    plain = '';
  };
  for (const line of piecesAfter(text, /\n/g)) {
    if (code !== null) {
      code.text += line;
      if (!isClosing(line, code.fence)) continue;
      blocks.push(code);
      code = null;
      continue;
    }
    const [, marks, info] = FENCE_LINE.exec(line.trimEnd()) ?? [];
    // Backticks in the rest of the line make it inline code.
    if (marks === undefined || (marks.startsWith('`') && info?.includes('`') === true)) {
      plain += line;
      continue;
    }
    endPlain();
    code = { text: line, fence: { open: line.trim(), close: marks } };
  }
  endPlain();
  if (code !== null) blocks.push(code);
  return blocks;
}

function isClosing(line: string, fence: Fence): boolean {
  const marks = line.trim();
  return marks.startsWith(fence.close) && marks.replaceAll(fence.close.charAt(0), '') === '';
}

/** Pieces of a text by the coarsest seam whose pieces fit; what does not fit is cut by the next finer one. */
function cut(text: string, fits: Fits, level = 0): string[] {
  const seam = SEAMS[level];
  if (seam === undefined || fits(text)) return [text];
  const pieces = seam(text);
  // Letters: testing each by itself would cost a count for every letter of a very long word.
  if (level === SEAMS.length - 1) return runsThatFit(pieces, fits);
  return pieces.flatMap((piece) => cut(piece, fits, level + 1));
}

/** Joins neighbours into the longest runs that fit. */
function runsThatFit(pieces: readonly string[], fits: Fits): string[] {
  const runs: string[] = [];
  for (let at = 0; at < pieces.length;) {
    const count = longestRun(at, pieces.length, (end) => fits(pieces.slice(at, end).join('')));
    runs.push(pieces.slice(at, at + count).join(''));
    at += count;
  }
  return runs;
}

/**
 * How many pieces from `from` on fit together; at least one. Gallops and then halves, so a run of n pieces costs O(log n)
 * counts and not n: counting tokens is the expensive part. What it returns has been tested to fit, whatever the counter.
 */
export function longestRun(from: number, to: number, fitsUpTo: (end: number) => boolean): number {
  let good = 1;
  let step = 1;
  while (from + good + step <= to && fitsUpTo(from + good + step)) {
    good += step;
    step *= 2;
  }
  for (; step >= 1; step = Math.floor(step / 2)) {
    if (from + good + step <= to && fitsUpTo(from + good + step)) good += step;
  }
  return good;
}

/** The text cut after each match. */
function piecesAfter(text: string, seam: RegExp): string[] {
  const pieces: string[] = [];
  let start = 0;
  for (const match of text.matchAll(seam)) {
    const end = match.index + match[0].length;
    pieces.push(text.slice(start, end));
    start = end;
  }
  if (start < text.length) pieces.push(text.slice(start));
  return pieces;
}
