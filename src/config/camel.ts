/** The library writes the config's keys in camelCase, the file in snake_case. One schema serves both. */
import type { z } from 'zod';
import { elementOf, recordValueOf, shapeOf } from './walk.ts';

/**
 * The value with the schema's own spelling of its keys: `maxLoadedModels` becomes `max_loaded_models` where the schema has
 * such a key. Names inside records (models, backends) and everything that the schema does not describe stay as they are.
 */
export function fromCamel(
  schema: z.core.$ZodType | null,
  value: unknown,
  entryAt: (path: readonly PropertyKey[], value: unknown) => z.core.$ZodType | null = () => null,
  path: readonly PropertyKey[] = [],
): unknown {
  const own = entryAt(path, value) ?? schema;
  if (own === null) return value;
  if (Array.isArray(value)) {
    const element = elementOf(own);
    return element === null ? value : value.map((item, i) => fromCamel(element, item, entryAt, [...path, i]));
  }
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const shape = shapeOf(own);
  const inner = recordValueOf(own);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const name = shape === null || Object.hasOwn(shape, key) ? key : snake(key, shape);
      return [name, fromCamel(shape?.[name] ?? inner, item, entryAt, [...path, name])];
    }),
  );
}

function snake(key: string, shape: Readonly<Record<string, unknown>>): string {
  const name = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.hasOwn(shape, name) ? name : key;
}
