import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Reading } from './answer.ts';
import { groupAnswers, same, type Ballot } from './group.ts';
import { readAnswer } from './read.ts';
import { lexicalSimilarity } from './wording.ts';
import { countVotes, decidedEarly, type Voting } from './vote.ts';

const ballot = (text: string, weight = 1, confidence: number | null = null): Ballot => ({
  reading: readAnswer(text, 'exact'),
  weight,
  confidence,
});
const ballots = (...answers: string[]): Ballot[] => answers.map((text) => ballot(text));
const keys = (result: { readonly groups: readonly { key: string }[] }): string[] => result.groups.map(({ key }) => key);

describe('majority', () => {
  test('the largest group wins, also with less than half', () => {
    const result = countVotes(ballots('a', 'b', 'a', 'c', 'd'), { voting: 'majority' });
    expect(result).toMatchObject({ decided: true, winner: { key: 'a', ballots: [0, 2] }, agreement: 0.4, tie: [] });
  });

  test('equal first places are a tie, and nobody wins', () => {
    const result = countVotes(ballots('a', 'b', 'a', 'b', 'c'), { voting: 'majority' });
    expect(result.winner).toBeNull();
    expect(result.tie.map(({ key }) => key)).toEqual(['a', 'b']);
  });

  test('weights do not count', () => {
    expect(countVotes([ballot('a', 9), ballot('b'), ballot('b')], { voting: 'majority' }).winner?.key).toBe('b');
  });

  test('abstentions are named, count as not agreeing, and when most do not know the panel abstains', () => {
    const some = countVotes(ballots('a', "I don't know.", 'a'), { voting: 'majority' });
    expect(some).toMatchObject({ winner: { key: 'a' }, abstained: [1], abstains: false });
    expect(some.agreement).toBeCloseTo(2 / 3);
    const most = countVotes(ballots('a', "I don't know.", 'Not sure.'), { voting: 'majority' });
    expect(most).toMatchObject({ winner: null, decided: false, abstained: [1, 2], abstains: true });
    expect(countVotes([], { voting: 'majority' })).toMatchObject({ winner: null, abstains: true, agreement: 0 });
  });

  test('who refuses, says nothing or nothing readable never sinks a vote', () => {
    const refusal = "I'm sorry, but I can't help with that.";
    const list = [...ballots('', refusal, 'I cannot assist with this request.'), ballot('a')];
    expect(countVotes(list, { voting: 'majority' })).toMatchObject({
      winner: { key: 'a' },
      abstained: [0, 1, 2],
      agreement: 0.25,
    });
    const unreadable: Ballot = { reading: { kind: 'exact', key: null, reason: 'unreadable' } };
    expect(countVotes([unreadable, unreadable, ballot('a')], { voting: 'weighted' }).winner?.key).toBe('a');
    expect(countVotes(ballots(refusal, refusal), { voting: 'majority' })).toMatchObject({ winner: null, abstains: true });
    // What cannot be found out is no refusal.
    const unknowing = ballots('I cannot determine that.', "I'm sorry, I don't know.", 'a');
    expect(countVotes(unknowing, { voting: 'majority' }).abstains).toBe(true);
  });

  test('members that were stopped count as half agreeing', () => {
    expect(countVotes(ballots('a', 'a'), { voting: 'majority', stopped: 1 }).agreement).toBeCloseTo(2.5 / 3);
  });
});

describe('weighted', () => {
  test('one strong member outvotes two weak ones that agree', () => {
    const result = countVotes([ballot('a', 2.5), ballot('b', 1), ballot('b', 1)], { voting: 'weighted' });
    expect(result.winner?.key).toBe('a');
    expect(result.agreement).toBeCloseTo(2.5 / 4.5);
  });
});

describe('unanimous', () => {
  test('there is a winner only without a dissenting vote', () => {
    expect(countVotes(ballots('a', 'a'), { voting: 'unanimous' }).winner?.key).toBe('a');
    expect(countVotes(ballots('a', 'a', 'b'), { voting: 'unanimous' })).toMatchObject({ winner: null, agreement: 2 / 3 });
  });
});

test('the best formed of a group speaks for it, then the most confident', () => {
  const read = (text: string, confidence: number): Ballot => ({ reading: readAnswer(text, 'number'), confidence });
  const { groups } = groupAnswers([
    read('so it ends\nand there were 42 in all of them then', 0.9),
    read('42', 0.5),
    read('{"answer": 42}', 0.7),
  ]);
  expect(groups).toHaveLength(1);
  expect(groups[0]?.representative).toBe(2);
});

