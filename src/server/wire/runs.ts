/** Runs and their steps on the wire: snake_case, epoch seconds. */
import { z } from 'zod';
import type { StepError } from '../../contracts/part.ts';
import type { RouteDecision, RunRecord, StepRecord } from '../../contracts/run.ts';
import { seconds, toWireConfidence, toWireUsage, toWireUsageByModel, wireConfidence, wireUsage } from './answer.ts';

export const wireError = z.strictObject({ code: z.string(), message: z.string(), retryable: z.boolean() });
export type WireError = z.infer<typeof wireError>;

export function toWireError({ code, message, retryable }: StepError): WireError {
  return { code, message, retryable };
}

export const wireRoute = z.strictObject({
  target: z.string(),
  resolved_by: z.string(),
  candidates: z.array(z.strictObject({ model: z.string(), score: z.number().nullable(), reason: z.string() })),
  excluded: z.array(z.strictObject({ model: z.string(), reason: z.string() })),
  features: z.record(z.string(), z.unknown()).optional(),
});
export type WireRoute = z.infer<typeof wireRoute>;

export function toWireRoute(route: RouteDecision): WireRoute {
  return {
    target: route.target,
    resolved_by: route.resolvedBy,
    candidates: route.candidates.map(({ model, score, reason }) => ({ model, score, reason })),
    excluded: route.excluded.map(({ model, reason }) => ({ model, reason })),
    ...(route.features !== undefined && { features: { ...route.features } }),
  };
}

const stepFields = z.strictObject({
  path: z.string(),
  kind: z.string(),
  name: z.string(),
  model: z.string().nullable(),
  backend: z.string().nullable(),
  reason: z.string().nullable(),
  status: z.enum(['running', 'completed', 'failed', 'cancelled']),
  started_at: z.number(),
  ended_at: z.number().nullable(),
  first_token_ms: z.number().nullable(),
  usage: wireUsage.nullable(),
  cost_usd: z.number().nullable(),
  confidence: wireConfidence.nullable(),
  error: wireError.nullable(),
});
export const wireStep = stepFields
  .extend({
    get steps() {
      return z.array(wireStep);
    },
  })
  .meta({ id: 'Step' });
/** A step with its children. */
export type WireStep = z.infer<typeof stepFields> & { steps: WireStep[] };

/** The steps as a tree; one whose parent is not among them stands at the top. */
export function toStepTree(records: readonly StepRecord[]): WireStep[] {
  const byPath = new Map(records.map((record) => [record.path, toWireStep(record)]));
  const top: WireStep[] = [];
  for (const record of records) {
    const step = byPath.get(record.path);
    if (step === undefined) continue;
    const parent = record.parent === null ? undefined : byPath.get(record.parent);
    (parent?.steps ?? top).push(step);
  }
  return top;
}

function toWireStep(step: StepRecord): WireStep {
  return {
    path: step.path,
    kind: step.kind,
    name: step.name,
    model: step.model,
    backend: step.backend,
    reason: step.reason,
    status: step.status,
    started_at: seconds(step.startedAt),
    ended_at: step.endedAt === null ? null : seconds(step.endedAt),
    first_token_ms: step.firstTokenMs,
    usage: step.usage === null ? null : toWireUsage(step.usage),
    cost_usd: step.costUsd,
    confidence: toWireConfidence(step.confidence),
    error: step.error === null ? null : toWireError(step.error),
    steps: [],
  };
}

export const wireRunSummary = z.strictObject({
  id: z.string(),
  principal: z.string(),
  operation: z.string(),
  type: z.string().nullable(),
  target: z.string(),
  model: z.string().nullable(),
  backend: z.string().nullable(),
  status: z.enum(['running', 'completed', 'failed', 'cancelled', 'waiting']),
  started_at: z.number(),
  ended_at: z.number().nullable(),
  first_token_ms: z.number().nullable(),
  execution_time_ms: z.number().nullable(),
  usage: wireUsage,
  usage_by_model: z.record(z.string(), wireUsage),
  cost_usd: z.number().nullable(),
  confidence: wireConfidence.nullable(),
  error: wireError.nullable(),
  conflicts: z.int(),
  fallbacks: z.int(),
  cache_hit: z.boolean(),
  metadata: z.record(z.string(), z.unknown()),
});
export type WireRunSummary = z.infer<typeof wireRunSummary>;

export const wireRun = wireRunSummary.extend({
  route: wireRoute.nullable(),
  steps: z.array(wireStep),
  question: z.string().optional().describe('With which it waits: `POST /api/runs/{id}/reply` goes on.'),
  content: z.strictObject({ input: z.unknown(), output: z.unknown() }).optional(),
});
/** A run explained: why these models, and what each step did. */
export interface WireRun extends WireRunSummary {
  route: WireRoute | null;
  steps: WireStep[];
  question?: string;
  content?: { input: unknown; output: unknown };
}

export function toWireRunSummary(run: Omit<RunRecord, 'steps' | 'content'>): WireRunSummary {
  return {
    id: run.id,
    principal: run.principal,
    operation: run.operation,
    type: run.type,
    target: run.target,
    model: run.model,
    backend: run.backend,
    status: run.status,
    started_at: seconds(run.startedAt),
    ended_at: run.endedAt === null ? null : seconds(run.endedAt),
    first_token_ms: run.firstTokenMs,
    execution_time_ms: run.endedAt === null ? null : run.endedAt - run.startedAt,
    usage: toWireUsage(run.usage),
    usage_by_model: toWireUsageByModel(run.usageByModel),
    cost_usd: run.costUsd,
    confidence: toWireConfidence(run.confidence),
    error: run.error === null ? null : toWireError(run.error),
    conflicts: run.conflicts,
    fallbacks: run.fallbacks,
    cache_hit: run.cacheHit,
    metadata: { ...run.metadata },
  };
}

export function toWireRun(run: RunRecord): WireRun {
  return {
    ...toWireRunSummary(run),
    route: run.route === null ? null : toWireRoute(run.route),
    steps: toStepTree(run.steps),
    ...(run.content !== undefined && { content: { input: run.content.input, output: run.content.output } }),
  };
}
