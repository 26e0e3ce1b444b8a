import { describe, expect, it } from 'vitest';
import type { Reply } from './evaluate.ts';
import { readItems } from './items.ts';
import { judgeBy, type JudgeKind } from './judge.ts';

const said = (text: string, toolCalls: Reply['toolCalls'] = []): Reply => ({
  text,
  toolCalls,
  confidence: null,
  modelCalls: 1,
  usageByModel: {},
  costUsd: null,
});

function isRight(item: object, reply: Reply | string, kind: JudgeKind = 'auto'): boolean {
  const [parsed] = readItems(JSON.stringify({ prompt: 'go', ...item }), 'q');
  return judgeBy(kind)(parsed!, typeof reply === 'string' ? said(reply) : reply); // one line, one item
}

const call = (name: string, args: string) => ({ id: 'c', type: 'function' as const, function: { name, arguments: args } });

describe('judgeBy auto', () => {
  it.each([
    ['44', '44.', true],
    ['44', 'The answer is 44.', true],
    ['44', '45', false],
    ['0.5', '1/2', true],
    ['BOBE', 'bobe', false],
    ['BOBE', '"BOBE"', true],
    ['6, 4, 2, 1', '6,4,2,1', true],
    ['6, 4, 2, 1', '1, 2, 4, 6', false],
    ['{"a": 1, "b": [2]}', '```json\n{"b": [2], "a": 1.0}\n```', true],
    ['{"a": 1}', '{"a": 2}', false],
    ['I get 46. No.', 'I get 45. No.', true],
    ['I get 46. No.', 'I get 46. Yes.', false],
    ['No.', 'No, it is 46.', true],
    ["I don't know.", 'I do not know.', true],
    ["I don't know.", '12', false],
    ['12', "I don't know.", false],
    ['12', '', false],
  ])('wanted %s, said %s: %s', (answer, text, right) => {
    expect(isRight({ answer }, text)).toBe(right);
  });

  it('takes an option by its number, its letter or its words', () => {
    const prompt = 'Question: 7 + 8 = ?\nCandidates:\n1. 14\n2. 15\nWhich candidate is right? Reply with its number.';
    for (const text of ['I get 15. Number 2.', '2', 'Number 2.', '15'])
      expect(isRight({ prompt, answer: 'I get 15. Number 2.' }, text)).toBe(true);
    for (const text of ['I get 14. Number 1.', '1', '14'])
      expect(isRight({ prompt, answer: 'I get 15. Number 2.' }, text)).toBe(false);
  });

  it('wants long texts word for word', () => {
    const answer = 'The quick brown fox jumps over the lazy dog and then it runs into the wood again.';
    expect(isRight({ answer }, answer)).toBe(true);
    expect(isRight({ answer }, answer.replace('quick ', ''))).toBe(false);
    expect(isRight({ answer }, answer.replace('quick ', ''), 'semantic')).toBe(true);
  });

  it('is content with any of the answers that are accepted', () => {
    expect(isRight({ answer: '8400', accept: ['8400 cm'] }, '8400 cm')).toBe(true);
    expect(isRight({ answer: 'Ada', accept: ['Ada L.'] }, 'Ada L.')).toBe(true);
  });

  it('wants exactly the calls that are expected, in any order, and none where none are', () => {
    const expected = [
      { name: 'add', arguments: { a: 1, b: 2 } },
      { name: 'stop', arguments: {} },
    ];
    const [add, stop] = [call('add', '{"b": 2, "a": 1}'), call('stop', '{}')];
    expect(isRight({ expected }, said('', [stop, add]))).toBe(true);
    expect(isRight({ expected }, said('', [add]))).toBe(false);
    expect(isRight({ expected }, said('', [call('add', '{"a": 1, "b": 3}'), stop]))).toBe(false);
    expect(isRight({ expected: [] }, 'Hello!')).toBe(true);
    expect(isRight({ expected: [] }, said('', [stop]))).toBe(false);
  });
});

describe('judgeBy a kind', () => {
  it('reads both sides as this kind', () => {
    const prompt = 'Which one?\nA) red\nB) blue';
    expect(isRight({ prompt, answer: 'B' }, 'The answer is B) blue.', 'choice')).toBe(true);
    expect(isRight({ answer: 'Yes.' }, 'I get 46. Yes.', 'choice')).toBe(true);
    expect(isRight({ answer: 'Yes.' }, 'I get 46. Yes.', 'exact')).toBe(false);
    expect(isRight({ answer: 'The cat sat on the mat.' }, 'A cat sat on a mat', 'semantic')).toBe(true);
  });
});
