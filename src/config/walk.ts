/** Reads the structure of a zod schema: which keys an object has, what a record holds. Used for `TUTTI_<PATH>` and for hints. */
import type { z } from 'zod';

type AnySchema = z.core.$ZodType;

/** The schema without what wraps it: optional, default, nullable, the input side of a transformation. */
export function unwrap(schema: AnySchema): AnySchema {
  let current = schema;
  for (;;) {
    const def = current._zod.def as { type: string; innerType?: AnySchema; in?: AnySchema; getter?: () => AnySchema };
    if (def.innerType !== undefined && def.type !== 'promise') current = def.innerType;
    else if (def.type === 'pipe' && def.in !== undefined) current = def.in;
    else if (def.type === 'lazy' && def.getter !== undefined) current = def.getter();
    else return current;
  }
}

/** The keys of an object schema, those of all objects of a union, or null when there is none. */
export function shapeOf(schema: AnySchema): Readonly<Record<string, AnySchema>> | null {
  const def = unwrap(schema)._zod.def as { type: string; shape?: Record<string, AnySchema>; options?: readonly AnySchema[] };
  if (def.type === 'object' && def.shape !== undefined) return def.shape;
  if (def.type !== 'union' || def.options === undefined) return null;
  const shapes = def.options.map(shapeOf).filter((shape) => shape !== null);
  return shapes.length === 0 ? null : Object.assign({}, ...shapes);
}

/** What the values of a record schema are, or null when it is not one. */
export function recordValueOf(schema: AnySchema): AnySchema | null {
  const def = unwrap(schema)._zod.def as { type: string; valueType?: AnySchema };
  return def.type === 'record' && def.valueType !== undefined ? def.valueType : null;
}

/** What the elements of a list are, or null when the schema is none. Of a union, those of its first list. */
export function elementOf(schema: AnySchema): AnySchema | null {
  const def = unwrap(schema)._zod.def as { type: string; element?: AnySchema; options?: readonly AnySchema[] };
  if (def.type === 'array' && def.element !== undefined) return def.element;
  if (def.type !== 'union' || def.options === undefined) return null;
  return def.options.map(elementOf).find((element) => element !== null) ?? null;
}

/** The schema at a path, or null when the path leads nowhere. */
export function schemaAt(schema: AnySchema, path: readonly PropertyKey[]): AnySchema | null {
  let current: AnySchema | null = schema;
  for (const key of path) {
    if (current === null) return null;
    const shape = shapeOf(current);
    if (shape !== null) current = shape[String(key)] ?? null;
    else current = recordValueOf(current) ?? elementOf(current);
  }
  return current;
}
