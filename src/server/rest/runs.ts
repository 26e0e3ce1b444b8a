/** `/api/runs` and `/api/stats`: what ran, how it came to be, and figures over it. Users see their own. */
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { TuttiError } from '../../errors/error.ts';
import { moment, positive } from '../query.ts';
import type { Call } from '../route.ts';
import { toWireRun, toWireRunSummary, wireRunSummary, type WireRun } from '../wire/runs.ts';
import { sendAnswer, stream, type WireAnswer } from './answers.ts';

const filters = {
  since: moment.optional().describe('Runs that started then or later: epoch seconds, or an ISO 8601 date.'),
  model: z.string().optional().describe('The model that answered, or what was asked for.'),
  target: z
    .string()
    .optional()
    .describe('What was asked for, alone. With `model`: where this model answered for it, as an arm of an `ab` does.'),
  backend: z.string().optional(),
  type: z.string().optional().describe('The kind of work: a capability.'),
};

export const runsQuery = z.strictObject({
  ...filters,
  status: z.enum(['running', 'completed', 'failed', 'cancelled', 'waiting']).optional(),
  principal: z.string().optional().describe('The name of a key; for admins.'),
  limit: positive(1000).optional().describe('Runs a page, at most 1000. Default 50.'),
  cursor: z.string().optional().describe('`next_cursor` of the page before.'),
});

export const runPage = z.strictObject({ runs: z.array(wireRunSummary), next_cursor: z.string().nullable() });

export function listRuns(call: Call<unknown, z.output<typeof runsQuery>>): z.infer<typeof runPage> {
  const page = call.services.tutti.runs.list({ ...call.query, viewer: call.principal });
  return { runs: page.runs.map(toWireRunSummary), next_cursor: page.nextCursor };
}

export function getRun(call: Call): WireRun {
  const run = findRun(call);
  const question = call.services.tutti.questionOf(run.id);
  return { ...toWireRun(run), ...(question !== null && { question }) };
}

export const cancelled = z.strictObject({ id: z.string(), cancelled: z.boolean() });

/** `cancelled: false` when it had ended already. */
export function cancelRun(call: Call): z.infer<typeof cancelled> {
  const { id } = findRun(call);
  return { id, cancelled: call.services.tutti.runs.cancel(id, call.principal) };
}

const goOn = {
  stream,
  steps: z.boolean().optional().describe('In a stream: tell what happens in the steps, as `tutti.step`.'),
  timeout: z.number().positive().max(86_400).optional().describe('Seconds from now on. Default: no limit.'),
};
export const replyBody = z.strictObject({
  reply: z.string().min(1).describe('To the question with which the run waits.'),
  ...goOn,
});
export const resumeBody = z.strictObject(goOn).prefault({});

/**
 * The run goes on under its id: what had succeeded is not done again.
 * Errors: `not_waiting`, `run_not_found`, `run_not_kept`, `stored_data_unreadable`, those of the run.
 */
export function replyToRun(call: Call<z.output<typeof replyBody>>): Promise<WireAnswer | FastifyReply> {
  return continueRun(call, call.body);
}

/** A run that failed goes on where it failed. Errors: as for a reply. */
export function resumeRun(call: Call<z.output<typeof resumeBody>>): Promise<WireAnswer | FastifyReply> {
  return continueRun(call, call.body);
}

async function continueRun(
  call: Call<unknown>,
  { reply, stream: streamed, steps, timeout }: z.output<typeof resumeBody> & { readonly reply?: string },
): Promise<WireAnswer | FastifyReply> {
  const { id, target } = findRun(call);
  const execution = call.services.tutti.resume(id, {
    ...(reply !== undefined && { reply }),
    ...(timeout !== undefined && { timeout: timeout * 1000 }),
    principal: call.principal,
    signal: call.signal,
    commit: streamed ? 'first-content' : 'finish',
  });
  return sendAnswer(call, execution, { streamed, steps, target });
}

function findRun(call: Call<unknown>) {
  const id = call.params.run ?? '';
  const run = call.services.tutti.runs.get(id, call.principal);
  if (run === undefined) throw new TuttiError('run_not_found', `There is no run ${id}, or no longer.`, { param: 'run' });
  return run;
}

export const statsQuery = z.strictObject(filters);
const counts = z.record(z.string(), z.int());
export const wireStats = z.strictObject({
  total_executions: z.int(),
  success_rate: z.number().nullable(),
  avg_confidence: z.number().nullable(),
  avg_execution_time_ms: z.number().nullable(),
  conflicts_detected: z.int(),
  fallbacks_triggered: z.int(),
  model_usage: counts,
  backend_usage: counts,
  type_usage: counts,
  cache_hit_rate: z.number().nullable(),
});
export type WireStats = z.infer<typeof wireStats>;

export function getStats(call: Call<unknown, z.output<typeof statsQuery>>): WireStats {
  const stats = call.services.tutti.runs.stats({ ...call.query, viewer: call.principal });
  return {
    total_executions: stats.totalExecutions,
    success_rate: stats.successRate,
    avg_confidence: stats.avgConfidence,
    avg_execution_time_ms: stats.avgExecutionTimeMs,
    conflicts_detected: stats.conflictsDetected,
    fallbacks_triggered: stats.fallbacksTriggered,
    model_usage: { ...stats.modelUsage },
    backend_usage: { ...stats.backendUsage },
    type_usage: { ...stats.typeUsage },
    cache_hit_rate: stats.cacheHitRate,
  };
}
