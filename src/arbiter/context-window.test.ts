import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { ChatMessage } from '../contracts/chat.ts';
import { chooseDropped, fitMessages, groupsOf, messageTokens } from './context-fit.ts';
import { createContextWindow, type Summarize } from './context-window.ts';

const letters = (text: string): number => text.length;
const user = (content: string): ChatMessage => ({ role: 'user', content });
const says = (content: string): ChatMessage => ({ role: 'assistant', content });
const system = (content: string): ChatMessage => ({ role: 'system', content });
const calls = (...ids: string[]): ChatMessage => ({
  role: 'assistant',
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })),
});
const result = (id: string, content = 'ok'): ChatMessage => ({ role: 'tool', tool_call_id: id, content });
const ten = (letter: string): string => letter.repeat(10);

describe('a context window', () => {
  it('holds 16384 tokens by default and keeps three quarters of them', async () => {
    const window = createContextWindow({ countTokens: letters });
    expect(window.maxTokens).toBe(16384);
    for (let i = 0; i < 16; i++) await window.add(user('x'.repeat(1024)));
    expect(window.tokens).toBe(16384);
    expect(window.messages()).toHaveLength(16);
    await window.add(user('!'));
    // 16385 is over it: 12288 is 75 %, so five thousand go, oldest first.
    expect(window.tokens).toBe(11 * 1024 + 1);
    expect(window.messages().at(-1)).toEqual(user('!'));
  });

  it('is full when `add` returns, without waiting, as long as tokens are counted at once', () => {
    const window = createContextWindow({ maxTokens: 20, countTokens: letters });
    for (const letter of 'abc') void window.add(user(ten(letter)));
    expect(window.messages()).toEqual([user(ten('c'))]);
  });

  it('never loses the system message or the newest one, even where they alone are too much', async () => {
    const window = createContextWindow({ maxTokens: 20, countTokens: letters });
    for (const message of [system(ten('s')), user(ten('a')), user('b'.repeat(30))]) await window.add(message);
    expect(window.messages()).toEqual([system(ten('s')), user('b'.repeat(30))]);
    expect(window.tokens).toBe(40);
  });

  it('drops a call together with its results', async () => {
    const window = createContextWindow({ maxTokens: 30, countTokens: letters });
    for (const message of [calls('a', 'b'), result('a'), result('b', ten('r')), user('next')]) await window.add(message);
    await window.add(user(ten('q')));
    expect(window.messages()).toEqual([user('next'), user(ten('q'))]);
  });

  it('keeps the call to which the newest result belongs', async () => {
    const window = createContextWindow({ maxTokens: 30, countTokens: letters });
    for (const message of [user(ten('a')), calls('a', 'b'), result('a', ten('r')), result('b', ten('s'))])
      await window.add(message);
    expect(window.messages()).toEqual([calls('a', 'b'), result('a', ten('r')), result('b', ten('s'))]);
  });

  it('waits for a tokenizer that is elsewhere, and keeps the order', async () => {
    const waiting: (() => void)[] = [];
    const countTokens = (text: string): Promise<number> => new Promise((resolve) => waiting.push(() => resolve(text.length)));
    const window = createContextWindow({ maxTokens: 20, countTokens });
    const added = Promise.all('abc'.split('').map((letter) => window.add(user(ten(letter)))));
    for (let i = 0; i < 3; i++) {
      await expect.poll(() => waiting.length).toBe(1);
      waiting.pop()?.();
    }
    await added;
    expect(window.messages()).toEqual([user(ten('c'))]);
  });

  it('goes on after a tokenizer failed for one message', async () => {
    const window = createContextWindow({
      countTokens: (text) => (text === 'bad' ? Promise.reject(new Error('no tokenizer')) : text.length),
    });
    await expect(window.add(user('bad'))).rejects.toThrow('no tokenizer');
    await window.add(user('good'));
    expect(window.messages()).toEqual([user('good')]);
  });

  it.each([
    [{ maxTokens: 0 }, 'maxTokens'],
    [{ truncateTo: 0 }, 'truncateTo'],
    [{ truncateTo: 1.1 }, 'truncateTo'],
    [{ policy: 'summarize' as const }, 'summarize'],
  ])('refuses %j', (options, param) => {
    expect(() => createContextWindow(options)).toThrow(param);
  });
});

