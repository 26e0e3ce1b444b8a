/** Prints how an answer came about: why these models, what each step did, and what an orchestration made of it. */
import type { WireConfidence, WireDetails } from '../server/wire/answer.ts';
import type { WireRun, WireStep } from '../server/wire/runs.ts';
import type { Api } from './api.ts';
import { formatDuration, style, type Output } from './output.ts';

/** `details`: the `tutti` object of the answer, or of the error. With `--json` it is there already. */
export async function explain(api: Api, output: Output, runId: string, details: WireDetails | null = null): Promise<void> {
  const run = await api.call<WireRun>('GET', `/api/runs/${encodeURIComponent(runId)}`);
  if (output.json) return output.data(run);
  output.note(renderRun(run));
  if (details?.strategy !== undefined) output.note(renderDetails(details));
}

/** How the members' results became the answer. */
export function renderDetails(details: WireDetails): string {
  const lines = [style('bold', `${details.orchestration ?? ''} (${details.strategy ?? ''})`)];
  for (const [name, result] of Object.entries(details.model_results)) lines.push(`  ${memberLine(name, result)}`);
  for (const { message, path } of details.decisions) lines.push(`  ${within(path)}decided: ${message}`);
  for (const { kind, members, message, path } of details.conflicts) {
    lines.push(`  ${within(path)}${style('yellow', `conflict: ${kind}`)} (${members.join(', ')}): ${message}`);
  }
  const { confidence, review } = details;
  const figure = confidence === null ? 'none' : confidenceText(confidence);
  const advice = review === 'none' ? '' : style('yellow', `  review ${review}`);
  lines.push(`  confidence: ${figure}${advice}`);
  return lines.join('\n');
}

/** Where in the orchestration something was decided; nothing for the orchestration itself. */
function within(path: string | undefined): string {
  return path === undefined ? '' : `${style('cyan', path)}  `;
}

/** Characters of a member's answer that are shown. */
const EXCERPT = 100;

function memberLine(name: string, result: WireDetails['model_results'][string]): string {
  const { model, role, success, content, error, confidence, execution_time_ms: ms } = result;
  const facts = [style('cyan', name), ...[role, model].filter((word) => word !== name)];
  facts.push(outcome(success, error?.code), formatDuration(ms));
  if (confidence !== null) facts.push(`confidence ${confidenceText(confidence)}`);
  const said = error === null ? excerpt(content) : style('red', `${error.message} (${error.code})`);
  return `${[...new Set(facts)].join('  ')}${said === '' ? '' : `: ${said}`}`;
}

function outcome(success: boolean, code: string | undefined): string {
  if (success) return style('green', 'ok');
  return code === 'cancelled' ? style('yellow', 'stopped') : style('red', 'failed');
}

function excerpt(content: unknown): string {
  const text = (typeof content === 'string' ? content : (JSON.stringify(content) ?? '')).replaceAll(/\s+/g, ' ').trim();
  return text.length > EXCERPT ? `${text.slice(0, EXCERPT)}…` : text;
}

/** `0.30 (verifier; verification_rejected × 0.375)` */
function confidenceText({ score, method, adjustments = [] }: WireConfidence): string {
  const rules = adjustments.map(({ rule, factor }) => `; ${rule} × ${Number(factor.toFixed(3))}`).join('');
  return `${score.toFixed(2)} (${method}${rules})`;
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
  return steps.map(withAttempt).flatMap((step, i) => {
    const last = i === steps.length - 1;
    const label = step.kind === 'member' ? style('cyan', step.name) : step.name;
    return [`${indent}${last ? '└─' : '├─'} ${label}  ${summary(step)}`, ...tree(step.steps, `${indent}${last ? '   ' : '│  '}`)];
  });
}

/** A member and the one attempt at it are one line: who was asked, and who answered where that is another name. */
function withAttempt(step: WireStep): WireStep {
  const [attempt, second] = step.steps;
  if (step.kind !== 'member' || attempt === undefined || second !== undefined) return step;
  const name = attempt.name === step.name ? step.name : `${step.name}  ${attempt.name}`;
  return { ...attempt, kind: 'member', name, status: step.status, error: step.error ?? attempt.error };
}

type Summarised = Pick<WireRun, 'status' | 'started_at' | 'ended_at' | 'cost_usd' | 'confidence' | 'error' | 'first_token_ms'> & {
  readonly usage: WireStep['usage'];
};

function summary(step: Summarised): string {
  const facts = [
    step.status === 'completed'
      ? style('green', 'ok')
      : style(step.status === 'running' || step.status === 'waiting' ? 'yellow' : 'red', step.status),
  ];
  if (step.ended_at !== null) facts.push(formatDuration((step.ended_at - step.started_at) * 1000));
  if (step.first_token_ms !== null) facts.push(`first token ${formatDuration(step.first_token_ms)}`);
  if (step.usage !== null) {
    const { input_tokens, output_tokens, estimated } = step.usage;
    facts.push(`${input_tokens} + ${output_tokens} tokens${estimated === true ? ' (estimated)' : ''}`);
  }
  if (step.cost_usd !== null && step.cost_usd > 0) facts.push(`$${step.cost_usd.toPrecision(3)}`);
  if (step.confidence !== null) facts.push(`confidence ${confidenceText(step.confidence)}`);
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
