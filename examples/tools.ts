/** A model calls a tool, gets its result, and answers. */
import OpenAI from 'openai';
import { createServer, createTutti } from 'tutti';

await using tutti = await createTutti({ log: 'warn', server: { port: 0 } });
const server = createServer(tutti, tutti.config.server);
const { url } = await server.listen();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not needed on loopback' });

const tools: OpenAI.ChatCompletionTool[] = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'Get the weather of a city',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
];
const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'What is the weather in Paris?' }];
const asked = await client.chat.completions.create({ model: 'embedded:tools', messages, tools });
const call = asked.choices[0]?.message.tool_calls?.[0];
if (asked.choices[0] === undefined || call?.type !== 'function') throw new Error('The model called no tool.');
console.log(`${call.function.name}(${call.function.arguments})`);

messages.push(asked.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'Sunny, 24 degrees' });
const answer = await client.chat.completions.create({ model: 'embedded:tools', messages, tools });
console.log(answer.choices[0]?.message.content);

await server.close();
