/** An evaluation as data: what `tutti eval` writes as JSON, and the HTML report is made from. */
import type { Usage } from '../contracts/usage.ts';
import type { TargetTrials } from './evaluate.ts';
import type { ConfidenceFigures, Row, Share } from './summary.ts';

export interface Report {
  /** The file that the items came from, without its folder. */
  readonly data: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly items: number;
  readonly seed: number;
  /** The single model with the most right answers. */
  readonly best: string | null;
  readonly rows: readonly Row[];
  readonly trials: readonly TargetTrials[];
}

/** The report for programs: snake_case, seconds. Null where a figure is unknown. `answers`: what was said to each item, too. */
export function reportJson(report: Report, { answers }: { readonly answers: boolean }): Record<string, unknown> {
  return {
    data: report.data,
    at: report.at / 1000,
    items: report.items,
    seed: report.seed,
    best_model: report.best,
    targets: report.rows.map((row, i) => ({ ...rowJson(row), ...(answers && { answers: answersJson(report.trials[i]) }) })),
  };
}

function rowJson(row: Row): Record<string, unknown> {
  return {
    name: row.target.name,
    kind: row.target.kind,
    ...shareJson(row),
    failed: row.failed,
    versus_best: row.versusBest && {
      difference: row.versusBest.difference,
      interval: [row.versusBest.low, row.versusBest.high],
      only_here: row.versusBest.onlyOurs,
      only_there: row.versusBest.onlyTheirs,
    },
    calls: row.calls,
    usage: usageJson(row.usage),
    compute: row.compute,
    cost_usd: row.costUsd,
    seconds: row.ms / 1000,
    seconds_per_item: row.msPerItem / 1000,
    confidence: row.confidence && confidenceJson(row.confidence),
    skills: Object.fromEntries(Object.entries(row.skills).map(([skill, share]) => [skill, shareJson(share)])),
  };
}

const shareJson = ({ right, items, accuracy, low, high }: Share): Record<string, unknown> => ({
  right,
  items,
  accuracy,
  interval: [low, high],
});

const usageJson = ({ inputTokens, outputTokens }: Usage): Record<string, unknown> => ({
  input_tokens: inputTokens,
  output_tokens: outputTokens,
});

const confidenceJson = ({ items, mean, ece, auroc }: ConfidenceFigures): Record<string, unknown> => ({ items, mean, ece, auroc });

/** One line for each item: what was said, and whether it was right. */
function answersJson(all: TargetTrials | undefined): Record<string, unknown>[] {
  return (all?.trials ?? []).map(({ item, right, reply, error }) => ({
    id: item.id,
    right,
    ...(reply === null
      ? { error }
      : {
          answer: reply.text,
          ...(reply.toolCalls.length > 0 && { tool_calls: reply.toolCalls }),
          confidence: reply.confidence?.score ?? null,
        }),
  }));
}
