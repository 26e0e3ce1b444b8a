import { z } from 'zod';
import type { BackendDefinition } from '../../contracts/backend.ts';

export const ollamaConfig = z.strictObject({
  base_url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Default: the environment variable OLLAMA_HOST, else http://127.0.0.1:11434.'),
  api_key: z.string().min(1).optional().describe('Sent as a bearer token, for servers behind a proxy and for ollama.com.'),
  headers: z.record(z.string(), z.string()).optional().describe('Sent with every request.'),
  timeout_seconds: z
    .number()
    .positive()
    .default(300)
    .describe('The longest silence of the server, in seconds. Loading a model counts as silence.'),
  keep_alive: z
    .union([z.string().regex(/^-?\d+(\.\d+)?(ms|s|m|h)$/, 'such as 10m or 24h'), z.number()])
    .optional()
    .describe('How long a model stays loaded after a call: 10m, or seconds; 0: not at all; -1: for ever. Default: the server’s.'),
  default_model: z.string().min(1).optional().describe('The model that is meant when a call names only this backend.'),
  gpu_memory_limit_mb: z
    .number()
    .positive()
    .optional()
    .describe(
      'Before a load that would take the server’s models over this many MiB, idle ones are unloaded, least recently used first.',
    ),
  max_concurrency: z.int().min(1).optional().describe('Calls at once; others wait. Default: no limit.'),
});
export type OllamaConfig = z.infer<typeof ollamaConfig>;

/** A server that speaks Ollama's own protocol. */
export const ollamaBackend: BackendDefinition<OllamaConfig> = {
  type: 'ollama',
  config: ollamaConfig,
  async create(config, context) {
    const { OllamaBackend } = await import('./backend.ts');
    return new OllamaBackend(config, context);
  },
};
