import { expect, test } from 'vitest';
import { optionsOf, readPick } from './choice.ts';

test('options are read from lists with letters or numbers', () => {
  expect(optionsOf('Which city?\nA) London\nB) Paris\nC) Rome')).toEqual([
    { label: 'A', text: 'London' },
    { label: 'B', text: 'Paris' },
    { label: 'C', text: 'Rome' },
  ]);
  expect(optionsOf('Question: Compute 82 - 42\nCandidates:\n1. 30\n2. 40\n3. 10\nWhich candidate is right?')).toMatchObject([
    { label: '1', text: '30' },
    { label: '2', text: '40' },
    { label: '3', text: '10' },
  ]);
  expect(optionsOf('Pick one: (a) red (b) green')).toMatchObject([{ text: 'red' }, { text: 'green' }]);
});

test('a question without a list has no options', () => {
  expect(optionsOf('What is 3. Add 4. Then?')).toEqual([]);
  expect(optionsOf('A) only one')).toEqual([]);
});

test.each([
  ['2', 1],
  ['2.', 1],
  ['Number 2.', 1],
  ['I get 46. Number 2.', 1],
  ['Candidate 2 is right.', 1],
  ['The right one is 46', 1],
  ['46', 1],
  ['45', 0],
  ['None of them', null],
  ['', null],
  ['7', null],
])('a judge who says %j', (text, pick) => {
  expect(readPick(text, ['45', '46', '3'])).toBe(pick);
});
