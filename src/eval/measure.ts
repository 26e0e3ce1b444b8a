/** What an evaluation teaches of a target, in the form in which it is saved: reliabilities by skill, and a calibration. Pure. */
import { fitCalibrator, type Calibrator, type Outcome } from '../answers/calibration.ts';
import { reliabilityOf } from '../answers/reliability.ts';
import type { Confidence, ConfidenceMethod } from '../contracts/confidence.ts';
import { CAPABILITY_PATTERN } from '../contracts/vocabulary.ts';
import type { TargetTrials, Trial } from './evaluate.ts';

/** The body of `POST /api/models/{model}/measured`. */
export interface Measured {
  /** 0..1 by skill; `default` over all. */
  readonly quality: Readonly<Record<string, number>>;
  /** How many answers it was measured on. */
  readonly items: number;
  /** Turns the target's own scores into shares of right answers; for confidences that came about in the same way only. */
  readonly calibration?: { readonly method: ConfidenceMethod; readonly map: Calibrator };
}

/** A skill with few items is drawn towards the target's share over all: as if so many more had been answered at that rate. */
const PRIOR_ITEMS = 2;

/** null when there is not a single answer: items without one tell of an outage, not of the target's skill. */
export function measure({ trials }: TargetTrials): Measured | null {
  const answered = trials.filter(({ reply }) => reply !== null);
  if (answered.length === 0) return null;
  const overall = reliabilityOf({ right: countRight(answered), total: answered.length });
  const bySkill = Map.groupBy(answered, ({ item }) => keyOf(item.skill));
  const skills = [...bySkill].flatMap(([skill, own]): [string, number][] =>
    skill === null ? [] : [[skill, rounded((countRight(own) + PRIOR_ITEMS * overall) / (own.length + PRIOR_ITEMS))]],
  );
  const calibration = calibrationOf(answered);
  return {
    quality: { ...Object.fromEntries(skills), default: rounded(overall) },
    items: answered.length,
    ...(calibration !== null && { calibration }),
  };
}

const countRight = (trials: readonly Trial[]): number => trials.filter(({ right }) => right).length;
const rounded = (share: number): number => Math.round(share * 1e4) / 1e4;

/** A skill as ratings name it; null for one that cannot be named so. */
function keyOf(skill: string | null): string | null {
  const key = (skill ?? '').toLowerCase().replaceAll(/[^a-z0-9]+/g, '_');
  return CAPABILITY_PATTERN.test(key) && key !== 'default' ? key : null;
}

/** Of the method that most answers have. */
function calibrationOf(trials: readonly Trial[]): Measured['calibration'] | null {
  const byMethod = new Map<ConfidenceMethod, Outcome[]>();
  for (const { reply, right } of trials) {
    if (reply?.confidence == null) continue;
    const { method } = reply.confidence;
    const outcomes = byMethod.get(method) ?? [];
    outcomes.push({ score: rawScore(reply.confidence), right });
    byMethod.set(method, outcomes);
  }
  const [most] = [...byMethod].sort(([, a], [, b]) => b.length - a.length);
  if (most === undefined) return null;
  const [method, outcomes] = most;
  const map = fitCalibrator(outcomes);
  return map.kind === 'identity' ? null : { method, map };
}

/** The score as it was before an earlier calibration. */
function rawScore({ score, parts }: Confidence): number {
  return parts?.raw ?? score;
}
