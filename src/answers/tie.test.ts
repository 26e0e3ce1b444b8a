import { expect, test } from 'vitest';
import { groupAnswers, type AnswerGroup, type Ballot } from './group.ts';
import { asCandidate, judgePrompt } from './judging.ts';
import { readAnswer } from './read.ts';
import { breakTie } from './tie.ts';

const ballot = (text: string, confidence: number | null = null): Ballot => ({ reading: readAnswer(text, 'exact'), confidence });
const tied = (ballots: readonly Ballot[]): [AnswerGroup, ...AnswerGroup[]] => {
  const [first, ...rest] = groupAnswers(ballots).groups;
  if (first === undefined) throw new Error('there is an answer');
  return [first, ...rest];
};

test('first is the earliest ballot', () => {
  const ballots = [ballot('z'), ballot('a')];
  expect(breakTie(tied(ballots), 'first', ballots, [1, 9]).key).toBe('z');
});

test('best is the most reliable, then the most confident, then the earliest', () => {
  const plain = [ballot('z'), ballot('a')];
  expect(breakTie(tied(plain), 'best', plain, [1, 9]).key).toBe('a');
  expect(breakTie(tied(plain), 'best', plain, [1, 1]).key).toBe('z');
  const sure = [ballot('z', 0.2), ballot('a', 0.9)];
  expect(breakTie(tied(sure), 'best', sure, [1, 1]).key).toBe('a');
});

test('a judge is asked in the form that the embedded models know', () => {
  expect(judgePrompt('Compute 82 - 42', ['30', '40'])).toBe(
    'Question: Compute 82 - 42\nCandidates:\n1. 30\n2. 40\nWhich candidate is right? Reply with its number.',
  );
});

test('a candidate is the value where it is short', () => {
  const candidate = (text: string, kind: 'number' | 'exact'): string => {
    const reading = readAnswer(text, kind);
    return reading.key === null ? '' : asCandidate(reading, text);
  };
  expect(candidate('So the answer is 1,200 clips.', 'number')).toBe('1200');
  expect(candidate(' Paris ', 'exact')).toBe('Paris');
});
