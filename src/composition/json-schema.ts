import type { ZodType } from 'zod';
import { configSchema } from './config-schema.ts';

/** The JSON Schema of the config, with the backends and strategies that are built in. */
export async function configJsonSchema(): Promise<unknown> {
  const { toJSONSchema } = await import('zod');
  const { collectKinds } = await import('./kinds.ts');
  const options = { io: 'input', unrepresentable: 'any' } as const;
  const schema = toJSONSchema(configSchema, options) as { properties: Record<string, object> };
  const kinds = collectKinds([]);
  const entries = (key: string, definitions: ReadonlyMap<string, { readonly config: ZodType }>): object => ({
    type: 'object',
    additionalProperties: {
      oneOf: Array.from(definitions, ([name, { config }]) => {
        const own = toJSONSchema(config, options) as { properties?: Record<string, unknown>; required?: string[] };
        return {
          ...own,
          $schema: undefined,
          properties: { ...own.properties, [key]: { const: name } },
          required: [...new Set([key, ...(own.required ?? [])])],
        };
      }),
    },
  });
  return {
    ...schema,
    properties: {
      ...schema.properties,
      backends: entries('type', kinds.backends),
      orchestrations: entries('strategy', kinds.strategies),
    },
  };
}
