/** Prints how an answer came about: why these models, and what each step did. */
import type { WireRun, WireStep } from '../server/wire/runs.ts';
import type { Api } from './api.ts';
import { formatDuration, style, type Output } from './output.ts';

export async function explain(api: Api, output: Output, runId: string): Promise<void> {
  const run = await api.call<WireRun>('GET', `/api/runs/${encodeURIComponent(runId)}`);
  if (output.json) output.data(run);
  else output.note(renderRun(run));
}

/** The run as a tree of steps, with the routing decision above it. */
export function renderRun(run: WireRun): string {
  const lines = [`${style('bold', `run ${run.id}`)}  ${run.target}  ${summary(run)}`];
  const { route } = run;
  if (route !== null) {
    lines.push(`  resolved by ${route.resolved_by}${features(route.features)}`);
    for (const [i, { model, reason, score }] of route.candidates.entries()) {
      lines.push(`  ${i + 1}. ${model}  ${style('dim', `${reason}${score === null ? '' : ` (score ${score.toFixed(3)})`}`)}`);
    }
    for (const { model, reason } of route.excluded) lines.push(`  –  ${model}  ${style('dim', reason)}`);
  }
  // The run's own step says what the first line said.
  const [first] = run.steps;
  lines.push(...tree(run.steps.length === 1 && first?.path === 'root' ? first.steps : run.steps, ''));
  return lines.join('\n');
}

function tree(steps: readonly WireStep[], indent: string): string[] {
  return steps.flatMap((step, i) => {
    const last = i === steps.length - 1;
    const label = step.kind === 'member' ? style('cyan', step.name) : step.name;
    return [`${indent}${last ? '└─' : '├─'} ${label}  ${summary(step)}`, ...tree(step.steps, `${indent}${last ? '   ' : '│  '}`)];
  });
}

type Summarised = Pick<WireRun, 'status' | 'started_at' | 'ended_at' | 'cost_usd' | 'confidence' | 'error' | 'first_token_ms'> & {
  readonly usage: WireStep['usage'];
};

function summary(step: Summarised): string {
  const facts = [
    step.status === 'completed' ? style('green', 'ok') : style(step.status === 'running' ? 'yellow' : 'red', step.status),
  ];
  if (step.ended_at !== null) facts.push(formatDuration((step.ended_at - step.started_at) * 1000));
  if (step.first_token_ms !== null) facts.push(`first token ${formatDuration(step.first_token_ms)}`);
  if (step.usage !== null) facts.push(`${step.usage.input_tokens} + ${step.usage.output_tokens} tokens`);
  if (step.cost_usd !== null && step.cost_usd > 0) facts.push(`$${step.cost_usd.toPrecision(3)}`);
  if (step.confidence !== null) facts.push(`confidence ${step.confidence.score.toFixed(2)} (${step.confidence.method})`);
  if (step.error !== null) facts.push(style('red', `${step.error.message} (${step.error.code})`));
  return facts.join('  ');
}

function features(values: Readonly<Record<string, unknown>> | undefined): string {
  if (values === undefined) return '';
  return `; ${Object.entries(values)
    .filter(([, value]) => value !== false && value !== null)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')}`;
}
