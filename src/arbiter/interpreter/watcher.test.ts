import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ToolDefinition } from '../../contracts/chat.ts';
import { readAnswer, type AnswerReading } from './interpreter.ts';
import { TOOLS } from './tools.fixture.ts';
import { ToolCallWatcher } from './watcher.ts';

/** What is shown while the pieces come, and what is made of the rest. */
function watch(
  pieces: readonly string[],
  tools: readonly ToolDefinition[] = TOOLS,
  question?: string,
): { shown: string; rest: string; calls: unknown[] } {
  const watcher = new ToolCallWatcher(tools, question);
  const shown = pieces.map((piece) => watcher.push(piece)).join('');
  const end = watcher.end();
  return { shown, rest: end.text, calls: plain(end) };
}

const plain = ({ calls }: Pick<AnswerReading, 'calls'>): unknown[] =>
  calls.map((call) => [call.function.name, call.function.arguments]);
const letters = (text: string): string[] => Array.from(text);

describe('prose is shown as it comes', () => {
  test.each<[string, string]>([
    ['plain', 'The weather in Oslo is fine (today). '],
    ['with a tool that is mentioned', 'I know get_weather and `roll_dice`, which rolls. '],
    ['with a call inside a sentence', 'You could use get_weather(city="Oslo") for that. '],
    ['with Markdown', '# Title\n\n- **Name**: Ada\n- *type*: [link](http://x)\n\n> quote\n\n1. one '],
    ['with tags that mean nothing', 'a < b and <b>bold</b> <toolbox> [1] [x] '],
    ['with JSON that is no call', '{"age": 36, "tags": ["x"]} '],
    ['with a word that begins like a tool', 'get_weath is no tool, roll neither. '],
    ['with code that is a listing', '```js\nfunction add(a, b) {\n  return a + b;\n}\n```\n '],
    ['with an action that is none', 'Action movies are fun.\nTool: hammer and nails. '],
    ['with a list of names', '[Ada, Bob] '],
  ])('%s', (_, text) => {
    const watcher = new ToolCallWatcher(TOOLS);
    expect(
      letters(text)
        .map((letter) => watcher.push(letter))
        .join(''),
    ).toBe(text);
    expect(watcher.end()).toMatchObject({ held: '', text: '', calls: [], source: 'none' });
  });

  test('each letter at once, where no doubt can be', () => {
    const watcher = new ToolCallWatcher(TOOLS);
    watcher.push('So, ');
    for (const letter of 'get well soon') expect(watcher.push(letter)).toBe(letter);
  });
});

