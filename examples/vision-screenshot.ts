/**
 * A screenshot is looked at, and a plan made with the tools that there are. MiniCPM-V and Kimi K2 are played by a fake upstream on
 * loopback. For the real ones leave out `upstream`, every `base_url` and `api_key`, set MOONSHOT_API_KEY and pull minicpm-v with Ollama.
 */
import { createTutti } from 'tutti';
import { createFakeUpstream } from 'tutti/testing';

await using upstream = await createFakeUpstream({
  models: {
    'minicpm-v': { answer: 'A login form; the password is empty.', capabilities: ['completion', 'vision'] },
    'kimi-k2.6': { answer: '[{"tool": "playwright_fill", "field": "password"}]', capabilities: ['vision'] },
  },
});
await using tutti = await createTutti({
  log: 'error',
  backends: {
    moonshot: { type: 'openai-compatible', preset: 'moonshot', base_url: `${upstream.url}/v1`, api_key: 'fake' },
    ollama: { type: 'ollama', base_url: upstream.url },
  },
  orchestrations: {
    careful: { strategy: 'phased', context: [{ capability: 'vision', model: 'ollama:minicpm-v' }], reasoning: 'kimi-k2' },
  },
});
await tutti.settled(); // until Ollama has told what its models can do

const data = Buffer.from('iVBORw0KGgo=', 'base64'); // in real life: await page.screenshot()
const { modelResults, text, conflicts } = await tutti.run({
  model: 'careful',
  input: [
    { type: 'text', text: 'What is the state of this page, and what should be done?' },
    { type: 'image', data, mediaType: 'image/png' },
  ],
  availableTools: ['playwright_click', 'playwright_fill'],
});
console.log(`seen: ${String(modelResults['context.vision']?.content)}\nplan: ${text}\nconflicts: ${conflicts.length}`);

// Any model can be asked about a picture: for one that cannot see, a vision model describes it first.
const { modelsUsed } = await tutti.run({ model: 'embedded:base', input: [{ type: 'image', data, mediaType: 'image/png' }] });
console.log(`asked for embedded:base: ${modelsUsed.join(', ')}`);
