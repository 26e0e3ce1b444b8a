/** How figures are written for people: in the table of the terminal, in the HTML report, in the documents. */
import type { Row, Share } from './summary.ts';

export interface FigureColumn {
  readonly title: string;
  /** What the title means, for a reader who meets it first. */
  readonly meaning: string;
  readonly value: (row: Row) => string | null;
  readonly align: 'left' | 'right';
}

const right = (title: string, meaning: string, value: FigureColumn['value']): FigureColumn => ({
  title,
  meaning,
  value,
  align: 'right',
});

/** The columns of the main table. Those in which no row has a value are left out. */
export function columnsFor(rows: readonly Row[], best: string | null): FigureColumn[] {
  const columns: FigureColumn[] = [
    { title: 'TARGET', meaning: 'the model or orchestration', value: (row) => row.target.name, align: 'left' },
    right('RIGHT', 'share of right answers, with its 95 % interval', (row) => `${percent(row.accuracy)} ${span(row)}`),
    right(
      best === null ? 'DIFFERENCE' : `VS ${best}`,
      'points more or fewer than the best single model on the same items, with the 95 % interval of the paired difference',
      ({ versusBest }) =>
        versusBest === null ? null : `${points(versusBest.difference)} (${points(versusBest.low)} to ${points(versusBest.high)})`,
    ),
    right('FAILED', 'items without an answer; they count as wrong', (row) => (row.failed === 0 ? null : String(row.failed))),
    right('CALLS', 'calls of models for each item', (row) => (row.calls === null ? null : (row.calls / row.items).toFixed(2))),
    right('TOKENS', 'tokens for each item, prompts and answers', (row) =>
      ((row.usage.inputTokens + row.usage.outputTokens) / row.items).toFixed(0),
    ),
    right('COMPUTE', 'parameters × tokens for each item', (row) =>
      row.compute === null ? null : withUnit(row.compute / row.items),
    ),
    right('COST', 'US dollars for all items', (row) => (row.costUsd === null ? null : dollars(row.costUsd))),
    right('TIME', 'milliseconds for each item, waiting for others included', (row) => `${row.msPerItem.toFixed(0)} ms`),
    right('CONFIDENCE', 'mean confidence of the answers', (row) => row.confidence?.mean.toFixed(2) ?? null),
    right('ECE', 'expected calibration error: how far confidence is from the share of right answers', (row) =>
      row.confidence === null ? null : row.confidence.ece.toFixed(3),
    ),
    right('AUROC', 'how well confidence tells right from wrong answers; 0.5 is chance', (row) =>
      row.confidence?.auroc == null ? null : row.confidence.auroc.toFixed(3),
    ),
  ];
  return columns.filter(({ value }) => rows.some((row) => value(row) !== null));
}

/** `75.3 %` */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** `(71.3–78.9)` */
export function span({ low, high }: Pick<Share, 'low' | 'high'>): string {
  return `(${(low * 100).toFixed(1)}–${(high * 100).toFixed(1)})`;
}

/** `+4.2`, `−0.5` */
export function points(difference: number): string {
  const text = Math.abs(difference * 100).toFixed(1);
  return text === '0.0' ? text : `${difference < 0 ? '−' : '+'}${text}`;
}

const UNITS = ['', ' k', ' M', ' G', ' T', ' P', ' E'];

/** `12.3 M` */
export function withUnit(value: number): string {
  let rest = value;
  let unit = 0;
  while (Math.abs(rest) >= 1000 && unit < UNITS.length - 1) {
    rest /= 1000;
    unit++;
  }
  return `${unit === 0 && Number.isInteger(rest) ? rest : rest.toPrecision(3)}${UNITS[unit]}`;
}

/** `$0.0123` */
export function dollars(value: number): string {
  return `$${value === 0 ? '0' : value >= 1 ? value.toFixed(2) : value.toPrecision(3)}`;
}
