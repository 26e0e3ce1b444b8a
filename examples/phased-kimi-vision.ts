/**
 * Kimi K2 plans, knowing what a vision model sees in a picture. Both are played by a fake upstream on loopback, so that this runs
 * anywhere. For the real ones leave out `upstream`, every `base_url` and `api_key`, and set MOONSHOT_API_KEY; MiniCPM-V comes from
 * your Ollama (`ollama pull minicpm-v`).
 */
import { createTutti } from 'tutti';
import { createFakeUpstream } from 'tutti/testing';

await using upstream = await createFakeUpstream({
  models: {
    'minicpm-v': { answer: 'A page of LinkedIn with ten results.', capabilities: ['completion', 'vision'] },
    'kimi-k2.6': { answer: '1. Read the ten results. 2. Keep those who write Python.', capabilities: ['vision'] },
  },
});
const looks = { capability: 'vision', model: 'ollama:minicpm-v' };
await using tutti = await createTutti({
  log: 'error',
  backends: {
    moonshot: { type: 'openai-compatible', preset: 'moonshot', base_url: `${upstream.url}/v1`, api_key: 'fake' },
    ollama: { type: 'ollama', base_url: upstream.url },
  },
  orchestrations: {
    // The alias kimi-k2 is Moonshot's model, or what OpenRouter, Groq and Together call it; without any of them `base` answers.
    careful: { strategy: 'phased', context: [looks], reasoning: ['kimi-k2', 'embedded:base'] },
  },
});
await tutti.settled(); // until Ollama has told what its models can do

const answer = await tutti.run({
  model: 'careful',
  input: [
    { type: 'text', text: 'Find Python developers on LinkedIn.' },
    { type: 'image', url: 'data:image/png;base64,iVBORw0KGgo=' },
  ],
});
for (const [step, { model, content }] of Object.entries(answer.modelResults))
  console.log(`${step} (${model}): ${String(content)}`);
console.log(`answer: ${answer.text}`);
console.log(`used: ${answer.modelsUsed.join(', ')}; confidence: ${answer.confidence?.score ?? 'not known'}`);
