/** `phased`: context from several sources at once, then an answer, then a check of it by another model. */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';

await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  orchestrations: {
    careful: {
      strategy: 'phased',
      context: ['vision'], // left out, as the question has no image
      reasoning: ['embedded:mini-a', 'embedded:mini-b'],
      verification: 'embedded:base',
      on_reject: 'revise',
      timeouts: { reasoning: 20 },
    },
  },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

const answer = await client.chat.completions.create({
  model: 'careful',
  messages: [{ role: 'user', content: 'How old is Ben?' }],
  // What one call adds or changes; other clients send it in the body. The openai package passes unknown fields on.
  ...{ tutti: { context: 'Anna is 31 years old. Ben is 24 years old.' } },
});
const { model_results, confidence, decisions, review } = (answer as typeof answer & { tutti: WireDetails }).tutti;
console.log(answer.choices[0]?.message.content);
for (const [step, { content }] of Object.entries(model_results)) console.log(`${step}: ${JSON.stringify(content)}`);
for (const { message } of decisions) console.log(`decided: ${message}`);
const rules = (confidence?.adjustments ?? []).map(({ rule, factor }) => `${rule} × ${factor.toFixed(2)}`);
console.log(`confidence ${confidence?.score.toFixed(2)} (${rules.join(', ')}), review: ${review}`);

await server.close();
