/** `tutti eval`: how often models and orchestrations are right, how sure they are, and what it takes. */
import { stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Price } from '../../contracts/usage.ts';
import type { ModelId } from '../../contracts/vocabulary.ts';
import { TuttiError } from '../../errors/error.ts';
import { evaluate, type Target } from '../../eval/evaluate.ts';
import { columnsFor } from '../../eval/figures.ts';
import { reportHtml } from '../../eval/html.ts';
import { readItems } from '../../eval/items.ts';
import { judgeBy, type JudgeKind } from '../../eval/judge.ts';
import { measure } from '../../eval/measure.ts';
import { reportJson, type Report } from '../../eval/report.ts';
import { sample } from '../../eval/sample.ts';
import { summarize, type Facts } from '../../eval/summary.ts';
import { makeFolder } from '../../lib/folder.ts';
import type { WireModel } from '../../server/wire/models.ts';
import { modelPath, type Api } from '../api.ts';
import { read } from '../ask.ts';
import type { CommandRun } from '../commands.ts';
import type { CommandContext } from '../context.ts';
import { askOver } from '../eval-ask.ts';
import { STANDARD_INPUT } from '../question.ts';
import { count, formatDuration, style, table, type Output } from '../output.ts';
import { createProgress } from '../progress.ts';

interface EvalOptions {
  readonly models?: readonly string[];
  readonly orchestrations?: readonly string[];
  readonly answer: JudgeKind;
  readonly limit?: number;
  readonly seed: number;
  readonly concurrency: number;
  readonly temperature?: number;
  readonly maxTokens?: number;
  readonly price?: readonly (readonly [ModelId, Price])[];
  /** Files are written by this name, or under the usual one into this folder. False: no files. */
  readonly output?: string | false;
  /** The HTML report alone, or elsewhere than `output` says. */
  readonly html?: string;
  readonly save?: boolean;
}

export const run: CommandRun = async (context, [file = ''], given) => {
  const options = given as unknown as EvalOptions;
  const targets = targetsOf(options);
  const source = file === '-' ? await STANDARD_INPUT.read() : (await read(file)).toString('utf8');
  const items = sample(readItems(source, file), options);
  const files = await reportFiles(file, options);
  await using api = await context.connect();
  const trials = await askAll(context, api, { items, targets, options });
  const { rows, best } = summarize(trials, await factsFrom(api, options));
  const report: Report = { data: basename(file), at: Date.now(), items: items.length, seed: options.seed, best, rows, trials };
  print(context.output, report);
  await writeReports(report, files, context.output);
  if (options.save === true) await save(api, report, context.output);
  return rows.some((row) => row.failed === row.items) ? 1 : 0;
};

/** Models first, so that what they say is known before orchestrations of them are asked. */
function targetsOf({ models = [], orchestrations = [] }: EvalOptions): Target[] {
  const targets: Target[] = [
    ...models.map((name): Target => ({ name, kind: 'model' })),
    ...orchestrations.map((name): Target => ({ name, kind: 'orchestration' })),
  ];
  if (targets.length === 0)
    throw new TuttiError('invalid_request', 'Say what is to be evaluated: --models a,b and --orchestrations p,q.');
  const twice = targets.find(({ name }, i) => targets.findIndex((other) => other.name === name) < i);
  if (twice !== undefined) throw new TuttiError('invalid_request', `${twice.name} is named twice.`);
  return targets;
}

interface Work {
  readonly items: ReturnType<typeof readItems>;
  readonly targets: readonly Target[];
  readonly options: EvalOptions;
}

async function askAll({ output, signal }: CommandContext, api: Api, { items, targets, options }: Work) {
  const progress = createProgress(output);
  const settings = {
    ...(options.temperature !== undefined && { temperature: options.temperature }),
    ...(options.maxTokens !== undefined && { max_tokens: options.maxTokens }),
  };
  try {
    return await evaluate({
      items,
      targets,
      ask: askOver(api, settings),
      judge: judgeBy(options.answer),
      signal,
      concurrency: options.concurrency,
      // With --json standard output has one document, so nobody is told on the way.
      ...(!output.json && { onProgress: (target, done, all) => progress.update(target.name, done / all) }),
    });
  } finally {
    progress.end();
  }
}

async function factsFrom(api: Api, { price = [] }: EvalOptions): Promise<Facts> {
  const { models } = await api.call<{ models: readonly WireModel[] }>('GET', '/api/models');
  const parameters = new Map(models.map((model) => [model.id, model.parameters]));
  const prices = new Map(price);
  return { parametersOf: (id) => parameters.get(id), priceOf: (id) => prices.get(id) };
}

function print(output: Output, report: Report): void {
  if (output.json) return output.data(reportJson(report, { answers: false }));
  const { rows, best, items } = report;
  output.line(
    table(
      rows,
      columnsFor(rows, best).map(({ title, value, align }) => ({ title, value, align })),
    ),
  );
  const ms = rows.reduce((sum, row) => sum + row.ms, 0);
  output.line(style('dim', `\n${count(items, 'item')}, 95 % intervals in brackets, ${formatDuration(ms)}`));
  for (const { target, trials } of report.trials) {
    const failed = trials.filter(({ error }) => error !== null);
    const first = failed[0]?.error;
    if (first != null)
      output.note(`${target.name} failed ${count(failed.length, 'time')}, first: ${first.message} (${first.code})`);
  }
}

/** Where the reports go; null: that one is not wanted. */
interface ReportFiles {
  readonly json: string | null;
  readonly html: string | null;
}

/** Their folders are made, so that it shows before anybody is asked when nothing can be written there. */
async function reportFiles(file: string, { output, html }: Pick<EvalOptions, 'output' | 'html'>): Promise<ReportFiles> {
  // Who names the one alone wants no other.
  const base = output === false || (output === undefined && html !== undefined) ? null : await baseName(file, output);
  const files: ReportFiles = { json: base && `${base}.json`, html: html ?? (base && `${base}.html`) };
  for (const path of [files.json, files.html]) {
    if (path !== null) await written(path, Promise.try(makeFolder, dirname(path)));
  }
  return files;
}

/** `questions.jsonl` → `questions.eval` in the working directory, or in the folder that is named. */
async function baseName(file: string, output: string | undefined): Promise<string> {
  const usual = `${file === '-' ? 'tutti' : basename(file, extname(file))}.eval`;
  if (output === undefined) return usual;
  if (output.endsWith('/') || (await isFolder(output))) return join(output, usual);
  // Who names one of the two files means both.
  return output.replace(/\.(?:json|html)$/, '');
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() ?? false; // what is not there yet is a name
}

async function writeReports(report: Report, { json, html }: ReportFiles, { note }: Output): Promise<void> {
  if (json !== null) {
    await written(json, writeFile(json, `${JSON.stringify(reportJson(report, { answers: true }), null, 2)}\n`));
  }
  if (html !== null) await written(html, writeFile(html, reportHtml(report)));
  const paths = [json, html].filter((path) => path !== null);
  if (paths.length > 0) note(`Written: ${paths.join(', ')}`);
}

/** Errors: `invalid_request` with the path and the reason. */
async function written(path: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TuttiError('invalid_request', `${path} cannot be written: ${reason}`, { cause });
  }
}

/** What routing and voting go by from now on. */
async function save(api: Api, { trials }: Report, { note }: Output): Promise<void> {
  for (const each of trials) {
    const { name } = each.target;
    const measured = measure(each);
    if (measured !== null) await api.call('POST', `${modelPath(name)}/measured`, measured);
    note(measured === null ? `${name} gave no answer: nothing is saved of it.` : `Saved what was measured of ${name}.`);
  }
}
