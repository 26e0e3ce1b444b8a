/** Figures with their targets: a table for people, JSON for programs, and a file in `bench/results/`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { summarize, type Summary } from './statistics.ts';

export type Target = { readonly atLeast: number } | { readonly atMost: number };

export interface Figure extends Summary {
  readonly name: string;
  /** `ratio`, `ms`, `MB`, `µs`, `tokens/s` … */
  readonly unit: string;
  /** Held against the median. Without one the figure only explains others. */
  readonly target?: Target;
}

/** A figure that was measured once, or is a sum over all rounds. */
export const single = (name: string, unit: string, value: number): Figure => ({ name, unit, ...summarize([value]) });

export interface BenchOptions {
  readonly json: boolean;
  /** How often everything is measured. */
  readonly rounds: number;
  /** A folder with other embedded models than the package's. */
  readonly weights?: string;
}

/** Where results are kept; not part of the repository. */
export const RESULTS = join(import.meta.dirname, '..', 'results');
/** Fewer pairs than this say little on a machine that does other things, too. */
const ROUNDS = 15;

/** `--json`, `--rounds <n>`, `--weights <folder>`. Throws a TypeError for anything else. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: String(ROUNDS) },
      weights: { type: 'string' },
    },
  });
  return {
    json: values.json,
    rounds: Math.max(1, Math.floor(Number(values.rounds)) || ROUNDS),
    ...(values.weights !== undefined && { weights: resolve(values.weights) }),
  };
}

export const isMet = ({ median, target }: Figure): boolean =>
  target === undefined || ('atLeast' in target ? median >= target.atLeast : median <= target.atMost);

/** Runs `measure`, prints its figures and keeps them. A missed target is said, and is no failure: machines differ. */
export async function report(
  name: string,
  options: Pick<BenchOptions, 'json'>,
  measure: () => Promise<readonly Figure[]>,
): Promise<void> {
  const loadBefore = loadavg()[0];
  const figures = await measure();
  const result = {
    bench: name,
    at: new Date().toISOString(),
    machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism(), node: process.version },
    load_average: { before: loadBefore, after: loadavg()[0] },
    figures: figures.map((figure) => ({ ...figure, ...(figure.target && { met: isMet(figure) }) })),
  };
  mkdirSync(RESULTS, { recursive: true });
  const file = join(RESULTS, `${name}-${result.at.replaceAll(/[:.]/g, '-')}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  if (options.json) console.log(JSON.stringify(result, null, 2));
  else console.log(`${describeMachine(result)}\n${table(figures)}\n`);
}

function describeMachine({
  bench,
  machine,
  load_average,
}: {
  bench: string;
  machine: { cpu: string; cores: number; node: string };
  load_average: { before?: number | undefined; after?: number | undefined };
}): string {
  const load = [load_average.before, load_average.after].map((value) => (value ?? 0).toFixed(1)).join(' → ');
  return `\n${bench} — ${machine.cores} × ${machine.cpu}, Node ${machine.node}, load average ${load}`;
}

function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.name,
    ...(figure.count === 1 ? ['', round(figure.median), ''] : [figure.min, figure.median, figure.max].map(round)),
    figure.unit,
    figure.target === undefined ? '' : `${'atLeast' in figure.target ? '≥' : '≤'} ${Object.values(figure.target).join('')}`,
    figure.target === undefined ? '' : isMet(figure) ? 'met' : 'MISSED',
  ]);
  const all = [['', 'min', 'median', 'max', '', 'target', ''], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length))) ?? [];
  return all
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const round = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** Says on the terminal what is being measured. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
