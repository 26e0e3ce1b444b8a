/**
 * The health of a conversation between models, seen from its newest message. Pure, and by words alone: it runs after every
 * turn, so it may cost nothing.
 *
 * - **repetition**: the speaker says what it has said before, or almost.
 * - **no progress**: in a whole round nobody said anything that was new.
 * - **contradiction**: a statement that an earlier one denies, or that gives another number or answer.
 */
import { exactKey, lexicalSimilarity } from '../answers/wording.ts';
import { stemsOf } from './lexical.ts';

/** What one participant said. */
export interface Said {
  readonly from: string;
  readonly text: string;
}

/** Something that is wrong with a conversation. */
export interface HealthProblem {
  readonly kind: 'repetition' | 'no_progress' | 'contradiction';
  /** Who is concerned, each once. */
  readonly members: readonly string[];
  /** A sentence for people. */
  readonly message: string;
}

/** How a conversation stands. */
export interface ConversationHealth {
  /** True without a repetition and with progress: contradictions are what a discussion is for. */
  readonly healthy: boolean;
  readonly problems: readonly HealthProblem[];
}

/** Texts this much alike (F1 of their words) are a repetition. Rewordings of one answer reach 0.6 to 0.8. */
const SAME = 0.9;
/** A message needs this share of words that were not said before. Comments that only rephrase stay below it. */
const NEW_SHARE = 0.1;
/** Statements this much alike, numbers and negations aside, are about the same thing. */
const SAME_SUBJECT = 0.65;

/** Judges the newest of the messages. */
export function conversationHealth(messages: readonly Said[]): ConversationHealth {
  const newest = messages.at(-1);
  const earlier = messages.slice(0, -1);
  if (newest === undefined) return { healthy: true, problems: [] };
  const problems = [repetition(newest, earlier), noProgress(messages), contradiction(newest, earlier)].filter(
    (problem) => problem !== null,
  );
  return { healthy: problems.every(({ kind }) => kind === 'contradiction'), problems };
}

function repetition(newest: Said, earlier: readonly Said[]): HealthProblem | null {
  const again = earlier.some(({ from, text }) => from === newest.from && isSame(text, newest.text));
  return again ? { kind: 'repetition', members: [newest.from], message: `${newest.from} repeats what it said before.` } : null;
}

/** Whether two texts say the same, apart from wording and format. */
export function isSame(a: string, b: string): boolean {
  return exactKey(a).toLowerCase() === exactKey(b).toLowerCase() || lexicalSimilarity(a, b) >= SAME;
}

/** Words that take a side and add nothing. */
const ASSENT = new Set(
  'agree agreed yes ok okay right correct exactly true thanks thank good great indeed same'.split(' ').flatMap(stemsOf),
);

/** A round is as many messages as there are speakers, two at least; what comes before it is what it could add to. */
function noProgress(messages: readonly Said[]): HealthProblem | null {
  const speakers = new Set(messages.map(({ from }) => from));
  const round = messages.slice(-Math.max(2, speakers.size));
  const before = messages.slice(0, messages.length - round.length);
  if (before.length === 0) return null;
  const known = new Set(before.flatMap(({ text }) => stemsOf(text)));
  for (const { text } of round) {
    const words = stemsOf(text);
    const fresh = words.filter((word) => !known.has(word) && !ASSENT.has(word));
    if (fresh.length > 0 && fresh.length / words.length >= NEW_SHARE) return null;
    for (const word of words) known.add(word);
  }
  return {
    kind: 'no_progress',
    members: [...new Set(round.map(({ from }) => from))],
    message: `The last ${round.length} messages add nothing new.`,
  };
}

function contradiction(newest: Said, earlier: readonly Said[]): HealthProblem | null {
  const own = statementsOf(newest.text);
  for (const other of earlier.toReversed()) {
    for (const theirs of statementsOf(other.text)) {
      const denied = own.find((statement) => contradicts(statement, theirs));
      if (denied === undefined) continue;
      return {
        kind: 'contradiction',
        members: [...new Set([other.from, newest.from])],
        message: `${other.from} said “${theirs.text}”, ${newest.from} says “${denied.text}”`,
      };
    }
  }
  return null;
}

interface Statement {
  readonly text: string;
  /** Its stems without numbers and negations. */
  readonly words: ReadonlySet<string>;
  readonly numbers: ReadonlySet<string>;
  readonly isNegated: boolean;
  /** What comes after "the answer is". */
  readonly answer: string | null;
}

const NEGATION = /\b(?:not|no|never|cannot|neither|nor|false|incorrect|wrong)\b|n['’]t\b/gi;
const STATES = /\b(?:is|are|was|were|equals?|gives|makes|has|have)\b|=/i;
const ANSWER = /\b(?:answer|result|solution)\s*(?:is|=|:)\s*(.+)$/i;

/** The sentences that state something: questions and fragments contradict nothing. */
function statementsOf(text: string): Statement[] {
  const sentences = text.split(/(?<=[.!?])\s+|\n+/).map((sentence) => sentence.trim());
  return sentences.filter((sentence) => sentence !== '' && !sentence.endsWith('?')).map(toStatement);
}

function toStatement(text: string): Statement {
  const negations = text.match(NEGATION) ?? [];
  const stems = stemsOf(text.replaceAll(NEGATION, ' '));
  const answer = ANSWER.exec(text)?.[1];
  return {
    text,
    words: new Set(stems.filter((stem) => !/^\p{N}/u.test(stem))),
    numbers: STATES.test(text) ? new Set(text.match(/\d+(?:[.,]\d+)*/g)) : new Set(),
    isNegated: negations.length % 2 === 1,
    answer: answer === undefined ? null : exactKey(answer).toLowerCase(),
  };
}

function contradicts(a: Statement, b: Statement): boolean {
  if (a.answer !== null && b.answer !== null && a.isNegated === b.isNegated) return a.answer !== b.answer;
  if (likeness(a.words, b.words) < SAME_SUBJECT) return false;
  if (a.isNegated !== b.isNegated) return a.numbers.size === 0 || !a.numbers.isDisjointFrom(b.numbers);
  return a.numbers.size > 0 && b.numbers.size > 0 && a.numbers.isDisjointFrom(b.numbers);
}

/** The F1 score of two sets of words; 0 when either is empty. */
function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0 || b.size === 0) return 0;
  return (2 * a.intersection(b).size) / (a.size + b.size);
}
