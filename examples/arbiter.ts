/**
 * `arbiter`: a model that has other models as tools. `embedded:tools` is too small to lead a team, so it only chooses who answers
 * (`style: auto`); a large model consults several, lets them talk to each other, asks the user, and writes the answer itself.
 */
import OpenAI from 'openai';
import { createServer, createTutti, type WireDetails } from 'tutti';

await using tutti = await createTutti({
  log: 'error',
  server: { port: 0 },
  orchestrations: {
    team: {
      strategy: 'arbiter',
      arbiter: 'embedded:tools',
      specialists: {
        math: { model: 'embedded:mini-a', description: 'Calculates and solves equations' },
        words: { model: 'embedded:mini-b', description: 'Reverses words and writes them in capital letters' },
      },
    },
  },
});
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

for (const content of ['Calculate 8 * 9.', 'Reverse the word "garden".']) {
  const stream = await client.chat.completions.create({ model: 'team', messages: [{ role: 'user', content }], stream: true });
  let told: WireDetails | undefined;
  process.stdout.write(`${content} `);
  for await (const chunk of stream) {
    process.stdout.write(chunk.choices[0]?.delta.content ?? '');
    if (chunk.choices[0]?.finish_reason) told = (chunk as typeof chunk & { tutti: WireDetails }).tutti;
  }
  console.log(`\n  ${told?.decisions.map(({ message }) => message).join(' ')}`);
}

await server.close();