describe('a context window that summarizes', () => {
  const seen: ChatMessage[][] = [];
  const summarize: Summarize = (messages) => {
    seen.push([...messages]);
    return Promise.resolve(`${messages.length} said`);
  };
  const options = { maxTokens: 1000, countTokens: letters, policy: 'summarize' as const, summarize };
  const long = (letter: string): ChatMessage => user(letter.repeat(240));

  it('puts a summary of the oldest into the system message', async () => {
    const window = createContextWindow(options);
    for (const message of [system('Be kind.'), ...'abcde'.split('').map(long)]) await window.add(message);
    expect(window.messages()).toEqual([system('Be kind.\n\nSummary of the earlier conversation:\n3 said'), long('d'), long('e')]);
    expect(window.tokens).toBeLessThanOrEqual(750);
  });

  it('summarizes an earlier summary with what came after it', async () => {
    seen.length = 0;
    const window = createContextWindow(options);
    for (const letter of 'abcdefghi') await window.add(long(letter));
    expect(seen[1]?.[0]?.content).toBe('Summary of the earlier conversation:\n3 said');
    expect(window.messages()[0]).toEqual(system('Summary of the earlier conversation:\n3 said'));
  });

  it('cuts a summary that is longer than it may be', async () => {
    const window = createContextWindow({ ...options, summarize: () => Promise.resolve('long '.repeat(500)) });
    for (const letter of 'abcde') await window.add(long(letter));
    expect(window.tokens).toBeLessThanOrEqual(750);
    expect(window.messages()[0]?.content).toMatch(/^Summary.*\nlong/);
  });

  it.each([
    ['fails', () => Promise.reject(new Error('model is away')), 'model is away'],
    ['is empty', () => Promise.resolve('  '), 'The summary of the earlier conversation is empty.'],
  ])('does without one that %s, and says so', async (_, failing, message) => {
    const told: string[] = [];
    const window = createContextWindow({ ...options, summarize: failing, onSummaryFailed: (error) => told.push(error.message) });
    for (const letter of 'abcde') await window.add(long(letter));
    expect(told).toEqual([message]);
    expect(window.messages()).toEqual([long('d'), long('e')]);
  });
});

describe('the tokens of a message', () => {
  it.each<[string, ChatMessage, number]>([
    ['are those of its text', user('abc'), 3],
    ['and of its calls', calls('a'), 4],
    ['and of its reasoning', { role: 'assistant', content: 'ab', reasoning_content: 'cd' }, 5],
    ['and 765 for an image', { role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }, 765],
    ['and none for an empty one', { role: 'assistant', content: null }, 0],
  ])('%s', (_, message, expected) => {
    expect(messageTokens(message, letters)).toBe(expected);
  });
});

const id = fc.constantFrom('a', 'b', 'c');
const message = fc.oneof(
  fc.lorem({ maxCount: 5 }).map(user),
  fc.lorem({ maxCount: 5 }).map(says),
  fc.uniqueArray(id, { minLength: 1, maxLength: 3 }).map((ids) => calls(...ids)),
  fc.tuple(id, fc.lorem({ maxCount: 3 })).map(([call, text]) => result(call, text)),
  fc.constant(system('rule')),
);
const conversation = fc.array(message, { minLength: 1, maxLength: 30 });

describe('any conversation that is cut', () => {
  it('keeps system messages, the newest one, and calls with their results', () => {
    fc.assert(
      fc.property(conversation, fc.integer({ min: 0, max: 300 }), (messages, target) => {
        const counted = messages.map((one) => ({ message: one, tokens: messageTokens(one, letters) }));
        const dropped = chooseDropped(counted, target);
        const groups = groupsOf(messages);
        expect(dropped.has(messages.length - 1)).toBe(false);
        for (const [i, one] of messages.entries()) {
          if (one.role === 'system') expect(dropped.has(i)).toBe(false);
          expect(dropped.has(i)).toBe(dropped.has(groups[i] ?? -1));
        }
      }),
    );
  });

  it('is as long as it may be, or has nothing more to lose; only the oldest are gone', () => {
    fc.assert(
      fc.property(conversation, fc.integer({ min: 1, max: 300 }), (messages, maxTokens) => {
        const kept = fitMessages(messages, { maxTokens, countTokens: letters });
        const total = kept.reduce((sum, one) => sum + messageTokens(one, letters), 0);
        const groups = groupsOf(messages);
        const canGo = (i: number): boolean => messages[i]?.role !== 'system' && groups[i] !== groups.at(-1);
        const left = kept.map((one) => messages.indexOf(one)).filter(canGo);
        if (left.length > 0) expect(total).toBeLessThanOrEqual(maxTokens);
        const gone = messages.flatMap((one, i) => (kept.includes(one) ? [] : [groups[i] ?? 0]));
        for (const group of gone) for (const i of left) expect(group).toBeLessThan(groups[i] ?? 0);
      }),
    );
  });

  it('stays within its window at every step, as far as it can', async () => {
    await fc.assert(
      fc.asyncProperty(conversation, fc.integer({ min: 50, max: 300 }), async (messages, maxTokens) => {
        const window = createContextWindow({ maxTokens, countTokens: letters });
        for (const one of messages) {
          await window.add(one);
          const now = window.messages();
          const groups = groupsOf(now);
          const mayGo = now.some((other, i) => other.role !== 'system' && groups[i] !== groups.at(-1));
          if (mayGo) expect(window.tokens).toBeLessThanOrEqual(maxTokens);
        }
      }),
      { numRuns: 50 },
    );
  });
});
