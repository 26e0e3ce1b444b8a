/** How the command line speaks: tables and bars for people on a terminal, JSON for programs. */
import { styleText } from 'node:util';

export interface Output {
  readonly json: boolean;
  /** Whether a person watches: colours, bars and in-place updates make sense. */
  readonly interactive: boolean;
  /** Standard output, with a line break. */
  line(text?: string): void;
  /** Standard output, as it is. */
  write(text: string): void;
  /** Standard error: what is not the answer. Silent with `--json` unless nobody could miss it. */
  note(text: string): void;
  /** One JSON document on one line. */
  data(value: unknown): void;
  /** What is drawn on the terminal just now, such as a bar: how to erase it before anything else is written. null: nothing. */
  drawn(erase: (() => void) | null): void;
}

export function createOutput(options: { json: boolean }): Output {
  let erase: (() => void) | null = null;
  const write = (stream: NodeJS.WriteStream, text: string): void => {
    erase?.();
    stream.write(text);
  };
  return {
    json: options.json,
    interactive: process.stdout.isTTY === true && !options.json,
    line: (text = '') => write(process.stdout, `${text}\n`),
    write: (text) => write(process.stdout, text),
    note: (text) => write(process.stderr, `${text}\n`),
    data: (value) => write(process.stdout, `${JSON.stringify(value)}\n`),
    drawn: (how) => {
      erase = how;
    },
  };
}

type Style = Parameters<typeof styleText>[0];

/** Styled when the stream is a terminal that shows colours; Node looks at NO_COLOR and FORCE_COLOR. */
export function style(format: Style, text: string): string {
  return styleText(format, text, { stream: process.stdout });
}

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string | number | null | undefined;
  readonly align?: 'left' | 'right';
}

/** Columns as wide as their widest cell, two blanks apart. Cells of null or undefined show as `-`. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = rows.map((row) => columns.map((column) => String(column.value(row) ?? '-')));
  const widths = columns.map((column, i) => Math.max(column.title.length, ...cells.map((row) => (row[i] ?? '').length)));
  const format = (row: readonly string[]): string =>
    row
      .map((cell, i) => {
        const width = widths[i] ?? 0;
        if (columns[i]?.align === 'right') return cell.padStart(width);
        return i === columns.length - 1 ? cell : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [style('bold', format(columns.map((column) => column.title))), ...cells.map(format)].join('\n');
}

/** `1.5 GiB`, `12 MiB`, `512 B`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `850 ms`, `3.2 s`, `2 min 5 s`. */
export function formatDuration(ms: number): string {
  if (Math.round(ms) < 1000) return `${Math.round(ms)} ms`;
  if (Math.round(ms / 100) < 600) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** `1 model`, `3 models`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
