import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TokenLogprob } from './part.ts';
import { confidenceFromLogprobs } from './logprob-meter.ts';

const token = (probability: number, others: Readonly<Record<string, number>> = {}): TokenLogprob => ({
  token: 'x',
  logprob: Math.log(probability),
  bytes: null,
  top: Object.entries(others).map(([name, p]) => ({ token: name, logprob: Math.log(p), bytes: null })),
});

describe('confidence from log-probabilities', () => {
  it('is null, not invented, when there is nothing to judge by', () => {
    expect(confidenceFromLogprobs([])).toBeNull();
    expect(confidenceFromLogprobs([token(0.5), { ...token(0.5), logprob: Number.NaN }])).toBeNull();
  });

  it('is 1 for an answer that was certain', () => {
    expect(confidenceFromLogprobs([token(1), token(1)])).toEqual({
      score: 1,
      method: 'logprobs',
      calibrated: false,
      parts: { mean: 1, lowest: 1 },
    });
  });

  it('takes the geometric mean, the lowest and the smallest lead as probabilities', () => {
    const { score, parts } = confidenceFromLogprobs([token(0.8, { x: 0.8, y: 0.1 }), token(0.2, { y: 0.5, x: 0.2 })]) ?? {};
    expect(parts?.mean).toBeCloseTo(0.4);
    expect(parts?.lowest).toBeCloseTo(0.2);
    expect(parts?.margin).toBeCloseTo(-0.3);
    expect(score).toBeCloseTo(Math.sqrt(0.4 * 0.2));
  });

  it('is brought down by one doubtful token among many sure ones', () => {
    const sure = Array.from({ length: 9 }, () => token(0.99));
    expect(confidenceFromLogprobs(sure)?.score).toBeGreaterThan(0.95);
    expect(confidenceFromLogprobs([...sure, token(0.2)])?.score).toBeLessThan(0.5);
  });

  it('bears a token that was impossible, and one a rounding error above certain', () => {
    expect(confidenceFromLogprobs([{ ...token(1), logprob: -Infinity }])?.score).toBe(0);
    expect(confidenceFromLogprobs([{ ...token(1), logprob: 1e-7 }])?.score).toBe(1);
  });

  it('always lies between the lowest and the mean, in 0..1', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { minLength: 1 }), (probabilities) => {
        const { score = -1, parts } = confidenceFromLogprobs(probabilities.map((p) => token(p))) ?? {};
        expect(score).toBeGreaterThanOrEqual((parts?.lowest ?? NaN) - 1e-12);
        expect(score).toBeLessThanOrEqual((parts?.mean ?? NaN) + 1e-12);
        expect(score).toBeLessThanOrEqual(1);
      }),
    );
  });
});
