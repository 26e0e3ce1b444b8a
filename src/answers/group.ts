/** Puts answers that are the same into groups. */
import type { Answer, Reading } from './answer.ts';
import { lexicalSimilarity, SAME_WORDS } from './wording.ts';

/** How alike two texts are, 0..1: for example the cosine of their embeddings. */
export type Similarity = (a: string, b: string) => number;

/** How answers of kind `semantic` are compared. */
export interface Comparison {
  /** Default: shared words (`lexicalSimilarity`). */
  readonly similarity?: Similarity;
  /** At least so alike is the same, 0..1. Default 0.6 for shared words, 0.85 for a given similarity. */
  readonly threshold?: number;
}

/** What two texts need of a similarity that somebody gave; cosines of sentence embeddings put paraphrases above it. */
export const SAME_MEANING = 0.85;

/** Whether two answers are the same. Answers of different kinds never are. */
export function same(a: Answer, b: Answer, comparison: Comparison = {}): boolean {
  if (a.kind !== b.kind) return false;
  if (a.key === b.key) return true;
  if (a.kind !== 'semantic') return false;
  const { similarity = lexicalSimilarity, threshold = comparison.similarity ? SAME_MEANING : SAME_WORDS } = comparison;
  return similarity(a.key, b.key) >= threshold;
}

/** One member's vote. */
export interface Ballot {
  readonly reading: Reading;
  /** How much it counts. Default 1. */
  readonly weight?: number;
  /** The answer's own confidence, 0..1, when there is one. */
  readonly confidence?: number | null;
}

/** Ballots that say the same. */
export interface AnswerGroup {
  /** The key of the representative. */
  readonly key: string;
  /** Places of its ballots in the list given, ascending. */
  readonly ballots: readonly number[];
  /** The sum of their weights. */
  readonly weight: number;
  /** The ballot that speaks for the group: the best formed, then the most confident, then the heaviest. */
  readonly representative: number;
}

/**
 * The groups of the same answers, heaviest first, and who abstained. Meaning is not transitive (a like b, b like c), so
 * `semantic` answers are in one group when a chain of alike answers joins them: that does not depend on their order.
 */
export function groupAnswers(
  ballots: readonly Ballot[],
  comparison: Comparison = {},
): { readonly groups: readonly AnswerGroup[]; readonly abstained: readonly number[] } {
  const clusters: number[][] = [];
  const abstained: number[] = [];
  for (const [at, { reading }] of ballots.entries()) {
    if (reading.key === null) {
      abstained.push(at);
      continue;
    }
    const joined = clusters.filter((cluster) => cluster.some((other) => alike(ballots[other]?.reading, reading, comparison)));
    const merged = [...joined.flat(), at].sort((a, b) => a - b);
    for (const cluster of joined) clusters.splice(clusters.indexOf(cluster), 1);
    clusters.push(merged);
  }
  const groups = clusters.map((cluster) => groupOf(cluster, ballots));
  return { groups: groups.sort((a, b) => b.weight - a.weight || compareText(a.key, b.key)), abstained };
}

function alike(a: Reading | undefined, b: Answer, comparison: Comparison): boolean {
  return a !== undefined && a.key !== null && same(a, b, comparison);
}

function groupOf(cluster: readonly number[], ballots: readonly Ballot[]): AnswerGroup {
  const entries = cluster.map((at) => {
    const { reading, weight = 1, confidence = null } = ballots[at]!; // places come from the list itself
    return { at, weight, confidence: confidence ?? -1, key: reading.key ?? '', form: reading.key === null ? 0 : reading.form };
  });
  const best = entries.toSorted(
    (a, b) => b.form - a.form || b.confidence - a.confidence || b.weight - a.weight || compareText(a.key, b.key) || a.at - b.at,
  )[0]!; // a cluster has at least one
  return { key: best.key, ballots: cluster, weight: total(entries.map(({ weight }) => weight)), representative: best.at };
}

/** Summed in order of size, so that the order of ballots cannot change the last digit. */
function total(weights: readonly number[]): number {
  return weights.toSorted((a, b) => a - b).reduce((sum, weight) => sum + weight, 0);
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
