import { describe, expect, it } from 'vitest';
import { agree, compareAnswers } from './comparing.ts';
import { readQuestion } from './kind.ts';

const question = readQuestion({ messages: [{ role: 'user', content: 'What is 40 + 2?' }] });

describe('compareAnswers', () => {
  it('groups answers by what they say, the heaviest group first, and tells who abstains', () => {
    const answers = ['41', 'It is 42.', "I don't know.", '42'].map((text, i) => ({ text, weight: i }));
    const { kind, groups, abstained } = compareAnswers(answers, question);
    expect([kind, groups.map(({ ballots }) => ballots), abstained]).toEqual(['number', [[1, 3], [0]], [2]]);
    const weighed = compareAnswers(answers, question, { weigh: ({ weight }) => (weight === 0 ? 9 : 1) });
    expect(weighed.groups[0]?.ballots).toEqual([0]);
  });
});

describe('agree', () => {
  it('holds for answers that say the same, not for those that decline', () => {
    expect(agree({ text: '42' }, { text: 'The answer is 42.0' }, question)).toBe(true);
    expect(agree({ text: '42' }, { text: '41' }, question)).toBe(false);
    expect(agree({ text: "I don't know." }, { text: "I don't know." }, question)).toBe(false);
  });
});
