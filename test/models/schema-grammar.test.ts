import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grammarFor } from '../../src/backends/llama-cpp/runner/constraint.ts';
import { newGrammar, startLlama, type Llama, type NativeGrammar } from '../../src/backends/llama-cpp/runner/native.ts';
import { ANY_OBJECT, GrammarBuilder } from '../../src/backends/llama-cpp/runner/schema-grammar.ts';
import type { ChatInput, JsonSchema } from '../../src/contracts/chat.ts';

let llama: Llama;
beforeAll(async () => {
  llama = await startLlama(false, () => {});
});
afterAll(() => llama.dispose());

function grammarOf(schema: JsonSchema): NativeGrammar {
  const builder = new GrammarBuilder();
  return newGrammar(llama, builder.finish(builder.schema(schema, 'schema')));
}

function allows(schema: JsonSchema, value: unknown): boolean {
  return grammarOf(schema).isTextCompatible(typeof value === 'string' ? value : JSON.stringify(value));
}

const object = (properties: JsonSchema, required: string[] = [], more: JsonSchema = {}): JsonSchema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
  ...more,
});

describe('a schema as a grammar', () => {
  const cases: [string, JsonSchema, unknown[], unknown[]][] = [
    ['types', { type: 'string' }, ['"a"', '"\\u00e9\\n"', '"ü"'], ['a', '"', '1', '"a\n"']],
    ['lengths of strings', { type: 'string', minLength: 2, maxLength: 3 }, ['"ab"', '"abc"'], ['"a"', '"abcd"']],
    ['several types', { type: ['integer', 'null'] }, ['1', 'null'], ['1.5', '"a"']],
    ['nullable', { type: 'string', nullable: true }, ['"a"', 'null'], ['1']],
    ['enumerations', { enum: ['a', 1, null, { b: [2] }] }, ['"a"', '1', 'null', '{"b":[2]}'], ['"b"', '2']],
    ['constants', { const: 'yes "quoted"' }, ['"yes \\"quoted\\""'], ['"no"']],
    [
      'alternatives',
      { anyOf: [{ type: 'boolean' }, { type: 'array', items: { type: 'integer' } }] },
      ['true', '[1, 2]', '[]'],
      ['[true]', '1'],
    ],
    [
      'required properties',
      object({ a: { type: 'integer' }, b: { type: 'integer' } }, ['a', 'b']),
      ['{"a":1,"b":2}', '{"a": 1, "b": 2}', '{\n  "a": 1,\n  "b": 2\n}'],
      ['{"a":1}', '{"b":2,"a":1}', '{"a":1,"b":2,"c":3}'],
    ],
    [
      'optional properties',
      object({ a: { type: 'integer' }, b: { type: 'integer' }, c: { type: 'integer' } }, ['b']),
      ['{"b":2}', '{"a":1,"b":2}', '{"b":2,"c":3}', '{"a":1,"b":2,"c":3}'],
      ['{}', '{"a":1}', '{"a":1,"c":3}'],
    ],
    [
      'only optional properties',
      object({ a: { type: 'integer' }, b: { type: 'integer' } }),
      ['{}', '{"a":1}', '{"b":2}', '{"a":1,"b":2}'],
      ['{,"b":2}', '{"a":1,}'],
    ],
    ['no properties at all', object({}), ['{}'], ['{"a":1}']],
    [
      'further properties',
      { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], additionalProperties: { type: 'boolean' } },
      ['{"a":1}', '{"a":1,"x":true,"y":false}'],
      ['{"a":1,"x":2}'],
    ],
    [
      'maps',
      { type: 'object', propertyNames: { type: 'string' }, additionalProperties: { type: 'integer' } },
      ['{}', '{"x":1,"y":2}'],
      ['{"x":"1"}'],
    ],
    ['any object', { type: 'object' }, ['{}', '{"a":[1,{"b":null}]}'], ['[]']],
    ['anything', {}, ['{}', '[1]', '"a"', 'null', '-1.5e3'], ['nothing']],
    [
      'lengths of lists',
      { type: 'array', items: { type: 'integer' }, minItems: 2, maxItems: 3 },
      ['[1,2]', '[1,2,3]'],
      ['[1]', '[1,2,3,4]', '[]'],
    ],
    ['empty lists', { type: 'array', maxItems: 0 }, ['[]'], ['[1]']],
    [
      'tuples',
      { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'string' }], items: false },
      ['[1,"a"]'],
      ['[1]', '["a",1]'],
    ],
    ['formats', { type: 'string', format: 'date' }, ['"2026-02-28"'], ['"2026-13-01"', '"today"']],
    [
      'references',
      {
        $ref: '#/$defs/tree',
        $defs: {
          tree: object({ value: { type: 'integer' }, children: { type: 'array', items: { $ref: '#/$defs/tree' } } }, [
            'value',
            'children',
          ]),
        },
      },
      ['{"value":1,"children":[{"value":2,"children":[]}]}'],
      ['{"value":1,"children":[1]}'],
    ],
    [
      'numbers between bounds',
      { type: 'number', minimum: 0, maximum: 1 },
      ['0', '0.5', '1', '1.0', '0.999'],
      ['1.1', '-0.1', '2'],
    ],
    ['numbers beyond a bound', { type: 'number', exclusiveMinimum: 0 }, ['0.001', '7', '12.5'], ['0', '0.0', '-1']],
  ];
  for (const [name, schema, good, bad] of cases) {
    it(`holds to ${name}`, () => {
      for (const text of good) expect([text, allows(schema, text)]).toEqual([text, true]);
      for (const text of bad) expect([text, allows(schema, text)]).toEqual([text, false]);
    });
  }

  it('holds to any range of whole numbers', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), fc.array(fc.integer(), { maxLength: 4 }), (a, b, others) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        const grammar = grammarOf({ type: 'integer', minimum: low, maximum: high });
        for (const n of [low - 1, low, low + 1, high - 1, high, high + 1, 0, ...others])
          expect([n, grammar.isTextCompatible(String(n))]).toEqual([n, n >= low && n <= high]);
      }),
      { numRuns: 60 },
    );
  });

  it('takes what zod writes for a whole number', () => {
    const schema = { type: 'integer', minimum: -9007199254740991, maximum: 9007199254740991 };
    for (const n of [0, -5, 123456, 9007199254740991]) expect(allows(schema, n)).toBe(true);
  });

  it('accepts every value of every schema that it is made from', () => {
    const leaf = fc.oneof(
      fc.string().map((value) => ({ schema: { type: 'string' } as JsonSchema, value: value as unknown })),
      fc.integer().map((value) => ({ schema: { type: 'integer' }, value })),
      fc.boolean().map((value) => ({ schema: { type: 'boolean' }, value })),
      fc.constant({ schema: { type: 'null' }, value: null }),
    );
    const { node } = fc.letrec<{ node: { schema: JsonSchema; value: unknown } }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc
          .dictionary(
            fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
            tie('node'),
            { maxKeys: 4, noNullPrototype: true },
          )
          .map((members) => ({
            schema: object(Object.fromEntries(Object.entries(members).map(([key, m]) => [key, m.schema])), Object.keys(members)),
            value: Object.fromEntries(Object.entries(members).map(([key, m]) => [key, m.value])),
          })),
        tie('node').map((item) => ({ schema: { type: 'array', items: item.schema }, value: [item.value, item.value] })),
      ),
    }));
    fc.assert(
      fc.property(node, ({ schema, value }) => {
        expect(allows(schema, JSON.stringify(value))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('is any JSON object for json_object', () => {
    const grammar = newGrammar(llama, new GrammarBuilder().finish(ANY_OBJECT));
    expect(grammar.isTextCompatible('{"a": [1, 2, {"b": "c"}]}')).toBe(true);
    expect(grammar.isTextCompatible('[1]')).toBe(false);
  });
});

describe('a schema that a grammar cannot hold to', () => {
  it.each([
    [{ type: 'string', pattern: '^a' }, 'schema.pattern'],
    [{ type: 'array', items: {}, uniqueItems: true }, 'schema.uniqueItems'],
    [object({ a: { type: 'object', properties: { b: { not: {} } } } }), 'schema.properties.a.properties.b.not'],
    [{ type: 'number', minimum: 0.5 }, 'schema.minimum'],
    [{ type: 'integer', minimum: 3, maximum: 2 }, 'schema'],
    [{ $ref: 'https://example.org/schema' }, 'schema.$ref'],
    [{ $ref: '#/$defs/none' }, 'schema.$ref'],
    [{ allOf: [{}, {}] }, 'schema.allOf'],
    [{ type: 'text' }, 'schema.type'],
    [{ type: 'array', minItems: 3, maxItems: 2 }, 'schema.maxItems'],
  ] as [JsonSchema, string][])('is refused with its place: %j', (schema, param) => {
    expect(() => grammarOf(schema)).toThrow(expect.objectContaining({ code: 'invalid_schema', param }));
  });
});

describe('what would take too much of a runner is refused', () => {
  const chain = (length: number): JsonSchema => ({
    $ref: '#/$defs/d0',
    $defs: {
      ...Object.fromEntries(Array.from({ length }, (_, i) => [`d${i}`, { $ref: `#/$defs/d${i + 1}` }])),
      [`d${length}`]: { type: 'null' },
    },
  });
  const refusal = expect.objectContaining({ code: 'invalid_schema' });

  it('a schema that leads on and on', () => {
    expect(() => grammarOf(chain(400))).not.toThrow();
    expect(() => grammarOf(chain(100_000))).toThrow(refusal);
  });

  it('thousands of values', () => {
    const values = (length: number): JsonSchema => ({ enum: Array.from({ length }, (_, i) => i) });
    expect(() => grammarOf(values(2000))).not.toThrow();
    expect(() => grammarOf(values(2001))).toThrow(refusal);
  });

  it('thousands of ways to go on, however they come about', () => {
    const optional = (length: number): JsonSchema =>
      object(Object.fromEntries(Array.from({ length }, (_, i) => [`p${i}`, true])));
    expect(() => grammarOf(optional(900))).not.toThrow();
    expect(() => grammarOf(optional(1100))).toThrow(refusal);
    const many = optional(5000);
    expect(() => grammarOf({ ...many, required: Object.keys(many['properties'] as object) })).not.toThrow();
    const twice = (levels: number): JsonSchema => ({
      $ref: '#/$defs/d0',
      $defs: Object.fromEntries(
        Array.from({ length: levels + 1 }, (_, i) => {
          const next = { $ref: `#/$defs/d${i + 1}` };
          return [`d${i}`, i === levels ? { type: 'null' } : { anyOf: [next, next] }];
        }),
      ),
    });
    expect(() => grammarOf(twice(10))).not.toThrow();
    expect(() => grammarOf(twice(30))).toThrow(expect.objectContaining({ code: 'invalid_schema', param: 'schema' }));
  });

  it('limits of lengths that come to millions, and properties by the thousands', () => {
    const lists = (length: number): JsonSchema => {
      const names = Array.from({ length }, (_, i) => `p${i}`);
      return object(Object.fromEntries(names.map((name) => [name, { type: 'array', items: true, maxItems: 1000 }])), names);
    };
    expect(() => grammarOf(lists(20))).not.toThrow();
    expect(() => grammarOf(lists(60))).toThrow(refusal);
    const names = Array.from({ length: 10_000 }, (_, i) => `p${i}`);
    expect(() => grammarOf(object(Object.fromEntries(names.map((name) => [name, true])), names))).toThrow(refusal);
  });

  it('a reference that is no address', () => {
    expect(() => grammarOf({ $ref: '#/%' })).toThrow(refusal);
  });

  it('a grammar of brackets', () => {
    const grammar = (text: string): string | null =>
      grammarFor({ messages: [], response_format: { type: 'grammar', grammar: text } }, 'hermes');
    const brackets = (count: number): string => `root ::= ${'('.repeat(count)}"a"${')'.repeat(count)}`;
    expect(() => grammar(brackets(50_000))).toThrow(refusal);
    for (const good of [brackets(200), `root ::= "${'('.repeat(500)}" [(${'('.repeat(500)}] # ${'('.repeat(500)}`])
      expect(grammar(good)).toBe(good);
  });
});

describe('a tool choice as a grammar', () => {
  const weather = {
    type: 'function' as const,
    function: {
      name: 'weather',
      parameters: object({ city: { type: 'string' }, days: { type: 'integer' } }, ['city']),
    },
  };
  const time = { type: 'function' as const, function: { name: 'time' } };
  const input = (tool_choice: ChatInput['tool_choice']): ChatInput => ({ messages: [], tools: [weather, time], tool_choice });
  const forms: [Parameters<typeof grammarFor>[1], string, string][] = [
    [
      'hermes',
      '<tool_call>\n{"name": "weather", "arguments": {"city": "Ulm"}}\n</tool_call>',
      '<tool_call>{"name": "time", "arguments": {}}</tool_call>',
    ],
    [
      'mistral',
      '[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Ulm"}}]',
      '[TOOL_CALLS][{"name": "time", "arguments": {}}]',
    ],
    ['llama', '{"name": "weather", "parameters": {"city": "Ulm"}}', '{"name": "time", "parameters": {}}'],
    [
      'gemma',
      '<start_function_call>call:weather{city:<escape>Ulm<escape>,days:3}<end_function_call>',
      '<start_function_call>call:time{}<end_function_call>',
    ],
  ];
  it.each(forms)('writes a call in the form of %s', (format, call, other) => {
    const required = newGrammar(llama, grammarFor(input('required'), format) ?? '');
    expect(required.isTextCompatible(call)).toBe(true);
    expect(required.isTextCompatible(other)).toBe(true);
    expect(required.isTextCompatible('No.')).toBe(false);
    const named = newGrammar(llama, grammarFor(input({ type: 'function', function: { name: 'weather' } }), format) ?? '');
    expect(named.isTextCompatible(call)).toBe(true);
    expect(named.isTextCompatible(other)).toBe(false);
  });

  it('must name a tool that is there', () => {
    const missing = input({ type: 'function', function: { name: 'dance' } });
    expect(() => grammarFor(missing, 'hermes')).toThrow(
      expect.objectContaining({ code: 'invalid_request', param: 'tool_choice' }),
    );
    expect(() => grammarFor({ messages: [], tool_choice: 'required' }, 'hermes')).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });

  it('leaves a schema that it cannot hold to to the model, unless the tool is strict', () => {
    const odd = (strict: boolean): ChatInput['tools'] => [
      { type: 'function', function: { name: 'odd', strict, parameters: object({ id: { type: 'string', pattern: '^x' } }) } },
    ];
    const loose = newGrammar(llama, grammarFor({ messages: [], tools: odd(false), tool_choice: 'required' }, 'hermes') ?? '');
    expect(loose.isTextCompatible('<tool_call>{"name": "odd", "arguments": {"id": "y"}}</tool_call>')).toBe(true);
    expect(() => grammarFor({ messages: [], tools: odd(true), tool_choice: 'required' }, 'hermes')).toThrow(
      expect.objectContaining({ code: 'invalid_schema', param: 'tools.odd.parameters.properties.id.pattern' }),
    );
  });

  it('leaves the choice between a call and an answer in JSON', () => {
    const both = { ...input('auto'), response_format: { type: 'json_object' as const } };
    const grammar = newGrammar(llama, grammarFor(both, 'hermes') ?? '');
    expect(grammar.isTextCompatible('<tool_call>{"name": "time", "arguments": {}}</tool_call>')).toBe(true);
    expect(grammar.isTextCompatible('{"answer": 42}')).toBe(true);
    expect(grammar.isTextCompatible('42')).toBe(false);
  });
});
