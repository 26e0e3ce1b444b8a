import { expect, it } from 'vitest';
import { question, textOf, type Input } from './question.ts';

const piped = (text: string): Input => ({ isTTY: false, read: async () => text });
const terminal: Input = {
  isTTY: true,
  read: () => {
    throw new Error('a terminal was read');
  },
};

it.each<[string, string[], object, Input, { model: string; text: string }]>([
  ['a model and a text', ['m', 'a', 'b'], {}, terminal, { model: 'm', text: 'a b' }],
  ['a model, the text from a pipe', ['m'], {}, piped('hi'), { model: 'm', text: 'hi' }],
  ['a model and a dash', ['m', '-'], {}, piped('hi'), { model: 'm', text: 'hi' }],
  ['a question alone', ['What is it?'], {}, piped(''), { model: 'auto', text: 'What is it?' }],
  ['a word alone, on a terminal', ['hello'], {}, terminal, { model: 'auto', text: 'hello' }],
  ['a word alone, nothing in the pipe', ['hello'], {}, piped(' \n'), { model: 'auto', text: 'hello' }],
  ['nothing but a pipe', [], {}, piped('hi'), { model: 'auto', text: 'hi' }],
  ['a dash alone', ['-'], {}, piped('hi'), { model: 'auto', text: 'hi' }],
  ['a capability and a text', ['a', 'b'], { capability: 'vision' }, terminal, { model: 'vision', text: 'a b' }],
  ['a backend, a model and a text', ['m', 'b'], { backend: 'up' }, terminal, { model: 'm', text: 'b' }],
])('understands %s', async (_what, words, options, input, expected) => {
  expect(await question(words, options, input)).toEqual(expected);
});

it('never waits for a pipe that stays open when the question is there', async () => {
  const open: Input = { isTTY: false, read: () => new Promise(() => {}) };
  expect(await question(['What is it?'], {}, open)).toEqual({ model: 'auto', text: 'What is it?' });
});

it('asks for a question when there is none', async () => {
  await expect(textOf([], terminal)).rejects.toThrow('There is no question.');
  await expect(question([], {}, piped(' \n'))).rejects.toThrow('There is no question.');
});
