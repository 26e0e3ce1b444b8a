/** Collects the parts of a run into an answer. */
import type { ToolCall } from '../contracts/chat.ts';
import type { Answer, Choice, Execution, RunDetails } from '../contracts/library.ts';
import type { ModelResult, Outcome } from '../contracts/orchestrated.ts';
import type { FinishReason, Part, TokenLogprob } from '../contracts/part.ts';
import type { RunRecord, StepRecord } from '../contracts/run.ts';
import { reviewOf, type ReviewLimits } from '../runs/recorder.ts';
import { ROOT } from '../runs/run-tree.ts';

interface Draft {
  text: string[];
  reasoning: string[];
  toolCalls: { id: string; name: string; arguments: string[] }[];
  logprobs: TokenLogprob[];
  finishReason: FinishReason;
}

/** Reads an execution to its end. Errors: those of the run. */
export async function collectAnswer({ parts, record, details }: Execution): Promise<Answer> {
  const drafts = new Map<number, Draft>();
  let artifact: unknown;
  for await (const part of parts) {
    if (part.step !== ROOT) continue;
    if (part.type === 'artifact') artifact = part.value;
    add(drafts, part);
  }
  const run = record();
  const choices = [...drafts].sort(([a], [b]) => a - b).map(([index, draft]) => toChoice(index, draft));
  const first: Choice = choices[0] ?? {
    index: 0,
    text: '',
    reasoning: null,
    toolCalls: [],
    finishReason: 'stop',
    logprobs: null,
  };
  return {
    ...details(),
    model: run.model ?? run.target,
    text: first.text,
    output: artifact ?? first.text,
    toolCalls: first.toolCalls,
    choices,
    finishReason: first.finishReason,
    usage: run.usage,
    route: run.route,
  };
}

/** How a run came to its answer, from its record and what its orchestration told. */
export function detailsOf(run: RunRecord, outcome: Outcome | null, task: string, limits: ReviewLimits): RunDetails {
  return {
    runId: run.id,
    task,
    status: run.status,
    orchestration: outcome?.orchestration ?? null,
    strategy: outcome?.strategy ?? null,
    usageByModel: run.usageByModel,
    costUsd: run.costUsd,
    confidence: run.confidence,
    executionTimeMs: (run.endedAt ?? run.startedAt) - run.startedAt,
    modelsUsed: modelsUsed(run),
    fallbackChain: triedModels(run, outcome),
    modelResults: outcome?.modelResults ?? {},
    conflicts: outcome?.conflicts ?? [],
    decisions: outcome?.decisions ?? [],
    review: reviewOf(run.confidence?.score ?? null, limits),
  };
}

function add(drafts: Map<number, Draft>, part: Part): void {
  if (!('choice' in part)) return;
  let draft = drafts.get(part.choice);
  if (draft === undefined)
    drafts.set(part.choice, (draft = { text: [], reasoning: [], toolCalls: [], logprobs: [], finishReason: 'stop' }));
  switch (part.type) {
    case 'text-delta':
      draft.text.push(part.text);
      if (part.logprobs !== undefined) draft.logprobs.push(...part.logprobs);
      return;
    case 'reasoning-delta':
      draft.reasoning.push(part.text);
      return;
    case 'tool-call-delta': {
      const call = (draft.toolCalls[part.index] ??= { id: '', name: '', arguments: [] });
      call.id ||= part.id ?? '';
      call.name += part.name ?? '';
      call.arguments.push(part.arguments ?? '');
      return;
    }
    case 'finish':
      draft.finishReason = part.reason;
      return;
    case 'artifact':
      return;
    default:
      part satisfies never;
  }
}

function toChoice(index: number, draft: Draft): Choice {
  const toolCalls = draft.toolCalls.map((call): ToolCall => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.arguments.join('') },
  }));
  return {
    index,
    text: draft.text.join(''),
    reasoning: draft.reasoning.length === 0 ? null : draft.reasoning.join(''),
    toolCalls,
    finishReason: draft.finishReason,
    logprobs: draft.logprobs.length === 0 ? null : draft.logprobs,
  };
}

/** The models that worked for the run, each once, in the order of their first call. */
export function modelsUsed(run: RunRecord): string[] {
  const used = run.steps.filter((step) => step.model !== null && step.backend !== null && step.status === 'completed');
  return [...new Set(used.map((step) => step.model ?? ''))];
}

/**
 * The models that were tried, in order. An orchestration that called one model after the other until one answered (or was sure
 * enough: a `handoff`) is told by these, also when it had other members at work (the context and the verifier of a `phased`); any
 * other by its name.
 */
export function triedModels(run: RunRecord, outcome: Outcome | null = null): string[] {
  const below = Map.groupBy(run.steps, (step) => step.parent);
  const triesOf = (step: StepRecord): readonly string[] => {
    const children = below.get(step.path) ?? [];
    const inTurn = children.length > 0 && children.slice(0, -1).every((child) => child.status === 'failed');
    const tries = inTurn ? children.flatMap(triesOf) : [];
    return tries.length > 0 || step.model === null ? tries : [step.model];
  };
  const tried = [...new Set((below.get(ROOT) ?? []).flatMap(triesOf))];
  if (outcome === null || tried.length !== 1 || tried[0] !== outcome.orchestration) return tried;
  const chain = chainOf(outcome);
  return chain.length > 0 ? chain : tried;
}

/** The models that were asked for the same, each because the one before was of no use. */
function chainOf({ strategy, modelResults }: Outcome): string[] {
  const results = Object.values(modelResults);
  const chains =
    strategy === 'handoff'
      ? [results.filter(({ role }) => !HANDOFF_HELPERS.has(role))]
      : Array.from(Map.groupBy(results, ({ role }) => role).values(), untilAnswered);
  const chain = chains.find((asked) => asked.length > 1) ?? [];
  return [...new Set(chain.map(({ model }) => model))];
}

function untilAnswered(asked: readonly ModelResult[]): readonly ModelResult[] {
  const answered = asked.findIndex(({ success }) => success);
  return answered < 0 ? asked : asked.slice(0, answered + 1);
}

/** What a handoff asks of others than its members. */
const HANDOFF_HELPERS: ReadonlySet<string> = new Set(['verification', 'confidence']);
