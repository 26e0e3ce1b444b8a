/** Usage, confidence and the `tutti` object: what answers of both APIs tell about how they came to be. */
import { z } from 'zod';
import { CONFIDENCE_METHODS, type Confidence } from '../../contracts/confidence.ts';
import type { RunDetails } from '../../contracts/library.ts';
import { CONFLICT_KINDS, type ModelResult } from '../../contracts/orchestrated.ts';
import type { Usage } from '../../contracts/usage.ts';

/** Epoch milliseconds to the wire's epoch seconds. */
export const seconds = (ms: number): number => ms / 1000;
/** Bytes to MiB, to one digit. */
export const mebibytes = (bytes: number): number => Math.round((bytes / (1024 * 1024)) * 10) / 10;

/** The object without its absent fields, which JSON leaves out but types count as present. */
export function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  for (const key of Object.keys(value) as (keyof T)[]) if (value[key] === undefined) delete value[key];
  return value as { [K in keyof T]: Exclude<T[K], undefined> };
}

export const wireUsage = z
  .strictObject({
    input_tokens: z.number(),
    output_tokens: z.number(),
    cached_input_tokens: z.number().optional(),
    reasoning_tokens: z.number().optional(),
    images: z.number().optional(),
    seconds: z.number().optional(),
    estimated: z.boolean().optional().describe('true: counted by Tutti, as the provider sent no usage.'),
  })
  .meta({ id: 'Usage' });
export type WireUsage = z.infer<typeof wireUsage>;

export function toWireUsage(usage: Usage): WireUsage {
  return present({
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cached_input_tokens: usage.cachedInputTokens,
    reasoning_tokens: usage.reasoningTokens,
    images: usage.images,
    seconds: usage.seconds,
    estimated: usage.estimated,
  });
}

export function toWireUsageByModel(usage: Readonly<Record<string, Usage>>): Record<string, WireUsage> {
  return Object.fromEntries(Object.entries(usage).map(([model, own]) => [model, toWireUsage(own)]));
}

export const wireConfidence = z
  .strictObject({
    score: z.number(),
    method: z.enum(CONFIDENCE_METHODS),
    calibrated: z.boolean(),
    parts: z.record(z.string(), z.number()).optional(),
    adjustments: z.array(z.strictObject({ rule: z.string(), factor: z.number() })).optional(),
  })
  .meta({ id: 'Confidence' });
export type WireConfidence = z.infer<typeof wireConfidence>;

export function toWireConfidence(confidence: Confidence | null): WireConfidence | null {
  if (confidence === null) return null;
  return present({
    score: confidence.score,
    method: confidence.method,
    calibrated: confidence.calibrated,
    parts: confidence.parts === undefined ? undefined : { ...confidence.parts },
    adjustments: confidence.adjustments?.map(({ rule, factor }) => ({ rule, factor })),
  });
}

export const wireModelResult = z
  .strictObject({
    model: z.string(),
    role: z.string(),
    success: z.boolean(),
    content: z.unknown().describe('The text, the tool calls, or a structured verdict; null when it failed.'),
    error: z.strictObject({ code: z.string(), message: z.string(), retryable: z.boolean() }).nullable(),
    confidence: wireConfidence.nullable(),
    execution_time_ms: z.number(),
    usage: wireUsage.nullable(),
  })
  .meta({ id: 'ModelResult' });

/** Whose a decision or conflict is. */
const owner = {
  by: z.string().optional().describe('The orchestration.'),
  path: z.string().optional().describe('The way to it, by members; absent for the orchestration that was called.'),
};

export const wireConflict = z
  .strictObject({ kind: z.enum(CONFLICT_KINDS), members: z.array(z.string()), message: z.string(), ...owner })
  .meta({ id: 'Conflict' });

export const wireDetails = z
  .strictObject({
    run_id: z.string(),
    task: z.string().describe('What was asked: the text of the last user message.'),
    status: z
      .enum(['running', 'completed', 'failed', 'cancelled', 'waiting'])
      .describe('`waiting`: the answer is a question; `POST /api/runs/{id}/reply` goes on.'),
    orchestration: z.string().optional(),
    strategy: z.string().optional().describe('How the orchestration combined its calls.'),
    confidence: wireConfidence.nullable(),
    review: z.enum(['none', 'suggested', 'needed']).describe('Whether a person should look at the answer.'),
    models_used: z.array(z.string()),
    model_results: z.record(z.string(), wireModelResult).describe('What each member did, by the name of its step.'),
    conflicts: z.array(wireConflict),
    decisions: z.array(z.strictObject({ message: z.string(), data: z.record(z.string(), z.unknown()).optional(), ...owner })),
    fallback_chain: z
      .array(z.string())
      .describe(
        'The models that were tried, in order: those of a `fallback`, a `handoff`, a phase. The orchestration’s name where all worked together.',
      ),
    execution_time_ms: z.number(),
    usage_by_model: z.record(z.string(), wireUsage),
    cost_usd: z.number().nullable().describe('null when any price is unknown.'),
  })
  .meta({ id: 'Details', description: 'How the answer came to be.' });
/** The `tutti` object of an answer. */
export type WireDetails = z.infer<typeof wireDetails>;

export function toWireDetails(details: RunDetails): WireDetails {
  return present({
    run_id: details.runId,
    task: details.task,
    status: details.status,
    orchestration: details.orchestration ?? undefined,
    strategy: details.strategy ?? undefined,
    confidence: toWireConfidence(details.confidence),
    review: details.review,
    models_used: [...details.modelsUsed],
    model_results: Object.fromEntries(
      Object.entries(details.modelResults).map(([key, result]) => [key, toWireModelResult(result)]),
    ),
    conflicts: details.conflicts.map(({ members, ...conflict }) => present({ ...conflict, members: [...members] })),
    decisions: details.decisions.map(({ data, ...decision }) => present({ ...decision, data: data && inSnakeCase(data) })),
    fallback_chain: [...details.fallbackChain],
    execution_time_ms: details.executionTimeMs,
    usage_by_model: toWireUsageByModel(details.usageByModel),
    cost_usd: details.costUsd,
  });
}

function toWireModelResult(result: ModelResult): z.infer<typeof wireModelResult> {
  return {
    model: result.model,
    role: result.role,
    success: result.success,
    content: result.content,
    error: result.error && { ...result.error },
    confidence: toWireConfidence(result.confidence),
    execution_time_ms: result.executionTimeMs,
    usage: result.usage && toWireUsage(result.usage),
  };
}

/** Strategies are code, whose keys are in camelCase. Values are as they are: they may be anybody's. */
function inSnakeCase(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const snake = (key: string): string => key.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [snake(key), value]));
}
