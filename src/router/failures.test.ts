import { describe, expect, it } from 'vitest';
import type { Code } from '../errors/codes.ts';
import { TuttiError } from '../errors/error.ts';
import { errorOfAll, judge, type Situation, type Verdict } from './failures.ts';

const refused = (details: object) => new TuttiError('run_budget_exceeded', '(refused)', { details: { ...details } });
const failure = (code: Code, retryAfter?: number) =>
  new TuttiError(code, `(${code})`, retryAfter === undefined ? {} : { retryAfter });

describe('after a failed attempt', () => {
  const fresh: Situation = { committed: false, retried: 0, retries: 2, others: true };
  const again = (afterMs: number): Verdict => ({ do: 'again', afterMs });
  const next: Verdict = { do: 'next' };
  const stop: Verdict = { do: 'stop' };

  it.each<[string, TuttiError, Partial<Situation>, Verdict]>([
    ['nothing takes the place of content that is out', failure('upstream_error'), { committed: true }, stop],
    ['an error of the upstream may pass', failure('upstream_error'), {}, again(250)],
    ['each time it is given longer', failure('upstream_error'), { retried: 1 }, again(500)],
    ['until it was tried often enough', failure('upstream_error'), { retried: 2 }, next],
    ['no retries at all', failure('upstream_error'), { retries: 0 }, next],
    ['its own wait is kept', failure('upstream_error', 2), {}, again(2000)],
    ['unless that is long', failure('upstream_error', 3), {}, next],
    ['a dead server is left while there are others', failure('upstream_unreachable'), {}, next],
    ['and tried again when there are none', failure('upstream_unreachable'), { others: false }, again(250)],
    ['a rate limit without a time is left', failure('upstream_rate_limited'), { others: false }, next],
    ['what takes long is not tried again', failure('upstream_timeout'), { others: false }, next],
    ['a crashed runner', failure('runner_crashed'), {}, next],
    ['no room in time', failure('queue_timeout'), {}, next],
    ['a prompt that is too long for it', failure('context_length_exceeded'), {}, next],
    ['a group whose members all failed', failure('all_members_failed'), {}, next],
    ['a price that the budget does not allow', refused({ limit: 'max_cost_usd', needed: 5 }), {}, next],
    ['a budget that is spent', refused({ limit: 'max_cost_usd' }), {}, stop],
    ['a budget of tokens, which are as many for each', refused({ limit: 'max_tokens', needed: 5 }), {}, stop],
    ['a bad request', failure('invalid_request'), {}, stop],
    ['a cancel', failure('cancelled'), {}, stop],
    ['a bug of ours', failure('internal_error'), {}, stop],
    ['the end of the server', failure('shutting_down'), {}, stop],
  ])('%s', (_, error, situation, verdict) => {
    expect(judge(error, { ...fresh, ...situation })).toEqual(verdict);
  });
});

describe('the error of all attempts', () => {
  it('is the model’s own when there was only one, tried once or more', () => {
    const last = failure('upstream_error');
    expect(errorOfAll([{ model: 'a', error: last }])).toBe(last);
    expect(
      errorOfAll([
        { model: 'a', error: failure('upstream_timeout') },
        { model: 'a', error: last },
      ]),
    ).toBe(last);
  });

  it('is the budget’s own when all are too dear, and only then', () => {
    const dear = (needed: number) => refused({ limit: 'max_cost_usd', needed });
    const attempts = [5, 3].map((needed) => ({ model: `m${needed}`, error: dear(needed) }));
    expect(errorOfAll(attempts)).toMatchObject({ code: 'run_budget_exceeded', details: { needed: 3 } });
    expect(errorOfAll([{ model: 'a', error: failure('upstream_error') }, ...attempts]).code).toBe('all_models_failed');
  });

  it('has the status and the shortest wait of what may pass', () => {
    const error = errorOfAll([
      { model: 'a', error: failure('upstream_rate_limited', 60) },
      { model: 'b', error: failure('upstream_rate_limited', 20) },
      { model: 'c', error: failure('unsupported_input') },
    ]);
    expect(error).toMatchObject({ code: 'all_models_failed', status: 429, retryable: true, retryAfter: 20 });
  });

  it('is a bug when there was nothing to try', () => {
    expect(errorOfAll([]).code).toBe('internal_error');
  });
});
