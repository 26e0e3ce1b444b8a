import { describe, expect, it } from 'vitest';
import type { Confidence } from '../contracts/confidence.ts';
import type { Usage } from '../contracts/usage.ts';
import type { Reply, Target, TargetTrials } from './evaluate.ts';
import { columnsFor } from './figures.ts';
import { reportHtml } from './html.ts';
import { readItems } from './items.ts';
import { measure } from './measure.ts';
import { frontier } from './plot.ts';
import { summarize, type Facts } from './summary.ts';

const FACTS: Facts = {
  parametersOf: (model) => ({ 'x:small': 10, 'x:large': 100 })[model],
  priceOf: (model) => (model === 'x:small' ? { inputPerMtok: 1, outputPerMtok: 2 } : undefined),
};

interface Said {
  readonly right: boolean;
  readonly score?: number;
  readonly usage?: Readonly<Record<string, Usage>>;
  readonly fails?: boolean;
}

const logprobs = (score: number): Confidence => ({ score, method: 'logprobs', calibrated: false });

/** Items alternate between the skills `add` and `sort it`. */
function trialsOf(target: Target, all: readonly Said[]): TargetTrials {
  const lines = all.map((_, i) => JSON.stringify({ prompt: `${i}?`, answer: i, skill: i % 2 === 0 ? 'add' : 'Sort it' }));
  const items = readItems(lines.join('\n'), 'q');
  const trials = all.map(({ right, score, usage = { [target.name]: { inputTokens: 8, outputTokens: 2 } }, fails = false }, i) => {
    const reply: Reply = {
      text: 'x',
      toolCalls: [],
      confidence: score === undefined ? null : logprobs(score),
      modelCalls: 1,
      usageByModel: usage,
      costUsd: null,
    };
    const error = fails ? { code: 'upstream_error', message: 'down' } : null;
    return { item: items[i]!, right: right && !fails, reply: fails ? null : reply, error, ms: 4 }; // one item each
  });
  return { target, trials, ms: 100 };
}

const small: Target = { name: 'x:small', kind: 'model' };
const large: Target = { name: 'x:large', kind: 'model' };
const panel: Target = { name: 'panel', kind: 'orchestration' };
const said = (rights: string): Said[] => rights.split('').map((sign) => ({ right: sign === '1' }));

describe('summarize', () => {
  it('compares each target with the best single model on the same items', () => {
    const { rows, best } = summarize(
      [trialsOf(small, said('1100')), trialsOf(large, said('1110')), trialsOf(panel, said('1111'))],
      FACTS,
    );
    expect(best).toBe('x:large');
    expect(rows.map(({ accuracy, versusBest }) => [accuracy, versusBest?.difference ?? null])).toEqual([
      [0.5, -0.25],
      [0.75, null],
      [1, 0.25],
    ]);
    expect(rows[2]?.versusBest).toMatchObject({ onlyOurs: 1, onlyTheirs: 0 });
    expect(rows[0]?.skills).toMatchObject({ add: { right: 1, items: 2 }, 'Sort it': { right: 1, items: 2 } });
  });

  it('has no best model among orchestrations alone', () => {
    expect(summarize([trialsOf(panel, said('1'))], FACTS)).toMatchObject({ best: null, rows: [{ versusBest: null }] });
  });

  it('counts parameters × tokens of every model that was called, and says nothing when one is unknown', () => {
    const both = { 'x:small': { inputTokens: 5, outputTokens: 5 }, 'x:large': { inputTokens: 1, outputTokens: 1 } };
    const [row] = summarize([trialsOf(panel, [{ right: true, usage: both }])], FACTS).rows;
    expect(row).toMatchObject({ compute: 300, usage: { inputTokens: 6, outputTokens: 6 }, costUsd: null });
    const unknown = { 'x:other': { inputTokens: 1, outputTokens: 1 } };
    const mixed = trialsOf(panel, [
      { right: true, usage: both },
      { right: true, usage: unknown },
    ]);
    expect(summarize([mixed], FACTS).rows[0]?.compute).toBeNull();
  });

  it('takes the prices given where Tutti knows none', () => {
    const [row] = summarize([trialsOf(small, said('11'))], FACTS).rows;
    expect(row?.costUsd).toBeCloseTo((2 * (8 * 1 + 2 * 2)) / 1e6, 12);
  });

  it('counts an item without an answer as wrong, at no cost', () => {
    const all = trialsOf(small, [{ right: true }, { right: true, fails: true }]);
    expect(summarize([all], FACTS).rows[0]).toMatchObject({ right: 1, items: 2, failed: 1, calls: 1, compute: 100 });
  });

  it('rates confidence over the answers that have one', () => {
    const all = trialsOf(small, [{ right: true, score: 0.9 }, { right: false, score: 0.2 }, { right: true }]);
    const { confidence } = summarize([all], FACTS).rows[0]!; // one target, one row
    expect(confidence).toMatchObject({ items: 2, auroc: 1 });
    expect(confidence?.mean).toBeCloseTo(0.55, 12);
    expect(confidence?.ece).toBeCloseTo((0.1 + 0.2) / 2, 12);
    expect(summarize([trialsOf(small, said('1'))], FACTS).rows[0]?.confidence).toBeNull();
  });
});

