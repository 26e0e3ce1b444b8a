/** The embedded models and orchestrations of them on the same questions. Everything that is tuned is tuned on other ones. */
import { measure } from '../../src/eval/measure.ts';
import type { EvalItem } from '../../src/eval/items.ts';
import { summarize, type Row } from '../../src/eval/summary.ts';
import type { TargetTrials } from '../../src/eval/evaluate.ts';
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
  readonly handoff: Plan;
  readonly trials: readonly TargetTrials[];
}

/** `only`: of the orchestrations those whose name matches. */
export async function contest(stage: Stage, questions: Questions, only: RegExp): Promise<Contest> {
  await weigh(stage, questions.reliability);
  const calibrated = await calibrate(stage, questions.calibration);
  const handoff = tuneHandoff(calibrated, stage);
  progress(`handoff: thresholds ${handoff.thresholds.join(', ')}, chosen on ${questions.calibration.length} other questions`);
  const singles = Object.fromEntries(SINGLES.map((name): [string, Contestant] => [embedded(name), embedded(name)]));
  const all = Object.entries({ ...orchestrations(handoff.thresholds), 'arbiter over minis': arbiterOverMinis(stage) }).filter(
    ([name]) => only.test(name),
  );
  const trials = await stage.ask({ ...singles, ...Object.fromEntries(all) }, questions.test);
  return { ...summarize(trials, stage.facts), handoff, trials };
}

/** How often each is right: by this votes are weighted. */
async function weigh(stage: Stage, items: readonly EvalItem[]): Promise<void> {
  const names = [...SINGLES.map(embedded), ...liars];
  for (const each of await stage.ask(Object.fromEntries(names.map((name) => [name, name])), items)) {
    const measured = measure(each);
    if (measured !== null) stage.tutti.measured.record(each.target.name, { quality: measured.quality, items: measured.items });
  }
}

/** From now on confidences of the single models are calibrated. Gives what they say once they are. */
async function calibrate(stage: Stage, items: readonly EvalItem[]): Promise<TargetTrials[]> {
  const { measured } = stage.tutti;
  const names = Object.fromEntries(SINGLES.map(embedded).map((name) => [name, name]));
  for (const each of await stage.ask(names, items)) {
    const { name } = each.target;
    const calibration = measure(each)?.calibration;
    const known = measured.get(name);
    if (calibration !== undefined && known !== null)
      measured.record(name, { quality: known.quality, items: known.items, calibration });
  }
  return stage.ask(names, items);
}

/** How far below the last member's share of right answers a plan may be on the questions it is chosen on. */
const LOSS = 0.005;
/** Less than the half that is allowed: on other questions it will take a little more or less. */
const SHARE = 0.45;
const HANDOFF = ['nano', 'mini-c', 'base'] as const;

function tuneHandoff(trials: readonly TargetTrials[], stage: Stage): Plan {
  const tries = HANDOFF.map((name): Try[] => {
    const own = trials.find(({ target }) => target.name === embedded(name));
    return (own?.trials ?? []).map(({ right, reply }) => ({
      right,
      score: reply?.confidence?.score ?? 0,
      compute: Object.entries(reply?.usageByModel ?? {}).reduce(
        (sum, [model, { inputTokens, outputTokens }]) =>
          sum + (stage.facts.parametersOf(model) ?? 0) * (inputTokens + outputTokens),
        0,
      ),
    }));
  });
  return choosePlan(tries, { loss: LOSS, share: SHARE });
}

/** `drafts`: whether the next member is shown the answer of the one before. */
const handoffBy = (thresholds: readonly number[], drafts: boolean): InlineOrchestration => ({
  strategy: 'handoff',
  members: HANDOFF.map(embedded),
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

function orchestrations(thresholds: readonly number[]): Record<string, InlineOrchestration> {
  const [strongest = ''] = minis;
  const panel = (members: readonly string[], voting: string): InlineOrchestration => ({ strategy: 'consensus', members, voting });
  return {
    'consensus, majority': panel(minis, 'majority'),
    'consensus, weighted': panel(minis, 'weighted'),
    'consensus, all five': panel(SINGLES.map(embedded), 'weighted'),
    'two of three lie, majority': panel([strongest, ...liars], 'majority'),
    'two of three lie, weighted': panel([strongest, ...liars], 'weighted'),
    'self-consistency': { strategy: 'consensus', members: [embedded('mini-c')], samples: SAMPLES },
    handoff: handoffBy(thresholds, false),
    'handoff with drafts': handoffBy(thresholds, true),
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
