import { expect, test } from 'vitest';
import { scoreVoting, type VotingRow } from '../../bench/quality/voting.ts';

/** Questions of which each model is right for those whose number leaves a remainder in its list. */
function rows(count: number, rights: Readonly<Record<string, readonly number[]>>): VotingRow[] {
  return Array.from({ length: count }, (_, i) => ({
    id: String(i),
    question: `What is ${i} + ${i}?`,
    gold: String(2 * i),
    answers: Object.fromEntries(
      Object.entries(rights).map(([model, list]) => [model, `The answer is ${list.includes(i % 10) ? 2 * i : 2 * i + 1}.`]),
    ),
  }));
}

test('a weighted vote follows a strong member where a majority of weak ones would err', () => {
  const score = scoreVoting(rows(40, { strong: [0, 1, 2, 3, 4, 5, 6, 7, 8], weak: [0, 1], poor: [0, 2] }));
  expect(score.members).toEqual({ strong: 0.9, weak: 0.2, poor: 0.2 });
  expect(score.panels).toHaveLength(1);
  expect(score.panels[0]).toMatchObject({ best: 0.9, weighted: 0.9 });
  expect(score.panels[0]?.majority).toBeLessThan(0.5);
});

test('members that err at different questions are better together', () => {
  const [panel] = scoreVoting(rows(40, { a: [0, 1, 2, 3, 4, 5], b: [0, 1, 2, 3, 6, 7], c: [4, 5, 6, 7, 0, 1] })).panels;
  expect(panel?.best).toBe(0.6);
  expect(panel?.weighted).toBeGreaterThan(0.75);
});

test('every panel of a size is looked at, and all together once', () => {
  const { panels } = scoreVoting(rows(10, { a: [1], b: [2], c: [3], d: [4] }), [3]);
  expect(panels.map(({ members }) => members.join(''))).toEqual(['abc', 'abd', 'acd', 'bcd', 'abcd']);
});
