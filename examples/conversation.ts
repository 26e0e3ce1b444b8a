/**
 * `conversation`: models talk about a question until all say the same, one repeats itself, or the turns are over. Directly they write
 * to each other; arbitrated, each is asked by itself. A large arbiter would also review what is said, and write the answer.
 */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';

const participants = [
  { name: 'ada', model: 'embedded:mini-a' },
  { name: 'bob', model: 'embedded:base' },
];
await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  orchestrations: {
    debate: { strategy: 'conversation', participants, max_turns: 4 },
    hearing: { strategy: 'conversation', mode: 'arbitrated', participants },
  },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

for (const model of ['debate', 'hearing']) {
  const messages = [{ role: 'user' as const, content: 'Reverse the word "tutti".' }];
  const answer = await client.chat.completions.create({ model, messages });
  const { model_results, decisions } = (answer as typeof answer & { tutti: WireDetails }).tutti;
  console.log(`${model}: ${answer.choices[0]?.message.content} (${decisions.map(({ message }) => message).join(' ')})`);
  for (const [turn, { content }] of Object.entries(model_results)) console.log(`  ${turn}: ${String(content)}`);
}

await server.close();
