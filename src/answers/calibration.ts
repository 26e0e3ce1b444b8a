/**
 * Calibration: turns scores that order a model's answers into the probability that they are right, from recorded outcomes.
 * Two monotone maps, both fitted without other packages: Platt's logistic curve (Platt 1999, with his smoothed targets) and
 * isotonic regression by pooling adjacent violators (Ayer et al. 1955).
 */
import { z } from 'zod';
import type { Confidence } from '../contracts/confidence.ts';
import { TuttiError } from '../errors/error.ts';

/** A score and whether the answer was right. */
export interface Outcome {
  readonly score: number;
  readonly right: boolean;
}

/** Schema of `Calibrator`, for those kept as JSON. */
export const calibratorSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('identity'), points: z.int().min(0) }),
  z.strictObject({ kind: z.literal('platt'), points: z.int().min(0), slope: z.number().min(0), intercept: z.number() }),
  z
    .strictObject({
      kind: z.literal('isotonic'),
      points: z.int().min(0),
      scores: z.array(z.number()).min(1),
      shares: z.array(z.number().min(0).max(1)).min(1),
    })
    .refine(({ scores, shares }) => scores.length === shares.length && ascending(scores) && ascending(shares), {
      message: 'scores and shares must be of one length and ascending',
    }),
]);
/** A monotone map from scores to probabilities. Plain data. */
export type Calibrator = z.infer<typeof calibratorSchema>;

const ascending = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || value >= (values[i - 1] ?? value));

/** With fewer outcomes than this nothing is changed: any curve would be noise. */
const FEWEST_POINTS = 20;

/**
 * The map for these outcomes: the one of the two whose calibration error on held-out halves is smaller, fitted on all of them.
 * Fewer than 20 outcomes, or all of one kind, give the identity.
 */
export function fitCalibrator(outcomes: readonly Outcome[]): Calibrator {
  const points = outcomes
    .filter(({ score }) => Number.isFinite(score))
    .toSorted((a, b) => a.score - b.score || Number(a.right) - Number(b.right));
  const right = points.filter((point) => point.right).length;
  if (points.length < FEWEST_POINTS || right === 0 || right === points.length) return { kind: 'identity', points: points.length };
  const halves = [points.filter((_, i) => i % 2 === 0), points.filter((_, i) => i % 2 === 1)] as const;
  const error = (fit: (points: readonly Outcome[]) => Calibrator): number => {
    const [first, second] = [fit(halves[0]), fit(halves[1])];
    const mapped = [...halves[1].map(mapWith(first)), ...halves[0].map(mapWith(second))];
    return expectedCalibrationError(mapped);
  };
  return error(fitIsotonic) < error(fitPlatt) ? fitIsotonic(points) : fitPlatt(points);
}

const mapWith =
  (calibrator: Calibrator) =>
  ({ score, right }: Outcome): Outcome => ({ score: applyCalibrator(calibrator, score), right });

/** The probability that an answer with this score is right, 0..1. Never falls when the score rises. */
export function applyCalibrator(calibrator: Calibrator, score: number): number {
  switch (calibrator.kind) {
    case 'identity':
      return clamp(score);
    case 'platt':
      return clamp(1 / (1 + Math.exp(-(calibrator.slope * logit(score) + calibrator.intercept))));
    case 'isotonic':
      return interpolate(calibrator.scores, calibrator.shares, score);
    default:
      return calibrator satisfies never;
  }
}

/** The confidence with its score mapped, `calibrated: true`, and the score before it in `parts.raw`. The identity leaves it as it is. */
export function calibrate(calibrator: Calibrator, confidence: Confidence): Confidence {
  if (calibrator.kind === 'identity') return confidence;
  return {
    ...confidence,
    score: applyCalibrator(calibrator, confidence.score),
    calibrated: true,
    parts: { ...confidence.parts, raw: confidence.score },
  };
}

/** A calibrator from the JSON that it was kept as. Errors: `invalid_request`. */
export function readCalibrator(json: unknown): Calibrator {
  const result = calibratorSchema.safeParse(json);
  if (result.success) return result.data;
  throw new TuttiError('invalid_request', `This is no calibration: ${z.prettifyError(result.error)}`);
}

/** Blocks of equal share, each at the mean of its scores; violators of the order are pooled. Half a right and half a wrong answer are added to each, so that none is certain. */
function fitIsotonic(points: readonly Outcome[]): Calibrator {
  const blocks: { score: number; right: number; count: number }[] = [];
  for (const [score, { right, count }] of countsByScore(points)) {
    blocks.push({ score: score * count, right, count });
    while (blocks.length > 1) {
      const [before, current] = [blocks.at(-2)!, blocks.at(-1)!]; // at least two
      if (before.right / before.count <= current.right / current.count) break;
      blocks.splice(-2, 2, {
        score: before.score + current.score,
        right: before.right + current.right,
        count: before.count + current.count,
      });
    }
  }
  return {
    kind: 'isotonic',
    points: points.length,
    scores: nonDecreasing(blocks.map(({ score, count }) => score / count)),
    shares: nonDecreasing(blocks.map(({ right, count }) => (right + 0.5) / (count + 1))),
  };
}

