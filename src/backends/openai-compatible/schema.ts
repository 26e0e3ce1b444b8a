import { z } from 'zod';
import type { BackendDefinition } from '../../contracts/backend.ts';
import { PRESET_NAMES } from '../openai-protocol/presets.ts';

export const openAiCompatibleConfig = z
  .strictObject({
    preset: z
      .enum(PRESET_NAMES)
      .optional()
      .describe(
        'A provider whose address, key variable and dialect are known. Default: the one that base_url belongs to, if any.',
      ),
    base_url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('With the path before /chat/completions, mostly ending in /v1. Default: the preset’s.'),
    api_key: z.string().min(1).optional().describe('Default: the environment variable of the preset, when it is set.'),
    headers: z.record(z.string(), z.string()).optional().describe('Sent with every request.'),
    timeout_seconds: z.number().positive().default(300).describe('The longest silence of the server, in seconds.'),
    default_model: z.string().min(1).optional().describe('The model that is meant when a call names only this backend.'),
    models: z.array(z.string().min(1)).min(1).optional().describe('Only these models, whatever the server lists.'),
    max_concurrency: z.int().min(1).optional().describe('Calls at once; others wait. Default: no limit.'),
  })
  .refine((config) => config.base_url !== undefined || config.preset !== undefined, {
    error: 'Give base_url, or a preset.',
    path: ['base_url'],
  });
export type OpenAiCompatibleConfig = z.infer<typeof openAiCompatibleConfig>;

/** Any server that speaks the OpenAI protocol. */
export const openAiCompatibleBackend: BackendDefinition<OpenAiCompatibleConfig> = {
  type: 'openai-compatible',
  config: openAiCompatibleConfig,
  async create(config, context) {
    const { OpenAiCompatibleBackend } = await import('./backend.ts');
    return new OpenAiCompatibleBackend(config, context);
  },
};
