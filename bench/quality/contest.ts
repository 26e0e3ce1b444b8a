/** The embedded models and orchestrations of them on the same questions. Everything that is tuned is tuned on other ones. */
import { calibrate as applyCalibration } from '../../src/answers/calibration.ts';
import { measure, type Measured } from '../../src/eval/measure.ts';
import type { EvalItem } from '../../src/eval/items.ts';
import { summarize, type Row } from '../../src/eval/summary.ts';
import type { TargetTrials, Trial } from '../../src/eval/evaluate.ts';
import type { InlineOrchestration } from '../../src/contracts/library.ts';
import { progress } from '../harness/report.ts';
import { choosePlan, type Plan, type Try } from './thresholds.ts';
import type { Contestant, Stage } from './stage.ts';

/** Three disjoint sets of questions of the same kinds. */
export interface Questions {
  /** What is reported. */
  readonly test: readonly EvalItem[];
  /** Scores are calibrated and thresholds chosen on these. */
  readonly calibration: readonly EvalItem[];
  /** Members' weights come from these. */
  readonly reliability: readonly EvalItem[];
}

export const MINIS = ['mini-a', 'mini-b', 'mini-c'] as const;
const SINGLES = ['nano', ...MINIS, 'base'] as const;
const LIARS = ['one', 'two'] as const;

const embedded = (name: string): string => `embedded:${name}`;
const minis = MINIS.map(embedded);
const liars = LIARS.map((name) => `liar:${name}`);

/** Of the test set, by name. */
export interface Contest {
  readonly rows: readonly Row[];
  readonly best: string | null;
  readonly handoff: Ladder;
  readonly trials: readonly TargetTrials[];
}

/** `only`: of the orchestrations those whose name matches. */
export async function contest(stage: Stage, questions: Questions, only: RegExp): Promise<Contest> {
  await weigh(stage, questions.reliability);
  await calibrate(stage, questions.calibration);
  const others = [...questions.calibration, ...questions.reliability];
  const handoff = tuneHandoff(await askSingles(stage, others), stage);
  progress(
    `handoff: ${handoff.members.join(', ')} by ${handoff.thresholds.join(', ')}, chosen on ${others.length} other questions`,
  );
  const singles = Object.fromEntries(SINGLES.map((name): [string, Contestant] => [embedded(name), embedded(name)]));
  const all = Object.entries({ ...orchestrations(handoff), 'arbiter over minis': arbiterOverMinis(stage) }).filter(([name]) =>
    only.test(name),
  );
  const asked = await stage.ask({ ...singles, ...Object.fromEntries(all) }, questions.test);
  const panels = all.filter(([name]) => PANEL.test(name));
  const calibrations = await calibrationsOf(stage, Object.fromEntries(panels), questions.calibration);
  const trials = asked.map((each) => calibratedBy(calibrations, each));
  return { ...summarize(trials, stage.facts), handoff, trials };
}

type Calibration = NonNullable<Measured['calibration']>;
/** Agreement says less of the share of right answers than a model's own scores do: it must be calibrated by itself. */
export const PANEL = /^consensus/;

/** As `tutti eval --save` keeps them of orchestrations that have a name. */
async function calibrationsOf(
  stage: Stage,
  panels: Readonly<Record<string, Contestant>>,
  items: readonly EvalItem[],
): Promise<ReadonlyMap<string, Calibration>> {
  const calibrations = new Map<string, Calibration>();
  for (const each of await stage.ask(panels, items)) {
    const calibration = measure(each)?.calibration;
    if (calibration !== undefined) calibrations.set(each.target.name, calibration);
  }
  return calibrations;
}

function calibratedBy(calibrations: ReadonlyMap<string, Calibration>, { target, trials, ms }: TargetTrials): TargetTrials {
  const calibration = calibrations.get(target.name);
  if (calibration === undefined) return { target, trials, ms };
  const mapped = trials.map((trial): Trial => {
    const { reply } = trial;
    if (reply?.confidence?.method !== calibration.method) return trial;
    return { ...trial, reply: { ...reply, confidence: applyCalibration(calibration.map, reply.confidence) } };
  });
  return { target, trials: mapped, ms };
}

/** How often each is right: by this votes are weighted. */
async function weigh(stage: Stage, items: readonly EvalItem[]): Promise<void> {
  const names = [...SINGLES.map(embedded), ...liars];
  for (const each of await stage.ask(Object.fromEntries(names.map((name) => [name, name])), items)) {
    const measured = measure(each);
    if (measured !== null) stage.tutti.measured.record(each.target.name, { quality: measured.quality, items: measured.items });
  }
}

function askSingles(stage: Stage, items: readonly EvalItem[]): Promise<TargetTrials[]> {
  return stage.ask(Object.fromEntries(SINGLES.map(embedded).map((name) => [name, name])), items);
}

/** From now on confidences of the single models are calibrated. */
async function calibrate(stage: Stage, items: readonly EvalItem[]): Promise<void> {
  const { measured } = stage.tutti;
  for (const each of await askSingles(stage, items)) {
    const { name } = each.target;
    const calibration = measure(each)?.calibration;
    const known = measured.get(name);
    if (calibration !== undefined && known !== null)
      measured.record(name, { quality: known.quality, items: known.items, calibration });
  }
}