/** Equal scores are one point of the curve; ascending as the points are. */
function countsByScore(points: readonly Outcome[]): Map<number, { right: number; count: number }> {
  const counts = new Map<number, { right: number; count: number }>();
  for (const { score, right } of points) {
    const entry = counts.get(score) ?? { right: 0, count: 0 };
    counts.set(score, { right: entry.right + Number(right), count: entry.count + 1 });
  }
  return counts;
}

/** The added half can put a small block below its neighbour again, and rounding a mean of close scores. */
function nonDecreasing(values: readonly number[]): number[] {
  let least = -Infinity;
  return values.map((value) => (least = Math.max(least, value)));
}

/** Newton's method on the two parameters; a falling curve becomes a flat one, because the map must be monotone. */
function fitPlatt(points: readonly Outcome[]): Calibrator {
  const positives = points.filter(({ right }) => right).length;
  const negatives = points.length - positives;
  const [high, low] = [(positives + 1) / (positives + 2), 1 / (negatives + 2)];
  let [slope, intercept] = [1, 0];
  for (let round = 0; round < 50; round++) {
    let [gradient0, gradient1, h00, h01, h11] = [0, 0, 1e-6, 0, 1e-6]; // a little ridge: scores may all be equal
    for (const { score, right } of points) {
      const x = logit(score);
      const p = 1 / (1 + Math.exp(-(slope * x + intercept)));
      const error = p - (right ? high : low);
      const weight = p * (1 - p);
      gradient0 += error * x;
      gradient1 += error;
      h00 += weight * x * x;
      h01 += weight * x;
      h11 += weight;
    }
    const determinant = h00 * h11 - h01 * h01;
    const step0 = (h11 * gradient0 - h01 * gradient1) / determinant;
    const step1 = (h00 * gradient1 - h01 * gradient0) / determinant;
    slope -= limited(step0);
    intercept -= limited(step1);
    if (Math.abs(step0) + Math.abs(step1) < 1e-8) break;
  }
  if (slope > 0) return { kind: 'platt', points: points.length, slope, intercept };
  const share = (positives + 1) / (points.length + 2);
  return { kind: 'platt', points: points.length, slope: 0, intercept: Math.log(share / (1 - share)) };
}

/** A full Newton step can overshoot where the curve is flat. */
function limited(step: number): number {
  return Math.min(2, Math.max(-2, step));
}

/** Scores of exactly 0 and 1 would be infinitely far out. */
function logit(score: number): number {
  const p = Math.min(1 - 1e-6, Math.max(1e-6, score));
  return Math.log(p / (1 - p));
}

function interpolate(xs: readonly number[], ys: readonly number[], x: number): number {
  const after = xs.findIndex((value) => value >= x);
  if (after === 0) return ys[0] ?? 0;
  if (after < 0) return ys.at(-1) ?? 0;
  const [x0 = 0, x1 = 0, y0 = 0, y1 = 0] = [xs[after - 1], xs[after], ys[after - 1], ys[after]];
  return x1 === x0 ? y1 : y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

/** How far scores and shares of right answers lie apart, over `bins` of equal width, weighted by their size (ECE). 0 for no outcomes. */
export function expectedCalibrationError(outcomes: readonly Outcome[], bins = 10): number {
  const sums = Array.from({ length: bins }, () => ({ score: 0, right: 0 }));
  for (const { score, right } of outcomes) {
    const bin = sums[Math.min(bins - 1, Math.floor(clamp(score) * bins))]!; // inside 0..bins-1
    bin.score += score;
    bin.right += Number(right);
  }
  return sums.reduce((sum, { score, right }) => sum + Math.abs(score - right), 0) / Math.max(1, outcomes.length);
}

/** The chance that a right answer has a higher score than a wrong one (ties count half). null without both kinds. */
export function auroc(outcomes: readonly Outcome[]): number | null {
  const sorted = outcomes.toSorted((a, b) => a.score - b.score);
  const positives = outcomes.filter(({ right }) => right).length;
  const negatives = outcomes.length - positives;
  if (positives === 0 || negatives === 0) return null;
  let ranks = 0;
  for (let start = 0; start < sorted.length;) {
    let end = start;
    while (end < sorted.length && sorted[end]?.score === sorted[start]?.score) end++;
    const rank = (start + 1 + end) / 2;
    ranks += rank * sorted.slice(start, end).filter(({ right }) => right).length;
    start = end;
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives);
}

function clamp(value: number): number {
  return Number.isNaN(value) ? 0 : Math.min(1, Math.max(0, value));
}
