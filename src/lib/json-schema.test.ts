import { expect, test } from 'vitest';
import { schemaCheck } from './json-schema.ts';

const check = (schema: object, value: unknown): string | null => {
  const made = schemaCheck(schema);
  return 'problem' in made ? `schema: ${made.problem}` : made.check(value);
};

test('data fits, or the reason names the place', () => {
  const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city', 'days'] };
  expect(check(schema, { city: 'Paris', days: 2 })).toBeNull();
  expect(check(schema, { city: 'Paris' })).toContain("must have required property 'days'");
  expect(check(schema, { city: 1, days: 2 })).toBe('/city must be string');
});

test('any draft that it names is read, and unknown keywords and formats do no harm', () => {
  expect(
    check({ $schema: 'http://json-schema.org/draft-07/schema#', type: 'string', format: 'email', example: 1 }, 'x'),
  ).toBeNull();
});

test('references inside the schema are followed, others refused', () => {
  expect(check({ $defs: { n: { type: 'number' } }, $ref: '#/$defs/n' }, 'x')).toContain('must be number');
  expect(check({ $ref: 'https://example.com/schema' }, 1)).toMatch(/^schema: can't resolve reference/);
});

test('a schema that is none is told', () => {
  expect(check({ type: 'nope' }, 1)).toMatch(/^schema: /);
  expect(check({ enum: Array.from({ length: 20_000 }, (_, i) => `value ${i}`) }, 1)).toMatch(/^schema: it has more than/);
});

test('patterns are told apart, and one that would not end does not match', () => {
  const two = { properties: { a: { pattern: '^a$' }, b: { pattern: '^b$' } } };
  expect(check(two, { a: 'a', b: 'b' })).toBeNull();
  expect(check(two, { a: 'a', b: 'a' })).toBe('/b must match pattern "^b$"');
  expect(check({ type: 'string', pattern: '^(a+)+$' }, 'aaa')).toBeNull();
  expect(check({ type: 'string', pattern: '^(a+)+$' }, `${'a'.repeat(60)}!`)).toContain('must match pattern');
});
