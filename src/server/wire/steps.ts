/** The steps of a run as a client sees them while they happen: in the stream of an answer, when it asks for them. */
import { z } from 'zod';
import type { Part, StepEnd, StepStart } from '../../contracts/part.ts';
import { present, seconds, toWireConfidence, toWireUsage, wireConfidence, wireUsage } from './answer.ts';
import { toWireError, wireError } from './runs.ts';

const path = z.string().describe('Which step: `root/<member>/…`. The answer itself is `root`.');
const replayed = z.literal(true).optional().describe('It happened in an earlier part of this run, and is told again.');

const started = z.strictObject({
  type: z.literal('started'),
  path,
  parent: z.string().nullable(),
  kind: z.string(),
  name: z.string(),
  model: z.string().nullable(),
  backend: z.string().optional(),
  reason: z.string().optional().describe('Why this model.'),
  started_at: z.number(),
  replayed,
});
const finished = z.strictObject({
  type: z.literal('finished'),
  path,
  status: z.enum(['completed', 'failed', 'cancelled']),
  error: wireError.optional(),
  usage: wireUsage.optional(),
  cost_usd: z.number().nullable().optional(),
  confidence: wireConfidence.nullable().optional(),
  first_token_ms: z.number().nullable().optional(),
  ended_at: z.number(),
  replayed,
});
const progress = z.strictObject({
  type: z.literal('progress'),
  path,
  phase: z.string(),
  fraction: z.number().nullable(),
  model: z.string().optional(),
  message: z.string().optional(),
});
const text = z.strictObject({ type: z.literal('text'), path, text: z.string() });
const reasoning = z.strictObject({ type: z.literal('reasoning'), path, text: z.string() });
const toolCall = z.strictObject({
  type: z.literal('tool_call'),
  path,
  index: z.int(),
  id: z.string().optional(),
  name: z.string().optional(),
  arguments: z.string().optional(),
});

export const wireStepEvent = z
  .discriminatedUnion('type', [started, progress, text, reasoning, toolCall, finished])
  .meta({ id: 'StepEvent', description: 'What happened in a step. Fields are named as in `GET /api/runs/{run}`.' });
export type WireStepEvent = z.infer<typeof wireStepEvent>;

/** What a part tells of a step; null for what is the answer's own, or is told with the end of its step. */
export function toWireStepEvent(part: Part): WireStepEvent | null {
  const { step } = part;
  switch (part.type) {
    case 'step-start':
      return toStarted(part);
    case 'step-end':
      return toFinished(part);
    case 'progress': {
      const { phase, fraction, model, message } = part;
      return present({ type: 'progress' as const, path: step, phase, fraction, model, message });
    }
    case 'text-delta':
      return isMembers(part) ? { type: 'text', path: step, text: part.text } : null;
    case 'reasoning-delta':
      return isMembers(part) ? { type: 'reasoning', path: step, text: part.text } : null;
    case 'tool-call-delta': {
      if (!isMembers(part)) return null;
      const { index, id, name, arguments: args } = part;
      return present({ type: 'tool_call' as const, path: step, index, id, name, arguments: args });
    }
    case 'artifact':
    case 'usage':
    case 'finish':
      return null;
    default:
      return part satisfies never;
  }
}

/** The answer's deltas are in the chunks themselves. Of several choices of a member the first is shown. */
function isMembers({ step, choice }: { readonly step: string; readonly choice: number }): boolean {
  return step !== 'root' && choice === 0;
}

function toStarted({ step, parent, kind, name, model, backend, reason, at, replayed: again }: StepStart): WireStepEvent {
  const started_at = seconds(at);
  return present({
    type: 'started' as const,
    path: step,
    parent,
    kind,
    name,
    model,
    backend,
    reason,
    started_at,
    replayed: again,
  });
}

function toFinished(part: StepEnd): WireStepEvent {
  return present({
    type: 'finished' as const,
    path: part.step,
    status: part.outcome,
    error: part.error && toWireError(part.error),
    usage: part.usage && toWireUsage(part.usage),
    cost_usd: part.costUsd,
    confidence: part.confidence === undefined ? undefined : toWireConfidence(part.confidence),
    first_token_ms: part.firstTokenMs,
    ended_at: seconds(part.at),
    replayed: part.replayed,
  });
}
