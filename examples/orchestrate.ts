/** An orchestration that comes with the call: nothing is configured, and a capability may stand for the best models for it. */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';

await using tutti = await createTutti({ log: 'error', server: { port: 0 } });

const inCode = await tutti.orchestrate({
  strategy: 'consensus',
  capability: 'text_generation',
  numModels: 3,
  voting: 'majority',
  input: 'What is 12 + 30?',
});
console.log(`${inCode.text} (${Object.keys(inCode.modelResults).join(', ')})`);

// The same over HTTP, here by the OpenAI client; `strategy` takes the keys that it has in the config.
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });
const overHttp = await client.post<{ output: string; tutti: WireDetails }>(`${url}/api/inference/orchestrated`, {
  body: {
    strategy: 'handoff',
    members: ['embedded:nano', { model: 'embedded:base', max_tokens: 20 }],
    confidence_threshold: 0.8,
    budget: { max_calls: 2 },
    input: 'What is 12 + 30?',
  },
});
console.log(`${overHttp.output} (${overHttp.tutti.orchestration}, ${overHttp.tutti.decisions[0]?.message})`);

await server.close();
