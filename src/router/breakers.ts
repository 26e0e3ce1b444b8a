/**
 * Circuit breakers: what failed several times in a row is left alone for a while.
 *
 * There is one for each model and one for each backend. A breaker is `closed` while things go well. After `failures`
 * failures in a row it is `open`: the model is left out of decisions. When the cool-down is over it is `half_open`: one
 * call is let through as a trial. A success closes it; a failure opens it again for twice as long, up to ten minutes.
 * State changes through `#set` alone, and the next state is computed by `next`, which is pure.
 *
 * A provider that says when to come back (`Retry-After`) is believed: its first such failure opens the model's circuit until then.
 *
 * Only failures that say something about health count. A server that cannot be reached or refuses our key is the
 * backend's failure; all other retryable errors are the model's. An invalid request, a cancel, a missed deadline or a
 * spent budget says nothing.
 */
import type { Clock } from '../contracts/clock.ts';
import type { EventBus } from '../contracts/event.ts';
import type { BackendId, ModelId } from '../contracts/vocabulary.ts';
import type { Code } from '../errors/codes.ts';
import type { TuttiError } from '../errors/error.ts';
import { LONGEST_WAIT_MS } from './failures.ts';

export interface BreakerSettings {
  /** Failures in a row that open a circuit. */
  readonly failures: number;
  readonly cooldownMs: number;
}

export type BreakerState =
  | { readonly name: 'closed'; readonly failures: number }
  | { readonly name: 'open'; readonly failures: number; readonly retryAt: number; readonly openings: number }
  | { readonly name: 'half_open'; readonly failures: number; readonly openings: number; readonly trial: boolean };

export type BreakerInput = 'success' | 'failure' | 'cooled' | 'trial' | 'trial-abandoned';

const CLOSED: BreakerState = { name: 'closed', failures: 0 };
const MAX_COOLDOWN_MS = 600_000;

/** The state after `input`. Inputs that mean nothing in a state leave it as it is. */
export function next(state: BreakerState, input: BreakerInput, now: number, settings: BreakerSettings): BreakerState {
  switch (input) {
    case 'success':
      return state.name === 'closed' && state.failures === 0 ? state : CLOSED;
    case 'failure': {
      const failures = state.failures + 1;
      if (state.name === 'closed' && failures < settings.failures) return { name: 'closed', failures };
      // A call that began before the circuit opened, or that had no other choice: known already.
      if (state.name === 'open') return { ...state, failures };
      const openings = state.name === 'half_open' ? state.openings + 1 : 1;
      const cooldown = Math.min(settings.cooldownMs * 2 ** (openings - 1), Math.max(MAX_COOLDOWN_MS, settings.cooldownMs));
      return { name: 'open', failures, retryAt: now + cooldown, openings };
    }
    case 'cooled':
      if (state.name !== 'open' || now < state.retryAt) return state;
      return { name: 'half_open', failures: state.failures, openings: state.openings, trial: false };
    case 'trial':
      return state.name === 'half_open' ? { ...state, trial: true } : state;
    case 'trial-abandoned':
      return state.name === 'half_open' ? { ...state, trial: false } : state;
  }
}

/** Whose failure an error is; null when it says nothing about health. */
export function blame(error: TuttiError): 'model' | 'backend' | null {
  if (!error.retryable || SILENT.has(error.code)) return null;
  return BACKEND_CODES.has(error.code) ? 'backend' : 'model';
}
const BACKEND_CODES: ReadonlySet<Code> = new Set(['upstream_unreachable', 'upstream_unauthorized']);
/** Retryable, but about Tutti's own load, the caller, or others. */
const SILENT: ReadonlySet<Code> = new Set([
  'rate_limited',
  'queue_timeout',
  'shutting_down',
  'wait_timeout',
  'storage_unavailable',
  // Their members have circuits of their own.
  'all_models_failed',
  'all_members_failed',
]);

export interface Blocked {
  /** A sentence for people. */
  readonly reason: string;
  /** Epoch milliseconds: those that may be tried sooner are the less bad. */
  readonly retryAt: number;
}

/** One call that is under way. Must be settled, once. */
export interface Watch {
  /** `unknown`: it was stopped, or failed in a way that says nothing about health. */
  settle(outcome: 'success' | 'unknown' | TuttiError): void;
}

export interface BreakersOptions {
  readonly settings: BreakerSettings;
  readonly clock: Clock;
  /** `circuit.*` is published here; a backend's circuit appears as the model `<backend>:*`. */
  readonly events: Pick<EventBus, 'publish'>;
}

export class CircuitBreakers {
  #settings: BreakerSettings;
  #clock: Clock;
  #events: Pick<EventBus, 'publish'>;
  /** Closed circuits without failures are not kept. */
  #states = new Map<string, BreakerState>();

