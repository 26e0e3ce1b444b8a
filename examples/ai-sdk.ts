/**
 * Any model of the Vercel AI SDK becomes a model here (this one is the SDK’s own mock, in place of a provider), and whatever Tutti has
 * becomes a model of the SDK: models, aliases, orchestrations.
 */
import { generateText } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { aiSdkBackend, aiSdkProvider, createTutti } from 'tutti';

const mock = new MockLanguageModelV4({
  doStream: async () => ({
    stream: new ReadableStream({
      start(controller) {
        controller.enqueue({ type: 'stream-start', warnings: [] });
        controller.enqueue({ type: 'text-start', id: '1' });
        for (const delta of ['Hello', ' from', ' the SDK']) controller.enqueue({ type: 'text-delta', id: '1', delta });
        controller.enqueue({ type: 'text-end', id: '1' });
        controller.enqueue({
          type: 'finish',
          finishReason: { unified: 'stop', raw: 'stop' },
          usage: {
            inputTokens: { total: 3, noCache: 3, cacheRead: 0, cacheWrite: 0 },
            outputTokens: { total: 3, text: 3, reasoning: 0 },
          },
        });
        controller.close();
      },
    }),
  }),
});

await using tutti = await createTutti({ log: 'warn', backends: [aiSdkBackend({ id: 'sdk', models: { mock } })] });
console.log((await tutti.run({ model: 'sdk:mock', input: 'Hello?' })).text);

const provider = aiSdkProvider(tutti);
const { text } = await generateText({ model: provider('embedded:base'), prompt: 'What is 12 + 30?' });
console.log(`embedded:base says: ${text}`);
