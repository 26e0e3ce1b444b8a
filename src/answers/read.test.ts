import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnswerKind } from './answer.ts';
import { ANSWER_KINDS } from './answer.ts';
import { optionsOf } from './choice.ts';
import { readAnswer } from './read.ts';

const key = (text: string, kind: AnswerKind): string | null => readAnswer(text, kind).key;
const reason = (text: string, kind: AnswerKind): string | undefined => {
  const reading = readAnswer(text, kind);
  return reading.key === null ? reading.reason : undefined;
};

test.each(ANSWER_KINDS.filter((kind) => kind !== 'tool_call'))('bytes that are no text are no answer of kind %s', (kind) => {
  expect(reason('\u0000{{[[ 42 <|im_end|>', kind)).toBe('unreadable');
  expect(reason('\ufffd\ufffd 42', kind)).toBe('unreadable');
});

test('what a JSON reader makes of LaTeX is text', () => {
  expect(key('{"answer": "\u0008oxed{42}"}', 'exact')).not.toBeNull();
});

describe('numbers', () => {
  test.each([
    ['42', '42'],
    ['The answer is 42.', '42'],
    ['**Answer:** 1,200 clips', '1200'],
    ['I get 46. No.', '46'],
    ['I get 46. Number 2.', '2'],
    ['{"reasoning": "3 + 4 = 7", "answer": "7"}', '7'],
    ['```json\n{"reasoning": "…", "answer": 7}\n```', '7'],
    ['{"reasoning": "He said \\"5\\" and then "9"", "answer": "12"', '12'],
    ['{"reasoning": "long\ntext", "answer": "67 + 41 = 108"}', '108'],
    ['{"answer": "\\\\frac{3}{4}"}', '0.75'],
    ['{"answer": "\\frac{3}{4}"}', '0.75'],
    ['{"final_answer": "$25,000"}', '25000'],
    ["{'answer': '7/4'}", '1.75'],
    ['So the sum is \\boxed{\\frac{7}{4}}.', '1.75'],
    ['… = \\boxed{\\text{18 dollars}}', '18'],
    ['Natalia sold 48/2 = 24 clips in May.\n#### 72', '72'],
    ['First 5 and 7.\n\nThe final answer is: $\\boxed{44}$', '44'],
    ['She makes 9 * 2 = $18 every day.', '18'],
    ['Ali has 3 boxes. In total he has **15** toys in 3 boxes.', '15'],
    ['<think>maybe 12? no, 13</think>14', '14'],
    ['It takes 12 hours, and after 2 more days the answer is 60 hours.', '60'],
    ['18 dollars a day for 7 days', '18'],
  ])('%j', (text, expected) => {
    expect(key(text, 'number')).toBe(expected);
  });

  test('an expression that is no number is an answer of its own, and equal ones agree', () => {
    expect(key('{"answer": "91 - 2x"}', 'number')).toBe(key('\\boxed{91-2x}', 'number'));
    expect(key('{"answer": "91 - 2x"}', 'number')).not.toBe(key('91', 'number'));
  });

  test('a stated answer without a number abstains, whatever numbers its reasoning holds', () => {
    expect(reason('{"reasoning": "Joe has $50", "answer": "Joe does not have enough money."}', 'number')).toBe('unreadable');
    expect(reason('{"reasoning": "3 steps", "answer": " "}', 'number')).toBe('unreadable');
  });

  test('how clearly it was stated ranks alone and whole JSON before marks before broken JSON before prose', () => {
    const form = (text: string): number => {
      const reading = readAnswer(text, 'number');
      return reading.key === null ? 0 : reading.form;
    };
    expect(form('42')).toBe(1);
    expect(form('{"answer": "42"}')).toBe(1);
    expect(form('It is \\boxed{42}')).toBe(0.9);
    expect(form('{"answer": "42"')).toBe(0.6);
    expect(form('First we add, then we carry the one.\nSo after a long while there are 42 of them.')).toBe(0.3);
  });
});

describe('choices', () => {
  const options = [
    { label: 'A', text: 'London' },
    { label: 'B', text: 'Paris' },
    { label: 'C', text: 'Rome' },
  ];
  test.each([
    ['B', 'B'],
    ['(b)', 'B'],
    ['B. Paris', 'B'],
    ['The correct answer is **B**.', 'B'],
    ['I think option C is wrong, so the answer is B', 'B'],
    ['Paris', 'B'],
    ['It must be Paris, of course.', 'B'],
    ['{"answer": "B"}', 'B'],
  ])('%j', (text, label) => {
    expect(readAnswer(text, 'choice', { options }).key).toBe(label);
  });

  test('an option that the question does not have is unreadable', () => {
    expect(readAnswer('F', 'choice', { options }).key).toBeNull();
  });

  test.each([
    ['Yes.', 'yes'],
    ['I get 46. No.', 'no'],
    ['No, it is 46.', 'no'],
    ['True', 'yes'],
    ['The answer is not right. Incorrect.', 'no'],
  ])('yes or no: %j', (text, expected) => {
    expect(key(text, 'choice')).toBe(expected);
  });
});

