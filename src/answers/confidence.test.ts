import { describe, expect, test } from 'vitest';
import type { Confidence } from '../contracts/confidence.ts';
import { adjust, confidenceOfVote, reviewOf } from './confidence.ts';

const sure = (score: number): Confidence => ({ score, method: 'logprobs', calibrated: true });

describe('adjusting', () => {
  test('a rejected verification leaves 0.3 at most', () => {
    expect(adjust(sure(0.9), { verdict: 'rejected' })).toMatchObject({ score: 0.3, calibrated: false });
    expect(adjust(sure(0.2), { verdict: 'rejected' })?.score).toBe(0.2);
    expect(adjust(sure(0.9), { verdict: 'uncertain' })).toEqual(sure(0.9));
    expect(adjust(sure(0.9), { verdict: 'approved' })).toEqual(sure(0.9));
  });

  test('an error seen by vision takes 20 % off', () => {
    const { score, adjustments } = adjust(sure(0.9), { visionError: true });
    expect(score).toBeCloseTo(0.72);
    expect(adjustments).toEqual([{ rule: 'vision_error', factor: expect.closeTo(0.8) }]);
  });

  test('agreement of more than half raises, and takes half of the doubt at most', () => {
    expect(adjust(sure(0.6), { agreement: 1 })?.score).toBeCloseTo(0.8);
    expect(adjust(sure(0.6), { agreement: 0.75 })?.score).toBeCloseTo(0.7);
    expect(adjust(sure(0.6), { agreement: 0.5 })?.score).toBe(0.6);
    expect(adjust(sure(0), { agreement: 1 })?.score).toBe(0);
  });

  test('the order is agreement, vision, verification, and each is recorded', () => {
    const all = adjust(sure(0.6), { agreement: 1, visionError: true, verdict: 'rejected' });
    expect(all?.score).toBe(0.3);
    expect(all?.adjustments?.map(({ rule }) => rule)).toEqual(['agreement', 'vision_error', 'verification_rejected']);
    const product = all?.adjustments?.reduce((score, { factor }) => score * factor, 0.6);
    expect(product).toBeCloseTo(0.3);
  });

  test('without a confidence, agreement is one and a rejection gives 0.3', () => {
    expect(adjust(null, {})).toBeNull();
    expect(adjust(null, { visionError: true })).toBeNull();
    expect(adjust(null, { agreement: 0.8 })).toMatchObject({ score: 0.8, method: 'agreement' });
    expect(adjust(null, { verdict: 'rejected' })).toMatchObject({ score: 0.3, method: 'verifier' });
  });

  test('an abstention leaves 0.3 at most', () => {
    expect(adjust(sure(1), { abstains: true })).toMatchObject({ score: 0.3, adjustments: [{ rule: 'abstained', factor: 0.3 }] });
    expect(adjust(sure(0.1), { abstains: true })?.score).toBe(0.1);
    expect(adjust(null, { abstains: true })).toMatchObject({ score: 0.3, method: 'agreement' });
  });

  test('earlier adjustments are kept', () => {
    const once = adjust(sure(0.9), { visionError: true });
    expect(adjust(once, { verdict: 'rejected' })?.adjustments).toHaveLength(2);
  });
});

describe('of a vote', () => {
  test('it is the agreement when members have no confidence', () => {
    expect(confidenceOfVote(2 / 3, [null, undefined])).toMatchObject({ score: 2 / 3, method: 'agreement' });
  });
  test('it needs both agreement and sure members', () => {
    const both = confidenceOfVote(1, [0.9, 0.8]).score;
    expect(both).toBeGreaterThan(0.9);
    expect(confidenceOfVote(1 / 3, [0.9]).score).toBeLessThan(0.6);
    expect(confidenceOfVote(1, [0.3, 0.2]).score).toBeLessThan(both);
    expect(confidenceOfVote(1, [0.9, 0.8]).parts).toEqual({ agreement: 1, members: expect.closeTo(0.85) });
  });
});

test('review is suggested below 0.7 and needed below 0.5, strictly', () => {
  expect([0.7, 0.69, 0.5, 0.49, null].map((score) => reviewOf(score))).toEqual([
    'none',
    'suggested',
    'suggested',
    'needed',
    'none',
  ]);
  expect(reviewOf(0.85, { suggestedBelow: 0.9, neededBelow: 0.8 })).toBe('suggested');
});
