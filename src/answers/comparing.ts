/** Answers of several members, read as one kind of answer and put into groups. */
import type { Confidence } from '../contracts/confidence.ts';
import type { AnswerKind, RawAnswer } from './answer.ts';
import { groupAnswers, same, type AnswerGroup, type Ballot, type Comparison } from './group.ts';
import { decideKind, type Question } from './kind.ts';
import { readAnswer } from './read.ts';

/** Which answers say the same. */
export interface Compared {
  readonly kind: AnswerKind;
  /** One for each answer, in their order. */
  readonly ballots: readonly Ballot[];
  /** The heaviest first. */
  readonly groups: readonly AnswerGroup[];
  /** Places of the answers that decline, or say nothing of the kind. */
  readonly abstained: readonly number[];
}

/**
 * Compares answers by the kind that fits them. `weigh`: how much an answer counts; default 1. `comparison`: how answers of kind
 * `semantic` are compared.
 */
export function compareAnswers<A extends RawAnswer & { readonly confidence?: Confidence | null }>(
  answers: readonly A[],
  question: Question,
  { weigh = () => 1, comparison = {} }: { readonly weigh?: (answer: A) => number; readonly comparison?: Comparison } = {},
): Compared {
  const kind = decideKind(answers, question);
  const ballots = answers.map((answer): Ballot => ({
    reading: readAnswer(answer, kind, question),
    weight: weigh(answer),
    confidence: answer.confidence?.score ?? null,
  }));
  return { kind, ballots, ...groupAnswers(ballots, comparison) };
}

/** Whether two answers to a question say the same. Answers that decline agree with none. */
export function agree(a: RawAnswer, b: RawAnswer, question: Question): boolean {
  const kind = decideKind([a, b], question);
  const [left, right] = [readAnswer(a, kind, question), readAnswer(b, kind, question)];
  return left.key !== null && right.key !== null && same(left, right);
}
