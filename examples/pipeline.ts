/** `pipeline`: each stage gets what the one before it made, checked. A stage whose output is not as expected is tried again. */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';

await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  orchestrations: {
    headline: {
      strategy: 'pipeline',
      stages: [
        { name: 'find', model: 'embedded:base', expect: { pattern: '\\w', max_length: 80 } },
        { name: 'reverse', model: 'embedded:base', prompt: 'Reverse the word "{input}".', on_fail: 'retry', retries: 1 },
        { name: 'shout', model: 'embedded:mini-a', prompt: 'Write "{stages.reverse}" in capital letters.' },
      ],
    },
  },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

const content = 'Anna lives in Rome. Ben lives in Oslo.\n\nWhere does Ben live?';
const answer = await client.chat.completions.create({ model: 'headline', messages: [{ role: 'user', content }] });
const details = (answer as typeof answer & { tutti: WireDetails }).tutti;
for (const [stage, { model, content: output }] of Object.entries(details.model_results))
  console.log(`${stage} (${model}): ${String(output)}`);
console.log(
  `answer: ${answer.choices[0]?.message.content}, as sure as the least sure stage: ${details.confidence?.score.toFixed(2)}`,
);

await server.close();
