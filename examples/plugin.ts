/** A plug-in brings a strategy of its own; the config can name it at once. */
import { createTutti, definePlugin, type StrategyDefinition } from 'tutti';
import { z } from 'zod';

const politely: StrategyDefinition<{ strategy: 'politely'; member: string }> = {
  strategy: 'politely',
  config: z.strictObject({ strategy: z.literal('politely'), member: z.string() }),
  describe: ({ member }) => ({ members: [member], operations: ['chat'] }),
  async *run({ config, call, request, options }) {
    yield { type: 'text-delta', step: options.step, choice: 0, text: 'With pleasure: ' };
    yield* call('answer', config.member, request);
  },
};

await using tutti = await createTutti({
  log: 'warn',
  plugins: [definePlugin({ apiVersion: 1, name: 'manners', strategies: [politely] })],
  orchestrations: { butler: { strategy: 'politely', member: 'embedded:base' } },
});
console.log((await tutti.run({ model: 'butler', input: 'What is 6 + 7?' })).text);
