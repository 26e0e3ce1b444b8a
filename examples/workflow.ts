/** `workflow`: roles do their parts one after the other; what the reviewer rejects goes back to its author, a few times at most. */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';

await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  orchestrations: {
    crew: {
      strategy: 'workflow',
      steps: ['code', 'review', 'docs'],
      // Small models do without instructions; roles of these names have their own, which a text like this one replaces.
      roles: {
        code: { model: 'embedded:mini-a', instructions: 'Answer.' },
        review: { model: 'embedded:base', instructions: 'Check.' },
        docs: { model: 'embedded:mini-b', instructions: 'Answer.' },
      },
      max_review_rounds: 1,
    },
  },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

for (const workflow of [undefined, ['code', 'docs']]) {
  const messages = [{ role: 'user' as const, content: 'What is 8 * 7?' }];
  const answer = await client.chat.completions.create({ model: 'crew', messages, ...(workflow && { tutti: { workflow } }) });
  const { model_results, review } = (answer as typeof answer & { tutti: WireDetails }).tutti;
  console.log(`${workflow?.join(', ') ?? 'all'}: ${answer.choices[0]?.message.content} (review: ${review})`);
  for (const [step, { content }] of Object.entries(model_results)) console.log(`  ${step}: ${JSON.stringify(content)}`);
}

await server.close();
