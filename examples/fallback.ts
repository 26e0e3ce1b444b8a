/** A provider that is down, and an embedded model that stands in. `tutti` in the answer says what happened. */
import OpenAI from 'openai';
import { createServer, createTutti } from 'tutti';

await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  backends: { cloud: { type: 'openai-compatible', base_url: 'http://127.0.0.1:9/v1', api_key: 'none' } },
  models: { 'cloud:big': { capabilities: ['text_generation'] } },
  orchestrations: { safe: { strategy: 'fallback', members: ['cloud:big', 'embedded:base'] } },
  routing: { retries: 0 },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

const answer = await client.chat.completions.create({ model: 'safe', messages: [{ role: 'user', content: 'What is 20 - 8?' }] });
const { tutti: details } = answer as unknown as { tutti: { run_id: string; models_used: string[] } };
console.log(answer.choices[0]?.message.content, details.models_used);
for (const step of tutti.runs.get(details.run_id)?.steps ?? []) {
  console.log(`${step.path}: ${step.status}${step.error === null ? '' : ` (${step.error.code})`}`);
}

await server.close();
