/** Recorded calls are judged as the leaderboard judges them. */
import { describe, expect, it, test } from 'vitest';
import { areAccepted, type Accepted } from '../../bench/quality/accepted-calls.ts';
import { kindOf, scoreToolCalls, type ToolCallRow } from '../../bench/quality/tool-calls.ts';
import type { ToolCall } from '../../src/contracts/chat.ts';

const parameters = {
  type: 'dict',
  properties: {
    city: { type: 'string' },
    days: { type: 'integer' },
    share: { type: 'float' },
    tags: { type: 'array', items: { type: 'string' } },
    pairs: { type: 'tuple', items: { type: 'float' } },
    area: { type: 'dict', properties: {} },
    stops: { type: 'array', items: { type: 'dict' } },
    other: { type: 'any' },
  },
  required: ['city'],
};

const call = (given: unknown, name = 'trip'): ToolCall => ({
  id: 'call_1',
  type: 'function',
  function: { name, arguments: JSON.stringify(given) },
});
const isRight = (given: unknown, accepted: Accepted): boolean =>
  areAccepted([call(given)], [{ name: 'trip', accepted: { city: ['Oslo'], ...accepted }, parameters }]);

describe('a call is accepted', () => {
  it.each<[string, unknown, Accepted]>([
    ['as it is wanted', { city: 'Oslo', days: 3 }, { days: [2, 3] }],
    ['without what may be left out', { city: 'Oslo' }, { days: [3, ''] }],
    ['with strings that differ in case, blanks and signs', { city: ' os-lo. ' }, {}],
    ['with such strings in a list', { city: 'Oslo', tags: ['A b', "it's"] }, { tags: [['ab', 'it"s']] }],
    ['with an empty list for one that may be left out', { city: 'Oslo', tags: [] }, { tags: [['a'], ''] }],
    ['with a whole number for a fraction', { city: 'Oslo', share: 1 }, { share: [1.0] }],
    ['with a list for a tuple', { city: 'Oslo', pairs: [1, 2.5] }, { pairs: [[1, 2.5]] }],
    ['with a value of another type, where that very value is wanted', { city: 'Oslo', days: 2.5 }, { days: [2.5] }],
    [
      'with an object, of whose keys some may be left out',
      { city: 'Oslo', area: { w: 2, u: 'M' } },
      { area: [{ w: [2], h: ['', 3], u: ['m'] }] },
    ],
    ['with a list of objects', { city: 'Oslo', stops: [{ at: 'A' }] }, { stops: [[{ at: ['a', 'b'] }]] }],
    ['with text for anything', { city: 'Oslo', other: 'A-B' }, { other: ['ab'] }],
  ])('%s', (_, given, accepted) => expect(isRight(given, accepted)).toBe(true));
});

describe('a call is not accepted', () => {
  it.each<[string, unknown, Accepted]>([
    ['with another value', { city: 'Rome' }, {}],
    ['without what is required, even if the answer would do without', { days: 3 }, { city: ['Oslo', ''], days: [3] }],
    ['without what is wanted', { city: 'Oslo' }, { days: [3] }],
    ['with what nobody wants', { city: 'Oslo', days: 3 }, {}],
    ['with a parameter that the function does not have', { city: 'Oslo', hours: 3 }, { hours: [3] }],
    ['with a number as text', { city: 'Oslo', days: '3' }, { days: [3] }],
    ['with nothing as text', { city: 'Oslo', days: '' }, { days: [3, ''] }],
    ['with null', { city: 'Oslo', days: null }, { days: [3, ''] }],
    ['with another line break', { city: 'Os\nlo' }, {}],
    ['with a list in another order', { city: 'Oslo', tags: ['b', 'a'] }, { tags: [['a', 'b']] }],
    ['with strings deep in a list that are written otherwise', { city: 'Oslo', tags: [['A']] }, { tags: [[['a']]] }],
    ['with text of another type that is written otherwise', { city: 'Oslo', days: 'A' }, { days: ['a'] }],
    ['with a key too many in an object', { city: 'Oslo', area: { w: 2, h: 3 } }, { area: [{ w: [2] }] }],
    ['with a key missing in an object', { city: 'Oslo', area: {} }, { area: [{ w: [2] }] }],
    ['with an object deep in an object', { city: 'Oslo', area: { w: { x: 1 } } }, { area: [{ w: [{ x: [1] }] }] }],
  ])('%s', (_, given, accepted) => expect(isRight(given, accepted)).toBe(false));
});

test('several calls may come in any order, and each counts once', () => {
  const wanted = ['Oslo', 'Rome'].map((city) => ({ name: 'trip', accepted: { city: [city] }, parameters }));
  const [oslo, rome] = [call({ city: 'Oslo' }), call({ city: 'Rome' })];
  expect(areAccepted([rome, oslo], wanted)).toBe(true);
  expect(areAccepted([oslo, oslo], wanted)).toBe(false);
  expect(areAccepted([oslo, rome, rome], wanted)).toBe(false);
  expect(areAccepted([oslo, call({ city: 'Rome' }, 'walk')], wanted)).toBe(false);
});

test('rows are counted by category and by how the model was told of the tools', async () => {
  const row = (id: string, model: string, raw: string, wanted: ToolCallRow['possible_answer']): ToolCallRow => ({
    id,
    category: wanted === null ? 'relevance' : 'simple',
    model,
    question: 'Plan a trip to Oslo.',
    functions: [{ name: 'trip', description: 'Plans a trip to a city.', parameters }],
    raw,
    possible_answer: wanted,
  });
  const oslo = { trip: { city: ['Oslo'] } };
  const score = await scoreToolCalls([
    row('1', 'small-chat', '[trip(city="Oslo")]', oslo),
    row('2', 'small-FC', 'To which city?', oslo),
    row('3', 'small-FC', 'I cannot help.', null),
  ]);
  expect(score.overall).toEqual({ right: 2, of: 3, accuracy: 2 / 3 });
  expect(score.byCategory).toMatchObject({ simple: { right: 1, of: 2 }, relevance: { right: 1, of: 1 } });
  expect(score.byKind).toMatchObject({ prompt: { right: 1, of: 1 }, api: { right: 1, of: 2 } });
  expect(score.wrong).toEqual([{ id: '2', model: 'small-FC', calls: [] }]);
  expect(['a-FC', 'b-fc', 'c-FC-Auto', 'gemini-9'].map(kindOf)).toEqual(['api', 'api', 'api', 'api']);
  expect(['d-1b-fc-r', 'e-0613'].map(kindOf)).toEqual(['prompt', 'prompt']);
});
