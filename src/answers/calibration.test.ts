import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  applyCalibrator,
  auroc,
  calibrate,
  expectedCalibrationError,
  fitCalibrator,
  readCalibrator,
  type Outcome,
} from './calibration.ts';

/** Answers of a model that is right with probability `truth(score)`: evenly spread, without chance. */
function outcomes(truth: (score: number) => number, count = 400): Outcome[] {
  return Array.from({ length: count }, (_, i) => {
    const score = ((i % 40) + 0.5) / 40;
    return { score, right: (Math.floor(i / 40) * 0.618) % 1 < truth(score) };
  });
}

describe('calibrating', () => {
  test('an overconfident model is brought down', () => {
    const points = outcomes((score) => score ** 3);
    const calibrator = fitCalibrator(points);
    const mapped = points.map(({ score, right }) => ({ score: applyCalibrator(calibrator, score), right }));
    expect(expectedCalibrationError(points)).toBeGreaterThan(0.2);
    expect(expectedCalibrationError(mapped)).toBeLessThan(0.08);
    expect(applyCalibrator(calibrator, 0.7)).toBeLessThan(0.5);
  });

  test('a step, which no logistic curve follows, is fitted by isotonic regression', () => {
    const calibrator = fitCalibrator(outcomes((score) => (score < 0.3 ? 0 : score < 0.8 ? 0.5 : 1), 2000));
    expect(calibrator.kind).toBe('isotonic');
    expect(applyCalibrator(calibrator, 0.55)).toBeCloseTo(0.5, 1);
  });

  test('few outcomes, or all alike, change nothing', () => {
    expect(fitCalibrator(outcomes((score) => score, 19)).kind).toBe('identity');
    expect(fitCalibrator(outcomes(() => 1)).kind).toBe('identity');
    const confidence = { score: 0.4, method: 'logprobs', calibrated: false } as const;
    expect(calibrate({ kind: 'identity', points: 3 }, confidence)).toBe(confidence);
  });

  test('scores that say nothing, or the opposite, become one and the same', () => {
    const calibrator = fitCalibrator(outcomes((score) => 1 - score));
    expect(applyCalibrator(calibrator, 0.9)).toBeCloseTo(applyCalibrator(calibrator, 0.1), 1);
  });

  test('a calibrated confidence says so and keeps what it was made from', () => {
    const calibrator = fitCalibrator(outcomes((score) => score ** 2));
    const confidence = calibrate(calibrator, {
      score: 0.5,
      method: 'logprobs',
      calibrated: false,
      parts: { mean: 0.9, lowest: 0.3 },
    });
    expect(confidence).toMatchObject({ calibrated: true, method: 'logprobs', parts: { mean: 0.9, lowest: 0.3, raw: 0.5 } });
  });

  test('it survives being written as JSON, and nonsense is refused', () => {
    const calibrator = fitCalibrator(outcomes((score) => score ** 2));
    expect(readCalibrator(JSON.parse(JSON.stringify(calibrator)))).toEqual(calibrator);
    expect(() => readCalibrator({ kind: 'isotonic', points: 2, scores: [0.5, 0.1], shares: [0, 1] })).toThrow(/ascending/);
    expect(() => readCalibrator('no')).toThrow(/no calibration/);
  });

  test('for any outcomes the map stays inside 0..1 and never falls', () => {
    const point = fc.record({ score: fc.double({ min: 0, max: 1, noNaN: true }), right: fc.boolean() });
    fc.assert(
      fc.property(fc.array(point, { minLength: 20, maxLength: 80 }), (points) => {
        const calibrator = fitCalibrator(points);
        let last = 0;
        for (let score = 0; score <= 1; score += 0.05) {
          const mapped = applyCalibrator(calibrator, score);
          expect(mapped).toBeGreaterThanOrEqual(last - 1e-12);
          expect(mapped).toBeLessThanOrEqual(1);
          last = mapped;
        }
        expect(readCalibrator(JSON.parse(JSON.stringify(calibrator)))).toEqual(calibrator);
      }),
    );
  });
});

test('the calibration error is the distance of scores and shares', () => {
  expect(expectedCalibrationError([])).toBe(0);
  expect(
    expectedCalibrationError([
      { score: 1, right: true },
      { score: 0, right: false },
    ]),
  ).toBe(0);
  expect(
    expectedCalibrationError([
      { score: 0.9, right: false },
      { score: 0.9, right: true },
    ]),
  ).toBeCloseTo(0.4);
});

test('the area under the curve is the chance that right is above wrong', () => {
  const of = (right: number[], wrong: number[]) =>
    auroc([...right.map((score) => ({ score, right: true })), ...wrong.map((score) => ({ score, right: false }))]);
  expect(of([0.9, 0.8], [0.1])).toBe(1);
  expect(of([0.1], [0.9])).toBe(0);
  expect(of([0.5], [0.5])).toBe(0.5);
  expect(of([0.5], [])).toBeNull();
});
