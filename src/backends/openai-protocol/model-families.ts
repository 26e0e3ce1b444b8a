import type { Capability } from '../../contracts/vocabulary.ts';

/** What is known of well-known models by their names, for servers that list names only. Sources: the makers' model pages. */
export interface ModelFamily {
  readonly pattern: RegExp;
  /** Beside `text_generation`. An embedding model has only `embedding`; an empty list is a model of another kind. */
  readonly capabilities: readonly Capability[];
  readonly contextWindow?: number;
  readonly kind?: 'chat' | 'embedding' | 'other';
}

const chat: readonly Capability[] = ['code_generation', 'translation', 'summarization'];
const tools: readonly Capability[] = [...chat, 'tool_calling'];
const seeing: readonly Capability[] = [...tools, 'vision'];
const thinking: readonly Capability[] = [...tools, 'reasoning'];
const all: readonly Capability[] = [...seeing, 'reasoning'];

/** The first that fits counts, so the narrower ones come first. Names are compared without the maker's prefix and case. */
export const MODEL_FAMILIES: readonly ModelFamily[] = [
  // Not for chat
  { pattern: /embed|^bge-|^e5-|^gte-|^jina-clip|^all-minilm|^voyage-/, capabilities: ['embedding'], kind: 'embedding' },
  {
    pattern:
      /whisper|^tts|-tts|transcribe|dall-e|gpt-image|^sora|moderation|rerank|-realtime|-audio|^babbage|^davinci|flux|stable-diffusion|ocr/,
    capabilities: [],
    kind: 'other',
  },
  // OpenAI
  { pattern: /^gpt-5/, capabilities: all, contextWindow: 400_000 },
  { pattern: /^gpt-4\.1/, capabilities: seeing, contextWindow: 1_047_576 },
  { pattern: /^(gpt-4o|chatgpt-4o)/, capabilities: seeing, contextWindow: 128_000 },
  { pattern: /^gpt-4-turbo/, capabilities: seeing, contextWindow: 128_000 },
  { pattern: /^gpt-4/, capabilities: tools, contextWindow: 8192 },
  { pattern: /^gpt-3\.5/, capabilities: tools, contextWindow: 16_385 },
  { pattern: /^gpt-oss/, capabilities: thinking, contextWindow: 131_072 },
  { pattern: /^o[134](-|$)/, capabilities: all, contextWindow: 200_000 },
  // Anthropic and Google, through brokers
  { pattern: /^claude/, capabilities: all, contextWindow: 200_000 },
  { pattern: /^gemini/, capabilities: all, contextWindow: 1_048_576 },
  { pattern: /^gemma-?3/, capabilities: [...chat, 'vision'], contextWindow: 131_072 },
  { pattern: /^gemma/, capabilities: chat, contextWindow: 8192 },
  // Moonshot
  { pattern: /^kimi-k2.*thinking/, capabilities: thinking, contextWindow: 262_144 },
  { pattern: /^kimi-k2\.[5-9]/, capabilities: all, contextWindow: 262_144 },
  { pattern: /^kimi-k2/, capabilities: tools, contextWindow: 131_072 },
  { pattern: /^kimi/, capabilities: all, contextWindow: 262_144 },
  { pattern: /^moonshot-v1-(\d+k-)?.*vision/, capabilities: seeing },
  { pattern: /^moonshot-v1/, capabilities: tools },
  // DeepSeek
  { pattern: /^deepseek-(reasoner|r1)/, capabilities: thinking, contextWindow: 131_072 },
  { pattern: /^deepseek-(v4|flash|pro)/, capabilities: thinking, contextWindow: 1_048_576 },
  { pattern: /^deepseek/, capabilities: tools, contextWindow: 131_072 },
  // Mistral
  { pattern: /^(magistral|ministral)/, capabilities: thinking, contextWindow: 131_072 },
  { pattern: /^(pixtral|mistral-(small|medium|large))/, capabilities: seeing, contextWindow: 131_072 },
  { pattern: /^(mistral|mixtral|codestral|devstral|open-mi)/, capabilities: tools, contextWindow: 32_768 },
  // Meta
  { pattern: /^(meta-)?llama-?4/, capabilities: seeing, contextWindow: 131_072 },
  { pattern: /^(meta-)?llama-?3\.2-.*vision/, capabilities: seeing, contextWindow: 131_072 },
  { pattern: /^(meta-)?llama-?3\.[1-9]/, capabilities: tools, contextWindow: 131_072 },
  { pattern: /^(meta-)?llama-?3/, capabilities: chat, contextWindow: 8192 },
  // Alibaba
  { pattern: /^qwen.*-vl/, capabilities: seeing, contextWindow: 131_072 },
  { pattern: /^(qwq|qvq|qwen-?3)/, capabilities: thinking, contextWindow: 131_072 },
  { pattern: /^qwen/, capabilities: tools, contextWindow: 32_768 },
  // Others
  { pattern: /^(glm|minimax|grok|phi-4-reasoning)/, capabilities: thinking, contextWindow: 131_072 },
  { pattern: /llava|moondream|minicpm-v|internvl|smolvlm/, capabilities: [...chat, 'vision'] },
];

/** `meta-llama/Llama-3.3-70B` and `models/gemini-2.5-flash` count by their last piece. */
export function familyOf(name: string): ModelFamily | null {
  const last = name.toLowerCase().split('/').at(-1) ?? '';
  return MODEL_FAMILIES.find((family) => family.pattern.test(last)) ?? null;
}
