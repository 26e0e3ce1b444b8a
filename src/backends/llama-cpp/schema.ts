/** The kinds `llama-cpp` (GGUF files of one's own) and `embedded` (those of the package) as the config names them. Light. */
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { BackendDefinition } from '../../contracts/backend.ts';
import { CAPABILITY_PATTERN } from '../../contracts/vocabulary.ts';

const adapter = z.union([
  z.string().min(1),
  z.strictObject({ path: z.string().min(1), scale: z.number().default(1).describe('How strongly it applies; 1 as trained.') }),
]);

const shared = {
  parallel: z.int().min(1).max(64).optional().describe('Calls answered at once; each has a context of its own. Default: 4.'),
  context_size: z
    .int()
    .min(64)
    .optional()
    .describe('Tokens for each call, prompt and answer together. Default: the model’s own, at most 8192.'),
  threads: z.int().min(1).optional().describe('CPU threads at most. Default: the share of (cores − 1); 1 below 50 M parameters.'),
  gpu: z
    .union([z.enum(['auto', 'cuda', 'vulkan', 'metal']), z.literal(false)])
    .optional()
    .describe('The interface to GPUs; false: never. Default: auto, the best that works here.'),
  kv_cache_type: z
    .enum(['f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl'])
    .optional()
    .describe('How the attention cache is kept. The q types take less memory and need flash attention. Default: f16.'),
  flash_attention: z
    .union([z.boolean(), z.literal('auto')])
    .optional()
    .describe('Default: auto, where model and device can.'),
  lora: z
    .union([adapter, z.array(adapter)])
    .optional()
    .describe('LoRA adapters (GGUF) that are applied to the weights.'),
  temperature: z.number().min(0).max(2).optional().describe('For calls that name none. Default: the file’s, else 0.8.'),
  top_p: z.number().gt(0).max(1).optional().describe('For calls that name none. Default: the file’s, else 0.95.'),
  top_k: z.int().min(0).optional().describe('For calls that name none; 0: all tokens. Default: the file’s, else 40.'),
  max_tokens: z
    .int()
    .min(1)
    .optional()
    .describe('Of an answer, for calls that name none. Default: what the context has room for.'),
  min_p: z.number().min(0).max(1).optional().describe('For calls that name none. Default: the file’s, else 0.05.'),
};

const ownSettings = z.strictObject({
  ...shared,
  path: z
    .string()
    .min(1)
    .optional()
    .describe('The GGUF file; of a split one its first part. Default: found by name in models_dir.'),
  chat_template: z
    .string()
    .min(1)
    .optional()
    .describe('Jinja in place of the file’s own: the text, or the path of a .jinja file.'),
  capabilities: z
    .array(z.string().regex(CAPABILITY_PATTERN))
    .min(1)
    .optional()
    .describe('In place of those that the file suggests. `embedding` adds the operation embed.'),
});

export const llamaCppConfig = z.strictObject({
  ...shared,
  models_dir: z
    .union([z.string().min(1), z.array(z.string().min(1))])
    .optional()
    .describe('Folders with GGUF files, searched four levels deep; `~` is the home folder. Default: ~/models.'),
  models: z
    .record(z.string().min(1), ownSettings)
    .optional()
    .describe('Settings by the model’s name (its file name without .gguf).'),
  shared_runner: z
    .boolean()
    .optional()
    .describe('All models in one process: less memory for tiny ones, but a crash takes all. Default: false.'),
});
export type LlamaCppConfig = z.infer<typeof llamaCppConfig>;
export type ModelSettings = z.infer<typeof ownSettings>;

/** GGUF files, each in a process of its own, by llama.cpp. */
export const llamaCppBackend: BackendDefinition<LlamaCppConfig> = {
  type: 'llama-cpp',
  config: llamaCppConfig,
  async create(config, context) {
    const { LlamaCppBackend } = await import('./backend.ts');
    return new LlamaCppBackend(config, context);
  },
};

/** `models/weights` of the package, beside `src/` and `dist/` alike. */
const WEIGHTS = fileURLToPath(new URL('../../../models/weights', import.meta.url));

export const embeddedConfig = z.strictObject({
  models_dir: z.string().min(1).default(WEIGHTS).describe('Default: the weights of the package.'),
});
export type EmbeddedConfig = z.infer<typeof embeddedConfig>;

export const EMBEDDED_NOTICE =
  'A very small demonstration model: it knows a few narrow skills (small sums, sorting, facts given in the prompt) and nothing else, and is often wrong; its card says how often.';

const chat = ['text_generation'];
const EMBEDDED_MODELS = {
  nano: { capabilities: chat },
  'mini-a': { capabilities: chat },
  'mini-b': { capabilities: chat },
  'mini-c': { capabilities: chat },
  base: { capabilities: [...chat, 'reasoning'] },
  tools: { capabilities: ['tool_calling'] },
};

/** Tokens, more than twice what their skills need: outside of these a tiny model may repeat itself without end. */
const LONGEST_EMBEDDED_ANSWER = 256;

/** The package's own tiny models: all in one process, and never counted in `pool.max_loaded_models`. */
export const embeddedBackend: BackendDefinition<EmbeddedConfig> = {
  type: 'embedded',
  config: embeddedConfig,
  modelNames: ({ models_dir }) => (models_dir === WEIGHTS ? Object.keys(EMBEDDED_MODELS) : null),
  async create({ models_dir }, context) {
    const { LlamaCppBackend } = await import('./backend.ts');
    return new LlamaCppBackend(
      {
        models_dir,
        shared_runner: true,
        gpu: false,
        temperature: 0, // their skills have one right answer
        max_tokens: LONGEST_EMBEDDED_ANSWER,
        models: EMBEDDED_MODELS,
      },
      context,
      { type: 'embedded', countsAsLoaded: false, notice: EMBEDDED_NOTICE },
    );
  },
};
