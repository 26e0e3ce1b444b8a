/** Progress bars on a terminal, plain lines elsewhere, JSON lines with `--json`. */
import type { SingleBar } from 'cli-progress';
import { formatBytes, type Output } from './output.ts';

export interface ProgressView {
  /** `fraction` in 0..1, or null when unknown. */
  update(label: string, fraction: number | null, bytes?: { done: number; total: number | null }): void;
  end(): void;
}

/** Bars go to standard error, so that standard output holds the answer alone. */
export async function createProgress(output: Output): Promise<ProgressView> {
  return output.json || process.stderr.isTTY !== true ? plainProgress(output) : barProgress();
}

async function barProgress(): Promise<ProgressView> {
  const { SingleBar, Presets } = await import('cli-progress');
  let bar: SingleBar | null = null;
  let current = '';
  const end = (): void => {
    bar?.stop();
    bar = null;
  };
  const options = {
    format: '{label} {bar} {percentage}% {amount}',
    stream: process.stderr,
    hideCursor: true,
    barsize: 30,
    clearOnComplete: true,
  };
  return {
    update(label, fraction, bytes) {
      if (label !== current) end();
      current = label;
      if (bar === null) {
        bar = new SingleBar(options, Presets.shades_classic);
        bar.start(1000, 0, { label, amount: '' });
      }
      bar.update(Math.round((fraction ?? 0) * 1000), { label, amount: amount(bytes) });
    },
    end,
  };
}

function amount(bytes: { done: number; total: number | null } | undefined): string {
  if (bytes === undefined) return '';
  return bytes.total === null ? formatBytes(bytes.done) : `${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}`;
}

/** A line when the label changes and at each quarter: a log file stays readable. With `--json` one at each tenth. */
function plainProgress(output: Output): ProgressView {
  let last = '';
  return {
    update(label, fraction, bytes) {
      const mark = `${label} ${steps(fraction, output.json ? 10 : 4) ?? ''}`;
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

/** In which of so many equal steps a fraction lies. */
function steps(fraction: number | null, number: number): number | null {
  return fraction === null ? null : Math.floor(fraction * number);
}
