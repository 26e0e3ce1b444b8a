import { describe, expect, it } from 'vitest';
import { isHandOver, isRepetition, saysNothing } from './relay.ts';

describe('an answer', () => {
  it.each([
    ['', true],
    ['  \n', true],
    ['No tool fits.', true],
    ['no tool fits', true],
    ['{}', true],
    ['No.', false],
    ['No tool fits better than a hammer.', false],
  ])('%j says nothing: %s', (text, expected) => {
    expect(saysNothing(text)).toBe(expected);
  });
});

describe('a query', () => {
  it.each([
    ['What is 12 * 7?', 'what is 12 * 7', true],
    ['Whta is teh capital of France', 'What is the capital of France?', true],
    ['What is the capital of Spain?', 'What is the capital of France?', false],
    ['Write a loop', 'Write a loop and explain every step of it', false],
    ['', 'What?', false],
    [`${'many words '.repeat(300)}end`, `${'many words '.repeat(300)}end.`, true],
  ])('%j hands over %j: %s', (query, question, expected) => {
    expect(isHandOver(query, question)).toBe(expected);
  });
});

describe('a text', () => {
  it.each([
    ['42', ['42'], true],
    ['The answer is 42.', ['42'], true],
    ['{"response": "42"}', ['41', '42'], true],
    ['43', ['42'], false],
    ['It is not blue', ['It is blue'], false],
    ['Queues decouple services and smooth load peaks', ['Queues decouple the services, and smooth load peaks.'], true],
    ['In short: use a queue', ['Queues decouple the services, and smooth load peaks.'], false],
  ])('%j repeats one of %j: %s', (text, responses, expected) => {
    expect(isRepetition(text, responses)).toBe(expected);
  });
});
