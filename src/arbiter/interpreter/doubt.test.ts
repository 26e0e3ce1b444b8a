import { describe, expect, test } from 'vitest';
import type { JsonSchema, ToolCall, ToolDefinition } from '../../contracts/chat.ts';
import { doubtOf, type Doubt } from './doubt.ts';

type Properties = Readonly<Record<string, JsonSchema>>;

const text = { type: 'string' };
const number = { type: 'number' };

function tool(name: string, description: string, properties: Properties, required = Object.keys(properties)): ToolDefinition {
  return { type: 'function', function: { name, description, parameters: { type: 'object', properties, required } } };
}

const WEATHER = tool('get_weather', 'The weather of a city', { city: text, unit: text }, ['city']);
const POINT = tool('get_weather_at', 'The weather at a point', { latitude: number, longitude: number });
const STOCK = tool('get_stock_price', 'Current price of a share', { symbol: text });
const TRANSLATE = tool('translate', 'Translate a text', { text, target_language: text });
const CONVERT = tool('convert_currency', 'Convert money', { amount: number, from: text, to: text });
const LOAN = tool('loan_payment', 'Monthly payment of a loan', { amount: number, rate: number, years: number });
const LIGHTS = tool('set_lights', 'Set the lights of a room', { room: text, level: number });
const PASSWORD = tool('make_password', 'Make a random password', { length: number });
const NEWS = tool('search_news', 'Search the news', { query: text, max_results: number });
const POPULATION = tool('population', 'People who live in a country', { country: text, year: number });
const BOOK = tool('book_table', 'Book a table', { restaurant: text, date: text });
const EVENTS = tool('list_events', 'Events of a date', { date: text });
const RECIPE = tool('find_recipe', 'Recipes by name and region', { name: text, region: text });
const RATE = tool('exchange_rate', 'Rate between two currencies', { base: text, quote: text });
const PLAYER = tool('player_statistics', 'Statistics of a player', { player: text, season: text });
const FILES = tool('list_files', 'Files of a folder', { path: text });
const CLOCK = tool('current_time', 'Time in a zone', { timezone: text });

function call({ function: { name } }: ToolDefinition, given: Readonly<Record<string, unknown>>): ToolCall {
  return { id: 'call_1', type: 'function', function: { name, arguments: JSON.stringify(given) } };
}

function kind(question: string, about: ToolDefinition, given: Readonly<Record<string, unknown>>): Doubt['kind'] | null {
  return doubtOf({ question, calls: [call(about, given)], tools: [about] })?.kind ?? null;
}

describe('calls that the question asks for stand', () => {
  test.each<[string, ToolDefinition, Readonly<Record<string, unknown>>]>([
    ['What is the weather in Oslo?', WEATHER, { city: 'Oslo' }],
    ['What is the weather in Oslo?', WEATHER, { city: 'Oslo, Norway', unit: 'celsius' }],
    ['What is the weather in Oslo?', POINT, { latitude: 59.91, longitude: 10.75 }],
    ['What is the price of Apple?', STOCK, { symbol: 'AAPL' }],
    ['Please translate "good morning" for the Germans', TRANSLATE, { text: 'good morning', target_language: 'de' }],
    ['Can you convert 20 Swiss francs to euros?', CONVERT, { amount: 20, from: 'CHF', to: 'EUR' }],
    ['What is the payment for 1.5 million at 4%, over ten years?', LOAN, { amount: 1500000, rate: 0.04, years: 10 }],
    ['What is the payment for $20,000 at 4 percent, over 2 years?', LOAN, { amount: 20000, rate: 4, years: 24 }],
    ['Search the news for whales', NEWS, { query: 'whales', max_results: 10 }],
    ['What events are there tomorrow?', EVENTS, { date: '2031-05-04' }],
    ['What are the files here?', FILES, { path: '' }],
    ['What is the time in Boston?', CLOCK, { timezone: 'America/New_York' }],
  ])('%s', (question, about, given) => expect(kind(question, about, given)).toBeNull());
});

// What these leave unsaid, people leave unsaid.
describe('everyday questions', () => {
  const forecast = tool('forecast', 'Weather forecast', { place: text, days: number });
  const hot = tool('get_weather', 'The weather of a city', { city: text, unit: text });
  test.each<[string, ToolDefinition, Readonly<Record<string, unknown>>, Doubt['kind'] | null]>([
    ['What will the weather be in Rome for the next week?', forecast, { place: 'Rome', days: 7 }, null],
    ['Is it going to rain in Rome this weekend?', forecast, { place: 'Rome', days: 2 }, 'unrelated'],
    ['How hot is it in Rome?', hot, { city: 'Rome', unit: 'celsius' }, 'unrelated'],
  ])('%s', (question, about, given, doubt) => expect(kind(question, about, given)).toBe(doubt));
});

