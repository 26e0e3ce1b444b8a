/** From the members' answers to a verdict. Pure. */
import type { AnswerKind, Reading } from '../../answers/answer.ts';
import type { AnswerGroup, Ballot, Comparison } from '../../answers/group.ts';
import { decideKind, type Question } from '../../answers/kind.ts';
import { readAnswer } from '../../answers/read.ts';
import { OPEN_ALTERNATIVES, voteWeight } from '../../answers/reliability.ts';
import { breakTie } from '../../answers/tie.ts';
import { countVotes, decidedEarly, type VoteResult } from '../../answers/vote.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import type { ConsensusConfig } from './config.ts';
import type { Voter } from './voters.ts';

/** A vote that was cast. */
export interface Vote {
  readonly voter: Voter;
  readonly answer: ChildAnswer;
}

/** What is fixed before the first vote. */
export interface Rules {
  readonly config: ConsensusConfig;
  readonly question: Question;
  /** How many must answer. */
  readonly quorum: number;
}

/** The votes, read and counted. */
export interface Count {
  readonly kind: AnswerKind;
  readonly votes: readonly Vote[];
  /** One for each vote, in their order. */
  readonly ballots: readonly Ballot[];
  /** By reliability, whatever the voting. */
  readonly weights: readonly number[];
  readonly result: VoteResult;
}

export function rulesOf(config: ConsensusConfig, question: Question, voters: number): Rules {
  return { config, question, quorum: config.quorum ?? (config.voting === 'unanimous' ? voters : 1) };
}

/** How these votes are compared. With `auto` it can change while votes come in. */
export function kindOf(votes: readonly Vote[], { config, question }: Rules): AnswerKind {
  return config.answer === 'auto'
    ? decideKind(
        votes.map(({ answer }) => answer),
        question,
      )
    : config.answer;
}

/** `others`: voters that have neither voted nor failed. */
export function count(votes: readonly Vote[], others: readonly Voter[], rules: Rules, comparison: Comparison): Count {
  const { config, question } = rules;
  const kind = kindOf(votes, rules);
  const readings = votes.map(({ answer }) => readingOf(answer, kind, question));
  const weightOf = weighing(kind, readings, question);
  const weights = votes.map(({ voter, answer }) => weightOf(reliabilityIn(voter, answer)));
  const ballots = readings.map((reading, i): Ballot => ({
    reading,
    ...(weights[i] !== undefined && { weight: weights[i] }),
    confidence: votes[i]?.answer.confidence?.score ?? null,
  }));
  const voting = config.voting === 'judge' ? 'majority' : config.voting;
  const stopped = others.reduce((sum, voter) => sum + (voting === 'weighted' ? weightOf(voter.reliability) : 1), 0);
  return { kind, votes, ballots, weights, result: countVotes(ballots, { voting, stopped, ...comparison }) };
}

/** Each vote that comes in has all counted again: answers are read once. A run has one question. */
const known = new WeakMap<ChildAnswer, Reading>();

function readingOf(answer: ChildAnswer, kind: AnswerKind, { options }: Question): Reading {
  if (answer.finishReason === 'content_filter') return { kind, key: null, reason: 'declined', refuses: true };
  const before = known.get(answer);
  if (before?.kind === kind) return before;
  const reading = readAnswer(answer, kind, { options });
  known.set(answer, reading);
  return reading;
}

/** A question with options has fewer wrong answers than an open one. */
function weighing(kind: AnswerKind, readings: readonly Reading[], { options }: Question): (reliability: number | null) => number {
  const yesOrNo = kind === 'choice' && readings.every(({ key }) => key === null || key === 'yes' || key === 'no');
  const alternatives =
    kind !== 'choice' ? OPEN_ALTERNATIVES : yesOrNo ? 1 : Math.max(1, (options.length || OPEN_ALTERNATIVES + 1) - 1);
  return (reliability) => voteWeight(reliability, alternatives);
}

/** The probability that this answer of this member is right, see `weigh_by`. */
function reliabilityIn({ reliability, weighsItself }: Voter, { confidence }: ChildAnswer): number | null {
  return weighsItself && confidence?.calibrated === true ? meanOf(reliability, confidence.score) : reliability;
}

