import { describe, expect, test } from 'vitest';
import type { ChatInput, ToolCall } from '../../contracts/chat.ts';
import { TuttiError } from '../../errors/error.ts';
import type { Ask, AskedAnswer } from '../ask.ts';
import { createInterpreter, readAnswer, type Interpreter } from './interpreter.ts';
import { DICE, TOOLS, WEATHER } from './tools.fixture.ts';

function call(name: string, given: unknown, id = 'call_1'): ToolCall {
  return { id, type: 'function', function: { name, arguments: typeof given === 'string' ? given : JSON.stringify(given) } };
}

/** An interpreter whose model gives these answers, one for each question. */
function withModel(...answers: (Partial<AskedAnswer> | Error)[]): {
  interpreter: Interpreter;
  asked: { target: string; input: ChatInput }[];
} {
  const asked: { target: string; input: ChatInput }[] = [];
  const ask: Ask = async (target, input) => {
    asked.push({ target, input });
    const answer = answers.shift();
    if (answer === undefined) expect.unreachable('the model was asked once too often');
    if (answer instanceof Error) throw answer;
    return { text: '', toolCalls: [], confidence: null, ...answer };
  };
  return { interpreter: createInterpreter({ model: 'embedded:tools', ask, secondOpinion: 'judge' }), asked };
}

const plain = ({ toolCalls }: { toolCalls: readonly ToolCall[] }): unknown[] =>
  toolCalls.map((one) => [one.function.name, JSON.parse(one.function.arguments)]);