describe('a call is held back', () => {
  test.each<[string, string, string]>([
    ['in a tag', 'I look. ', '<tool_call>{"name": "roll_dice", "arguments": {}}</tool_call>'],
    ['in a tag of Mistral', 'I look. ', '[TOOL_CALLS][{"name": "roll_dice", "arguments": {}}]'],
    ['in a tag of its own', 'I look. ', '<roll_dice><sides>6</sides></roll_dice>'],
    ['as JSON', '', '{"name": "roll_dice", "arguments": {"sides": 6}}'],
    ['as a list', '', '[roll_dice(sides=6)]'],
    ['on a line', 'I look.\n', 'roll_dice(sides=6)'],
    ['in a fence', 'I look.\n', '```python\nroll_dice(sides=6)\n```'],
    ['in a program', 'I look.\n', '```python\n# roll\nn = 6\nroll_dice(sides=n)\n```'],
    ['in a program that begins with a prefix', 'I look.\n', '```python\nfunctions.roll_dice({\n  "sides": 6\n})\n```'],
    ['in a program of several fences', 'I look.\n```\nn = 6\n```\n', '```\nroll_dice(n)\n```'],
    ['as arguments in a fence', 'I call `roll_dice` now.\n', '```json\n{"sides": 6}\n```'],
    ['in the manner of ReAct', 'Thought: luck\n', 'Action: roll_dice\nAction Input: {"sides": 6}'],
    ['as a name and an object', '', 'roll_dice\n{"sides": 6}'],
    ['behind a thought', '<think>Maybe roll_dice(sides=20)?</think>\n', 'roll_dice(sides=6)'],
    ['in quotes', '', '`roll_dice(sides=6)`'],
  ])('%s', (_, before, written) => {
    const { shown, rest, calls } = watch(letters(before + written));
    expect({ shown, rest }).toEqual({ shown: before, rest: '' });
    expect(calls).toHaveLength(1);
    expect(calls).toEqual(plain(readAnswer({ text: before + written, tools: TOOLS })));
  });

  test.each<[string, string]>([
    ['on a line', 'roll_dice(sides=6)'],
    ['below a body for the tool', '```python\ndef roll_dice(sides):\n    if sides > 1:\n        return 4\n\nroll_dice(6)\n```'],
  ])('and made when it is an example of just what was asked, %s', (_, written) => {
    const before = 'Like this, for example:\n\n';
    const question = 'Roll a die with 6 sides.';
    expect(watch(letters(before + written), TOOLS, question)).toEqual({
      shown: before,
      rest: '',
      calls: [['roll_dice', '{"sides":6}']],
    });
    expect(watch(letters(before + written))).toEqual({ shown: before, rest: written, calls: [] });
  });

  test('and shown after all when it was none', () => {
    const text = 'Call it like this, for example:\n\nroll_dice(sides=6)\n\nand see.';
    const watcher = new ToolCallWatcher(TOOLS);
    expect(watcher.push(text)).toBe('Call it like this, for example:\n\n');
    expect(watcher.end()).toMatchObject({
      calls: [],
      text: 'roll_dice(sides=6)\n\nand see.',
      held: 'roll_dice(sides=6)\n\nand see.',
    });
  });

  test('and the prose behind it is shown at the end', () => {
    expect(watch(['Rolling.\nroll_dice()\nDone.'])).toEqual({ shown: 'Rolling.\n', rest: 'Done.', calls: [['roll_dice', '{}']] });
  });
});

test('without tools everything is shown at once', () => {
  expect(watch(['<tool_call>{"na', 'me": "f"}'], [])).toEqual({ shown: '<tool_call>{"name": "f"}', rest: '', calls: [] });
});

// Each would take minutes if the time for a letter grew with what came before: then the test runs into its limit.
test.each(['[', '{', '"', 'a', '"a', ' ', '\n', '<', '`', '```\n', 'roll_dice ', 'roll_dice\n', 'Action: ', '- ', 'a. b: '])(
  'a long stream of nothing but %j is shown, letter for letter',
  (piece) => {
    const text = piece.repeat(40_000 / piece.length);
    const { shown, rest, calls } = watch(letters(text));
    expect(shown + rest === text).toBe(true);
    expect(calls).toEqual([]);
  },
);

test('however the text is cut, the same is shown and the same calls are found', () => {
  const piece = fc.constantFrom(
    'Let me see. ', '\n', ' ', 'roll_dice', '(sides=6)', '[', ']', '{"name": "roll_dice", ', '"arguments": {"sides": 6}}', '<tool_call>', '</tool_call>', '```', '```python\n', 'Action: ',
    'Action Input: {"sides": 6}', '<think>', '</think>', 'get_weather(city="Oslo")', '- ', 'For example: ', '<', 'functions.', '[TOOL_CALLS]', '{', '"', 'x = ', 'print(x)\n', '<roll_dice>',
    'x = 6\n', 'roll_dice(x)\n', '{"sides": 6}', '`roll_dice` ', 'def roll_dice(n):\n    return 1\n', '\nUser: ',
  ); // prettier-ignore
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(200), { maxLength: 8 }), (parts, cuts) => {
      const text = parts.join('');
      const places = [...new Set(cuts.map((cut) => Math.min(cut, text.length)))].sort((a, b) => a - b);
      const pieces = [0, ...places].map((from, i) => text.slice(from, places[i] ?? text.length));
      expect(pieces.join('')).toBe(text);
      const question = 'Roll a die with 6 sides.';
      const whole = watch([text], TOOLS, question);
      expect(watch(pieces, TOOLS, question)).toEqual(whole);
      expect(watch(letters(text), TOOLS, question)).toEqual(whole);
      // Nothing is lost and nothing made up: what is shown is a beginning of the text, and without calls it is all of it.
      expect(text.startsWith(whole.shown)).toBe(true);
      if (whole.calls.length === 0) expect(whole.shown + whole.rest).toBe(text);
    }),
    { numRuns: 500 },
  );
});
