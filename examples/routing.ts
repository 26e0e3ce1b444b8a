/** The router chooses: rules first, then the policy. Every decision can be explained. */
import { createTutti } from 'tutti';

await using tutti = await createTutti({
  log: 'warn',
  models: { 'embedded:nano': { quality: { default: 0.2 } }, 'embedded:base': { quality: { default: 0.6 } } },
  routing: {
    policy: 'accuracy',
    rules: [{ when: 'task.requires_speed || task.tokens < 5', use: 'embedded:nano' }],
  },
});

for (const input of ['2 + 2?', 'Anna lives in Rome. Ben lives in Oslo.\n\nWhere does Ben live?']) {
  const answer = await tutti.run({ model: 'auto', input });
  console.log(`${answer.model}: ${answer.text}`);
  for (const { model, reason } of answer.route?.candidates ?? []) console.log(`  ${model}: ${reason}`);
}
