import { describe, expect, it } from 'vitest';
import { readModelList } from './model-list.ts';

const by = { backend: 'up', nativeChoices: false };
const one = (wire: object) => readModelList({ data: [wire] }, by)?.[0];

describe('a model list', () => {
  it.each([
    ['vLLM', { id: 'own/model', max_model_len: 4096 }, { contextWindow: 4096 }],
    ['Groq', { id: 'x', context_window: 8192, max_completion_tokens: 512 }, { contextWindow: 8192, maxOutputTokens: 512 }],
    [
      'Mistral',
      { id: 'x', max_context_length: 32_768, capabilities: { completion_chat: true, function_calling: true, vision: false } },
      { contextWindow: 32_768, capabilities: ['text_generation', 'tool_calling'] },
    ],
    [
      'Moonshot',
      { id: 'kimi-k2-0905', context_length: 262_144, supports_image_in: false, supports_reasoning: false },
      { contextWindow: 262_144 },
    ],
    [
      'llama-server',
      { id: 'x', meta: { n_ctx_train: 2048, n_params: 1000, size: 4000 } },
      { contextWindow: 2048, parameters: 1000, sizeBytes: 4000 },
    ],
    [
      'LM Studio',
      { id: 'x', type: 'vlm', max_context_length: 4096, capabilities: ['tool_use'] },
      { capabilities: ['text_generation', 'vision', 'tool_calling'] },
    ],
    [
      'OpenRouter',
      {
        id: 'some/model',
        context_length: 1000,
        architecture: { input_modalities: ['text', 'image'], output_modalities: ['text'] },
        supported_parameters: ['tools', 'temperature'],
        pricing: { prompt: '0.00000015', completion: '0.0000006', input_cache_read: '0.000000075' },
      },
      {
        capabilities: ['text_generation', 'vision', 'tool_calling'],
        price: { inputPerMtok: 0.15, outputPerMtok: 0.6, cachedInputPerMtok: 0.075 },
      },
    ],
    [
      'Together',
      { id: 'x', type: 'chat', pricing: { input: 0.2, output: 0.3 } },
      { price: { inputPerMtok: 0.2, outputPerMtok: 0.3 } },
    ],
  ])('of %s is read', (_server, wire, expected) => {
    expect(one(wire)).toMatchObject(expected);
  });

  it('is a bare list at Together, and has `models` at llama-server', () => {
    expect(readModelList([{ id: 'a' }], by)).toHaveLength(1);
    expect(readModelList({ models: [{ name: 'a' }] }, by)?.[0]?.id).toBe('up:a');
  });

  it('tells by the name what the server does not say', () => {
    expect(one({ id: 'gpt-4o-mini' })).toMatchObject({
      contextWindow: 128_000,
      capabilities: expect.arrayContaining(['vision', 'tool_calling']) as string[],
    });
    expect(one({ id: 'moonshotai/kimi-k2-thinking' })?.capabilities).toContain('reasoning');
    expect(one({ id: 'text-embedding-3-small' })).toMatchObject({ capabilities: ['embedding'], operations: ['embed'] });
    expect(one({ id: 'never-heard-of' })?.capabilities).toEqual(['text_generation']);
  });

  it('leaves out what neither chats nor embeds', () => {
    for (const id of ['whisper-1', 'tts-1-hd', 'dall-e-3', 'omni-moderation-latest', 'gpt-4o-transcribe'])
      expect(one({ id })).toBeUndefined();
    expect(one({ id: 'x', type: 'image' })).toBeUndefined();
  });

  it('takes a price that varies for unknown', () => {
    expect(one({ id: 'openrouter/auto', pricing: { prompt: '-1', completion: '-1' } })).not.toHaveProperty('price');
  });

  it('is null when the body is none', () => {
    expect(readModelList({ message: 'hello' }, by)).toBeNull();
    expect(readModelList(undefined, by)).toBeNull();
  });
});
