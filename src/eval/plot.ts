/**
 * Accuracy against cost as an SVG: a mark for each target with its 95 % interval, and a line along those that nobody
 * beats in both. Colours are CSS variables of the page around it.
 */
import { withUnit } from './figures.ts';
import { escapeText } from './markup.ts';
import type { Row } from './summary.ts';

/** What stands on the axis of cost. */
export interface CostAxis {
  readonly title: string;
  readonly value: (row: Row) => number | null;
  readonly format: (value: number) => string;
}

const AXES: readonly CostAxis[] = [
  {
    title: 'parameters × tokens for each item',
    value: (row) => (row.compute === null ? null : row.compute / row.items),
    format: withUnit,
  },
  {
    title: 'US dollars for each item',
    value: (row) => (row.costUsd === null ? null : row.costUsd / row.items),
    format: (value) => `$${value.toPrecision(2)}`,
  },
  {
    title: 'tokens for each item',
    value: (row) => (row.usage.inputTokens + row.usage.outputTokens) / row.items,
    format: withUnit,
  },
];

/** The first measure of cost that is known of every row, and above zero, as it stands on a logarithmic axis. */
export function costAxis(rows: readonly Row[]): CostAxis | null {
  return AXES.find(({ value }) => rows.every((row) => (value(row) ?? 0) > 0)) ?? null;
}

export interface Mark {
  readonly row: Row;
  readonly cost: number;
}

/** Those that no other beats: nobody is both cheaper and more often right. From the cheapest to the dearest. */
export function frontier(marks: readonly Mark[]): Mark[] {
  const line: Mark[] = [];
  for (const mark of marks.toSorted((a, b) => a.cost - b.cost || b.row.accuracy - a.row.accuracy))
    if (mark.row.accuracy > (line.at(-1)?.row.accuracy ?? -1)) line.push(mark);
  return line;
}

const WIDTH = 860;
const HEIGHT = 460;
const MARGIN = { top: 20, right: 170, bottom: 56, left: 60 };
const LABEL_HEIGHT = 15;
/** From a mark to its label. */
const LABEL_OFFSET = 19;
/** About, at 12 pixels. */
const LETTER_WIDTH = 6.8;

interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/** An `<svg>` element as text, or an empty text when no cost is known. */
export function plot(rows: readonly Row[]): string {
  const axis = costAxis(rows);
  if (axis === null || rows.length === 0) return '';
  const marks = rows.map((row): Mark => ({ row, cost: axis.value(row) ?? 0 }));
  const x = logScale(
    marks.map(({ cost }) => cost),
    MARGIN.left,
    WIDTH - MARGIN.right,
  );
  const y = linearScale(rows, HEIGHT - MARGIN.bottom, MARGIN.top);
  const labels = placeLabels(
    marks.map(({ row, cost }) => ({
      x: x.at(cost),
      y: y.at(row.accuracy),
      width: row.target.name.length * LETTER_WIDTH + LABEL_OFFSET,
    })),
  );
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Share of right answers against ${escapeText(axis.title)}">`,
    ...x.ticks.map((tick) => verticalTick(x.at(tick), withoutZeros(axis.format(tick)))),
    ...y.ticks.map((tick) => horizontalTick(y.at(tick), `${Math.round(tick * 100)} %`)),
    text((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 12, axis.title, 'middle', 'title'),
    `<polyline class="frontier" points="${frontier(marks)
      .map(({ row, cost }) => `${round(x.at(cost))},${round(y.at(row.accuracy))}`)
      .join(' ')}"/>`,
    ...marks.map(({ row, cost }) => markOf(row, { x: x.at(cost), y: y.at })),
    // After all marks, so that none covers a name.
    ...marks.map(({ row, cost }, i) => labelOf(row, { x: x.at(cost), y: y.at(row.accuracy), label: labels[i] ?? 0 })),
    '</svg>',
  ].join('\n');
}

