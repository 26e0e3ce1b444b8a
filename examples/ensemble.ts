/** `ensemble`: several answers become one. Here each member sees the others' answers once, and then the best is chosen. */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';

const members = ['embedded:mini-a', 'embedded:mini-b', 'embedded:mini-c'];
await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  orchestrations: {
    best: { strategy: 'ensemble', members, rounds: 2 },
    chosen: { strategy: 'ensemble', members, mode: 'select', aggregator: 'embedded:base' },
    all: { strategy: 'ensemble', members, mode: 'concat' },
  },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

for (const model of ['best', 'chosen', 'all']) {
  const messages = [{ role: 'user' as const, content: 'How many minutes are 3 hours?' }];
  const answer = await client.chat.completions.create({ model, messages });
  const { model_results, decisions } = (answer as typeof answer & { tutti: WireDetails }).tutti;
  console.log(`${model}: ${JSON.stringify(answer.choices[0]?.message.content)}`);
  console.log(`  asked: ${Object.keys(model_results).toSorted().join(', ')}`);
  for (const { message } of decisions) console.log(`  ${message}`);
}

await server.close();