describe('data', () => {
  test('the order of keys, spaces and prose do not count; numbers count by value', () => {
    const a = '{"city": "Paris", "count": "1,200", "reasoning": "because"}';
    const b = 'Here it is:\n```json\n{"count": 1200, "city": " Paris "}\n```';
    expect(key(a, 'json')).toBe(key(b, 'json'));
    expect(key(a, 'json')).not.toBe(key('{"city": "Rome", "count": 1200}', 'json'));
  });

  test('text without JSON is unreadable', () => {
    expect(reason('just words {', 'json')).toBe('unreadable');
  });

  const call = (name: string, args: string) => ({
    id: Math.random().toString(),
    type: 'function' as const,
    function: { name, arguments: args },
  });
  test('calls are the same whatever their ids and order; arguments all count', () => {
    const one = readAnswer({ text: '', toolCalls: [call('a', '{"x": 1, "y": "z"}'), call('b', '')] }, 'tool_call');
    const two = readAnswer({ text: 'Calling.', toolCalls: [call('b', '{}'), call('a', '{"y":"z","x":1.0}')] }, 'tool_call');
    const other = readAnswer(
      { text: '', toolCalls: [call('a', '{"x": 1, "y": "z", "reason": "r"}'), call('b', '')] },
      'tool_call',
    );
    expect(one.key).toBe(two.key);
    expect(one.key).not.toBe(other.key);
  });

  test('no call is an answer, nothing at all is none', () => {
    expect(readAnswer({ text: 'No tool fits.', toolCalls: [] }, 'tool_call').key).toBe('');
    expect(readAnswer({ text: '', toolCalls: [] }, 'tool_call').key).toBeNull();
  });
});

describe('abstentions', () => {
  test.each([
    "I don't know.",
    'I don’t know',
    'I do not know the answer to that.',
    "I'm sorry, but I can't help with that.",
    'N/A',
    'unknown',
    'As an AI, I have no opinion.',
  ])('%j declines', (text) => {
    for (const kind of ['number', 'exact', 'semantic', 'choice'] as const) expect(reason(text, kind)).toBe('declined');
  });

  test('one that goes on to answer does not', () => {
    expect(key("I don't know the trick, but the answer is 12.", 'number')).toBe('12');
    expect(key('Unknown Pleasures', 'exact')).toBe('Unknown Pleasures');
  });

  test('an empty answer, and one that only thinks', () => {
    expect(reason('  \n', 'exact')).toBe('empty');
    expect(reason('<think>hm, 12', 'number')).toBe('empty');
  });
});

test('exact answers differ in case, not in spaces, quotes or a full stop', () => {
  expect(key(' "6,4, 2". ', 'exact')).toBe(key('6, 4, 2', 'exact'));
  expect(key('The answer is Paris.', 'exact')).toBe('Paris');
  expect(key('BOBE', 'exact')).not.toBe(key('bobe', 'exact'));
});

test('any text can be read as any kind', () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '"',
    'answer',
    ':',
    '\\boxed{',
    '\\frac',
    '1',
    ' ',
    '(',
    ')',
    '=',
    '\n',
    '**',
    ',',
    'x',
    '-',
    '/',
    '<think>',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces, { maxLength: 40 }).map((list) => list.join('')),
      ),
      (text) => {
        for (const kind of ANSWER_KINDS) {
          const reading = readAnswer(text, kind);
          expect(reading.key === null || reading.form > 0).toBe(true);
        }
      },
    ),
  );
});

test('texts of models that ran wild are read in no time', () => {
  const runs = [
    ' ',
    '\n',
    '.',
    '!',
    '"',
    '{',
    '[',
    '(',
    '1',
    '-',
    '$',
    '\\',
    'a',
    'A) ',
    'answer: ',
    '"answer": "',
    '\\boxed{',
    '\\frac{',
    '= ',
    '**',
    '#### ',
    'is ',
  ];
  for (const run of runs) {
    const long = run.repeat(Math.ceil(30_000 / run.length));
    for (const text of [long, `${long}x`, `The answer is${long}`, `5 ${long}1`, `"answer": "${long}`]) {
      for (const kind of ANSWER_KINDS) readAnswer(text, kind);
    }
    optionsOf(`${long}\nA) x\nB) y${long}`);
  }
});