function markOf(row: Row, at: { readonly x: number; readonly y: (accuracy: number) => number }): string {
  const [x, y] = [round(at.x), round(at.y(row.accuracy))];
  const tip = `${row.target.name}: ${(row.accuracy * 100).toFixed(1)} % right (${(row.low * 100).toFixed(1)}–${(row.high * 100).toFixed(1)})`;
  const shape =
    row.target.kind === 'model'
      ? `<circle cx="${x}" cy="${y}" r="5"/>`
      : `<path d="M${x} ${y - 6.5}L${x + 6.5} ${y}L${x} ${y + 6.5}L${x - 6.5} ${y}Z"/>`;
  return [
    `<g class="${row.target.kind}"><title>${escapeText(tip)}</title>`,
    `<line class="interval" x1="${x}" x2="${x}" y1="${round(at.y(row.low))}" y2="${round(at.y(row.high))}"/>`,
    shape,
    '</g>',
  ].join('');
}

function labelOf({ target }: Row, { x, y, label }: { readonly x: number; readonly y: number; readonly label: number }): string {
  const leader = `<line class="leader" x1="${round(x + 8)}" y1="${round(y)}" x2="${round(x + 16)}" y2="${round(label)}"/>`;
  return leader + text(x + LABEL_OFFSET, label + 4, target.name, 'start', 'label');
}

/** Where the text of a mark would stand, if nothing else were in the way. */
interface Label {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** Labels at the height of their marks, or as little below as keeps them off the others; above where the frame ends. */
function placeLabels(labels: readonly Label[]): number[] {
  const placed: Label[] = [];
  const ys: number[] = [];
  const bottom = HEIGHT - MARGIN.bottom;
  for (const i of labels.map((_, at) => at).sort((a, b) => (labels[a]?.y ?? 0) - (labels[b]?.y ?? 0))) {
    const label = labels[i]!; // an index of labels
    const beside = placed.filter(({ x, width }) => x < label.x + label.width && label.x < x + width);
    const taken = (y: number): boolean => beside.some((other) => Math.abs(other.y - y) < LABEL_HEIGHT);
    let y = label.y;
    while (taken(y) && y < bottom) y += LABEL_HEIGHT / 5;
    while (taken(y) && y > MARGIN.top) y -= LABEL_HEIGHT / 5;
    placed.push({ ...label, y });
    ys[i] = y;
  }
  return ys;
}

function logScale(values: readonly number[], from: number, to: number): Scale {
  const low = Math.log10(Math.min(...values)) - 0.08;
  const high = Math.log10(Math.max(...values)) + 0.08;
  const ticks: number[] = [];
  for (let decade = Math.floor(low); decade <= high; decade++)
    for (const step of [1, 2, 5]) {
      const tick = step * 10 ** decade;
      if (Math.log10(tick) >= low && Math.log10(tick) <= high) ticks.push(tick);
    }
  return { at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from), ticks };
}

function linearScale(rows: readonly Row[], bottom: number, top: number): Scale {
  const low = Math.max(0, Math.floor(Math.min(...rows.map((row) => row.low)) * 20) / 20);
  const high = Math.min(1, Math.ceil(Math.max(...rows.map((row) => row.high)) * 20) / 20);
  const step = high - low > 0.5 ? 0.1 : 0.05;
  const ticks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step);
  return { at: (value) => bottom - ((value - low) / Math.max(high - low, 1e-9)) * (bottom - top), ticks };
}

function verticalTick(x: number, label: string): string {
  const bottom = HEIGHT - MARGIN.bottom;
  return `<line class="grid" x1="${round(x)}" x2="${round(x)}" y1="${MARGIN.top}" y2="${bottom}"/>${text(x, bottom + 18, label, 'middle', 'tick')}`;
}

function horizontalTick(y: number, label: string): string {
  return `<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${round(y)}" y2="${round(y)}"/>${text(MARGIN.left - 8, y + 4, label, 'end', 'tick')}`;
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end', kind: string): string {
  return `<text class="${kind}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeText(content)}</text>`;
}

/** `20.0 M` → `20 M` */
const withoutZeros = (text: string): string => text.replace(/\.0+(?=\D|$)/, '');
const round = (value: number): number => Math.round(value * 10) / 10;
