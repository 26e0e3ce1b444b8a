/**
 * A vision model and a web search are asked at once, and Kimi K2 answers with what they found. All are played by a fake upstream on
 * loopback. For the real ones leave out `upstream` and every `base_url` and `api_key` of it, set MOONSHOT_API_KEY, pull minicpm-v with
 * Ollama, and give `perplexity` its own address (https://api.perplexity.ai) and key.
 */
import { createTutti } from 'tutti';
import { createFakeUpstream } from 'tutti/testing';

await using upstream = await createFakeUpstream({
  models: {
    'minicpm-v': { answer: { text: 'A page with a CAPTCHA.', delayMs: 300 }, capabilities: ['completion', 'vision'] },
    sonar: { answer: { text: 'Slow down, and let a person solve it.', delayMs: 300 } },
    'kimi-k2.6': { answer: 'Pause, and let the user solve it.', capabilities: ['vision'] },
  },
});
const remote = { type: 'openai-compatible', base_url: `${upstream.url}/v1`, api_key: 'fake' };
const context = [{ capability: 'vision', model: 'ollama:minicpm-v' }, 'web_search'];
const timeouts = { context: 20 }; // seconds; what is late is done without
await using tutti = await createTutti({
  log: 'error',
  backends: {
    moonshot: { ...remote, preset: 'moonshot' },
    perplexity: remote,
    ollama: { type: 'ollama', base_url: upstream.url },
  },
  models: { 'perplexity:sonar': { capabilities: ['text_generation', 'web_search'] } },
  orchestrations: { careful: { strategy: 'phased', context, reasoning: 'kimi-k2', timeouts } },
});
await tutti.settled(); // until Ollama has told what its models can do

const { text, runId } = await tutti.run({
  model: 'careful',
  input: [
    { type: 'text', text: 'Extract the contacts.' },
    { type: 'image', url: 'data:image/png;base64,iVBORw0KGgo=' },
  ],
  context: 'Earlier attempts failed.',
  webSearchQuery: 'what to do about CAPTCHAs',
});
const [seen, found] = tutti.runs.get(runId)?.steps.filter(({ name }) => name.startsWith('context.')) ?? [];
console.log(`${text}\n${seen?.name}: ${seen?.status}, ${found?.name}: ${found?.status}`);
console.log(`at once: ${(found?.startedAt ?? NaN) < (seen?.endedAt ?? NaN)}`);