describe('orders leave details to whoever carries them out', () => {
  test.each<[string, ToolDefinition, Readonly<Record<string, unknown>>]>([
    ['Dim the lights of the hall, will you?', LIGHTS, { room: 'hall', level: 30 }],
    ['Could you please make me a random password?', PASSWORD, { length: 16 }],
    ['I want to book a table for the two of us', BOOK, { restaurant: 'Da Luigi', date: '2031-05-04' }],
  ])('%s', (question, about, given) => expect(kind(question, about, given)).toBeNull());
});

describe('what the question does not say is made up', () => {
  test.each<[string, string, ToolDefinition, Readonly<Record<string, unknown>>]>([
    ['a number from nowhere', 'How many people live in Chile, and why?', POPULATION, { country: 'Chile', year: 2019 }],
    ['a date from nowhere', 'What are the events in the old town?', EVENTS, { date: '2021-01-01' }],
    ['most of few', 'Which player has the most goals?', PLAYER, { player: 'Ada Lovelace', season: 'winter' }],
    ['nothing at all', 'Who is the best player of 2012?', PLAYER, { player: '', season: '2012' }],
    ['a placeholder', 'What is the weather where I am?', WEATHER, { city: 'your_city' }],
    ['a placeholder in brackets', 'What is the weather where I am?', WEATHER, { city: '<city>' }],
    ['of another tool, in part', 'Who painted the ceiling in Rome?', RECIPE, { name: 'carbonara', region: 'Rome' }],
    ['of another tool, one word for two', 'What is the oldest bridge in Rome?', RECIPE, { name: 'Rome', region: 'Rome' }],
    ['of another tool, not a word', 'How much does the bus cost?', RATE, { base: 'USD', quote: 'GBP' }],
  ])('%s', (_, question, about, given) => expect(kind(question, about, given)).toBe('made_up'));
});

describe('without a word in common another opinion is needed', () => {
  test.each<[string, ToolDefinition, Readonly<Record<string, unknown>>]>([
    ['How hot is it in Oslo?', WEATHER, { city: 'Oslo' }],
    ['How hot is it in Oslo?', WEATHER, { city: 'Oslo', unit: 'celsius' }],
    ['How do you say "thank you" in German?', TRANSLATE, { text: 'thank you', target_language: 'de' }],
    ['How many euros are 20 dollars?', CONVERT, { amount: 20, from: 'USD', to: 'EUR' }],
  ])('%s', (question, about, given) => expect(kind(question, about, given)).toBe('unrelated'));

  test('a tool that is not described is known by its parameters', () => {
    const bare = tool('lookup', '', { city: text });
    expect(kind('Which city is the largest of Peru?', bare, { city: 'Peru' })).toBeNull();
    expect(kind('How large is the moon of Peru?', bare, { city: 'Peru' })).toBe('unrelated');
  });
});

test.each([
  'Wie warm ist es in Oslo?',
  '¿Qué tiempo hace en Oslo?',
  'Is het warm in Oslo?',
  'Il fait chaud à Oslo ?',
  'Find vejret i Oslo',
  'オスロの天気は?',
  'Oslo weather',
])('only English is understood: %s', (question) => {
  expect(kind(question, RATE, { base: 'USD', quote: 'GBP' })).toBeNull();
});

test('names may be of any language', () => {
  expect(kind('What is the way to El Paso?', RATE, { base: 'USD', quote: 'GBP' })).toBe('made_up');
});

test('what is required, but has a default or may be null, may be chosen', () => {
  const open = tool('population', 'People who live in a country', {
    country: text,
    year: { type: ['integer', 'null'] },
    source: { type: 'integer', default: 7 },
    unit: { type: 'string', enum: ['heads', 'thousands'] },
  });
  const given = { country: 'Chile', year: 2019, source: 7, unit: 'heads' };
  expect(kind('How many people live in Chile?', open, given)).toBeNull();
});

test('values may be from what the model was told besides', () => {
  const input = { question: 'What is the weather like?', calls: [call(WEATHER, { city: 'Oslo' })], tools: [WEATHER] };
  expect(doubtOf(input)).toEqual({ kind: 'made_up', message: 'the question does not say city' });
  expect(doubtOf({ ...input, background: 'The user lives in Oslo.' })).toBeNull();
});

test('one call that is sound speaks for all', () => {
  const sound = call(WEATHER, { city: 'Oslo' });
  const made = call(RATE, { base: 'USD', quote: 'GBP' });
  const question = 'What is the weather in Oslo?';
  expect(doubtOf({ question, calls: [made, sound], tools: [WEATHER, RATE] })).toBeNull();
  expect(doubtOf({ question, calls: [made], tools: [WEATHER, RATE] })).toMatchObject({ kind: 'made_up' });
  expect(doubtOf({ question, calls: [], tools: [WEATHER] })).toBeNull();
});

test('one that does not fit its tool says nothing', () => {
  const made = call(RATE, { base: 'USD', quote: 'GBP' });
  const unfit = call(RATE, { amount: 0 });
  const question = 'What does a house in Oslo cost?';
  expect(doubtOf({ question, calls: [unfit, made], tools: [RATE] })).toMatchObject({ kind: 'made_up' });
});
