import { describe, expect, it } from 'vitest';
import { conversationHealth, type Said } from './health.ts';

const talk = (...lines: string[]): Said[] =>
  lines.map((line) => ({ from: line.slice(0, line.indexOf(':')), text: line.slice(line.indexOf(':') + 1).trim() }));

describe('the health of a conversation', () => {
  it.each<[string, Said[], string[]]>([
    ['nothing said yet', [], []],
    ['one message', talk('a: Paris is the capital of France.'), []],
    ['two that differ', talk('a: Use a queue between the services.', 'b: A queue hides failures; call them directly.'), []],
    [
      'a speaker that says the same again',
      talk('a: Use a queue.', 'b: That is slow for small loads.', 'a: Use a **queue**!'),
      ['repetition'],
    ],
    ['another speaker that says the same', talk('a: Use a queue.', 'b: Use a queue.'), []],
    [
      'a round without anything new',
      talk(
        'a: Use a queue between both services.',
        'b: Yes, a queue between services.',
        'a: Right, both services use the queue.',
      ),
      ['no_progress'],
    ],
    ['agreement at once is a first answer each', talk('a: 42', 'b: 42'), []],
    ['agreement that goes on', talk('a: 42', 'b: 42', 'a: 42', 'b: 42'), ['repetition', 'no_progress']],
    [
      'a statement denied',
      talk('a: The index is used by this query.', 'b: The index is not used by this query.'),
      ['contradiction'],
    ],
    ['a statement denied twice over', talk('a: It is not false that tea has caffeine.', 'b: Tea has caffeine.'), []],
    ['another number', talk('a: The sum is 12.', 'b: I see. The sum is 15.'), ['contradiction']],
    ['the same number again', talk('a: The sum is 12.', 'b: Indeed, the sum is 12, as every digit shows.'), []],
    ['numbers of a list', talk('a: Step 1: open the door.', 'b: Step 2: open the door.'), []],
    ['another answer', talk('a: So the answer is Paris.', 'b: No. The answer is Lyon'), ['contradiction']],
    ['a question back', talk('a: The sum is 12.', 'b: The sum is 15?'), []],
    [
      'a speaker that contradicts itself',
      talk('a: The sum is 12.', 'b: Are you sure?', 'a: Sorry, the sum is 15.'),
      ['contradiction'],
    ],
  ])('%s', (_, messages, kinds) => {
    const health = conversationHealth(messages);
    expect(health.problems.map(({ kind }) => kind)).toEqual(kinds);
    expect(health.healthy).toBe(kinds.every((kind) => kind === 'contradiction'));
  });

  it('names who contradicts whom, and with what', () => {
    expect(conversationHealth(talk('a: The sum is 12.', 'b: The sum is 15.')).problems).toEqual([
      { kind: 'contradiction', members: ['a', 'b'], message: 'a said “The sum is 12.”, b says “The sum is 15.”' },
    ]);
  });

  it('looks at the newest message alone', () => {
    const messages = talk('a: Use a queue.', 'b: Too slow.', 'a: Use a queue.', 'b: What about a plain function call instead?');
    expect(conversationHealth(messages).problems).toEqual([]);
  });
});
