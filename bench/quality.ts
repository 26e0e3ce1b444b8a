/**
 * `npm run bench -- quality`: are several models better than one? The embedded models and orchestrations of them on questions
 * that no training has seen: how often they are right, how sure they are, and what it takes.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from '../src/cli/output.ts';
import { columnsFor } from '../src/eval/figures.ts';
import { reportHtml } from '../src/eval/html.ts';
import { readItems, type EvalItem } from '../src/eval/items.ts';
import { reportJson, type Report } from '../src/eval/report.ts';
import { sample } from '../src/eval/sample.ts';
import { progress, report, RESULTS, type Figure } from './harness/report.ts';
import { contest, type Contest, type Questions } from './quality/contest.ts';
import { goalsOf } from './quality/goals.ts';
import { liarsBackend } from './quality/liars.ts';
import { phaseToSlowestBranch, timePerCall } from './quality/overhead.ts';
import { recorded } from './quality/recorded.ts';
import { rightSpecialist } from './quality/specialists.ts';
import { Stage } from './quality/stage.ts';

const MODELS = join(import.meta.dirname, '..', 'models');
const ITEMS = 500;
const ALL_ITEMS = 2000;
const SEED = 1;

interface Options {
  readonly json: boolean;
  readonly items: number;
  readonly weights: string;
  /** Orchestrations whose name matches. */
  readonly only: RegExp;
  readonly parts: ReadonlySet<string>;
  /** A folder with recorded answers of larger models. */
  readonly evals?: string;
}

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      items: { type: 'string' },
      weights: { type: 'string', default: join(MODELS, 'weights') },
      only: { type: 'string', default: '' },
      evals: { type: 'string' },
      parts: { type: 'string', default: 'contest,specialists,overhead' },
    },
  });
  return {
    json: values.json,
    items: Number(values.items ?? (values.full ? ALL_ITEMS : ITEMS)),
    weights: resolve(values.weights),
    only: new RegExp(values.only),
    parts: new Set(values.parts.split(',')),
    ...(values.evals !== undefined && { evals: resolve(values.evals) }),
  };
}

export default async function quality(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  await report('quality', options, async () => {
    const figures: Figure[] = [];
    if (options.parts.has('contest')) figures.push(...(await runContest(options)));
    if (options.parts.has('specialists'))
      figures.push(await rightSpecialist(await itemsOf('specialists', options.items), options));
    if (options.parts.has('overhead')) figures.push(await timePerCall(), await phaseToSlowestBranch());
    if (options.evals !== undefined) figures.push(...(await recorded(options.evals)));
    return figures;
  });
}

async function runContest({ items, weights, only, json }: Options): Promise<Figure[]> {
  const began = performance.now();
  const questions: Questions = {
    test: await itemsOf('skills', items),
    calibration: await itemsOf('calibration', 2 * items),
    reliability: await itemsOf('reliability', items),
  };
  const liar = liarsBackend([...questions.test, ...questions.reliability]);
  await using stage = await Stage.open({ weights, others: { liar } });
  const held = await contest(stage, questions, only);
  const { computed, told } = stage.memory.counts;
  progress(`${computed} answers computed, ${told} told again, ${((performance.now() - began) / 1000).toFixed(0)} s`);
  if (!json) console.log(`\n${table(held.rows, columnsFor(held.rows, held.best))}\n`);
  await keep(held, questions.test.length);
  return goalsOf(held);
}

async function itemsOf(name: string, limit: number): Promise<EvalItem[]> {
  const file = join(MODELS, 'eval', `${name}.jsonl`);
  return sample(readItems(await readFile(file, 'utf8'), file), { limit, seed: SEED });
}

/** The whole contest, with every answer, beside the result that `report` keeps. */
async function keep({ rows, best, trials }: Contest, items: number): Promise<void> {
  const kept: Report = { data: 'skills.jsonl', at: Date.now(), items, seed: SEED, best, rows, trials };
  await mkdir(RESULTS, { recursive: true });
  await writeFile(join(RESULTS, 'quality.json'), `${JSON.stringify(reportJson(kept, { answers: true }), null, 2)}\n`);
  await writeFile(join(RESULTS, 'quality.html'), reportHtml(kept));
}
