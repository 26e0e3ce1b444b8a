import type { ZodType } from 'zod';
import { backendCommon, configSchema } from './config-schema.ts';

/** The JSON Schema of the config, with the backends and strategies that are built in. */
export async function configJsonSchema(): Promise<unknown> {
  const { object, toJSONSchema } = await import('zod');
  const { collectKinds } = await import('./kinds.ts');
  const options = { io: 'input', unrepresentable: 'any' } as const;
  const schema = toJSONSchema(configSchema, options) as { properties: Record<string, object> };
  const kinds = collectKinds([]);
  const common = toJSONSchema(object(backendCommon), options).properties;
  const entries = (key: string, definitions: ReadonlyMap<string, { readonly config: ZodType }>, shared: object = {}): object => ({
    type: 'object',
    additionalProperties: {
      oneOf: Array.from(definitions, ([name, { config }]) => {
        const own = toJSONSchema(config, options) as { properties?: Record<string, unknown>; required?: string[] };
        return {
          ...own,
          $schema: undefined,
          properties: { ...shared, ...own.properties, [key]: { const: name } },
          required: [...new Set([key, ...(own.required ?? [])])],
        };
      }),
    },
  });
  return {
    ...schema,
    properties: {
      ...schema.properties,
      backends: entries('type', kinds.backends, common),
      orchestrations: entries('strategy', kinds.strategies),
    },
  };
}
