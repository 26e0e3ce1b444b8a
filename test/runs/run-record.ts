import type { RunRecord } from '../../src/contracts/run.ts';

/** A finished run for tests. */
export function runRecord(more: Partial<RunRecord> = {}): RunRecord {
  return {
    id: 'run_1',
    principal: 'local',
    operation: 'chat',
    type: 'text_generation',
    target: 'auto',
    model: null,
    backend: null,
    status: 'completed',
    startedAt: 1_000,
    endedAt: 2_000,
    firstTokenMs: null,
    usage: { inputTokens: 1, outputTokens: 1 },
    usageByModel: {},
    costUsd: null,
    confidence: null,
    error: null,
    conflicts: 0,
    fallbacks: 0,
    cacheHit: false,
    route: null,
    metadata: {},
    steps: [],
    ...more,
  };
}
