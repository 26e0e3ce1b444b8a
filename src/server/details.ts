/** The `tutti` object of an answer, from the record of its run. */
import { modelsUsed, orchestrationOf, triedModels } from '../composition/answer.ts';
import type { Answer } from '../contracts/library.ts';
import type { RunRecord } from '../contracts/run.ts';
import type { Tutti } from '../tutti.ts';
import { toWireConfidence, toWireUsageByModel, type WireDetails } from './wire/answer.ts';

export type { WireDetails };

/** Whether the answer is not simply that of the one model that was asked: then it tells how it came to be. */
export function wasAltered(run: RunRecord): boolean {
  return run.fallbacks > 0 || run.cacheHit || orchestrationOf(run) !== null;
}

export function detailsOf(run: RunRecord, config: Tutti['config']): WireDetails {
  return {
    run_id: run.id,
    ...strategyOf(orchestrationOf(run), config),
    confidence: toWireConfidence(run.confidence),
    models_used: modelsUsed(run),
    fallback_chain: triedModels(run),
    execution_time_ms: (run.endedAt ?? run.startedAt) - run.startedAt,
    usage_by_model: toWireUsageByModel(run.usageByModel),
    cost_usd: run.costUsd,
  };
}

/** The same, from an answer of the library. */
export function detailsOfAnswer(answer: Answer, config: Tutti['config']): WireDetails {
  return {
    run_id: answer.runId,
    ...strategyOf(answer.orchestration, config),
    confidence: toWireConfidence(answer.confidence),
    models_used: [...answer.modelsUsed],
    fallback_chain: [...answer.fallbackChain],
    execution_time_ms: answer.executionTimeMs,
    usage_by_model: toWireUsageByModel(answer.usageByModel),
    cost_usd: answer.costUsd,
  };
}

function strategyOf(orchestration: string | null, { orchestrations }: Tutti['config']): { strategy?: string } {
  const entry =
    orchestration !== null && Object.hasOwn(orchestrations, orchestration) ? orchestrations[orchestration] : undefined;
  return entry === undefined ? {} : { strategy: entry.strategy };
}