describe('meaning', () => {
  const meant = (text: string): Reading => readAnswer(text, 'semantic');
  const alike = (a: string, b: string): boolean => {
    const [first, second] = [meant(a), meant(b)];
    return first.key !== null && second.key !== null && same(first, second);
  };
  test('is the same when most content words are shared', () => {
    expect(
      alike('The sky is blue because air scatters blue light.', 'Because the air scatters blue light, the sky is blue.'),
    ).toBe(true);
    expect(alike('Cats are mammals.', 'Stocks fell sharply today.')).toBe(false);
  });
  test('is not when one negates or the numbers differ', () => {
    expect(alike('The bridge is safe to cross.', 'The bridge is not safe to cross.')).toBe(false);
    expect(alike('The war ended in the year 1945.', 'The war ended in the year 1918.')).toBe(false);
  });
  test('does not hang on the words of the question', () => {
    const question = 'What is the capital of France?';
    expect(lexicalSimilarity('Paris', 'The capital of France is Paris.', question)).toBe(1);
    expect(lexicalSimilarity('The capital of France is Lyon.', 'The capital of France is Paris.', question)).toBe(0);
    expect(lexicalSimilarity('France', 'The capital', question)).toBe(0);
  });
  test('can be judged by a given similarity', () => {
    const [a, b] = [meant('He died.'), meant('His life ended.')];
    if (a.key === null || b.key === null) throw new Error('both are answers');
    expect(same(a, b, { similarity: () => 0.9 })).toBe(true);
    expect(same(a, b, { similarity: () => 0.9, threshold: 0.95 })).toBe(false);
  });
  test('a chain of alike answers is one group, whatever the order', () => {
    const similarity = (a: string, b: string): number => (Math.abs(Number(a) - Number(b)) <= 1 ? 1 : 0);
    const chain = ['1', '3', '2'].map((text): Ballot => ({ reading: { kind: 'semantic', key: text, value: text, form: 1 } }));
    expect(groupAnswers(chain, { similarity }).groups).toHaveLength(1);
  });
});

const votings = fc.constantFrom<Voting>('majority', 'weighted', 'unanimous');
const answer = fc.constantFrom('a', 'b', 'c', '', 'Not sure.', 'I will not help with that.');
const weight = fc.constantFrom(0.01, 0.5, 1, 1.1, 2.2, 3);
const panel = fc
  .array(fc.tuple(answer, weight), { minLength: 1, maxLength: 7 })
  .map((list) => list.map(([text, w]) => ballot(text, w)));

describe('for any panel', () => {
  test('the order of the ballots does not matter', () => {
    const shuffled = panel.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })));
    fc.assert(
      fc.property(shuffled, votings, ([list, other], voting) => {
        const [a, b] = [countVotes(list, { voting }), countVotes(other, { voting })];
        expect(b.winner?.key).toBe(a.winner?.key);
        expect(keys(b)).toEqual(keys(a));
        expect(b.agreement).toBe(a.agreement);
        expect(b.abstains).toBe(a.abstains);
        expect(b.tie.map(({ key }) => key)).toEqual(a.tie.map(({ key }) => key));
      }),
    );
  });

  test('stopping early never changes who wins, however the rest votes, abstains or fails', () => {
    fc.assert(
      fc.property(panel, fc.array(fc.tuple(fc.option(answer), weight), { maxLength: 4 }), votings, (list, rest, voting) => {
        const pending = rest.map(([, w]) => w);
        if (!decidedEarly(list, pending, { voting })) return;
        const early = countVotes(list, { voting });
        const late = countVotes([...list, ...rest.flatMap(([text, w]) => (text === null ? [] : [ballot(text, w)]))], { voting });
        expect(late.winner?.key).toBe(early.winner?.key);
        expect(late.abstains).toBe(early.abstains);
      }),
      { numRuns: 2000 },
    );
  });

  test('so it is with meanings, where an answer can join two groups', () => {
    const similarity = (a: string, b: string): number => (Math.abs(Number(a) - Number(b)) <= 1 ? 1 : 0);
    const meant = (n: number): Ballot => ({ reading: { kind: 'semantic', key: String(n), value: n, form: 1 } });
    const positions = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(
        positions,
        fc.array(fc.option(fc.integer({ min: 0, max: 8 })), { maxLength: 3 }),
        votings,
        (list, rest, voting) => {
          const cast = list.map(meant);
          const options = { voting, similarity };
          if (
            !decidedEarly(
              cast,
              rest.map(() => 1),
              options,
            )
          )
            return;
          const early = countVotes(cast, options).winner;
          const late = countVotes([...cast, ...rest.flatMap((n) => (n === null ? [] : [meant(n)]))], options).winner;
          expect(late === null).toBe(early === null);
          if (early !== null) expect(late?.ballots).toEqual(expect.arrayContaining([...early.ballots]));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('with equal weights, weighted is majority', () => {
    fc.assert(
      fc.property(fc.array(answer, { minLength: 1, maxLength: 7 }), weight, (texts, w) => {
        const list = texts.map((text) => ballot(text, w));
        const [a, b] = [countVotes(list, { voting: 'weighted' }), countVotes(list, { voting: 'majority' })];
        expect(a.winner?.key).toBe(b.winner?.key);
        expect(a.agreement).toBeCloseTo(b.agreement);
      }),
    );
  });

  test('it is decided early as soon as the rest cannot catch up', () => {
    expect(decidedEarly(ballots('a', 'a'), [1], { voting: 'majority' })).toBe(true);
    expect(decidedEarly(ballots('a', 'b'), [1], { voting: 'majority' })).toBe(false);
    expect(decidedEarly(ballots('a', 'a'), [1, 1], { voting: 'majority' })).toBe(false);
    expect(decidedEarly([ballot('a', 3)], [1, 1], { voting: 'weighted' })).toBe(true);
    expect(decidedEarly(ballots('a', 'b'), [1], { voting: 'unanimous' })).toBe(true);
    expect(decidedEarly(ballots('Not sure.', 'Not sure.'), [1], { voting: 'majority' })).toBe(true);
    expect(decidedEarly(ballots('', ''), [1], { voting: 'majority' })).toBe(false);
    expect(decidedEarly([], [1], { voting: 'majority' })).toBe(false);
  });
});
