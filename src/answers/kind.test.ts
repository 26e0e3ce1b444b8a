import { describe, expect, test } from 'vitest';
import { decideKind, readQuestion } from './kind.ts';

const question = (content: string, more: object = {}) => readQuestion({ messages: [{ role: 'user', content }], ...more });
const texts = (...list: string[]) => list.map((text) => ({ text }));
const tools = [{ type: 'function' as const, function: { name: 'weather' } }];
const call = { id: '1', type: 'function' as const, function: { name: 'weather', arguments: '{}' } };

describe('the kind is', () => {
  test.each([
    ['What is 2 + 2?', ['4', 'It is 4.', "I don't know."], 'number'],
    [
      'Natalia sold 48 clips … How many in all?',
      ['48/2 = 24 in May, so she sold 72 clips in all.', '{"reasoning": "", "answer": "72"}'],
      'number',
    ],
    ['Sort 6, 4, 2, 1', ['6, 4, 2, 1', '6,4,1,2'], 'exact'],
    ['Sort 6, 4, 2, 1, 9', ['1, 2, 4, 6, 9', '1, 2, 4, 6', '1, 2, 4, 6, 9, 9'], 'exact'],
    ['The capital of France?', ['Paris', 'The capital of France is Paris.'], 'semantic'],
    ['Reverse: Fluk', ['kulF', 'klF'], 'exact'],
    ['The code?', ['DJ05', 'DJ5'], 'exact'],
    ['Which?\nA) x\nB) y', ['A', 'The answer is B.'], 'choice'],
    ['Is the answer right? Reply yes or no.', ['Yes.', 'I get 46. No.'], 'choice'],
    ['Give the data', ['{"city": "Paris"}', '{"city": "Rome"}'], 'json'],
    ['Why is the sky blue?', ['Because air scatters blue light more than red.', 'Blue light is scattered most.'], 'semantic'],
    ['Who?', ["I don't know.", ''], 'exact'],
  ] as const)('%s → %j: %s', (text, answers, kind) => {
    expect(decideKind(texts(...answers), question(text))).toBe(kind);
  });

  test('tool_call when some answer calls a tool that was given', () => {
    const asked = question('Weather?', { tools });
    expect(decideKind([{ text: '', toolCalls: [call] }, { text: 'Sunny.' }], asked)).toBe('tool_call');
    expect(decideKind(texts('Sunny.', 'Sunny'), asked)).toBe('exact');
  });

  test('json when JSON was asked for', () => {
    expect(decideKind(texts('4', '5'), question('x', { response_format: { type: 'json_object' } }))).toBe('json');
  });
});

test('the question is the last user message, its text parts joined', () => {
  const { text } = readQuestion({
    messages: [
      { role: 'user', content: 'first' },
      { role: 'assistant', content: 'answer' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'second' },
          { type: 'image_url', image_url: { url: 'data:,' } },
        ],
      },
    ],
  });
  expect(text.trim()).toBe('second');
});
