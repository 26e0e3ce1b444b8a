/** What to do after a failed attempt, and what to tell the caller when all failed. Pure. */
import type { StepError } from '../contracts/part.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import type { Code } from '../errors/codes.ts';
import { TuttiError } from '../errors/error.ts';

/** `again`: the same model once more. `next`: the next candidate. `stop`: no other model would do better. */
export type Verdict = { readonly do: 'again'; readonly afterMs: number } | { readonly do: 'next' } | { readonly do: 'stop' };

export interface Situation {
  /** Content was passed on, so nothing can take its place. */
  readonly committed: boolean;
  /** How often this model was already tried again. */
  readonly retried: number;
  /** `routing.retries`. */
  readonly retries: number;
  /** Whether another candidate is left. */
  readonly others: boolean;
}

/** Not retryable in themselves, but about this model: another one may be able to. */
const ABOUT_THE_MODEL: ReadonlySet<Code> = new Set([
  'unsupported_input',
  'unsupported_parameter',
  'context_length_exceeded',
  'invalid_schema',
  'model_not_found',
  'unknown_backend',
  'no_model_for_capability',
  'no_local_model',
  'model_too_large',
  'invalid_model_file',
  'model_in_use',
  'optional_dependency_missing',
  'upstream_rejected',
  'all_models_failed',
  'all_members_failed',
  'environment_missing',
]);

/** Retryable for a client, later; not now, and not by another model. */
const ABOUT_US: ReadonlySet<Code> = new Set(['shutting_down', 'rate_limited', 'wait_timeout']);

const BACKOFF_MS = 250;
/** A longer `Retry-After` is for the client, or for the circuit breaker, to wait out. */
export const LONGEST_WAIT_MS = 2000;

/** 1. content is out: stop. 2. no model would do better: stop. 3. a passing trouble of the upstream: again. 4. else: next. */
export function judge(error: TuttiError, situation: Situation): Verdict {
  if (situation.committed) return { do: 'stop' };
  if (ABOUT_THE_MODEL.has(error.code) || isTooDear(error)) return { do: 'next' };
  if (!error.retryable || ABOUT_US.has(error.code)) return { do: 'stop' };
  if (situation.retried < situation.retries && mayPass(error, situation.others)) {
    const afterMs = error.retryAfter === undefined ? BACKOFF_MS * 2 ** situation.retried : error.retryAfter * 1000;
    if (afterMs <= LONGEST_WAIT_MS) return { do: 'again', afterMs };
  }
  return { do: 'next' };
}

/** The budget refuses the model for its price: a cheaper one may fit. Where all of the money is spent, none is asked. */
function isTooDear({ code, details }: TuttiError): boolean {
  return code === 'run_budget_exceeded' && details.limit === 'max_cost_usd' && details.needed !== undefined;
}

/** Whether a moment's wait may help. A server that cannot be reached is left at once while another candidate is left. */
function mayPass(error: TuttiError, others: boolean): boolean {
  switch (error.code) {
    case 'upstream_error':
      return true;
    case 'upstream_unreachable':
      return !others;
    case 'upstream_rate_limited':
      return error.retryAfter !== undefined;
    default:
      return false;
  }
}

export interface FailedAttempt {
  readonly model: ModelId;
  readonly error: TuttiError;
}

/**
 * The error of the whole: a single model's own error, the budget's where it refused all, else `all_models_failed` with every
 * attempt in `details.attempts`.
 * Its status is that of the last attempt that may succeed later, so that a client waits where waiting helps.
 */
export function errorOfAll(attempts: readonly FailedAttempt[]): TuttiError {
  const last = attempts.at(-1);
  if (last === undefined) return new TuttiError('internal_error', 'A routing decision without candidates was dispatched.');
  if (attempts.every(({ model }) => model === last.model)) return last.error;
  if (attempts.every(({ error }) => isTooDear(error))) return last.error;
  const passing = attempts.filter(({ error }) => error.retryable);
  const waits = passing.flatMap(({ error }) => error.retryAfter ?? []);
  const list = attempts.map(({ model, error }) => `${model}: ${error.message} (${error.code})`).join('; ');
  return new TuttiError('all_models_failed', `Every candidate failed. ${list}`, {
    cause: last.error,
    status: (passing.at(-1) ?? last).error.status,
    retryable: passing.length > 0,
    ...(waits.length > 0 && { retryAfter: Math.min(...waits) }),
    details: { attempts: attempts.map(({ model, error }) => ({ model, ...toStepError(error) })) },
  });
}

export function toStepError(error: TuttiError): StepError {
  return { code: error.code, message: error.message, retryable: error.retryable };
}
