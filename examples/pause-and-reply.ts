/**
 * A run that asks a person: with `review.ask` an orchestration's answer that is not sure enough waits for an approval. (An arbiter
 * asks in the same way, with its tool `escalate_to_user`.) To a plain client the question is an ordinary answer.
 */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';

await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  review: { ask: true, suggested_below: 1, needed_below: 1 },
  orchestrations: { safe: { strategy: 'fallback', members: ['embedded:base', 'embedded:nano'] } },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

const messages = [{ role: 'user' as const, content: 'Sort these numbers: 41, 7, 63, 12, 58' }];
const asked = await client.chat.completions.create({ model: 'safe', messages });
const { run_id, status } = (asked as typeof asked & { tutti: WireDetails }).tutti;
console.log(`${status}: ${asked.choices[0]?.message.content}`);

const { output, tutti: details } = await client.post<{ output: string; tutti: WireDetails }>(`${url}/api/runs/${run_id}/reply`, {
  body: { reply: '7, 12, 41, 58, 63' },
});
console.log(`${details.status}: ${output} (${details.confidence?.method} ${details.confidence?.score})`);

await server.close();