describe('the reports', () => {
  const all = [
    trialsOf(small, said('1100')),
    trialsOf(large, said('1110')),
    trialsOf({ name: '<b>&', kind: 'model' }, said('0000')),
  ];
  const { rows, best } = summarize(all, FACTS);

  it('leave out columns that have no value', () => {
    const titles = columnsFor(rows, best).map(({ title }) => title);
    expect(titles).toContain('COMPUTE');
    expect(titles).not.toContain('FAILED');
    expect(titles).not.toContain('ECE');
  });

  it('are safe to show whatever the targets are called, and have every target in plot and tables', () => {
    const html = reportHtml({ data: 'q<script>.jsonl', at: 0, items: 4, seed: 1, best, rows, trials: all });
    expect(html).not.toMatch(/<b>|<script>/);
    expect(html.match(/&lt;b&gt;&amp;/g)?.length).toBeGreaterThanOrEqual(3);
    expect(html.match(/<circle/g)).toHaveLength(3);
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('can be made of a single target that is always right', () => {
    const one = [trialsOf(small, said('11'))];
    const made = summarize(one, FACTS);
    const html = reportHtml({ data: 'q', at: 0, items: 2, seed: 1, best: made.best, rows: made.rows, trials: one });
    expect(html).toContain('<circle');
    expect(html).not.toMatch(/NaN|Infinity/);
  });
});

describe('frontier', () => {
  it('joins those that nobody beats in both, from the cheapest on', () => {
    const { rows } = summarize(
      [trialsOf(small, said('1100')), trialsOf(large, said('1110')), trialsOf(panel, said('1111'))],
      FACTS,
    );
    const [a, b, c] = rows;
    const marks = [
      { row: c!, cost: 5 },
      { row: b!, cost: 9 },
      { row: a!, cost: 1 },
      { row: a!, cost: 2 },
    ]; // three rows
    expect(frontier(marks).map(({ row, cost }) => [row.target.name, cost])).toEqual([
      ['x:small', 1],
      ['panel', 5],
    ]);
  });
});

describe('measure', () => {
  it('gives reliabilities by skill, drawn a little towards the whole, and leaves failed items out', () => {
    const all = trialsOf(small, [...said('110101'), { right: false, fails: true }]);
    // add: 1, 0, 0 → 1 of 3; Sort it: 1, 1, 1 → 3 of 3; over all (4 + 1) / (6 + 2).
    expect(measure(all)).toEqual({
      items: 6,
      quality: { add: (1 + 2 * 0.625) / 5, sort_it: (3 + 2 * 0.625) / 5, default: 0.625 },
    });
    expect(measure(trialsOf(small, [{ right: true, fails: true }]))).toBeNull();
  });

  it('fits a calibration to the scores as they were before an earlier one', () => {
    const sure = Array.from({ length: 60 }, (_, i): Said => ({ right: i % 3 === 0, score: 0.6 + (i % 30) / 100 }));
    const measured = measure(trialsOf(small, sure));
    expect(measured?.calibration).toMatchObject({ method: 'logprobs', map: { points: 60 } });
    const again = trialsOf(small, sure);
    const mapped = again.trials.map((trial) => {
      const { reply } = trial;
      const before = reply?.confidence?.score ?? 0;
      return {
        ...trial,
        reply: reply && { ...reply, confidence: { ...logprobs(0.33), calibrated: true, parts: { raw: before } } },
      };
    });
    expect(measure({ ...again, trials: mapped })?.calibration).toEqual(measured?.calibration);
  });
});
