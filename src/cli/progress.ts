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
  if (output.json || process.stderr.isTTY !== true) return plainProgress(output);
  const { SingleBar, Presets } = await import('cli-progress');
  let bar: SingleBar | null = null;
  let current = '';
  const end = (): void => {
    bar?.stop();
    bar = null;
  };
  return {
    update(label, fraction, bytes) {
      if (label !== current) end();
      current = label;
      if (bar === null) {
        bar = new SingleBar(
          {
            format: '{label} {bar} {percentage}% {amount}',
            stream: process.stderr,
            hideCursor: true,
            barsize: 30,
            clearOnComplete: true,
          },
          Presets.shades_classic,
        );
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

/** A line when the label changes and at each tenth: a log file stays readable. */
function plainProgress(output: Output): ProgressView {
  let last = '';
  return {
    update(label, fraction, bytes) {
      const tenth = fraction === null ? '' : ` ${Math.floor(fraction * 10) * 10}%`;
      const mark = label + tenth;
      if (mark === last) return;
      last = mark;
      if (output.json)
        output.data({ progress: label, fraction, ...(bytes && { done_bytes: bytes.done, total_bytes: bytes.total }) });
      else output.note(`${mark} ${amount(bytes)}`.trimEnd());
    },
    end() {
      last = '';
    },
  };
}
