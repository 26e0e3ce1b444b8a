/** From single trials to figures: how right, how sure, and what it took. Pure. */
import { auroc, expectedCalibrationError } from '../answers/calibration.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import { addUsage, costOf, NO_USAGE, type Price, type Usage } from '../contracts/usage.ts';
import type { Target, TargetTrials, Trial } from './evaluate.ts';
import { pairedDifference, wilson, type Difference, type Interval } from './intervals.ts';

/** A share of right answers with its 95 % interval. */
export interface Share extends Interval {
  readonly right: number;
  readonly items: number;
  /** right / items */
  readonly accuracy: number;
}

/** How far the confidence of a target can be trusted, over the answers that had one. */
export interface ConfidenceFigures {
  /** How many answers had one. */
  readonly items: number;
  readonly mean: number;
  /** Expected calibration error: the mean distance between confidence and share of right answers, 0 is best. */
  readonly ece: number;
  /** How often a right answer has the higher confidence of a right and a wrong one; 0.5 is chance. null when all or none are right. */
  readonly auroc: number | null;
}

/** All figures of one target. Sums are over all items. */
export interface Row extends Share {
  readonly target: Target;
  /** Items without an answer: they count as wrong. */
  readonly failed: number;
  /** Against the best single model on the same items; null for that one, and when there is none. */
  readonly versusBest: Difference | null;
  /** Calls of models; null when unknown. */
  readonly calls: number | null;
  readonly usage: Usage;
  /** Parameters × tokens, of every model that was called; null when the size of one is unknown. */
  readonly compute: number | null;
  /** null when a price is unknown. */
  readonly costUsd: number | null;
  /** Milliseconds from question to answer, on average; with several questions under way they wait for each other. */
  readonly msPerItem: number;
  /** Milliseconds for all items. */
  readonly ms: number;
  readonly confidence: ConfidenceFigures | null;
  readonly skills: Readonly<Record<string, Share>>;
}

/** What is known of the models that answered. */
export interface Facts {
  /** Parameters of the network. */
  readonly parametersOf: (model: ModelId) => number | undefined;
  /** Prices for models whose own are unknown. */
  readonly priceOf: (model: ModelId) => Price | undefined;
}

/** The figures of each target, in the same order. `best` is the single model with the most right answers, the first of equals. */
export function summarize(all: readonly TargetTrials[], facts: Facts): { readonly rows: Row[]; readonly best: string | null } {
  const singles = all.filter(({ target }) => target.kind === 'model');
  const best = singles.reduce<TargetTrials | null>(
    (leader, each) => (leader === null || countRight(each.trials) > countRight(leader.trials) ? each : leader),
    null,
  );
  return { rows: all.map((each) => rowOf(each, best, facts)), best: best?.target.name ?? null };
}

function rowOf(each: TargetTrials, best: TargetTrials | null, facts: Facts): Row {
  const { target, trials, ms } = each;
  return {
    target,
    ...shareOf(trials),
    failed: trials.filter(({ reply }) => reply === null).length,
    versusBest: best === null || best === each ? null : pairedDifference(marks(trials), marks(best.trials)),
    calls: sumOrNull(trials, ({ reply }) => (reply === null ? 0 : reply.modelCalls)),
    usage: trials.flatMap(({ reply }) => Object.values(reply?.usageByModel ?? {})).reduce(addUsage, NO_USAGE),
    compute: sumOrNull(trials, (trial) => computeOf(trial, facts)),
    costUsd: sumOrNull(trials, (trial) => priceOfTrial(trial, facts)),
    msPerItem: trials.reduce((sum, trial) => sum + trial.ms, 0) / Math.max(1, trials.length),
    ms,
    confidence: confidenceOf(trials),
    skills: skillsOf(trials),
  };
}

const countRight = (trials: readonly Trial[]): number => trials.filter(({ right }) => right).length;
const marks = (trials: readonly Trial[]): boolean[] => trials.map(({ right }) => right);

function shareOf(trials: readonly Trial[]): Share {
  const right = countRight(trials);
  const items = trials.length;
  return { right, items, accuracy: items === 0 ? 0 : right / items, ...wilson(right, items) };
}

function skillsOf(trials: readonly Trial[]): Record<string, Share> {
  const bySkill = Map.groupBy(
    trials.filter(({ item }) => item.skill !== null),
    ({ item }) => item.skill ?? '',
  );
  return Object.fromEntries([...bySkill].sort(([a], [b]) => (a < b ? -1 : 1)).map(([skill, own]) => [skill, shareOf(own)]));
}

function sumOrNull(trials: readonly Trial[], of: (trial: Trial) => number | null): number | null {
  let sum = 0;
  for (const trial of trials) {
    const value = of(trial);
    if (value === null) return null;
    sum += value;
  }
  return sum;
}

function computeOf({ reply }: Trial, { parametersOf }: Facts): number | null {
  let compute = 0;
  for (const [model, { inputTokens, outputTokens }] of Object.entries(reply?.usageByModel ?? {})) {
    const parameters = parametersOf(model);
    if (parameters === undefined) return null;
    compute += parameters * (inputTokens + outputTokens);
  }
  return compute;
}

/** What Tutti knows counts; prices given for the evaluation help only where it knows none. */
function priceOfTrial({ reply }: Trial, { priceOf }: Facts): number | null {
  if (reply === null) return 0;
  if (reply.costUsd !== null) return reply.costUsd;
  let sum = 0;
  for (const [model, usage] of Object.entries(reply.usageByModel)) {
    const cost = costOf(usage, priceOf(model));
    if (cost === null) return null;
    sum += cost;
  }
  return sum;
}

function confidenceOf(trials: readonly Trial[]): ConfidenceFigures | null {
  const outcomes = trials.flatMap(({ reply, right }) =>
    reply?.confidence == null ? [] : [{ score: reply.confidence.score, right }],
  );
  if (outcomes.length === 0) return null;
  const mean = outcomes.reduce((sum, { score }) => sum + score, 0) / outcomes.length;
  return { items: outcomes.length, mean, ece: expectedCalibrationError(outcomes), auroc: auroc(outcomes) };
}
