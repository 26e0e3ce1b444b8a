/** `consensus`: three models answer, the answer that wins their vote is given, and once nothing can change it the rest are stopped. */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';

await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  orchestrations: {
    panel: { strategy: 'consensus', members: ['embedded:mini-a', 'embedded:mini-b', 'embedded:mini-c'], voting: 'weighted' },
    // One model that is asked five times: the answer that it gives most often.
    alone: { strategy: 'consensus', members: ['embedded:mini-a'], samples: 5 },
  },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

for (const model of ['panel', 'alone']) {
  const messages = [{ role: 'user' as const, content: 'What is 6 * 7?' }];
  const answer = await client.chat.completions.create({ model, messages, seed: 1 });
  const { confidence, conflicts, decisions } = (answer as typeof answer & { tutti: WireDetails }).tutti;
  console.log(`${model}: ${answer.choices[0]?.message.content} (${confidence?.method} ${confidence?.score.toFixed(2)})`);
  for (const { message } of decisions) console.log(`  ${message}`);
  for (const { kind, members } of conflicts) console.log(`  ${kind}: ${members.join(', ')}`);
}

await server.close();
