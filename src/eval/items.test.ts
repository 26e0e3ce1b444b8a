import { describe, expect, it } from 'vitest';
import { readItems } from './items.ts';

describe('readItems', () => {
  it('takes prompts and conversations, texts and numbers, and leaves out empty lines', () => {
    const source = [
      '{"id": "a", "prompt": "2 + 2?", "answer": 4, "skill": "add"}',
      '',
      '{"messages": [{"role": "user", "content": "Who?"}], "answer": "Ada", "accept": ["Ada L."], "kind": "read"}',
    ].join('\n');
    expect(readItems(source, 'q.jsonl')).toEqual([
      { id: 'a', messages: [{ role: 'user', content: '2 + 2?' }], tools: [], answers: ['4'], calls: null, skill: 'add' },
      {
        id: '3',
        messages: [{ role: 'user', content: 'Who?' }],
        tools: [],
        answers: ['Ada', 'Ada L.'],
        calls: null,
        skill: 'read',
      },
    ]);
  });

  it('takes the names of other data sets', () => {
    const source = '{"question": "2 + 2?", "gold": 4}\n{"input": "3 + 3?", "answer": "6"}';
    expect(readItems(source, 'q.jsonl')).toMatchObject([
      { messages: [{ content: '2 + 2?' }], answers: ['4'] },
      { messages: [{ content: '3 + 3?' }], answers: ['6'] },
    ]);
  });

  it('takes tools and the calls that should be made of them', () => {
    const tools = [{ type: 'function', function: { name: 'add' } }];
    const [item] = readItems(
      JSON.stringify({ prompt: 'go', tools, expected: [{ name: 'add', arguments: { a: 1 } }] }),
      'q.jsonl',
    );
    expect(item).toMatchObject({ tools, answers: [], calls: [{ function: { name: 'add', arguments: '{"a":1}' } }] });
    expect(readItems('{"prompt": "hello", "expected": []}', 'q.jsonl')[0]).toMatchObject({ calls: [] });
  });

  it.each([
    ['{"prompt": "a"', /q\.jsonl:1 is not JSON/],
    ['{"prompt": "a"}', /q\.jsonl:1: it needs `answer`/],
    ['{"prompt": "a", "question": "a", "answer": "b"}', /q\.jsonl:1: it needs `prompt` or `messages`/],
    ['{"answer": "a"}', /q\.jsonl:1: it needs `prompt` or `messages`/],
    ['{"prompt": "a", "answer": ["b"]}', /q\.jsonl:1: answer: /],
    ['{"prompt": "a", "answer": "b"}\n{"id": "1", "prompt": "a", "answer": "b"}', /q\.jsonl:2: there is an item `1` already/],
    ['\n\n', /q\.jsonl has no lines/],
  ])('names the line of %s', (source, message) => {
    expect(() => readItems(source, 'q.jsonl')).toThrow(message);
  });
});
