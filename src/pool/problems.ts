/** The pool's errors, each with its numbers. */
import type { StepError } from '../contracts/part.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { toMb } from './memory-budget.ts';
import type { Excess } from './scheduler.ts';

export function poolClosed(): TuttiError {
  return new TuttiError('pool_closed', 'The pool is shutting down and takes no new work.');
}

/** The reason given with the signal, as one of ours. */
export function cancelled(signal: AbortSignal): TuttiError {
  return TuttiError.from(signal.reason, 'cancelled');
}

export function queueTimeout(id: ModelId, loading: boolean): TuttiError {
  const reason = loading ? 'it was still being loaded' : 'no room for it became free';
  return new TuttiError('queue_timeout', `The time to wait for ${id} is over: ${reason}.`, { details: { model: id, loading } });
}

export function inUse(id: ModelId, leases: number): TuttiError {
  const calls = leases === 1 ? 'a call' : `${leases} calls`;
  return new TuttiError('model_in_use', `${id} answers ${calls} just now.`, { details: { model: id, leases } });
}

export function tooLarge(id: ModelId, excess: readonly Excess[]): TuttiError {
  const reasons = excess.map((over) => {
    if (over.resource === 'models') return `all ${over.limit} places of \`pool.max_loaded_models\` are taken by pinned models`;
    const pinned = over.pinned > 0 ? `, of which pinned models hold ${toMb(over.pinned)} MiB` : '';
    return `on ${over.device} it needs ${toMb(over.needed)} MiB of ${over.resource} memory, and the limit is ${toMb(over.limit)} MiB${pinned}`;
  });
  return new TuttiError('model_too_large', `${id} cannot be loaded: ${[...new Set(reasons)].join('; ')}.`, {
    details: {
      model: id,
      places: excess.map(({ device, resource, needed, limit, pinned }) =>
        resource === 'models'
          ? { device, resource, needed, limit, pinned }
          : { device, resource, needed_mb: toMb(needed), limit_mb: toMb(limit), pinned_mb: toMb(pinned) },
      ),
    },
  });
}

export function toStepError(error: TuttiError): StepError {
  return { code: error.code, message: error.message, retryable: error.retryable };
}
