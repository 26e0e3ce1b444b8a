/** The official OpenAI client, unchanged: a streamed chat, token probabilities, and an answer that follows a JSON schema. */
import OpenAI from 'openai';
import { createServer, createTutti } from 'tutti';

await using tutti = await createTutti({ log: 'warn', server: { port: 0 } });
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

const stream = await client.chat.completions.create({
  model: 'embedded:base',
  messages: [{ role: 'user', content: 'Sort these numbers: 9, 2, 5' }],
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');
console.log();

const weighed = await client.chat.completions.create({
  model: 'embedded:base',
  messages: [{ role: 'user', content: 'What is 7 * 12?' }],
  logprobs: true,
});
for (const { token, logprob } of weighed.choices[0]?.logprobs?.content ?? []) {
  console.log(`${JSON.stringify(token)} ${(100 * Math.exp(logprob)).toFixed(1)} %`);
}

const shaped = await client.chat.completions.create({
  model: 'embedded:base',
  messages: [{ role: 'user', content: 'Which is larger, 17 or 71?' }],
  response_format: {
    type: 'json_schema',
    json_schema: {
      name: 'answer',
      schema: { type: 'object', properties: { larger: { enum: [17, 71] } }, required: ['larger'], additionalProperties: false },
    },
  },
});
console.log(JSON.parse(shaped.choices[0]?.message.content ?? ''));

await server.close();
