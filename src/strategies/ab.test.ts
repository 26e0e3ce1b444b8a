import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TuttiError } from '../errors/error.ts';
import { strategyContract } from '../testing/strategy-contract.ts';
import { runScripted, type StrategyRun } from '../testing/strategy-runner.ts';
import { abStrategy, rankArms } from './ab.ts';

const arms = [{ use: 'a', weight: 9 }, { use: 'b' }];
const config = { strategy: 'ab', arms, sticky: 'request' };
const ill = { error: new TuttiError('upstream_error', 'ill') };

const run = (more: object, given: Partial<StrategyRun> = {}) =>
  runScripted(abStrategy, { ...config, ...more }, { members: { a: 'from a', b: 'from b' }, ...given });

strategyContract(
  {
    definition: abStrategy,
    config,
    members: { a: 'from a', b: 'from b' },
    bad: [
      { config: { strategy: 'ab', arms: [{ use: 'a' }] }, reason: /at least two arms/ },
      { config: { strategy: 'ab', arms: [{ use: 'a', weight: -1 }, { use: 'b' }] }, reason: /weight/ },
      {
        config: {
          strategy: 'ab',
          arms: [
            { use: 'a', weight: 0 },
            { use: 'b', weight: 0 },
          ],
        },
        reason: /needs a weight over 0/,
      },
      { config: { strategy: 'ab', arms: [{ use: 'a' }, { use: 'a' }] }, reason: /two arms are called a/ },
    ],
  },
  { describe, it },
);

describe('ab', () => {
  it('lets one arm answer and says which', async () => {
    const { text, calls, decisions } = await run({});
    expect(calls).toHaveLength(1);
    expect(text).toBe(`from ${calls[0]?.target}`);
    expect(decisions).toMatchObject([{ data: { arm: calls[0]?.target, sticky: true } }]);
  });

  it('gives the same request, user or key the same arm, and others another one', async () => {
    const even = { arms: [{ use: 'a' }, { use: 'b' }], sticky: 'user' };
    const armOf = async (user: string, seed: string): Promise<string> => (await run(even, { input: { user }, seed })).text;
    const users = Array.from({ length: 12 }, (_, i) => `user ${i}`);
    const first = await Promise.all(users.map((user) => armOf(user, 'one')));
    expect(await Promise.all(users.map((user) => armOf(user, 'two')))).toEqual(first);
    expect(new Set(first).size).toBe(2);
  });

  it('leaves it to chance for those without a key', async () => {
    const even = { arms: [{ use: 'a' }, { use: 'b' }], sticky: 'key' };
    const texts = await Promise.all(Array.from({ length: 12 }, async (_, i) => (await run(even, { seed: `seed ${i}` })).text));
    expect(new Set(texts).size).toBe(2);
  });

  it('shows the failure of its arm rather than switching silently', async () => {
    const { error, calls } = await run({}, { members: { a: ill, b: ill } });
    expect([error?.code, calls.length]).toEqual(['upstream_error', 1]);
  });

  it('tries the other arm with `fallback`, and says so', async () => {
    const weights = {
      arms: [
        { use: 'a', weight: 1e6 },
        { use: 'b', weight: 1e-6 },
      ],
      fallback: true,
    };
    const { text, decisions, fallbacks } = await run(weights, { members: { a: ill, b: 'from b' } });
    expect([text, fallbacks]).toMatchObject(['from b', [{ from: 'a', to: 'b' }]]);
    expect(decisions.map(({ data }) => data)).toMatchObject([{ arm: 'a' }, { arm: 'b', afterFailure: true }]);
    const none = await run(weights, { members: { a: ill, b: ill } });
    expect(none.error?.code).toBe('all_members_failed');
  });

  it('takes an arm that says nothing for one that fails: with `fallback` the other is tried, else it shows', async () => {
    const weights = { arms: [{ use: 'a' }, { use: 'b', weight: 1e-9 }] };
    const answer = await run(weights, { members: { a: ' \n', b: 'from b' } });
    expect([answer.text, answer.error, answer.calls.length]).toEqual([' \n', null, 1]);
    const helped = await run({ ...weights, fallback: true }, { members: { a: ' \n', b: 'from b' } });
    expect([helped.text, helped.decisions[1]?.data]).toMatchObject(['from b', { arm: 'b', afterFailure: true }]);
    const { error, journal } = await run({ ...weights, fallback: true }, { members: { a: '', b: ' ' } });
    expect(error?.details.members).toMatchObject([
      { member: 'a', code: 'upstream_invalid', message: 'the answer was empty' },
      { member: 'b', code: 'upstream_invalid' },
    ]);
    expect((await run({ ...weights, fallback: true }, { members: { a: 'from a' }, journal })).text).toBe('from a');
  });

  it('takes the arm that the call names, also one without weight', async () => {
    const named = { arms: [{ use: 'a' }, { use: 'b', weight: 0, name: 'new' }] };
    expect((await run(named, { overrides: { members: ['new'] } })).text).toBe('from b');
  });
});

describe('the choice of an arm', () => {
  const some = fc.uniqueArray(fc.record({ use: fc.string({ minLength: 1 }), weight: fc.integer({ min: 1, max: 9 }) }), {
    minLength: 2,
    maxLength: 5,
    selector: ({ use }) => use,
  });

  it('does not depend on the order of the arms', () => {
    fc.assert(
      fc.property(some, fc.string(), (list, who) => {
        expect(rankArms(who, list.toReversed())).toEqual(rankArms(who, list));
      }),
    );
  });

  it('moves nobody between arms whose weights did not grow', () => {
    fc.assert(
      fc.property(some, fc.string(), (list, who) => {
        const [grown, ...others] = list;
        const before = rankArms(who, list)[0]?.use;
        const after = rankArms(who, [{ ...grown!, weight: 20 }, ...others])[0]?.use; // two arms at least
        expect([before, grown?.use]).toContain(after);
      }),
    );
  });

  it('follows the weights', () => {
    const list = [
      { use: 'a', weight: 6 },
      { use: 'b', weight: 3 },
      { use: 'c', weight: 1 },
      { use: 'd', weight: 0 },
    ];
    const counts = new Map<string, number>();
    for (let i = 0; i < 10_000; i++) {
      const arm = rankArms(`key ${i}`, list)[0]?.use ?? '';
      counts.set(arm, (counts.get(arm) ?? 0) + 1);
    }
    // Five standard deviations of 10,000 draws are below 2.5 points.
    expect(counts.get('a')).toBeGreaterThan(5750);
    expect(counts.get('a')).toBeLessThan(6250);
    expect(counts.get('c')).toBeGreaterThan(850);
    expect(counts.get('c')).toBeLessThan(1150);
    expect(counts.has('d')).toBe(false);
  });
});
