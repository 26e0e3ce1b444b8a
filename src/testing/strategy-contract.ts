/**
 * The contract of a strategy, as a test suite. Every strategy of Tutti passes it; a plug-in's should, too.
 *
 * @example
 * import { describe, it } from 'vitest'; // or from node:test
 * strategyContract({ definition: politely, config: { strategy: 'politely', member: 'a' }, members: { a: 'hi' } }, { describe, it });
 */
import assert from 'node:assert/strict';
import type { FailureAdvice, StrategyDefinition } from '../contracts/strategy.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred } from '../lib/deferred.ts';
import type { TestRunner } from './backend-contract-setup.ts';
import { runScripted, type MemberAnswer, type MemberScript, type StrategyRun } from './strategy-runner.ts';

/** What a strategy's author gives to the contract suite. */
export interface StrategyContractSetup<C> {
  readonly definition: StrategyDefinition<C>;
  /** A config as a user would write it, that a question is answered with. */
  readonly config: unknown;
  /** Members that answer well enough for the strategy to end well with `config`. */
  readonly members: Readonly<Record<string, MemberScript>>;
  readonly run?: Omit<StrategyRun, 'members'>;
  /** Configs that must be refused, and a word of the reason. */
  readonly bad: readonly { readonly config: unknown; readonly reason: RegExp }[];
}

/** Far more than following advice within limits takes. */
const MOST_CALLS = 100;

/** Registers the suite. */
export function strategyContract<C>(setup: StrategyContractSetup<C>, { describe, it }: TestRunner): void {
  const { definition, config, members, run } = setup;
  const withAll = (script: MemberAnswer): Record<string, MemberScript> =>
    Object.fromEntries(Object.keys(members).map((target) => [target, script]));

  describe(`the strategy ${definition.strategy}`, () => {
    it('answers, and ends with one finish', async () => {
      const outcome = await runScripted(definition, config, { ...run, members });
      assert.equal(outcome.error, null);
      assert.ok(outcome.text !== '' || outcome.toolCalls.length > 0, 'an answer');
    });

    it('describes every member that it calls', async () => {
      const { members: described } = definition.describe(definition.config.parse(config));
      const { calls } = await runScripted(definition, config, { ...run, members });
      const found = Object.values(run?.find ?? {}).flat();
      for (const { target } of calls) assert.ok([...described, ...found].includes(target), `${target} is described`);
    });

    it('replays finished calls instead of calling again', async () => {
      const first = await runScripted(definition, config, { ...run, members });
      const again = await runScripted(definition, config, { ...run, members, journal: first.journal });
      assert.equal(again.text, first.text);
      assert.equal(again.calls.length, first.stopped.length);
    });

    it('gives up with each member’s reason when no member can answer', async () => {
      const broken = withAll({ error: new TuttiError('upstream_error', 'the provider is ill') });
      const { error, text } = await runScripted(definition, config, { ...run, members: broken });
      assert.ok(error !== null, 'an error');
      assert.match(error.message, /the provider is ill/);
      assert.equal(text, '');
    });

    it('stops every child when the caller cancels', async () => {
      const stop = new AbortController();
      const called = deferred();
      const hanging = Object.fromEntries(
        Object.keys(members).map((target): [string, MemberScript] => [target, () => (called.resolve(), { hangs: true })]),
      );
      const running = runScripted(definition, config, { ...run, members: hanging, signal: stop.signal });
      await called.promise;
      stop.abort(new TuttiError('cancelled', 'enough'));
      const { error, calls, stopped } = await running;
      assert.equal(error?.code, 'cancelled');
      assert.equal(stopped.length, calls.length);
    });

    it('lets a pause of a member through', async () => {
      const asking = withAll({ error: new TuttiError('awaiting_input', 'which one?', { details: { step: 'x' } }) });
      const { error } = await runScripted(definition, config, { ...run, members: asking });
      assert.equal(error?.code, 'awaiting_input');
    });

    it('ends, whatever failure assistance advises', async () => {
      for (const action of ['rollback', 'change_phase'] as const) {
        for (const phase of [null, 'nowhere', ...(definition.describe(definition.config.parse(config)).phases ?? [])]) {
          const advice: FailureAdvice = { action, phase, cause: 'it is ill' };
          const failing = withAll({ error: new TuttiError('upstream_error', 'the provider is ill', { details: { advice } }) });
          const { error, calls } = await runScripted(definition, config, { ...run, members: failing });
          assert.ok(error !== null, 'an error');
          assert.ok(calls.length <= MOST_CALLS, `${calls.length} calls`);
        }
      }
    });

    for (const { config: bad, reason } of setup.bad) {
      it(`refuses ${JSON.stringify(bad)}`, async () => {
        const parsed = definition.config.safeParse(bad);
        assert.ok(!parsed.success, 'it was taken');
        assert.match(parsed.error.message, reason);
      });
    }
  });
}
