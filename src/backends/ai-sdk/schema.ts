import { z } from 'zod';
import type { BackendDefinition } from '../../contracts/backend.ts';
import type { AiSdkOptions } from './backend.ts';

/**
 * A kind of backend for a plug-in that brings models of the Vercel AI SDK: the config then names it as `type`.
 *
 * @example
 * export default definePlugin({ apiVersion: 1, name: 'my-models', backends: [aiSdkKind('anthropic', { models: { sonnet: anthropic('claude-sonnet-4-5') } })] });
 */
export function aiSdkKind(type: string, options: Omit<AiSdkOptions, 'id' | 'clock'>): BackendDefinition<AiSdkConfig> {
  return {
    type,
    config: aiSdkConfig,
    async create({ timeout_seconds: timeoutSeconds = options.timeoutSeconds }, { id, clock }) {
      const { aiSdkBackend } = await import('./backend.ts');
      return aiSdkBackend({ ...options, id, clock, ...(timeoutSeconds !== undefined && { timeoutSeconds }) });
    },
  };
}

export const aiSdkConfig = z.strictObject({
  default_model: z.string().min(1).optional().describe('The model that is meant when a call names only this backend.'),
  timeout_seconds: z.number().positive().optional().describe('The longest silence of a model, in seconds.'),
});
export type AiSdkConfig = z.infer<typeof aiSdkConfig>;
