import { isLoopback } from '../upstream/loopback.ts';
import type { Quirks } from './quirks.ts';

/** A provider as data. Whatever is given in the config goes over it. */
export interface Preset {
  readonly baseUrl: string;
  /** Other hosts of the same provider. */
  readonly otherHosts?: readonly string[];
  /** The environment variable that holds the key, by the provider's own custom; null: the server takes none. */
  readonly keyVariable: string | null;
  readonly quirks: Quirks;
}

/** What models that reason before they answer take no other value of than their own. */
const SAMPLING = ['temperature', 'top_p', 'presence_penalty', 'frequency_penalty', 'logit_bias', 'logprobs', 'top_logprobs'];

const LOCAL_SAMPLING: Quirks = { reasoningField: 'reasoning_content' };

/**
 * Sources: each provider's API reference. `leaveOut` names settings that its reference calls unsupported or that it
 * answers with an error.
 */
export const PRESETS = {
  openai: {
    baseUrl: 'https://api.openai.com/v1',
    keyVariable: 'OPENAI_API_KEY',
    quirks: {
      maxTokensField: 'max_completion_tokens',
      developerRole: true,
      nativeChoices: true,
      leaveOut: ['top_k', 'min_p'],
      leaveOutFor: [{ models: /^(o[134]|gpt-5(?!.*chat))/, settings: SAMPLING }],
    },
  },
  moonshot: {
    baseUrl: 'https://api.moonshot.ai/v1',
    otherHosts: ['api.moonshot.cn'],
    keyVariable: 'MOONSHOT_API_KEY',
    quirks: {
      maxTokensField: 'max_completion_tokens',
      reasoningField: 'reasoning_content',
      leaveOut: ['top_k', 'min_p', 'logprobs', 'top_logprobs', 'logit_bias', 'seed'],
      // From K2.5 on sampling is fixed, and another value is an error.
      leaveOutFor: [{ models: /^kimi-(k2\.[5-9]|k[3-9])/, settings: SAMPLING }],
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
    quirks: { nativeChoices: true, logprobsAsCount: true, leaveOut: ['parallel_tool_calls'] },
  },
  mistral: {
    baseUrl: 'https://api.mistral.ai/v1',
    keyVariable: 'MISTRAL_API_KEY',
    quirks: {
      rename: { seed: 'random_seed' },
      streamOptions: false,
      nativeChoices: true,
      leaveOut: ['logprobs', 'top_logprobs', 'logit_bias', 'top_k', 'min_p', 'user'],
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

/** The preset that an address belongs to, so that `base_url` alone is enough for a known provider; null for others and for local servers. */
export function presetAt(baseUrl: string): Preset | null {
  if (isLoopback(baseUrl)) return null;
  const { hostname } = new URL(baseUrl);
  const presets: readonly Preset[] = Object.values(PRESETS);
  return presets.find((preset) => new URL(preset.baseUrl).hostname === hostname || preset.otherHosts?.includes(hostname)) ?? null;
}
