/** A progress bar on a terminal, plain lines elsewhere, JSON lines with `--json`. */
import { formatBytes, type Output } from './output.ts';

export interface ProgressView {
  /** `fraction` in 0..1, or null when unknown. */
  update(label: string, fraction: number | null, bytes?: Bytes): void;
  end(): void;
}

interface Bytes {
  readonly done: number;
  readonly total: number | null;
}

/** Where a bar is drawn: standard error, so that standard output holds the answer alone. */
export type Terminal = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write'>;

/** Milliseconds between two drawings: a download reports far more often than anybody can see. */
const REDRAW_MS = 50;
const BAR_WIDTH = 30;
/** To the left edge, and erase the line. The cursor never leaves it, so scrolling and resizing do no harm. */
const ERASE = '\r\u001B[2K';
const HIDE_CURSOR = '\u001B[?25l';
const SHOW_CURSOR = '\u001B[?25h';

export function createProgress(output: Output, terminal: Terminal = process.stderr): ProgressView {
  return output.json || !terminal.isTTY ? plainProgress(output) : barProgress(output, terminal);
}

function barProgress(output: Output, terminal: Terminal): ProgressView {
  let current: string | null = null;
  let drawnAt = 0;
  const end = (): void => {
    if (current !== null) terminal.write(`${ERASE}${SHOW_CURSOR}`);
    current = null;
    output.drawn(null);
  };
  return {
    update(label, fraction, bytes) {
      const now = performance.now();
      if (label === current && now - drawnAt < REDRAW_MS) return;
      const begin = current === null ? HIDE_CURSOR : '';
      current = label;
      drawnAt = now;
      // A line that is longer than the terminal would wrap, and its first part could not be erased.
      const line = barLine(label, fraction, bytes).slice(0, Math.max(0, (terminal.columns || 80) - 1));
      terminal.write(`${begin}${ERASE}${line}`);
      output.drawn(end);
    },
    end,
  };
}

/** `model.gguf downloading ██████░░░░  60%  1.2 GiB of 2.0 GiB` */
export function barLine(label: string, fraction: number | null, bytes?: Bytes): string {
  if (fraction === null) return `${label} ${amount(bytes)}`.trimEnd();
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_WIDTH);
  const percent = `${Math.floor(fraction * 100)}%`.padStart(4);
  return `${label} ${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${percent}  ${amount(bytes)}`.trimEnd();
}

function amount(bytes: Bytes | undefined): string {
  if (bytes === undefined) return '';
  return bytes.total === null ? formatBytes(bytes.done) : `${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}`;
}

/** A line when the label changes and at each quarter: a log file stays readable. With `--json` one at each tenth. */
function plainProgress(output: Output): ProgressView {
  let last = '';
  return {
    update(label, fraction, bytes) {
      const step = fraction === null ? '' : Math.floor(fraction * (output.json ? 10 : 4));
      const mark = `${label} ${step}`;
      if (mark === last) return;
      last = mark;
      if (output.json) {
        output.data({ progress: label, fraction, ...(bytes && { done_bytes: bytes.done, total_bytes: bytes.total }) });
      } else {
        const percent = fraction === null ? '' : `${Math.floor(fraction * 100)}% `;
        output.note(`${label} ${percent}${amount(bytes)}`.trimEnd());
      }
    },
    end() {
      last = '';
    },
  };
}
