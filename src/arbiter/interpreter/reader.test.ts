import { describe, expect, test } from 'vitest';
import { readAnswer } from './interpreter.ts';
import { readToolCalls } from './reader.ts';
import { DICE, LIGHTS, NOTE, TOOLS, WEATHER } from './tools.fixture.ts';

/** `[name, arguments]` of every call that holds. */
function callsIn(text: string, tools = TOOLS, question?: string): [string, unknown][] {
  return readAnswer({ text, tools, question }).calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
}

const OSLO: [string, unknown][] = [['get_weather', { city: 'Oslo', days: 3 }]];
const BOTH: [string, unknown][] = [
  ['get_weather', { city: 'Oslo' }],
  ['roll_dice', { sides: 6 }],
];

describe('one call is read', () => {
  test.each<[string, string]>([
    ['as JSON', '{"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}'],
    ['with parameters for arguments', '{"name": "get_weather", "parameters": {"city": "Oslo", "days": 3}}'],
    ['with tool and args', '{"tool": "get_weather", "args": {"city": "Oslo", "days": 3}}'],
    ['with function and input', '{"function": "get_weather", "input": {"city": "Oslo", "days": 3}}'],
    ['with action and action_input', '{"action": "get_weather", "action_input": {"city": "Oslo", "days": 3}}'],
    [
      'in OpenAI’s shape',
      '{"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{\\"city\\": \\"Oslo\\", \\"days\\": 3}"}}',
    ],
    ['under tool_calls', '{"tool_calls": [{"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}]}'],
    ['under its own name', '{"get_weather": {"city": "Oslo", "days": 3}}'],
    ['under its own name, arguments as text', '[{"get_weather": "{\\"city\\": \\"Oslo\\", \\"days\\": 3}"}]'],
    ['with the arguments beside the name', '{"name": "get_weather", "city": "Oslo", "days": 3}'],
    ['with single quotes and a comma too many', "{'name': 'get_weather', 'arguments': {'city': 'Oslo', 'days': 3,}}"],
    ['with bare keys', '{name: "get_weather", arguments: {city: "Oslo", days: 3}}'],
    [
      'with a brace missing before the closing tag',
      '<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}</tool_call>',
    ],
    ['as a Python call', "get_weather(city='Oslo', days=3)"],
    ['as a statement', "get_weather(city='Oslo', days=3);"],
    ['with positional arguments', "get_weather('Oslo', 3)"],
    ['with one object as argument', 'get_weather({"city": "Oslo", "days": 3})'],
    ['with colons for equals signs', 'get_weather(city: "Oslo", days: 3)'],
    ['in a list', "[get_weather(city='Oslo', days=3)]"],
    ['as a string in a list', `['get_weather(city="Oslo", days=3)']`],
    ['as a name and an object in a list', "['get_weather', {'city': 'Oslo', 'days': 3}]"],
    ['in brackets that nobody closes', "[{'get_weather(city='Oslo', days=3)}]"],
    ['with its result looked into', "get_weather(city='Oslo', days=3)['now']"],
    ['with Markdown’s backslashes', "[get\\_weather(city='Oslo', days=3)]"],
    ['with dashes for underscores', '{"name": "get-weather", "arguments": {"city": "Oslo", "days": 3}}'],
    ['in another case', '{"name": "getWeather", "arguments": {"city": "Oslo", "days": 3}}'],
    ['with a prefix', 'functions.get_weather({"city": "Oslo", "days": 3})'],
    ['in a fence', '```json\n{"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}\n```'],
    ['in a fence between prose', 'I will look.\n```python\nget_weather(city="Oslo", days=3)\n```\nThen I tell you.'],
    ['on a line of its own', 'I will look that up.\n\nget_weather(city="Oslo", days=3)\n\nOne moment.'],
    ['behind a label', 'Function call: get_weather(city="Oslo", days=3)'],
    [
      'in a short program',
      '```python\nimport tools\n# three days\nplace = "Oslo"\nresult = get_weather(city=place, days=3)\nprint(result)\n```',
    ],
    ['as a name and an object below', 'get_weather\n{"city": "Oslo", "days": 3}'],
    ['as a name and an object', 'get_weather: {"city": "Oslo", "days": 3}'],
    ['by Hermes and Qwen', '<tool_call>\n{"arguments": {"city": "Oslo", "days": 3}, "name": "get_weather"}\n</tool_call>'],
    ['by a tag that is never closed', '<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}'],
    ['by Granite', '<function_call> {"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}'],
    ['by Granite 3', '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}]'],
    ['by Mistral', '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}]'],
    ['by newer Mistral', '[TOOL_CALLS]get_weather[ARGS]{"city": "Oslo", "days": 3}'],
    ['by Llama 3', '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Oslo", "days": 3}}<|eom_id|>'],
    ['by Llama 3, its own way', '<function=get_weather>{"city": "Oslo", "days": 3}</function>'],
    ['by Llama 4', '<|python_start|>[get_weather(city="Oslo", days=3)]<|python_end|>'],
    [
      'by Qwen Coder',
      '<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>',
    ],
    [
      'by Claude',
      '<function_calls>\n<invoke name="get_weather">\n<parameter name="city">Oslo</parameter>\n<parameter name="days">3</parameter>\n</invoke>\n</function_calls>',
    ],
    [
      'by older Claude',
      '<function_calls><invoke><tool_name>get_weather</tool_name><parameters><city>Oslo</city><days>3</days></parameters></invoke></function_calls>',
    ],
    ['by FunctionGemma', '<start_function_call>call:get_weather{city:<escape>Oslo<escape>,days:3}<end_function_call>'],
    ['by Gemma’s tool_code', '```tool_code\nprint(get_weather(city="Oslo", days=3))\n```'],
    [
      'by GLM',
      '<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>',
    ],
    [
      'by Kimi',
      '<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{"city": "Oslo", "days": 3}<|tool_call_end|><|tool_calls_section_end|>',
    ],
    [
      'by DeepSeek',
      '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{"city": "Oslo", "days": 3}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    ],
    [
      'by gpt-oss',
      '<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city": "Oslo", "days": 3}<|call|>',
    ],
    [
      'by InternLM',
      '<|action_start|><|plugin|>\n{"name": "get_weather", "parameters": {"city": "Oslo", "days": 3}}<|action_end|>',
    ],
    ['as tags of its own', '<get_weather>\n<city>Oslo</city>\n<days>3</days>\n</get_weather>'],
    [
      'in the manner of ReAct',
      'Thought: I need the weather.\nAction: get_weather\nAction Input: {"city": "Oslo", "days": 3}\nObservation:',
    ],
    ['behind a thought', '<think>Perhaps roll_dice(sides=6)?</think>\nget_weather(city="Oslo", days=3)'],
  ])('%s', (_, text) => {
    expect(callsIn(text)).toEqual(OSLO);
  });
});

describe('several calls are read', () => {
  test.each<[string, string]>([
    [
      'as a list of JSON',
      '[{"name": "get_weather", "arguments": {"city": "Oslo"}}, {"name": "roll_dice", "arguments": {"sides": 6}}]',
    ],
    [
      'one JSON after the other',
      '{"name": "get_weather", "arguments": {"city": "Oslo"}}\n{"name": "roll_dice", "arguments": {"sides": 6}}',
    ],
    ['as a list of Python calls', "[get_weather(city='Oslo'), roll_dice(sides=6)]"],
    ['with commas or semicolons between', "get_weather(city='Oslo'); roll_dice(sides=6);"],
    ['numbered', "1. get_weather(city='Oslo')\n2. roll_dice(sides=6)"],
    [
      'in tags',
      '<tool_call>{"name":"get_weather","arguments":{"city":"Oslo"}}</tool_call>\n<tool_call>{"name":"roll_dice","arguments":{"sides":6}}</tool_call>',
    ],
    [
      'in one tag',
      '<tool_call>[{"name":"get_weather","arguments":{"city":"Oslo"}},{"name":"roll_dice","arguments":{"sides":6}}]</tool_call>',
    ],
    ['by Mistral', '[TOOL_CALLS]get_weather[ARGS]{"city": "Oslo"}[TOOL_CALLS]roll_dice[ARGS]{"sides": 6}'],
    [
      'by FunctionGemma',
      '<start_function_call>call:get_weather{city:<escape>Oslo<escape>}<end_function_call><start_function_call>call:roll_dice{sides:6}<end_function_call>',
    ],
    ['in two fences', 'First:\n```\nget_weather(city="Oslo")\n```\nthen:\n```\nroll_dice(sides=6)\n```'],
    [
      'twice in the same words',
      '```\nget_weather(city="Oslo")\nroll_dice(sides=6)\n```\nAnswer:\n```\nget_weather(city="Oslo")\nroll_dice(sides=6)\n```',
    ],
    [
      'round after round',
      `${'<tool_call>{"name":"get_weather","arguments":{"city":"Oslo"}}</tool_call><tool_call>{"name":"roll_dice","arguments":{"sides":6}}</tool_call>'.repeat(3)}`,
    ],
  ])('%s', (_, text) => {
    expect(callsIn(text)).toEqual(BOTH);
  });

  test('and the same one twice, where a model means it twice', () => {
    expect(callsIn('[roll_dice(sides=6), roll_dice(sides=6)]')).toHaveLength(2);
  });

  test('of calls within calls only those that can be made now', () => {
    expect(callsIn('save_note(text=get_weather(city="Oslo"))')).toEqual([['get_weather', { city: 'Oslo' }]]);
  });
});

describe('no call is invented', () => {
  test.each<[string, string]>([
    ['from prose', 'The weather in Oslo is fine.'],
    ['from an empty list', '[]'],
    ['from a name that is mentioned', 'The `get_weather` function tells the weather of a city, roll_dice() a number.'],
    ['from a sentence with a call in it', 'You could use get_weather(city="Oslo") to find out.'],
    ['from a refusal', 'None of the functions can do that; get_weather needs a city.'],
    ['from an example', 'For example, you could call it like this:\n\n```python\nget_weather(city="Oslo")\n```'],
    ['from a call that is to be completed', 'get_weather(city=X)\n\nPlease replace X with the city.'],
    ['from a call with variables', 'get_weather(city=my_city)'],
    ['from a placeholder', 'I would run:\n```\nget_weather(city="your_city_here")\n```'],
    ['from a call of another tool', '[search_web(query="Oslo")]'],
    ['from a JSON answer', '{"name": "Ada", "age": 36}'],
    [
      'from the tool’s own definition',
      '[{"name": "get_weather", "description": "The weather.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]',
    ],
    ['from a thought', '<think>I could do get_weather(city="Oslo")</think>I do not know.'],
    ['from a thought that is never closed', '<think>\nget_weather(city="Oslo")\n'],
    ['from a program that defines the tool', '```python\ndef get_weather(city):\n    return 1\n\nget_weather("Oslo")\n```'],
    ['from a call that was cut off inside a value', '{"name": "get_weather", "arguments": {"city": "Os'],
    ['from a number that was cut off', 'get_weather(city="Oslo", days=1'],
    ['from a call without what it must have', 'get_weather(days=3)'],
    ['from a call with more than there is', 'get_weather("Oslo", 3, "celsius", 9)'],
    ['from a call with unknown parameters', 'get_weather(city="Oslo", wind=true)'],
  ])('%s', (_, text) => {
    expect(callsIn(text)).toEqual([]);
  });
});

describe('programs of one answer are read as one', () => {
  test('with values from a fence ahead', () => {
    const text = 'The city:\n```python\nplace = "Oslo"\n```\nAnd the call:\n```python\nprint(get_weather(place, days=3))\n```';
    expect(callsIn(text)).toEqual(OSLO);
  });

  test('with calls in a list', () => {
    expect(callsIn('```python\nn = 6\nresults = [get_weather("Oslo"), roll_dice(n)]\nprint(results)\n```')).toEqual(BOTH);
  });

  test('and a result that the model makes up later is none', () => {
    const first = '```python\nsides = roll_dice(6)\nweather = get_weather("Oslo", days=sides)\n```';
    const second = '```python\nsides = 4\nget_weather("Oslo", days=sides)\n```';
    expect(callsIn(`${first}\nLet us run it:\n${second}`)).toEqual([['roll_dice', { sides: 6 }]]);
  });

  test('and what one of them says twice is meant twice', () => {
    expect(callsIn('```python\na = roll_dice(6)\nb = roll_dice(6)\n```')).toHaveLength(2);
  });
});

test.each<[string, readonly string[]]>([
  ['hold each other twice over, again and again', Array.from({ length: 60 }, (_, i) => `x${i + 1} = [x${i}, x${i}]`)],
  ['lie in each other without end', Array<string>(5000).fill('x = [x]')],
  ['are too many', Array.from({ length: 300 }, (_, i) => `y${i} = ${i}`)],
])('a program whose variables %s is none', (_, lines) => {
  expect(callsIn(`\`\`\`python\nx0 = ["a", "b"]\nx = 1\n${lines.join('\n')}\nget_weather("Oslo")\n\`\`\``)).toEqual([]);
});

test('an answer of thousands of programs is read', () => {
  expect(callsIn(Array.from({ length: 8000 }, (_, i) => `\`\`\`\nx${i} = 1\n\`\`\`\n`).join(''))).toEqual([]);
});

describe('a fence of arguments is a call of the tool that was named last', () => {
  const fence = '```json\n{\n  "city": "Oslo",\n  "days": 3\n}\n```\nOne moment.';

  test.each<[string, string]>([
    ['as code', `I call the function \`get_weather\`, three days will do.\n\n${fence}`],
    ['in a word that only code has', `Not roll_dice, but get_weather with these:\n${fence}`],
  ])('%s', (_, text) => expect(callsIn(text)).toEqual(OSLO));

  test.each<[string, string]>([
    ['no tool was named', `The result:\n${fence}`],
    ['it does not fit that tool', `I call \`roll_dice\`:\n${fence}`],
    ['it says that it is an example', `You could call \`get_weather\` with:\n${fence}`],
    ['a name may be just a word', `I say note what follows.\n\`\`\`json\n{"text": "x"}\n\`\`\``],
  ])('unless %s', (_, text) => {
    const note = { ...NOTE, function: { ...NOTE.function, name: 'note' } };
    expect(callsIn(text, [...TOOLS, note])).toEqual([]);
  });
});

describe('an example with the very values that were asked for is a call', () => {
  const question = 'How do I get the weather in Oslo for 3 days?';
  const fence = '```python\nimport tools\n\ndays = 3\nresult = tools.get_weather("Oslo", days)\nprint(result)\n```';

  test.each<[string, string]>([
    ['in a program', `Here is an example of how to do that:\n${fence}\nThe result tells the weather.`],
    ['with words for readers of code behind it', `Like this:\n${fence}\nReplace the import with your own.`],
    ['on a line', 'For example:\n\nget_weather(city="Oslo", days=3)\n'],
    [
      'below a body for the tool',
      '```python\ndef get_weather(city, days=1):\n    # placeholder\n    pass\n\nget_weather("Oslo", 3)\n```',
    ],
  ])('%s', (_, text) => {
    expect(callsIn(text, TOOLS, question)).toEqual(OSLO);
    expect(readToolCalls(text, TOOLS, { question }).place).toBe('example');
    expect(callsIn(text)).toEqual([]);
  });

  test.each<[string, string, string]>([
    ['a value is from elsewhere', question, 'For example:\n\nget_weather(city="Oslo", days=7)'],
    ['a value is to be filled in', question, 'For example:\n\nget_weather(city="your_city", days=3)'],
    ['it does not fit the tool', question, 'For example:\n\nget_weather(days=3)'],
    ['it says nothing that was asked', question, 'For example:\n\nroll_dice()'],
    ['the tool is said to be of no use', question, 'It cannot be used for this, but for example:\n\nget_weather(city="Oslo")'],
    ['an example is what was asked for', `${question} Show me an example.`, 'For example:\n\nget_weather(city="Oslo", days=3)'],
  ])('unless %s', (_, asked, text) => expect(callsIn(text, TOOLS, asked)).toEqual([]));
});

test('what a model asks and answers itself, behind its answer, is no part of it', () => {
  const more = '### Instruction:\nRoll a die.\n### Response:\n```\nroll_dice(sides=6)\n```';
  expect(callsIn(`\`\`\`\nget_weather(city="Oslo", days=3)\n\`\`\`\n${more}`)).toEqual(OSLO);
  expect(callsIn(`I look.\nget_weather(city="Oslo", days=3)\nUser: And a die?\nroll_dice(sides=6)`)).toEqual(OSLO);
});

test('a dotted name is found in any spelling, and by its end when that is unique', () => {
  for (const name of ['home.lights.set', 'home_lights_set', 'HomeLightsSet', 'functions.home.lights.set', 'set']) {
    expect(callsIn(`[${name}(room="hall", on=True)]`, [WEATHER, LIGHTS])).toEqual([
      ['home.lights.set', { room: 'hall', on: true }],
    ]);
  }
});

test('a spelling that two tools share means neither', () => {
  const twin = { ...DICE, function: { ...DICE.function, name: 'roll.dice' } };
  expect(callsIn('[rollDice(sides=6)]', [DICE, twin])).toEqual([]);
  expect(callsIn('[roll.dice(sides=6)]', [DICE, twin])).toEqual([['roll.dice', { sides: 6 }]]);
});

test('strings keep what they hold: apostrophes, brackets, quotes, line breaks', () => {
  expect(callsIn(`save_note(text='What's "this" (a [test])?')`)).toEqual([['save_note', { text: `What's "this" (a [test])?` }]]);
  expect(callsIn('save_note(text="""two\nlines""")', [NOTE])).toEqual([['save_note', { text: 'two\nlines' }]]);
  expect(callsIn('<start_function_call>call:save_note{text:<escape>a "b", {c}: d<escape>}<end_function_call>')).toEqual([
    ['save_note', { text: 'a "b", {c}: d' }],
  ]);
});

test('the text around the calls stays', () => {
  const reading = readToolCalls('I look.\n<tool_call>{"name": "roll_dice", "arguments": {}}</tool_call>\nDone.', TOOLS);
  expect(reading).toMatchObject({ place: 'marked', rest: 'I look.\n\nDone.' });
  expect(readToolCalls('I look.\nroll_dice()\nDone.', TOOLS)).toMatchObject({ place: 'line', rest: 'I look.\nDone.' });
});

test('a text shows that a call was meant, also if none can be read', () => {
  expect(readToolCalls('<tool_call>{"name": "get_weather", "argu', TOOLS)).toMatchObject({ calls: [], meant: true });
  expect(readToolCalls('get_weather(city is Oslo', TOOLS)).toMatchObject({ calls: [], meant: true });
  expect(readToolCalls('The weather is fine.', TOOLS)).toMatchObject({ calls: [], meant: false });
});

// Each would take minutes if reading time grew with the square of the length: then the test runs into its limit.
test.each<[string, string]>([
  ['brackets', '['],
  ['braces', '{"a":'],
  ['opening tags', '<tool_call>'],
  ['tags of any name', '<a>'],
  ['names', 'get_weather('],
  ['letters', 'a'],
  ['digits', '1'],
  ['fences', '```\n'],
  ['quotes', "'a"],
  ['calls of Gemma that never end', '<start_function_call>call:f{'],
  ['invocations that never end', '<invoke name="f">'],
  ['labels', 'a: '],
  ['lines that look like ReAct', 'Action: get_weather\n'],
  ['blanks', ' '],
  ['new lines', '\n'],
])('a long text of nothing but %s is read', (_, piece) => {
  expect(callsIn(`get_weather(city=${piece.repeat(40_000 / piece.length)}`)).toEqual([]);
  expect(callsIn(piece.repeat(40_000 / piece.length))).toEqual([]);
  const shown = `\`\`\`\ndef f${piece.repeat(40_000 / piece.length)}\nx\n\`\`\`\n`;
  expect(callsIn(shown)).toEqual([]);
  expect(readAnswer({ text: 'For example:\nroll_dice()', before: shown, tools: TOOLS, question: 'Roll?' }).calls).toEqual([]);
});
