/** `race`: all are asked at once, the first acceptable answer is given, and the others are stopped. */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';

await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  orchestrations: {
    quick: {
      strategy: 'race',
      members: ['embedded:nano', 'embedded:mini-a', 'embedded:base'],
      accept: { min_confidence: 0.5, pattern: '^\\d+$' },
    },
  },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

const messages = [{ role: 'user' as const, content: 'What is 9 * 8?' }];
const answer = await client.chat.completions.create({ model: 'quick', messages });
const { decisions, model_results } = (answer as typeof answer & { tutti: WireDetails }).tutti;
console.log(answer.choices[0]?.message.content, decisions.at(-1)?.message);
for (const [member, { success, error }] of Object.entries(model_results))
  console.log(`  ${member}: ${success ? 'answered' : error?.code}`);

await server.close();
