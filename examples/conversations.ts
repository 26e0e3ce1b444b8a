/** A conversation between models that you lead: threads of their own, consultations with a part of what was said, and forks. */
import { createTutti } from 'tutti';

await using tutti = await createTutti({ log: 'error' });
const talk = tutti.conversation({
  mode: 'direct',
  participants: [
    { name: 'ada', model: 'embedded:mini-a' },
    { name: 'bob', model: 'embedded:base' },
  ],
  limits: { maxTurns: 6 },
});

const asked = await talk.route({ from: 'user', to: 'ada', message: 'What is 14 + 5?' });
const { response } = await talk.respond('ada');
const passedOn = await talk.route({ from: 'ada', to: 'bob', message: response });
console.log(`ada says ${response}; to bob: ${passedOn.action}`);

const second = await talk.consult('bob', 'What is 14 + 5?', { contextFilter: { models: ['ada'], last: 1 } });
console.log(`bob was shown ${second.context.join(', ')} and says ${second.response} (${second.action})`);

for (const [name, thread] of Object.entries(talk.threads)) console.log(`${name} has ${thread.length} messages`);
console.log(talk.health, `${talk.turnsLeft} turns left`);

const other = tutti.conversations.fork(talk.id, asked.id);
await other.route({ from: 'user', to: 'ada', message: 'What is 14 - 5?' });
console.log(
  `in the fork ada says ${(await other.respond('ada')).response}; here: ${talk.history.length} entries, there: ${other.history.length}`,
);
