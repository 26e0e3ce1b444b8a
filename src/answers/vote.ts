/** Voting: which answer wins, whether it is decided already, and how far the members agree. Pure. */
import { groupAnswers, type AnswerGroup, type Ballot, type Comparison } from './group.ts';

/** How a winner is found: by count, by weight, or only when nobody disagrees. */
export type Voting = 'majority' | 'weighted' | 'unanimous';

/** How a vote is counted. */
export interface VoteOptions extends Comparison {
  readonly voting: Voting;
  /** The weight of members that were stopped before they voted, since nothing could change. Each counts as half agreeing. Default 0. */
  readonly stopped?: number;
}

/** How a vote came out. */
export interface VoteResult {
  /** The group that won; null on a tie, without unanimity, or when the panel abstains. */
  readonly winner: AnswerGroup | null;
  /** All groups, heaviest first. */
  readonly groups: readonly AnswerGroup[];
  /** The share of all votes' weight that the winner (or else the heaviest group) has, 0..1; abstentions count as not agreeing. */
  readonly agreement: number;
  /** Whether there is a winner. */
  readonly decided: boolean;
  /** The groups that share the first place; empty when there is no tie. */
  readonly tie: readonly AnswerGroup[];
  /** Places of the ballots that abstained. */
  readonly abstained: readonly number[];
  /** Those who say that they do not know outweigh those who answer (or nobody answers): the panel's answer is that it has none. */
  readonly abstains: boolean;
}

/** Weights are sums of logarithms: what differs less than this is equal. */
const EQUAL = 1e-9;

/**
 * Counts the votes.
 *
 * - `majority`: each vote counts one, whatever its weight; the largest group wins, also with less than half of the votes.
 * - `weighted`: votes count their weight. With equal weights it is the same as `majority`.
 * - `unanimous`: there is a winner only when all who do not abstain agree.
 *
 * When those who say that they do not know have more weight than those who answer, nobody wins. Who refuses, says nothing or nothing
 * readable has no part in that: it never sinks a vote that others can decide. Equal first places are a tie, and nobody wins.
 * The result does not depend on the order of the ballots.
 */
export function countVotes(ballots: readonly Ballot[], options: VoteOptions): VoteResult {
  const counted = counting(ballots, options.voting);
  const { groups, abstained } = groupAnswers(counted, options);
  const all = sum(counted);
  const abstains = groups.length === 0 || notKnowing(counted) > all - sum(abstained.map((at) => counted[at])) + EQUAL;
  const [first] = groups;
  const leaders = first === undefined || abstains ? [] : groups.filter(({ weight }) => weight >= first.weight - EQUAL);
  const wins = leaders.length === 1 && (options.voting !== 'unanimous' || groups.length === 1);
  const stopped = options.stopped ?? 0;
  return {
    winner: wins ? (leaders[0] ?? null) : null,
    groups,
    agreement: first === undefined ? 0 : Math.min(1, (first.weight + stopped / 2) / (all + stopped)),
    decided: wins,
    tie: leaders.length > 1 ? leaders : [],
    abstained,
    abstains,
  };
}

/**
 * Whether the outcome is settled: no way in which the pending members may vote, abstain or fail can make another group win,
 * or none. (Which ballot of the winning group speaks for it may still change.)
 *
 * @param pending the weights of those who have not voted
 */
export function decidedEarly(ballots: readonly Ballot[], pending: readonly number[], options: VoteOptions): boolean {
  if (pending.length === 0) return true;
  if (ballots.length === 0) return false;
  const counted = counting(ballots, options.voting);
  const open = options.voting === 'weighted' ? pending.reduce((a, b) => a + b, 0) : pending.length;
  const { groups, abstained } = groupAnswers(counted, options);
  const unknowing = notKnowing(counted);
  const voting = sum(counted) - sum(abstained.map((at) => counted[at]));
  // Even if all who are pending answer, the panel abstains.
  if (unknowing > voting + open + EQUAL) return true;
  // If none of those who are pending knows, the panel would.
  if (unknowing + open > voting + EQUAL) return false;
  // An answer that is alike to two others joins their groups.
  const joins = ballots.some(({ reading }) => reading.kind === 'semantic');
  if (options.voting === 'unanimous') return groups.length > 1 && !joins;
  const [leader, ...others] = groups;
  const rival = joins ? others.reduce((total, { weight }) => total + weight, 0) : (others[0]?.weight ?? 0);
  return leader !== undefined && leader.weight > rival + open + EQUAL;
}

/** The weight of those who say that they do not know. */
function notKnowing(counted: readonly Ballot[]): number {
  return sum(counted.filter(({ reading }) => reading.key === null && reading.reason === 'declined' && reading.refuses !== true));
}

/** Only a weighted vote looks at weights. */
function counting(ballots: readonly Ballot[], voting: Voting): readonly Ballot[] {
  return voting === 'weighted' ? ballots : ballots.map((ballot) => ({ ...ballot, weight: 1 }));
}

function sum(ballots: readonly (Ballot | undefined)[]): number {
  return ballots
    .map((ballot) => ballot?.weight ?? 1)
    .sort((a, b) => a - b)
    .reduce((total, weight) => total + weight, 0);
}