/** The most that a member who has not answered yet can count. */
function mostOf({ reliability, weighsItself }: Voter): number | null {
  return weighsItself ? Math.max(meanOf(reliability, 1), reliability ?? 0) : reliability;
}

function meanOf(reliability: number | null, confidence: number): number {
  return reliability === null ? confidence : (reliability + confidence) / 2;
}

/** Whether to stop asking: the winner is settled, or the quorum can no longer be reached. */
export function isOver(counted: Count, others: readonly Voter[], rules: Rules, comparison: Comparison): boolean {
  const { config, question, quorum } = rules;
  if (others.length === 0) return true;
  const answered = counted.votes.length - counted.result.abstained.length;
  if (counted.votes.length + others.length < quorum || isSplit(counted, config)) return true;
  if (config.voting === 'judge' || answered < quorum) return false;
  const weightOf = weighing(
    counted.kind,
    counted.ballots.map(({ reading }) => reading),
    question,
  );
  return decidedEarly(
    counted.ballots,
    others.map((voter) => weightOf(mostOf(voter))),
    { voting: config.voting, ...comparison },
  );
}

/** Unanimity was asked for, nothing else will do, and two answers differ: whatever the rest says. */
function isSplit({ kind, result }: Count, config: ConsensusConfig): boolean {
  return kind !== 'semantic' && result.groups.length > 1 && config.voting === 'unanimous' && tieRule(config) === 'abstain';
}

function tieRule({ tie, voting }: ConsensusConfig): NonNullable<ConsensusConfig['tie']> {
  return tie ?? (voting === 'unanimous' ? 'abstain' : 'best');
}

/** What a count comes to. */
export type Verdict =
  | { readonly type: 'won'; readonly group: AnswerGroup; readonly how: string }
  /** More than half do not know: so the panel does not; `vote` says it. */
  | { readonly type: 'abstains'; readonly vote: number; readonly share: number }
  | { readonly type: 'judge'; readonly groups: readonly [AnswerGroup, ...AnswerGroup[]] }
  | { readonly type: 'none'; readonly why: string };

export function verdictOf(counted: Count, { config, quorum }: Rules): Verdict {
  const { ballots, result, weights } = counted;
  const { groups, abstained, winner, tie } = result;
  if (result.abstains) {
    const vote = spokesman(counted);
    if (vote !== null) return { type: 'abstains', vote, share: abstained.length / ballots.length };
  }
  if (isSplit(counted, config)) return { type: 'none', why: 'the members do not agree' };
  const answers = ballots.length - abstained.length;
  if (answers < quorum) return { type: 'none', why: `${quorum} answers are needed, ${answers} could be counted` };
  const [first, ...rest] = tie.length > 0 ? tie : groups;
  if (first === undefined) return { type: 'none', why: 'no answer could be counted' };
  if (winner !== null && (config.voting !== 'judge' || groups.length === 1))
    return { type: 'won', group: winner, how: config.voting };
  if (config.voting === 'judge') return { type: 'judge', groups: inOrderOfVotes(groups, first) };
  const rule = tieRule(config);
  if (rule === 'abstain') return { type: 'none', why: tie.length > 0 ? 'the vote is a tie' : 'the members do not agree' };
  if (rule === 'judge') return { type: 'judge', groups: inOrderOfVotes([first, ...rest], first) };
  return { type: 'won', group: breakTie([first, ...rest], rule, ballots, weights), how: `${config.voting}, tie: ${rule}` };
}

/** Of those who decline in words, the most reliable; null when nobody does. */
function spokesman({ votes, ballots, weights, result }: Count): number | null {
  const declining = result.abstained.filter((at) => {
    const reading = ballots[at]?.reading;
    return reading?.key === null && reading.reason === 'declined' && votes[at]?.answer.text.trim() !== '';
  });
  return declining.toSorted((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || a - b)[0] ?? null;
}

/** As the members stand in the config: a judge should not see which answer has the most votes. */
function inOrderOfVotes(groups: readonly AnswerGroup[], first: AnswerGroup): [AnswerGroup, ...AnswerGroup[]] {
  const [head = first, ...tail] = groups.toSorted((a, b) => Math.min(...a.ballots) - Math.min(...b.ballots));
  return [head, ...tail];
}
