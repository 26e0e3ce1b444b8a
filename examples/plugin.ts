/** A plug-in brings a strategy of its own; the config can name it at once. */
import { asOwn, createTutti, definePlugin, type StrategyDefinition } from 'tutti';
import { z } from 'zod';

const politely: StrategyDefinition<{ strategy: 'politely'; member: string }> = {
  strategy: 'politely',
  config: z.strictObject({ strategy: z.literal('politely'), member: z.string() }),
  describe: ({ member }) => ({ members: [member], operations: ['chat'] }),
  async *run({ config, call, request, options }) {
    const { step } = options;
    yield { type: 'text-delta', step, choice: 0, text: 'With pleasure: ' };
    const child = call('answer', config.member, request);
    for await (const part of child) yield asOwn(part, child, step);
  },
};

await using tutti = await createTutti({
  log: 'warn',
  plugins: [definePlugin({ apiVersion: 1, name: 'manners', strategies: [politely] })],
  orchestrations: { butler: { strategy: 'politely', member: 'embedded:base' } },
});
console.log((await tutti.run({ model: 'butler', input: 'What is 6 + 7?' })).text);
