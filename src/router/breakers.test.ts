import { describe, expect, it } from 'vitest';
import type { Code } from '../errors/codes.ts';
import { TuttiError } from '../errors/error.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { blame, CircuitBreakers, next, type BreakerInput, type BreakerState } from './breakers.ts';

const settings = { failures: 3, cooldownMs: 1000 };
const failure = (code: Code = 'upstream_error') => new TuttiError(code, 'no');

function breakersOf() {
  const clock = new FakeClock(0);
  const events: string[] = [];
  const breakers = new CircuitBreakers({
    settings,
    clock,
    events: { publish: (type, data) => void events.push(`${type} ${(data as { model: string }).model}`) },
  });
  const fail = (model: string, times: number, code?: Code) => {
    for (let i = 0; i < times; i++) breakers.watch(model, 'b').settle(failure(code));
  };
  return { clock, events, breakers, fail };
}

describe('the state of a breaker', () => {
  const closed: BreakerState = { name: 'closed', failures: 0 };
  const open: BreakerState = { name: 'open', failures: 3, retryAt: 5000, openings: 1 };
  const halfOpen: BreakerState = { name: 'half_open', failures: 3, openings: 1, trial: false };

  it.each<[string, BreakerState, BreakerInput, BreakerState]>([
    ['closed, a failure', closed, 'failure', { name: 'closed', failures: 1 }],
    ['closed, the last failure it bears', { name: 'closed', failures: 2 }, 'failure', { ...open, retryAt: 5000 }],
    ['closed, a success after failures', { name: 'closed', failures: 2 }, 'success', closed],
    ['open, cooled', { ...open, retryAt: 4000 }, 'cooled', halfOpen],
    ['open, not yet cooled', open, 'cooled', open],
    ['open, one more failure', open, 'failure', { ...open, failures: 4 }],
    ['open, a success after all', open, 'success', closed],
    ['half open, a trial', halfOpen, 'trial', { ...halfOpen, trial: true }],
    ['half open, the trial given up', { ...halfOpen, trial: true }, 'trial-abandoned', halfOpen],
    ['half open, a success', { ...halfOpen, trial: true }, 'success', closed],
    ['half open, a failure', halfOpen, 'failure', { name: 'open', failures: 4, retryAt: 6000, openings: 2 }],
    [
      'half open, a failure after many',
      { ...halfOpen, openings: 30 },
      'failure',
      { name: 'open', failures: 4, retryAt: 604_000, openings: 31 },
    ],
  ])('%s', (_, state, input, expected) => {
    expect(next(state, input, 4000, settings)).toEqual(expected);
  });
});

describe('whose failure it is', () => {
  it.each<[Code, 'model' | 'backend' | null]>([
    ['upstream_error', 'model'],
    ['upstream_timeout', 'model'],
    ['upstream_rate_limited', 'model'],
    ['stream_truncated', 'model'],
    ['runner_crashed', 'model'],
    ['load_failed', 'model'],
    ['backend_error', 'model'],
    ['upstream_unreachable', 'backend'],
    ['upstream_unauthorized', 'backend'],
    ['invalid_request', null],
    ['context_length_exceeded', null],
    ['cancelled', null],
    ['deadline_exceeded', null],
    ['budget_exceeded', null],
    ['queue_timeout', null],
    ['shutting_down', null],
  ])('%s: %s', (code, culprit) => {
    expect(blame(failure(code))).toBe(culprit);
  });
});

describe('circuit breakers', () => {
  it('open after so many failures in a row, and close after a trial that succeeds', () => {
    const { clock, events, breakers, fail } = breakersOf();
    fail('b:m', 2);
    breakers.watch('b:m', 'b').settle('success');
    fail('b:m', 2);
    expect(breakers.check('b:m', 'b')).toBeNull();
    fail('b:m', 1);
    expect(breakers.check('b:m', 'b')).toEqual({ reason: 'circuit open after 3 failures; tried again in 1 s', retryAt: 1000 });
    expect(breakers.check('b:other', 'b')).toBeNull();
    clock.advance(1000);
    expect(breakers.check('b:m', 'b')).toBeNull();
    breakers.watch('b:m', 'b').settle('success');
    expect(breakers.list()).toEqual([]);
    expect(events).toEqual(['circuit.opened b:m', 'circuit.half_open b:m', 'circuit.closed b:m']);
  });

  it('let one trial through at a time', () => {
    const { clock, breakers, fail } = breakersOf();
    fail('b:m', 3);
    clock.advance(1000);
    const trial = breakers.watch('b:m', 'b');
    expect(breakers.check('b:m', 'b')?.reason).toBe('circuit half open; a trial is under way');
    trial.settle('unknown');
    expect(breakers.check('b:m', 'b')).toBeNull();
  });

  it('wait twice as long after a trial that fails', () => {
    const { clock, breakers, fail } = breakersOf();
    fail('b:m', 3);
    clock.advance(1000);
    fail('b:m', 1);
    expect(breakers.check('b:m', 'b')?.retryAt).toBe(3000);
    expect(breakers.list()).toEqual([{ model: 'b:m', state: 'open', failures: 4, retryAt: 3000 }]);
  });

  it('block every model of a backend that cannot be reached', () => {
    const { clock, breakers, fail } = breakersOf();
    fail('b:m', 1, 'upstream_unreachable');
    fail('b:n', 2, 'upstream_unreachable');
    expect(breakers.check('b:fresh', 'b')?.reason).toBe('circuit of backend b open after 3 failures; tried again in 1 s');
    expect(breakers.check('c:m', 'c')).toBeNull();
    clock.advance(1000);
    breakers.watch('b:fresh', 'b').settle(failure('upstream_error'));
    // The backend was there to fail.
    expect(breakers.list()).toEqual([]);
  });

  it('count a watch once, and nothing for errors that say nothing about health', () => {
    const { breakers, fail } = breakersOf();
    fail('b:m', 9, 'invalid_request');
    const watch = breakers.watch('b:m', 'b');
    for (let i = 0; i < 9; i++) watch.settle(failure());
    expect(breakers.check('b:m', 'b')).toBeNull();
  });

  it('hold an orchestration to account by itself', () => {
    const { breakers } = breakersOf();
    for (let i = 0; i < 3; i++) breakers.watch('panel', null).settle(failure('upstream_unreachable'));
    expect(breakers.check('panel', null)).not.toBeNull();
  });

  it('believe a provider that says when to come back', () => {
    const { clock, breakers } = breakersOf();
    const limited = (retryAfter: number) => new TuttiError('upstream_rate_limited', 'slow down', { retryAfter });
    breakers.watch('b:short', 'b').settle(limited(1));
    expect(breakers.check('b:short', 'b')).toBeNull();
    breakers.watch('b:long', 'b').settle(limited(20));
    expect(breakers.check('b:long', 'b')).toEqual({
      reason: 'circuit open after 1 failure; tried again in 20 s',
      retryAt: 20_000,
    });
    breakers.watch('b:endless', 'b').settle(limited(1e9));
    expect(breakers.check('b:endless', 'b')?.retryAt).toBe(600_000);
    clock.advance(20_000);
    expect(breakers.check('b:long', 'b')).toBeNull();
  });

  it('take new settings', () => {
    const { breakers, fail } = breakersOf();
    breakers.configure({ failures: 1, cooldownMs: 1 });
    fail('b:m', 1);
    expect(breakers.check('b:m', 'b')).not.toBeNull();
  });
});
