/**
 * Conflicts are told, change the confidence by fixed rules, and so decide whether a person should look. Kimi K2, GPT-4o mini and
 * MiniCPM-V are played by a fake upstream on loopback. For the real ones leave out `upstream`, every `base_url` and `api_key`, set
 * MOONSHOT_API_KEY and OPENAI_API_KEY, and pull minicpm-v with Ollama.
 */
import { createTutti } from 'tutti';
import { createFakeUpstream } from 'tutti/testing';

await using upstream = await createFakeUpstream({
  models: {
    'minicpm-v': { answer: 'The page shows the error "Too many requests".', capabilities: ['completion', 'vision'] },
    'kimi-k2.6': { answer: '[{"tool": "solve_captcha"}]', capabilities: ['vision'] },
    'gpt-4o-mini': { answer: 'No, the page wants you to wait.', capabilities: ['vision'] },
  },
});
const remote = { type: 'openai-compatible', base_url: `${upstream.url}/v1`, api_key: 'fake' };
await using tutti = await createTutti({
  log: 'error',
  backends: {
    moonshot: { ...remote, preset: 'moonshot' },
    openai: { ...remote, preset: 'openai' },
    ollama: { type: 'ollama', base_url: upstream.url },
  },
  orchestrations: {
    careful: {
      strategy: 'phased',
      context: [{ capability: 'vision', model: 'ollama:minicpm-v' }],
      reasoning: 'kimi-k2',
      verification: 'openai:gpt-4o-mini',
    },
  },
});
await tutti.settled(); // until Ollama has told what its models can do

const image = { type: 'image', url: 'data:image/png;base64,iVBORw0KGgo=' } as const;
const input = [{ type: 'text', text: 'What next?' } as const, image];
const { conflicts, confidence, review } = await tutti.run({ model: 'careful', input, availableTools: ['click'] });
for (const { kind, members, message } of conflicts) console.log(`${kind} (${members.join(', ')}): ${message}`);
console.log(`confidence ${confidence?.score}: ${confidence?.adjustments?.map(({ rule }) => rule).join(', ')}`);
if (review !== 'none') console.log(`a person should look at it: ${review}`);
