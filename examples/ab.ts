/** `ab`: a trial of two arms. The same user always meets the same arm; results are told apart by arm. */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';

await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  orchestrations: {
    trial: {
      strategy: 'ab',
      arms: [
        { name: 'old', use: 'embedded:mini-a', weight: 3 },
        { name: 'new', use: 'embedded:base', weight: 1 },
      ],
      sticky: 'user',
    },
  },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

const messages = [{ role: 'user' as const, content: 'Which is larger, 17 or 71?' }];
for (const user of ['ada', 'bob', 'cleo', 'dan', 'eve', 'ada', 'bob']) {
  const answer = await client.chat.completions.create({ model: 'trial', messages, user });
  const { decisions } = (answer as typeof answer & { tutti: WireDetails }).tutti;
  console.log(`${user}: ${decisions[0]?.message}`);
}

await server.close();
