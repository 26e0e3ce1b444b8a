import { z } from 'zod';
import type { BackendDefinition } from '../../contracts/backend.ts';

export const processConfig = z.strictObject({
  command: z
    .array(z.string().min(1))
    .min(1)
    .describe('The program and its arguments, without a shell. "${PORT}" stands for the port it must listen on.'),
  cwd: z.string().min(1).optional().describe('The folder it starts in. Default: that of Tutti.'),
  env: z
    .record(z.string(), z.string())
    .optional()
    .describe('Added to the environment of Tutti; PORT is always set. "${PORT}" is replaced here, too.'),
  port: z.int().min(1).max(65_535).optional().describe('Default: a free one, chosen at each start.'),
  host: z.string().min(1).default('127.0.0.1').describe('Where it listens.'),
  health: z.string().startsWith('/').default('/health').describe('This path answers 200 once the program is ready.'),
  start_timeout_seconds: z.number().positive().default(120).describe('How long it may take until it is ready.'),
  base_path: z
    .string()
    .regex(/^(\/.*)?$/)
    .default('/v1')
    .describe('Where it speaks the OpenAI protocol.'),
  dialect: z
    .enum(['vllm', 'llama-server', 'lm-studio'])
    .optional()
    .describe('The server whose dialect it speaks. Default: none in particular.'),
  models: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('The names of the models that it serves. Default: one, named like the backend.'),
  default_model: z.string().min(1).optional().describe('The model that is meant when a call names only this backend.'),
  memory_mb: z
    .strictObject({ cpu: z.number().min(0).optional(), gpu: z.number().min(0).optional() })
    .optional()
    .describe('What it takes, in MiB: Tutti cannot know before it runs, nor ever for a GPU.'),
  idle_unload_seconds: z
    .number()
    .min(0)
    .optional()
    .describe('Stop it after so many seconds without a call; 0: never. Default: the pool’s.'),
  timeout_seconds: z.number().positive().default(300).describe('The longest silence in a call, in seconds.'),
  max_concurrency: z.int().min(1).optional().describe('Calls at once; others wait. Default: no limit.'),
  api_key: z.string().min(1).optional().describe('Sent as a bearer token, for programs that are started with a key.'),
  headers: z.record(z.string(), z.string()).optional().describe('Sent with every request.'),
  stop_signal: z
    .enum(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGKILL'])
    .default('SIGTERM')
    .describe('How it is asked to stop.'),
  stop_grace_seconds: z.number().min(0).default(10).describe('How long it may take to stop before it is killed.'),
});
export type ProcessConfig = z.infer<typeof processConfig>;

/** Any server program as a model, started when it is needed and supervised. */
export const processBackend: BackendDefinition<ProcessConfig> = {
  type: 'process',
  config: processConfig,
  async create(config, context) {
    const { ProcessBackend } = await import('./backend.ts');
    return new ProcessBackend(config, context);
  },
};
