import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fromCamel } from './camel.ts';

const schema = z.strictObject({
  pool: z.strictObject({ max_loaded_models: z.int().default(3) }).prefault({}),
  models: z.record(
    z.string(),
    z.strictObject({ context_window: z.int().optional(), metadata: z.record(z.string(), z.unknown()).optional() }),
  ),
  rules: z.array(z.strictObject({ is_last: z.boolean() })).optional(),
});

describe('fromCamel', () => {
  it('writes known keys as the schema does, in objects, records and lists', () => {
    const value = { pool: { maxLoadedModels: 2 }, models: { 'my:Model': { contextWindow: 5 } }, rules: [{ isLast: true }] };
    expect(fromCamel(schema, value)).toEqual({
      pool: { max_loaded_models: 2 },
      models: { 'my:Model': { context_window: 5 } },
      rules: [{ is_last: true }],
    });
  });

  it('looks into what may be an id, a list or an object', () => {
    const member = z.union([z.string(), z.strictObject({ max_tokens: z.int() })]).transform((given) => given);
    const either = z.strictObject({ members: z.array(member), reasoning: z.union([z.array(member), member]) });
    const given = { members: ['a', { maxTokens: 1 }], reasoning: [{ maxTokens: 2 }] };
    expect(fromCamel(either, given)).toEqual({ members: ['a', { max_tokens: 1 }], reasoning: [{ max_tokens: 2 }] });
    expect(fromCamel(either, { reasoning: { maxTokens: 3 } })).toEqual({ reasoning: { max_tokens: 3 } });
  });

  it('leaves names, free data and unknown keys alone', () => {
    const value = {
      models: { myModel: { metadata: { someKey: { innerKey: 1 } } } },
      pool: { noSuchKey: 1, max_loaded_models: 1 },
    };
    expect(fromCamel(schema, value)).toEqual(value);
  });

  it('uses the schema of an entry whose type depends on its data', () => {
    const entry = z.strictObject({ base_url: z.string() });
    const entryAt = (path: readonly PropertyKey[]) => (path.length === 2 && path[0] === 'models' ? entry : null);
    expect(fromCamel(schema, { models: { a: { baseUrl: 'x' } } }, entryAt)).toEqual({ models: { a: { base_url: 'x' } } });
  });
});
