import type { Quirks } from './quirks.ts';

/** A provider as data. Whatever is given in the config goes over it. */
export interface Preset {
  readonly baseUrl: string;
  /** The environment variable that holds the key, by the provider's own custom; null: the server takes none. */
  readonly keyVariable: string | null;
  readonly quirks: Quirks;
}

const LOCAL_SAMPLING: Quirks = { reasoningField: 'reasoning_content' };

/**
 * Sources: each provider's API reference. `leaveOut` names settings that its reference calls unsupported or that it
 * answers with an error.
 */
export const PRESETS = {
  openai: {
    baseUrl: 'https://api.openai.com/v1',
    keyVariable: 'OPENAI_API_KEY',
    quirks: { maxTokensField: 'max_completion_tokens', developerRole: true, nativeChoices: true, leaveOut: ['top_k', 'min_p'] },
  },
  moonshot: {
    baseUrl: 'https://api.moonshot.ai/v1',
    keyVariable: 'MOONSHOT_API_KEY',
    quirks: {
      reasoningField: 'reasoning_content',
      nativeChoices: true,
      leaveOut: ['top_k', 'min_p', 'logprobs', 'top_logprobs', 'logit_bias', 'seed'],
    },
  },
  openrouter: {
    baseUrl: 'https://openrouter.ai/api/v1',
    keyVariable: 'OPENROUTER_API_KEY',
    quirks: { reasoningField: 'reasoning' },
  },
  groq: {
    baseUrl: 'https://api.groq.com/openai/v1',
    keyVariable: 'GROQ_API_KEY',
    quirks: {
      maxTokensField: 'max_completion_tokens',
      reasoningField: 'reasoning',
      leaveOut: ['logprobs', 'top_logprobs', 'logit_bias', 'top_k', 'min_p'],
      leaveOutOfMessages: ['name'],
    },
  },
  together: {
    baseUrl: 'https://api.together.xyz/v1',
    keyVariable: 'TOGETHER_API_KEY',
    quirks: { nativeChoices: true, leaveOut: ['top_logprobs', 'parallel_tool_calls'] },
  },
  mistral: {
    baseUrl: 'https://api.mistral.ai/v1',
    keyVariable: 'MISTRAL_API_KEY',
    quirks: {
      rename: { seed: 'random_seed' },
      streamOptions: false,
      nativeChoices: true,
      leaveOut: ['logprobs', 'top_logprobs', 'logit_bias', 'top_k', 'min_p', 'user', 'reasoning_effort'],
    },
  },
  deepseek: {
    baseUrl: 'https://api.deepseek.com/v1',
    keyVariable: 'DEEPSEEK_API_KEY',
    quirks: {
      reasoningField: 'reasoning_content',
      leaveOut: ['top_k', 'min_p', 'seed', 'logit_bias', 'parallel_tool_calls', 'user'],
    },
  },
  vllm: {
    baseUrl: 'http://127.0.0.1:8000/v1',
    keyVariable: 'VLLM_API_KEY',
    quirks: { ...LOCAL_SAMPLING, nativeChoices: true },
  },
  'llama-server': {
    baseUrl: 'http://127.0.0.1:8080/v1',
    keyVariable: 'LLAMA_API_KEY',
    quirks: { ...LOCAL_SAMPLING, grammarField: 'grammar' },
  },
  'lm-studio': {
    baseUrl: 'http://127.0.0.1:1234/v1',
    keyVariable: null,
    quirks: { ...LOCAL_SAMPLING, leaveOut: ['logprobs', 'top_logprobs'] },
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;
export const PRESET_NAMES = Object.keys(PRESETS) as [PresetName, ...PresetName[]];
