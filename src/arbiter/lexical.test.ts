import { describe, expect, it } from 'vitest';
import { rankByWords, stemsOf } from './lexical.ts';

describe('the stems of a text', () => {
  it.each([
    ['Translate, translates, translated: translation', ['translat', 'translat', 'translat', 'translat']],
    ['summary summaries summarize summarization', ['summar', 'summar', 'summar', 'summar']],
    ['getUserById get_user_by_id', ['get', 'user', 'id', 'get', 'user', 'id']],
    ['Please show me the debugging of this', ['show', 'debug']],
    ['', []],
    ['the of and', []],
  ])('%j are %j', (text, expected) => {
    expect(stemsOf(text)).toEqual(expected);
  });
});

describe('a ranking by words', () => {
  const specialists = [
    { name: 'coding', description: 'Writes and fixes programs' },
    { name: 'analysis', description: 'Analyzes data and reports' },
    { name: 'law', description: 'Answers questions about law' },
  ];
  it.each([
    ['Fix this program', 'coding'],
    ['What do the reports show?', 'analysis'],
    ['A question on law and data', 'law'],
    ['Hello', 'coding'],
  ])('for %j puts %s first', (request, first) => {
    expect(rankByWords(request, specialists)[0]?.candidate.name).toBe(first);
  });

  it('gives 0 to what has no word in common', () => {
    expect(rankByWords('Hello', specialists).map(({ score }) => score)).toEqual([0, 0, 0]);
  });

  it('counts rare words for more than common ones, and names for more than descriptions', () => {
    const tools = [
      { name: 'a', description: 'order list' },
      { name: 'b', description: 'order pizza' },
      { name: 'c', description: 'order list' },
      { name: 'order', description: '' },
    ];
    expect(rankByWords('order pizza', tools).map(({ candidate }) => candidate.name)).toEqual(['b', 'order', 'a', 'c']);
  });
});
