import { describe, expect, it } from 'vitest';
import { chatRequest } from './chat-request.ts';
import { presetAt, PRESETS } from './presets.ts';

const everything = {
  messages: [{ role: 'user' as const, content: 'hi', name: 'ann' }],
  temperature: 0,
  top_k: 3,
  max_tokens: 5,
  seed: 1,
  logprobs: true,
  top_logprobs: 2,
};

describe('presets', () => {
  it.each(Object.entries(PRESETS))('%s has an address over TLS, or on this machine', (_name, preset) => {
    expect(preset.baseUrl).toMatch(/^(https:\/\/|http:\/\/127\.0\.0\.1:)/);
  });

  it('are found by the address of a provider', () => {
    expect(presetAt('https://api.openai.com/v1')).toBe(PRESETS.openai);
    expect(presetAt('https://api.moonshot.cn/v1')).toBe(PRESETS.moonshot);
    expect(presetAt('https://llm.example.com/v1')).toBeNull();
    expect(presetAt('http://127.0.0.1:8000/v1')).toBeNull();
  });

  it('send each provider only what it takes', () => {
    const { openai, mistral, groq, together } = PRESETS;
    expect(chatRequest('gpt-4o', everything, openai.quirks)).toMatchObject({
      max_completion_tokens: 5,
      logprobs: true,
      temperature: 0,
    });
    expect(chatRequest('gpt-5-mini', everything, openai.quirks)).not.toHaveProperty('temperature');
    expect(chatRequest('gpt-4o', everything, openai.quirks)).not.toHaveProperty('top_k');
    const toMistral = chatRequest('mistral-small', everything, mistral.quirks);
    expect(toMistral).toMatchObject({ random_seed: 1, max_tokens: 5 });
    for (const field of ['stream_options', 'logprobs', 'seed', 'top_k']) expect(toMistral).not.toHaveProperty(field);
    expect(chatRequest('llama', everything, groq.quirks)['messages']).toEqual([{ role: 'user', content: 'hi' }]);
    expect(chatRequest('llama', everything, together.quirks)).toMatchObject({ logprobs: 2, top_k: 3 });
  });
});
