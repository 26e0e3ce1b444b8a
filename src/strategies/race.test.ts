import { describe, expect, it } from 'vitest';
import { TuttiError } from '../errors/error.ts';
import { strategyContract } from '../testing/strategy-contract.ts';
import { runScripted, type MemberScript, type StrategyRun } from '../testing/strategy-runner.ts';
import { raceStrategy } from './race.ts';

const config = { strategy: 'race', members: ['a', 'b'] };
const ill = { error: new TuttiError('upstream_error', 'ill') };
const hangs = { hangs: true } as const;

const race = (accept: object, members: Record<string, MemberScript>, run: Omit<StrategyRun, 'members'> = {}) =>
  runScripted(raceStrategy, { ...config, accept }, { ...run, members });

strategyContract(
  {
    definition: raceStrategy,
    config,
    members: { a: 'from a', b: 'from b' },
    bad: [
      { config: { strategy: 'race', members: [] }, reason: /at least one member/ },
      { config: { ...config, accept: { min_confidence: 1.5 } }, reason: /min_confidence/ },
      { config: { ...config, accept: { pattern: '(' } }, reason: /not a regular expression/ },
      { config: { ...config, accept: { schema: { type: 'nope' } } }, reason: /no usable JSON Schema/ },
    ],
  },
  { describe, it },
);

describe('race', () => {
  it('gives the first answer and stops the others', async () => {
    const { text, stopped, decisions } = await race({}, { a: hangs, b: 'from b' });
    expect([text, stopped]).toEqual(['from b', ['a']]);
    expect(decisions).toMatchObject([{ data: { winner: 'b' } }]);
  });

  it('goes on when the fastest fails or says nothing', async () => {
    expect((await race({}, { a: ill, b: 'from b' })).text).toBe('from b');
    expect((await race({}, { a: ' ', b: 'from b' })).text).toBe('from b');
  });

  it.each([
    [{ min_confidence: 0.6 }, { text: 'x', confidence: 0.5 }, { text: 'y', confidence: 0.6 }],
    [{ min_confidence: 0.6 }, 'x', { text: 'y', confidence: 0.9 }],
    [{ json: true }, 'x', { text: '{"y": 1}' }],
    [{ schema: { type: 'object', required: ['y'] } }, '{"x": 1}', { text: '{"y": 1}' }],
    [{ pattern: '^\\d+$' }, 'x', { text: '12' }],
  ])('accepts by %j', async (accept, first, second) => {
    expect((await race(accept, { a: first, b: second })).text).toBe(second.text);
  });

  it('gives the most confident when none is acceptable, and says why', async () => {
    const answers = { a: { text: 'x', confidence: 0.5 }, b: { text: 'y', confidence: 0.55 } };
    const { text, confidence, decisions } = await race({ min_confidence: 0.6 }, answers);
    expect([text, confidence?.score]).toEqual(['y', 0.55]);
    expect(decisions[0]?.message).toMatch(
      /^no answer was acceptable \(a: a confidence of 0.50 is below 0.6; b: .*\); b is the most confident$/,
    );
  });

  it('fails with each reason when nobody said anything', async () => {
    const { error } = await race({}, { a: ill, b: '' });
    expect(error).toMatchObject({
      code: 'all_members_failed',
      message: expect.stringMatching(/a: ill .*; b: the answer is empty/),
    });
  });

  it('breaks a pattern off that would not end', async () => {
    const { decisions } = await race({ pattern: '^(a+)+$' }, { a: `${'a'.repeat(60)}!`, b: ill });
    expect(decisions[0]?.message).toContain('takes too long');
  });

  it('asks only the members that the call names', async () => {
    const { calls } = await race({}, { a: 'a', b: 'b' }, { overrides: { members: ['b'] } });
    expect(calls.map(({ target }) => target)).toEqual(['b']);
  });
});
