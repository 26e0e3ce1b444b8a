/** A strategy that takes back what a call gave, and makes the call anew. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { partsOf, type StrategyContext, type StrategyDefinition } from '../../src/contracts/strategy.ts';
import { runScripted, type StrategyOutcome } from '../../src/testing/strategy-runner.ts';

type Config = { readonly strategy: 'picky' };

/** A strategy that does just this, and gives what comes of it. */
function strategy(work: (context: StrategyContext<Config>) => Promise<string>): StrategyDefinition<Config> {
  return {
    strategy: 'picky',
    config: z.strictObject({ strategy: z.literal('picky') }),
    describe: () => ({ members: ['a'], operations: ['chat'] }),
    async *run(context) {
      const said = await work(context);
      const answer = { text: said, reasoning: null, toolCalls: [], finishReason: 'stop', confidence: null } as const;
      yield* partsOf(answer, context.options.step);
    },
  };
}
const picky = strategy(async ({ call, forget, request }) => {
  for (let tries = 0; ; tries++) {
    const { text } = await call('a', 'a', request).answer();
    if (text === 'good' || tries === 2) return text;
    forget('a');
  }
});
const run = (definition: StrategyDefinition<Config>, a: string[], journal?: StrategyOutcome['journal']) =>
  runScripted(definition, { strategy: 'picky' }, { members: { a }, ...(journal && { journal }) });
const steps = ({ calls }: StrategyOutcome): string[] => calls.map(({ options }) => options.step);

describe('a call that is made anew', () => {
  it('is another step by the same key, and its result takes the place of the one before', async () => {
    const outcome = await run(picky, ['bad', 'worse', 'good']);
    expect(steps(outcome)).toEqual(['root/0/a', 'root/0/a.anew1', 'root/0/a.anew2']);
    expect([outcome.text, Object.keys(outcome.results), outcome.results.a?.content]).toEqual(['good', ['a'], 'good']);
  });

  it('is what is replayed when the strategy runs again; what was forgotten is not', async () => {
    const first = await run(picky, ['bad', 'good']);
    const again = await run(picky, ['bad'], first.journal);
    expect([again.text, again.calls]).toEqual(['good', []]);
  });

  it('is a bug of the strategy without forgetting, or while the first is at work', async () => {
    const twice = strategy(async ({ call, request }) => {
      await call('a', 'a', request).answer();
      return (await call('a', 'a', request).answer()).text;
    });
    expect((await run(twice, ['x'])).error).toMatchObject({
      code: 'internal_error',
      message: expect.stringContaining('the step key a twice'),
    });
    const hasty = strategy(async ({ call, forget, request }) => {
      const answer = call('a', 'a', request).answer();
      forget('a');
      return (await answer).text;
    });
    expect((await run(hasty, ['x'])).error).toMatchObject({
      code: 'internal_error',
      message: expect.stringContaining('forgot a, which is at work'),
    });
  });

  it('may be forgotten before the strategy has come to it', async () => {
    const early = strategy(async ({ call, forget, request }) => {
      forget('a');
      return (await call('a', 'a', request).answer()).text;
    });
    const first = await run(early, ['x']);
    const again = await run(early, ['y'], first.journal);
    expect([steps(first), again.text, steps(again)]).toEqual([['root/0/a'], 'y', ['root/0/a']]);
  });
});