  constructor(options: BreakersOptions) {
    this.#settings = options.settings;
    this.#clock = options.clock;
    this.#events = options.events;
  }

  /** Takes new settings; circuits that are open keep their time. */
  configure(settings: BreakerSettings): void {
    this.#settings = settings;
  }

  /** Why the model should not be called now, or null. */
  check(model: ModelId, backend: BackendId | null): Blocked | null {
    if (this.#states.size === 0) return null;
    const ofModel = this.#blocked(model, 'circuit');
    const ofBackend = backend === null ? null : this.#blocked(backendKey(backend), `circuit of backend ${backend}`);
    if (ofModel === null || ofBackend === null) return ofModel ?? ofBackend;
    return ofModel.retryAt > ofBackend.retryAt ? ofModel : ofBackend;
  }

  /** Begins a call. When a circuit is half open, this call is its trial: others are blocked until it settles. */
  watch(model: ModelId, backend: BackendId | null): Watch {
    const keys = backend === null ? [model] : [model, backendKey(backend)];
    const trials = keys.filter((key) => {
      const state = this.#current(key);
      return state.name === 'half_open' && !state.trial;
    });
    for (const key of trials) this.#apply(key, 'trial');
    let settled = false;
    return {
      settle: (outcome) => {
        if (settled) return;
        settled = true;
        this.#settle(outcome, { keys, trials });
      },
    };
  }

  /** All circuits that are not closed. */
  list(): readonly {
    readonly model: string;
    readonly state: 'open' | 'half_open';
    readonly failures: number;
    readonly retryAt: number | null;
  }[] {
    return [...this.#states.keys()].flatMap((model) => {
      const state = this.#current(model);
      if (state.name === 'closed') return [];
      return [{ model, state: state.name, failures: state.failures, retryAt: state.name === 'open' ? state.retryAt : null }];
    });
  }

  #settle(outcome: 'success' | 'unknown' | TuttiError, call: { keys: readonly string[]; trials: readonly string[] }): void {
    if (outcome === 'success') {
      for (const key of call.keys) this.#apply(key, 'success');
      return;
    }
    const culprit = outcome === 'unknown' ? null : blame(outcome);
    const failed = culprit === null ? undefined : call.keys[culprit === 'backend' ? call.keys.length - 1 : 0];
    if (failed !== undefined) this.#apply(failed, 'failure', this.#settingsFor(outcome));
    for (const key of call.trials) {
      if (key === failed) continue;
      // The model failed by itself: its backend was there to say so.
      this.#apply(key, culprit === 'model' ? 'success' : 'trial-abandoned');
    }
  }

  #settingsFor(outcome: 'unknown' | TuttiError): BreakerSettings {
    const wait = outcome === 'unknown' ? 0 : (outcome.retryAfter ?? 0) * 1000;
    return wait > LONGEST_WAIT_MS ? { failures: 1, cooldownMs: Math.min(wait, MAX_COOLDOWN_MS) } : this.#settings;
  }

  #blocked(key: string, what: string): Blocked | null {
    const state = this.#current(key);
    const now = this.#clock.now();
    if (state.name === 'open') {
      const seconds = Math.ceil((state.retryAt - now) / 1000);
      return {
        reason: `${what} open after ${state.failures} failure${state.failures === 1 ? '' : 's'}; tried again in ${seconds} s`,
        retryAt: state.retryAt,
      };
    }
    if (state.name === 'half_open' && state.trial) return { reason: `${what} half open; a trial is under way`, retryAt: now };
    return null;
  }

  /** The state now: an open circuit whose time is over has become half open. */
  #current(key: string): BreakerState {
    const state = this.#states.get(key);
    if (state?.name === 'open') return this.#apply(key, 'cooled');
    return state ?? CLOSED;
  }

  #apply(key: string, input: BreakerInput, settings = this.#settings): BreakerState {
    const before = this.#states.get(key) ?? CLOSED;
    const after = next(before, input, this.#clock.now(), settings);
    if (after !== before) this.#set(key, before, after);
    return after;
  }

  #set(key: string, before: BreakerState, after: BreakerState): void {
    if (after.name === 'closed' && after.failures === 0) this.#states.delete(key);
    else this.#states.set(key, after);
    if (after.name === before.name) return;
    if (after.name === 'open') {
      this.#events.publish('circuit.opened', { model: key, failures: after.failures, retryAt: after.retryAt });
    } else if (after.name === 'half_open') this.#events.publish('circuit.half_open', { model: key });
    else this.#events.publish('circuit.closed', { model: key });
  }
}

/** No model has this id: names of models are not `*`. */
function backendKey(backend: BackendId): string {
  return `${backend}:*`;
}
