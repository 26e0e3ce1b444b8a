/** Events on the wire: the same types, with their data in snake_case, seconds and MiB. */
import type { EventData, EventType, TuttiEvent } from '../../contracts/event.ts';
import type { Memory } from '../../contracts/backend.ts';
import { mebibytes, present, seconds, toWireConfidence, toWireUsage } from './answer.ts';
import { toWireError, toWireRoute, toWireRunSummary } from './runs.ts';

export interface WireEvent {
  readonly id: number;
  readonly type: EventType;
  /** Epoch seconds. */
  readonly at: number;
  readonly run_id: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export function toWireEvent(event: TuttiEvent): WireEvent {
  return { id: event.id, type: event.type, at: seconds(event.at), run_id: event.runId, data: toWireData(event) };
}

/** MiB by device. */
export function toWireMemory(memory: Memory): Record<string, number> {
  return Object.fromEntries(Object.entries(memory).map(([device, bytes]) => [device, mebibytes(bytes ?? 0)]));
}

type Mapped = { [T in EventType]?: (data: EventData[T]) => Record<string, unknown> };

/** Only those whose names or units differ; the data of all others is the same on the wire. */
const MAPPED: Mapped = {
  'run.routed': (data) => ({ ...toWireRoute(data) }),
  'run.completed': ({ run }) => ({ run: toWireRunSummary(run) }),
  'run.failed': ({ run, error }) => ({ run: toWireRunSummary(run), error: toWireError(error) }),
  'run.cancelled': ({ run }) => ({ run: toWireRunSummary(run) }),
  'step.started': ({ at, ...data }) => ({ ...data, started_at: seconds(at) }),
  'step.finished': ({ at, usage, costUsd, confidence, firstTokenMs, ...data }) =>
    present({
      ...data,
      usage: usage === undefined ? undefined : toWireUsage(usage),
      cost_usd: costUsd,
      confidence: confidence === undefined ? undefined : toWireConfidence(confidence),
      first_token_ms: firstTokenMs,
      ended_at: seconds(at),
    }),
  'model.loaded': ({ memory, ms, ...data }) => ({ ...data, load_ms: ms, memory_mb: toWireMemory(memory) }),
  'circuit.opened': ({ retryAt, ...data }) => ({ ...data, retry_at: seconds(retryAt) }),
};

function toWireData(event: TuttiEvent): Record<string, unknown> {
  const map = MAPPED[event.type] as ((data: TuttiEvent['data']) => Record<string, unknown>) | undefined;
  return map === undefined ? { ...event.data } : map(event.data);
}
