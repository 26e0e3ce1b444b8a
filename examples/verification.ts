/**
 * Kimi K2 answers, GPT-4o mini verifies. Both are played by a fake upstream on loopback, so that this runs anywhere. For the real
 * ones leave out `upstream`, `base_url` and `api_key`, and set MOONSHOT_API_KEY and OPENAI_API_KEY.
 */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';
import { createFakeUpstream } from 'tutti/testing';

await using upstream = await createFakeUpstream({
  models: {
    'kimi-k2.6': { answer: [{ text: '42' }, { text: 'Sydney' }] },
    'gpt-4o-mini': { answer: [{ text: 'Yes.' }, { text: '{"verdict": "rejected", "correction": "Canberra"}' }] },
  },
});
const remote = { type: 'openai-compatible', base_url: `${upstream.url}/v1`, api_key: 'fake' };
await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  backends: { moonshot: { ...remote, preset: 'moonshot' }, openai: { ...remote, preset: 'openai' } },
  orchestrations: { careful: { strategy: 'phased', reasoning: 'kimi-k2', verification: 'openai:gpt-4o-mini' } },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

for (const content of ['What is 6 * 7?', 'What is the capital of Australia?', 'And is it large?']) {
  const messages = [{ role: 'user' as const, content }];
  const verification = !content.startsWith('And'); // a single call may do without
  const answer = await client.chat.completions.create({ model: 'careful', messages, ...{ tutti: { verification } } });
  const { model_results, confidence, decisions } = (answer as typeof answer & { tutti: WireDetails }).tutti;
  const { verdict = 'not asked for' } = (model_results.verification?.content ?? {}) as { verdict?: string };
  console.log(`${answer.choices[0]?.message.content}: ${verdict}, confidence ${confidence?.score ?? 'not known'}`);
  for (const { message } of decisions) console.log(`  ${message}`);
}

await server.close();
