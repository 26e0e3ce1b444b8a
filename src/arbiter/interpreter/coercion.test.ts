import { describe, expect, test } from 'vitest';
import type { JsonSchema } from '../../contracts/chat.ts';
import { checkArguments } from './coercion.ts';
import { Expression } from './literal.ts';
import { toolIndex, type KnownTool } from './tool-index.ts';

function toolOf(parameters: JsonSchema | undefined): KnownTool {
  const definition = { type: 'function' as const, function: { name: 'f', ...(parameters !== undefined && { parameters }) } };
  const [tool] = toolIndex([definition]).tools;
  if (tool === undefined) expect.unreachable();
  return tool;
}

const one = (schema: JsonSchema): KnownTool => toolOf({ type: 'object', properties: { a: schema }, required: ['a'] });

describe('what fits after a change without loss is changed', () => {
  test.each<[string, JsonSchema, unknown, unknown]>([
    ['a number in a string', { type: 'integer' }, '5', 5],
    ['thousands apart', { type: 'integer' }, '1,250,000', 1_250_000],
    ['a decimal in a string', { type: 'number' }, ' 0.5 ', 0.5],
    ['a boolean in a string', { type: 'boolean' }, 'True', true],
    ['yes and no', { type: 'boolean' }, 'no', false],
    ['zero and one', { type: 'boolean' }, 1, true],
    ['a number where text is wanted', { type: 'string' }, 5, '5'],
    ['one value for a list', { type: 'array', items: { type: 'string' } }, 'x', ['x']],
    ['a list in a string', { type: 'array', items: { type: 'integer' } }, '[1, "2"]', [1, 2]],
    ['numbers in a string', { type: 'array', items: { type: 'integer' } }, '117, 33, 238', [117, 33, 238]],
    ['an object in a string', { type: 'object' }, "{'b': 1}", { b: 1 }],
    ['a list of one where text is wanted', { type: 'string' }, ['x'], 'x'],
    ['an option in another case', { enum: ['New York', 'Rome'] }, 'new_york', 'New York'],
    ['an option that is a number', { type: 'integer', enum: [1, 2] }, '2', 2],
    ['values inside of lists', { type: 'array', items: { type: 'number' } }, ['1', 2], [1, 2]],
    ['values inside of objects', { type: 'object', properties: { b: { type: 'integer' } } }, { b: '3' }, { b: 3 }],
    ['the first type of several that takes it', { type: ['integer', 'null'] }, '4', 4],
    ['the first schema of several that takes it', { anyOf: [{ type: 'boolean' }, { type: 'integer' }] }, '7', 7],
    ['an option without quotes', { type: 'string', enum: ['celsius'] }, new Expression('celsius'), 'celsius'],
    ['a date without quotes', { type: 'string' }, new Expression('2021-12-31'), '2021-12-31'],
    ['a formula without quotes', { type: 'string' }, new Expression('3*x**2'), '3*x**2'],
  ])('%s', (_, schema, given, wanted) => {
    expect(checkArguments({ a: given }, one(schema))).toEqual({ ok: true, arguments: { a: wanted }, changed: true });
  });
});

describe('what fits is left as it is', () => {
  test.each<[JsonSchema, unknown]>([
    [{ type: 'integer' }, 5],
    [{ type: 'number' }, 5],
    [{ type: 'string' }, '5'],
    [{ type: ['string', 'null'] }, null],
    [{ anyOf: [{ type: 'string' }, { type: 'integer' }] }, 5],
    [{ type: 'array' }, [1, 'x', { b: null }]],
    [{ type: 'object' }, { anything: [1] }],
    [{ type: 'datetime' }, 'now'],
    [{}, { b: 1 }],
  ])('%j takes %j', (schema, given) => {
    expect(checkArguments({ a: given }, one(schema))).toEqual({ ok: true, arguments: { a: given }, changed: false });
  });
});

describe('what does not fit is a problem in words', () => {
  test.each<[JsonSchema, unknown, string]>([
    [{ type: 'integer' }, 2.5, 'a must be of type integer'],
    [{ type: 'integer' }, 'five', 'a must be of type integer'],
    [{ type: 'integer' }, '5 km', 'a must be of type integer'],
    [{ type: 'boolean' }, 'maybe', 'a must be of type boolean'],
    [{ type: 'string' }, { b: 1 }, 'a must be a string, not an object'],
    [{ type: 'string' }, ['x', 'y'], 'a must be of type string'],
    [{ type: 'string' }, null, 'a must be of type string'],
    [{ type: 'string' }, new Expression('city'), 'a must be a value, not city'],
    [{ type: 'object', properties: { b: {} }, required: ['b'] }, {}, 'missing parameter b'],
    [{ type: 'array', items: { type: 'integer' } }, [1, 'x'], 'a[1] must be of type integer'],
    [{ enum: ['x', 'y'] }, 'z', 'a must be one of "x", "y"'],
  ])('%j does not take %j', (schema, given, problem) => {
    expect(checkArguments({ a: given }, one(schema))).toEqual({ ok: false, problem });
  });

  test('parameters that are missing, unknown, or given twice', () => {
    const tool = toolOf({ type: 'object', properties: { userId: {}, n: {} }, required: ['userId'] });
    expect(checkArguments({}, tool)).toEqual({ ok: false, problem: 'missing parameter userId' });
    expect(checkArguments({ userId: 1, x: 2 }, tool)).toEqual({ ok: false, problem: 'unknown parameter x' });
    expect(checkArguments({ userId: 1, user_id: 2 }, tool)).toEqual({ ok: false, problem: 'userId is given twice' });
  });
});

test('a parameter is found in another spelling', () => {
  const tool = toolOf({ type: 'object', properties: { user_id: { type: 'integer' } } });
  expect(checkArguments({ UserId: 1 }, tool)).toEqual({ ok: true, arguments: { user_id: 1 }, changed: true });
});

test('null for a parameter that may be left out leaves it out', () => {
  const tool = toolOf({ type: 'object', properties: { n: { type: 'integer' } } });
  expect(checkArguments({ n: null, unknown: null }, tool)).toEqual({ ok: true, arguments: {}, changed: true });
});

test('a tool without a schema, or with an open one, takes anything that is a value', () => {
  expect(checkArguments({ x: [1] }, toolOf(undefined))).toEqual({ ok: true, arguments: { x: [1] }, changed: false });
  const open = toolOf({ type: 'object', properties: {}, additionalProperties: { type: 'integer' } });
  expect(checkArguments({ x: '1' }, open)).toEqual({ ok: true, arguments: { x: 1 }, changed: true });
  expect(checkArguments({ x: [new Expression('y')] }, toolOf(undefined))).toMatchObject({ ok: false });
});
