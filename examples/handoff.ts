/** `handoff`: the cheapest model answers; when it is not sure enough, the next one does. The answer says who, and how sure. */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';

await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  orchestrations: {
    thrifty: {
      strategy: 'handoff',
      members: ['embedded:nano', 'embedded:mini-a', 'embedded:base'],
      confidence_threshold: 0.9,
      carry_draft: false,
    },
  },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

for (const content of ['What is 2 + 3?', 'Sort these numbers: 41, 7, 63, 12, 58', 'Reverse the word "stream".']) {
  const answer = await client.chat.completions.create({ model: 'thrifty', messages: [{ role: 'user', content }] });
  const { confidence, decisions, models_used } = (answer as typeof answer & { tutti: WireDetails }).tutti;
  console.log(
    `${content} ${answer.choices[0]?.message.content} (${confidence?.score.toFixed(2)}, asked: ${models_used.join(', ')})`,
  );
  for (const { message } of decisions) console.log(`  ${message}`);
}

await server.close();
