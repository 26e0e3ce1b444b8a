/** Everything that happens is a typed event; a run is a tree of steps. */
import { createTutti } from 'tutti';

await using tutti = await createTutti({ log: 'warn' });
using _all = tutti.events.on('*', ({ id, type }) => console.log(`${id} ${type}`));
using _done = tutti.events.on('run.completed', ({ data: { run } }) => {
  for (const step of run.steps)
    console.log(`  ${step.path} ${step.name}: ${step.status}, ${step.usage?.outputTokens ?? 0} tokens`);
});

await tutti.run({ model: 'embedded:nano', input: 'Which is larger, 3 or 8?' });
console.log(tutti.stats());