/** Who hands over to whom, and by which thresholds. */
interface Ladder extends Plan {
  readonly members: readonly string[];
}

/** How far below the last member's share of right answers a plan may be on the questions it is chosen on. */
const LOSS = 0.005;
/** A little less than the half that is allowed: on other questions it will take a little more or less. */
const SHARE = 0.49;

/** The mini in the middle is the one that serves best on these questions. */
function tuneHandoff(trials: readonly TargetTrials[], stage: Stage): Ladder {
  const triesOf = (member: string): Try[] => {
    const own = trials.find(({ target }) => target.name === member);
    return (own?.trials ?? []).map(({ right, reply }) => ({
      right,
      score: reply?.confidence?.score ?? 0,
      compute: Object.entries(reply?.usageByModel ?? {}).reduce(
        (sum, [model, { inputTokens, outputTokens }]) =>
          sum + (stage.facts.parametersOf(model) ?? 0) * (inputTokens + outputTokens),
        0,
      ),
    }));
  };
  return minis
    .map((mini): Ladder => {
      const members = [embedded('nano'), mini, embedded('base')];
      return { members, ...choosePlan(members.map(triesOf), { loss: LOSS, share: SHARE }) };
    })
    .reduce((best, each) => (each.accuracy > best.accuracy ? each : best));
}

/** `drafts`: whether the next member is shown the answer of the one before. */
const handoffBy = ({ members, thresholds }: Ladder, drafts: boolean): InlineOrchestration => ({
  strategy: 'handoff',
  members,
  confidence_threshold: thresholds,
  carry_draft: drafts,
});

/** What each specialist is for: the skills of the test set, and how the arbiter is told. */
const DOMAINS: Readonly<Record<string, { readonly description: string; readonly skills: readonly string[] }>> = {
  arithmetic: { description: 'Adds, subtracts and multiplies', skills: ['add', 'sub', 'mul'] },
  sorting: { description: 'Sorts and compares numbers', skills: ['sort', 'compare'] },
  words: { description: 'Reverses words, writes capitals, counts letters', skills: ['reverse', 'upper', 'count'] },
  reading: { description: 'Reads facts out of a given text', skills: ['read', 'unknown_fact'] },
  units: { description: 'Converts units', skills: ['convert'] },
  checking: { description: 'Checks whether an answer is right', skills: ['verify', 'draft', 'choose'] },
  general: { description: 'Everything else', skills: ['unknown'] },
};

/** Each domain is the mini's that is best at it by what was measured before the test. */
function arbiterOverMinis({ tutti }: Stage): InlineOrchestration {
  const quality = (model: string, skills: readonly string[]): number => {
    const known = tutti.measured.get(model)?.quality ?? {};
    return skills.reduce((sum, skill) => sum + (known[skill] ?? known.default ?? 0), 0);
  };
  const specialists = Object.entries(DOMAINS).map(([name, { description, skills }]) => {
    const model = minis.reduce((best, each) => (quality(each, skills) > quality(best, skills) ? each : best));
    return [name, { model, description }];
  });
  return {
    strategy: 'arbiter',
    arbiter: embedded('tools'),
    style: 'route',
    tools: [],
    specialists: Object.fromEntries(specialists),
  };
}

/** Samples of one model for its self-consistency. */
const SAMPLES = 5;

function orchestrations(ladder: Ladder): Record<string, InlineOrchestration> {
  const [strongest = ''] = minis;
  const panel = (members: readonly string[], voting: string): InlineOrchestration => ({ strategy: 'consensus', members, voting });
  return {
    'consensus, majority': panel(minis, 'majority'),
    'consensus, weighted': panel(minis, 'weighted'),
    'consensus, all five': panel(SINGLES.map(embedded), 'weighted'),
    'two of three lie, majority': panel([strongest, ...liars], 'majority'),
    'two of three lie, weighted': panel([strongest, ...liars], 'weighted'),
    'self-consistency': { strategy: 'consensus', members: [embedded('mini-c')], samples: SAMPLES },
    handoff: handoffBy(ladder, false),
    'handoff with drafts': handoffBy(ladder, true),
    'handoff by agreement': {
      strategy: 'handoff',
      members: [...minis.slice(1), embedded('base')],
      agreement: true,
      carry_draft: false,
    },
    'phased, verified': { strategy: 'phased', reasoning: [embedded('mini-c')], verification: embedded('base') },
    'phased, not verified': { strategy: 'phased', reasoning: [embedded('mini-c')] },
    'ensemble, surest': { strategy: 'ensemble', members: minis, mode: 'best' },
    'ensemble, base chooses': { strategy: 'ensemble', members: minis, aggregator: embedded('base'), mode: 'select' },
    race: { strategy: 'race', members: [...minis, embedded('base')], accept: { min_confidence: 0.6 } },
    fallback: { strategy: 'fallback', members: [embedded('nano'), embedded('base')] },
  };
}