describe('the ladder', () => {
  test('structured calls that are valid pass as they are', async () => {
    const given = call('get_weather', '{"city":  "Oslo"}', 'call_7');
    const { interpreter, asked } = withModel();
    const result = await interpreter.interpret({ message: { content: null, tool_calls: [given] }, tools: TOOLS });
    expect(result).toEqual({ toolCalls: [given], source: 'structured', confidence: 1, text: '', problems: [] });
    expect(asked).toEqual([]);
  });

  test('structured calls that nearly fit are repaired and keep their id', async () => {
    const { interpreter } = withModel();
    const message = { content: 'Let me see.', tool_calls: [call('getWeather', { city: 'Oslo', days: '3' }, 'call_7')] };
    const result = await interpreter.interpret({ message, tools: TOOLS });
    expect(result).toMatchObject({ source: 'repaired', confidence: 0.9, text: 'Let me see.', toolCalls: [{ id: 'call_7' }] });
    expect(plain(result)).toEqual([['get_weather', { city: 'Oslo', days: 3 }]]);
  });

  test('calls in the text are parsed, each with an id of its own', async () => {
    const { interpreter } = withModel();
    const result = await interpreter.interpret({ text: '[roll_dice(), roll_dice()]', tools: TOOLS });
    expect(result).toMatchObject({ source: 'parsed', confidence: 0.9, text: '' });
    expect(new Set(result.toolCalls.map((one) => one.id)).size).toBe(2);
  });

  test('the less plainly a call is marked, the lower the confidence', async () => {
    const { interpreter } = withModel();
    const texts = [
      '<tool_call>{"name": "roll_dice", "arguments": {}}</tool_call>',
      'roll_dice()',
      'Rolling:\n```\nroll_dice()\n```',
      'Rolling.\nroll_dice()\nDone.',
      'Rolling:\n```\nn = 6\nx = roll_dice(n)\n```',
      'For example:\n```\nroll_dice(6)\n```',
    ];
    const question = 'Roll the dice, one with 6 sides.';
    const results = await Promise.all(texts.map((text) => interpreter.interpret({ text, question, tools: TOOLS })));
    const scores = results.map((result) => result.confidence);
    expect(results.map((result) => result.source)).toEqual(texts.map(() => 'parsed'));
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(new Set(scores).size).toBe(scores.length);
  });

  test('a text that was changed to fit is repaired', async () => {
    const { interpreter } = withModel();
    expect(await interpreter.interpret({ text: 'get_weather(city="Oslo", days="3")', tools: TOOLS })).toMatchObject({
      source: 'repaired',
    });
  });

  test('a call that cannot be read is asked of the model, in the words that it was trained on', async () => {
    const { interpreter, asked } = withModel({
      toolCalls: [call('get_weather', { city: 'Oslo' })],
      confidence: { score: 0.8, method: 'logprobs', calibrated: false },
    });
    const text = '<tool_call>get_weather for Oslo</tool_call>';
    const result = await interpreter.interpret({ text, tools: TOOLS });
    expect(result).toMatchObject({ source: 'model', confidence: 0.8 });
    expect(plain(result)).toEqual([['get_weather', { city: 'Oslo' }]]);
    expect(asked).toMatchObject([
      {
        target: 'embedded:tools',
        input: {
          messages: [{ content: `Response:\n${text}\nExtract the tool calls.` }],
          tools: TOOLS,
          tool_choice: 'required',
          temperature: 0,
        },
      },
    ]);
  });

  test('what the model writes as text is read, and held against the schemas', async () => {
    const { interpreter } = withModel(
      { text: '<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo", "days": "2"}}</tool_call>' },
      { text: '<tool_call>{"name": "get_weather", "arguments": {"days": 2}}</tool_call>' },
    );
    const text = 'get_weather(city: Oslo, days: 2';
    expect(plain(await interpreter.interpret({ text, tools: TOOLS }))).toEqual([['get_weather', { city: 'Oslo', days: 2 }]]);
    expect(await interpreter.interpret({ text, tools: TOOLS })).toMatchObject({ toolCalls: [], source: 'none', text });
  });

  test('of several calls, one that does not fit is asked of the model, and without one goes out as it was written', async () => {
    const text = '[get_weather(where="Rome", days=3), roll_dice(sides=6)]';
    const { interpreter } = withModel({
      toolCalls: [call('get_weather', { city: 'Rome', days: 3 }), call('roll_dice', { sides: 6 })],
    });
    expect(await interpreter.interpret({ text, tools: TOOLS })).toMatchObject({ source: 'model', toolCalls: { length: 2 } });

    const { interpreter: alone } = { interpreter: createInterpreter({ model: null, ask: () => expect.unreachable() }) };
    const result = await alone.interpret({ text, tools: TOOLS });
    const problems = [{ name: 'get_weather', message: 'unknown parameter where' }];
    expect(result).toMatchObject({ source: 'parsed', confidence: 0.45, text: '', problems });
    expect(plain(result)).toEqual([
      ['get_weather', { where: 'Rome', days: 3 }],
      ['roll_dice', { sides: 6 }],
    ]);
  });

  test.each<[string, string, string]>([
    ['a number of another kind', 'get_weather(city="Rome", days=2.5)', 'days must be of type integer'],
    [
      'a choice that is not on the list',
      'get_weather(city="Rome", unit="kelvin")',
      'unit must be one of "celsius", "fahrenheit"',
    ],
    [
      'an item of another type',
      'home.lights.set(room="hall", on=True, colors=[{"r": 9}])',
      'colors[0] must be a string, not an object',
    ],
    ['something missing', 'get_weather(days=3)', 'missing parameter city'],
  ])('so does one with %s', (_, text, message) => {
    expect(readAnswer({ text: `[${text}, roll_dice(sides=6)]`, tools: TOOLS })).toMatchObject({
      calls: { length: 2 },
      fitting: 1,
      problems: [{ message }],
    });
    expect(readAnswer({ text, tools: TOOLS })).toMatchObject({ calls: [], source: 'none', problems: [{ message }] });
  });

  test.each<[string, string]>([
    ['a tool that nobody offered', 'search_web(query="Rome")'],
    ['values that are variables', 'get_weather(days=number_of_days)'],
    ['more values than parameters', 'roll_dice(6, 7)'],
  ])('but none with %s', (_, text) => {
    expect(readAnswer({ text: `[${text}, roll_dice(sides=6)]`, tools: TOOLS })).toMatchObject({
      calls: { length: 1 },
      fitting: 1,
      problems: { length: 1 },
    });
  });

  test('structured calls do the same, and keep their ids', async () => {
    const interpreter = createInterpreter({ model: null, ask: () => expect.unreachable() });
    const given = [call('get_weather', '{"days": 2.5}', 'call_7'), call('rollDice', { sides: 6 }, 'call_8')];
    const result = await interpreter.interpret({ message: { content: null, tool_calls: given }, tools: TOOLS });
    expect(result).toMatchObject({ source: 'repaired', confidence: 0.45, toolCalls: [given[0], { id: 'call_8' }] });
  });

  test('a list where one value is wanted is a call for each', async () => {
    const { interpreter } = withModel();
    const result = await interpreter.interpret({ text: 'get_weather(city=["Oslo", "Rome"], days="2")', tools: TOOLS });
    expect(result.source).toBe('repaired');
    expect(plain(result)).toEqual([
      ['get_weather', { city: 'Oslo', days: 2 }],
      ['get_weather', { city: 'Rome', days: 2 }],
    ]);
  });

  test('with two such lists there is no telling how they go together', () => {
    const text = 'get_weather(city=["Oslo", "Rome"], days=[2, 3])';
    expect(readAnswer({ text, tools: TOOLS })).toMatchObject({ calls: [], problems: [{ name: 'get_weather' }] });
  });

  test('a model that finds fewer calls than were read does not count', async () => {
    const { interpreter } = withModel({ toolCalls: [call('get_weather', { city: 'Rome' })] });
    const result = await interpreter.interpret({
      text: '[roll_dice(sides=6), roll_dice(sides=8), get_weather(days=3)]',
      tools: TOOLS,
    });
    expect(result).toMatchObject({ source: 'parsed', toolCalls: { length: 3 }, problems: { length: 1 } });
  });

  test('a model whose calls do not fit either does not count', async () => {
    const { interpreter } = withModel({ toolCalls: [call('get_weather', { city: 'Rome' }), call('get_weather', { days: 3 })] });
    const result = await interpreter.interpret({ text: '[get_weather(city="Rome"), get_weather(days=3)]', tools: TOOLS });
    expect(result).toMatchObject({ source: 'parsed', toolCalls: { length: 2 }, problems: { length: 1 } });
  });

  test.each([
    ['another argument once more', 'get_weather(days=31)', { city: '31', days: 31 }],
    ['a word of the tool’s name', 'get_weather(city=town)', { city: 'weather' }],
    ['a value of its own', 'get_weather(days=31)', { city: 'Rome', days: 31 }],
  ])('a model that fills what is missing with %s does not count', async (_, text, given) => {
    const { interpreter } = withModel({ toolCalls: [call('get_weather', given)] });
    expect(await interpreter.interpret({ text, tools: TOOLS })).toMatchObject({ source: 'none', problems: { length: 1 } });
  });

  test('a model may choose from a list, and read a number that is written in words', async () => {
    const given = { city: 'Oslo', days: 2, unit: 'celsius' };
    const { interpreter } = withModel({ toolCalls: [call('get_weather', given)] });
    const text = '<tool_call>get_weather for Oslo, two days, in degrees C</tool_call>';
    expect(await interpreter.interpret({ text, tools: TOOLS })).toMatchObject({ source: 'model' });
  });

  test('prose is not asked of anybody', async () => {
    const { interpreter, asked } = withModel();
    const text = 'The weather in Oslo is fine.';
    expect(await interpreter.interpret({ text, tools: TOOLS })).toEqual({
      toolCalls: [],
      source: 'none',
      confidence: 1,
      text,
      problems: [],
    });
    expect(asked).toEqual([]);
  });

  test('calls of functions that nobody offered are asked of nobody, misspelt ones are', async () => {
    const { interpreter, asked } = withModel({ toolCalls: [call('get_weather', { city: 'Oslo' })] });
    for (const text of ['<tool_call>{"name": "no_function", "arguments": {}}</tool_call>', 'out_of_domain(query="x")']) {
      expect(await interpreter.interpret({ text, tools: TOOLS })).toMatchObject({ toolCalls: [], source: 'none' });
    }
    expect(asked).toEqual([]);
    expect(await interpreter.interpret({ text: 'get_wether(city="Oslo")', tools: TOOLS })).toMatchObject({ source: 'model' });
  });

  test('a model that fails leaves what was read without it', async () => {
    const { interpreter } = withModel(new TuttiError('runner_crashed', 'gone'));
    expect(await interpreter.interpret({ text: '<tool_call>{"name": "get_wea', tools: TOOLS })).toMatchObject({
      source: 'none',
      confidence: 0.5,
      problems: [{ name: 'embedded:tools', message: 'could not be asked: gone (runner_crashed)' }],
    });
  });

  test('cancelling ends it', async () => {
    const controller = new AbortController();
    const ask: Ask = (_target, _input, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    const interpreter = createInterpreter({ model: 'm', ask });
    const result = interpreter.interpret({ text: '<tool_call>nothing', tools: TOOLS, signal: controller.signal });
    controller.abort();
    await expect(result).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('the last piece of the request wins: a message with calls is not read as text', async () => {
    const { interpreter } = withModel();
    const message = { content: 'roll_dice(sides=20)', tool_calls: [call('roll_dice', { sides: 6 })] };
    expect(plain(await interpreter.interpret({ message, tools: TOOLS }))).toEqual([['roll_dice', { sides: 6 }]]);
  });
});

describe('a failed call', () => {
  test('that only had to be changed to fit needs no model', async () => {
    const { interpreter, asked } = withModel();
    const failed = { name: 'get_weather', arguments: { city: 'Oslo', days: '3' } };
    const result = await interpreter.repair({ call: failed, error: 'days must be an integer', tools: TOOLS });
    expect(plain(result)).toEqual([['get_weather', { city: 'Oslo', days: 3 }]]);
    expect(result.source).toBe('repaired');
    expect(asked).toEqual([]);
  });

  test('that is misspelt needs no model where only one spelling is near', async () => {
    const { interpreter, asked } = withModel();
    const failed = { name: 'get_wether', arguments: { ctiy: 'Oslo' } };
    const result = await interpreter.repair({ call: failed, error: 'unknown tool', tools: TOOLS });
    expect(plain(result)).toEqual([['get_weather', { city: 'Oslo' }]]);
    expect(result.source).toBe('repaired');
    expect(asked).toEqual([]);
  });

  test('is corrected by the model, which sees the call and the error', async () => {
    const { interpreter, asked } = withModel({ toolCalls: [call('get_weather', { city: 'Oslo' })] });
    const result = await interpreter.repair({
      call: call('get_weather', { town: 'Oslo' }),
      error: 'unknown parameter town',
      tools: [WEATHER, DICE],
    });
    expect(result).toMatchObject({ source: 'model', confidence: 0.5 });
    expect(asked[0]?.input.messages).toEqual([
      {
        role: 'user',
        content:
          'Tool call:\n<tool_call>{"name": "get_weather", "arguments": {"town":"Oslo"}}</tool_call>\nError: unknown parameter town\nWrite the correct call.',
      },
    ]);
  });

  test('that the model only repeats is not made again', async () => {
    const failed = call('get_weather', { city: 'Oslo' });
    const { interpreter } = withModel({ toolCalls: [failed] });
    expect(await interpreter.repair({ call: failed, error: 'no such city', tools: TOOLS })).toMatchObject({
      toolCalls: [],
      source: 'none',
      problems: [{ name: 'get_weather', message: 'no such city' }],
    });
  });

  test('may be a text that was to be a call', async () => {
    const { interpreter } = withModel();
    const result = await interpreter.repair({
      call: "{'name': 'get_weather', 'city': 'Oslo'}",
      error: 'invalid JSON',
      tools: TOOLS,
    });
    expect(plain(result)).toEqual([['get_weather', { city: 'Oslo' }]]);
  });
});

describe('a written call that the question does not ask for', () => {
  const text = 'Let me see. <tool_call>{"name": "get_weather", "arguments": {"city": "Oslo"}}</tool_call>';

  test('is dropped, and the text shown as it was written', async () => {
    const { interpreter, asked } = withModel();
    const result = await interpreter.interpret({ text, question: 'Who wrote the Odyssey?', tools: TOOLS });
    expect(result).toEqual({
      toolCalls: [],
      source: 'none',
      confidence: 0.8,
      text,
      problems: [{ name: 'get_weather', message: 'the question does not say city' }],
    });
    expect(asked).toEqual([]);
  });

  test('stands when nobody says what the question was, or the doubt is switched off', async () => {
    const { interpreter } = withModel();
    expect(await interpreter.interpret({ text, tools: TOOLS })).toMatchObject({ source: 'parsed' });
    const trusting = createInterpreter({ model: null, ask: () => expect.unreachable(), doubt: false });
    expect(await trusting.interpret({ text, question: 'Who wrote the Odyssey?', tools: TOOLS })).toMatchObject({
      source: 'parsed',
    });
  });

  test('stands when the server reported it as a call', async () => {
    const { interpreter } = withModel();
    const message = { content: null, tool_calls: [call('get_weather', { city: 'Oslo' })] };
    const result = await interpreter.interpret({ message, question: 'Who wrote the Odyssey?', tools: TOOLS });
    expect(result).toMatchObject({ source: 'structured', toolCalls: { length: 1 } });
  });

  describe('with no word in common, but all said', () => {
    const question = 'How hot is it in Oslo?';

    test('is dropped when a second opinion on the question calls nothing', async () => {
      const { interpreter, asked } = withModel({ text: 'That is not for any tool.' });
      expect(await interpreter.interpret({ text, question, tools: TOOLS })).toMatchObject({ source: 'none', text });
      expect(asked).toMatchObject([
        {
          target: 'judge',
          input: { messages: [{ role: 'user', content: question }], tools: TOOLS, tool_choice: 'auto', temperature: 0 },
        },
      ]);
    });

    test('stands when the second opinion makes a call, in whatever form, or fails', async () => {
      const { interpreter } = withModel(
        { toolCalls: [call('get_weather', { city: 'Oslo' })] },
        { text: 'get_weather(city="Oslo")' },
        new TuttiError('runner_crashed', 'gone'),
      );
      for (let i = 0; i < 3; i++)
        expect(await interpreter.interpret({ text, question, tools: TOOLS })).toMatchObject({ source: 'parsed' });
    });

    test('stands when nobody gives one', async () => {
      const alone = createInterpreter({ model: 'embedded:tools', ask: () => expect.unreachable() });
      expect(await alone.interpret({ text, question, tools: TOOLS })).toMatchObject({ source: 'parsed' });
    });

    test('is looked at no further when the run is cancelled', async () => {
      const controller = new AbortController();
      const ask: Ask = (_target, _input, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          controller.abort();
        });
      const interpreter = createInterpreter({ model: null, ask, secondOpinion: 'm' });
      const result = interpreter.interpret({ text, question, tools: TOOLS, signal: controller.signal });
      await expect(result).rejects.toMatchObject({ code: 'cancelled' });
    });
  });
});
