/** Everything that happens, as typed events on one bus. `id` grows by one and never repeats in a data directory. */
import type { FinishPart, StepEnd, StepError, StepStart } from './part.ts';
import type { RouteDecision, RunRecord } from './run.ts';
import type { Memory } from './backend.ts';
import type { DeviceId, ModelId, RunId } from './vocabulary.ts';

/** What each type of event carries. */
export interface EventData {
  /** `resumed`: it had waited or failed before, and goes on. */
  'run.started': { target: string; operation: string; principal: string; resumed?: true };
  'run.routed': RouteDecision;
  'run.completed': { run: RunRecord };
  'run.failed': { run: RunRecord; error: StepError };
  'run.cancelled': { run: RunRecord };
  'run.waiting': { question: string };
  'run.review': { review: 'suggested' | 'needed'; score: number };
  'run.fallback': { from: ModelId; to: ModelId; error: StepError };
  'step.started': Omit<StepStart, 'type'>;
  'step.progress': { step: string; phase: string; fraction: number | null; model?: ModelId; message?: string };
  'step.finished': Omit<StepEnd, 'type'> & { finish?: FinishPart['reason'] };
  'model.registered': { model: ModelId };
  'model.changed': { model: ModelId };
  'model.unregistered': { model: ModelId };
  'model.loading': { model: ModelId; device: DeviceId; fraction: number };
  'model.loaded': { model: ModelId; device: DeviceId; ms: number; memory: Memory };
  'model.unloaded': {
    model: ModelId;
    reason: 'asked' | 'evicted' | 'idle' | 'swapped' | 'crashed' | 'pressure' | 'closing';
    error?: StepError;
  };
  'model.load_failed': { model: ModelId; error: StepError };
  'model.swapped': { from: ModelId; to: ModelId };
  'circuit.opened': { model: ModelId; failures: number; retryAt: number };
  'circuit.half_open': { model: ModelId };
  'circuit.closed': { model: ModelId };
  'backend.up': { backend: string; models: number };
  'backend.down': { backend: string; error: StepError };
  'config.reloaded': { changed: string[] };
  'config.rejected': { error: StepError };
  /** History is not kept from now on; calls are still answered. */
  'storage.degraded': { message: string };
  /** History is kept again, or a corrupt database was moved aside and a new one begun: the message says which. */
  'storage.recovered': { message: string };
}
/** The types of events, `run.started` and so on. */
export type EventType = keyof EventData;

/** One event of a type. */
export interface EventOf<T extends EventType> {
  readonly id: number;
  readonly type: T;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly runId: RunId | null;
  /** Who may see it beside admins; null: anybody. */
  readonly principal: string | null;
  readonly data: EventData[T];
}
/** Any event. */
export type TuttiEvent = { [T in EventType]: EventOf<T> }[EventType];

/** Publishing costs a synchronous call of each listener: listeners must be quick, and what they throw is logged, never passed on. */
export interface EventBus {
  publish<T extends EventType>(type: T, data: EventData[T], origin?: { runId?: RunId; principal?: string }): void;
  /** `on('*', …)` sees all. Dispose to stop. */
  on<T extends EventType>(type: T, listener: (event: EventOf<T>) => void): Disposable;
  on(type: '*', listener: (event: TuttiEvent) => void): Disposable;
}
