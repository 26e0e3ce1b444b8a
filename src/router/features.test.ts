import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatInput, ChatMessage } from '../contracts/chat.ts';
import { classify, featuresOf, INTENTS, SCANNED_CHARS } from './features.ts';

const chat = (content: string, more: Partial<ChatInput> = {}): ChatInput => ({ messages: [{ role: 'user', content }], ...more });
const image: ChatMessage = {
  role: 'user',
  content: [
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url: 'https://example.org/cat.png' } },
  ],
};
const tools: ChatInput['tools'] = [{ type: 'function', function: { name: 'weather' } }];

describe('the kind of a task', () => {
  it.each([
    ['What is the capital of France?', 'text_generation'],
    ['Tell me a story about a fox.', 'text_generation'],
    ['Write a function that reverses a list.', 'code_generation'],
    ['Why does this fail?\n```\nfoo()\n```', 'code_generation'],
    ['What does SELECT name FROM users do?', 'code_generation'],
    ['Please look at src/server/app.ts and say what it does', 'code_generation'],
    ['Which is better for an API, Rust or Golang?', 'code_generation'],
    ['Is the snake called python dangerous?', 'text_generation'],
    ['Translate "good morning" to French', 'translation'],
    ['Could you please translate this to German: where is the station?', 'translation'],
    ['Translate this function to Rust', 'code_generation'],
    ['Summarize the following article: The river …', 'summarization'],
    ['TL;DR of the minutes, please', 'summarization'],
    ['Prove that the square root of two is irrational.', 'reasoning'],
    ['Think step by step: who has the fish?', 'reasoning'],
    ['Compare the two plans and evaluate the risks', 'reasoning'],
    ['', 'text_generation'],
  ])('%s', (text, type) => {
    expect(classify(text).type).toBe(type);
    expect(featuresOf('chat', chat(text)).type).toBe(type);
  });

  it('is vision when there is an image in the newest user message', () => {
    expect(featuresOf('chat', { messages: [image] })).toMatchObject({ type: 'vision', hasImages: true });
  });

  it('is no longer vision when the talk has moved on, though the images still count', () => {
    const input: ChatInput = {
      messages: [image, { role: 'assistant', content: 'A cat.' }, { role: 'user', content: 'Thanks!' }],
    };
    expect(featuresOf('chat', input)).toMatchObject({ type: 'text_generation', hasImages: true });
  });

  it('is tool calling when there are tools that may be called', () => {
    expect(featuresOf('chat', chat('hello', { tools }))).toMatchObject({ type: 'tool_calling', hasTools: true });
    expect(featuresOf('chat', chat('hello', { tools, tool_choice: 'none' }))).toMatchObject({
      type: 'text_generation',
      hasTools: false,
    });
    expect(featuresOf('chat', chat('hello', { tools: [] })).hasTools).toBe(false);
  });

  it('is what the operation is called for when it is not chat', () => {
    expect(featuresOf('embed', { input: 'Write a function' }).type).toBe('embedding');
    expect(featuresOf('paint', {}).type).toBe('paint');
  });

  it('is read from the newest user message only', () => {
    const messages: ChatMessage[] = [
      { role: 'system', content: 'You write code. Answer with a function.' },
      { role: 'user', content: 'Write a function that sorts.' },
      { role: 'assistant', content: '```js\nsort()\n```' },
      { role: 'user', content: 'Now tell me a joke.' },
    ];
    expect(featuresOf('chat', { messages }).type).toBe('text_generation');
  });
});

describe('the intent of a text', () => {
  it.each([
    ['Write a function that reverses a list', 'code'],
    ['My script crashes with TypeError: x is undefined', 'debug'],
    ['Here is the stack trace, what happened?', 'debug'],
    ['Fix the bug in this function: def f():', 'debug'],
    ['Design a scalable system for chat', 'arch'],
    ['Should we use microservices?', 'arch'],
    ['Write a README for this project', 'docs'],
    ['Add docstrings to the module', 'docs'],
    ['What is the capital of France?', 'general'],
  ])('%s', (text, intent) => {
    expect(classify(text).intent).toBe(intent);
  });
});

describe('complexity', () => {
  const complexity = (text: string, more: Partial<ChatInput> = {}) => featuresOf('chat', chat(text, more)).complexity;

  it('is nothing for a short plain question', () => {
    expect(complexity('What is the capital of France?')).toBe(0);
  });

  it('is high for a long task with steps, constraints, code and questions', () => {
    const text = `Design and compare two implementations of a cache. ${'Consider the memory and the time that each of them takes. '.repeat(20)}
1. It must be safe under concurrency, without locks.
2. It should only evict what is not in use.
3. Then write tests. Why is it correct? What is the worst case? Is it O(n)?
\`\`\`ts
const cache = new Map();
\`\`\``;
    expect(complexity(text)).toBeGreaterThan(7);
  });

  it.each([
    ['questions', 'What is it? Who made it? When? Where?', 1],
    ['constraints', 'Name a town, it must be small, without a river, exactly one.', 2],
    ['code', 'Explain ``` x ```', 2],
    ['maths and reasoning', 'Derive the integral of x^2', 2],
  ])('grows with %s', (_, text, points) => {
    expect(complexity(text)).toBe(points);
  });

  it('grows with earlier turns, tools and images', () => {
    const turns: ChatMessage[] = Array.from({ length: 5 }, () => ({ role: 'user', content: 'and now?' }));
    expect(featuresOf('chat', { messages: [...turns, image], tools }).complexity).toBe(2);
  });

  it('is what the caller says, rounded and within 0..10', () => {
    expect(featuresOf('chat', chat('hi'), { complexity: 7.6 }).complexity).toBe(8);
    expect(featuresOf('chat', chat('hi'), { complexity: 99 }).complexity).toBe(10);
    expect(featuresOf('embed', { input: 'hi' }, { complexity: -1 }).complexity).toBe(0);
  });
});

describe('the need for speed', () => {
  it.each([
    ['Quick question: what is DNS?', true],
    ['I need this ASAP', true],
    ['Answer in one word: is it raining?', true],
    ['The quick brown fox jumps', false],
    ['Explain quicksort', false],
  ])('%s: %s', (text, requiresSpeed) => {
    expect(featuresOf('chat', chat(text)).requiresSpeed).toBe(requiresSpeed);
  });

  it('is assumed when few tokens are wanted', () => {
    expect(featuresOf('chat', chat('hi', { max_tokens: 16 })).requiresSpeed).toBe(true);
    expect(featuresOf('chat', chat('hi', { max_tokens: 400 })).requiresSpeed).toBe(false);
    expect(featuresOf('chat', chat('hi', { max_completion_tokens: 16, max_tokens: 400 })).requiresSpeed).toBe(true);
  });

  it('is what the caller says', () => {
    expect(featuresOf('chat', chat('hi asap'), { requiresSpeed: false }).requiresSpeed).toBe(false);
    expect(featuresOf('chat', chat('hi'), { requiresSpeed: true }).requiresSpeed).toBe(true);
  });
});

describe('the tokens of a prompt', () => {
  it('are a quarter of the bytes of all messages, and more for tools and images', () => {
    const messages: ChatMessage[] = [
      { role: 'system', content: 'x'.repeat(400) },
      { role: 'user', content: 'y'.repeat(400) },
    ];
    expect(featuresOf('chat', { messages }).tokens).toBe(200);
    expect(featuresOf('chat', { messages, tools }).tokens).toBeGreaterThan(205);
    expect(featuresOf('chat', { messages: [image] }).tokens).toBeGreaterThan(500);
  });

  it('are those of the longest input of an embedding', () => {
    expect(featuresOf('embed', { input: ['x'.repeat(40), 'x'.repeat(400)] }).tokens).toBe(100);
    expect(featuresOf('embed', { input: 'x'.repeat(40) }).tokens).toBe(10);
    expect(featuresOf('embed', { input: [1, 2, 3] }).tokens).toBe(3);
    expect(featuresOf('embed', { input: [[1], [1, 2]] }).tokens).toBe(2);
  });
});

describe('any text', () => {
  const pieces = ['é', '日', '😀', '\ud800', '\n', '```', '?', '$x=', 'write ', 'why ', '1. ', 'translate '];
  const anyText = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...pieces)).map((list) => list.join('')),
  );

  it('has features in their ranges', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { type, intent, complexity, confidence } = classify(text);
        expect(type).toMatch(/^[a-z_]+$/);
        expect(INTENTS).toContain(intent);
        expect(Number.isInteger(complexity) && complexity >= 0 && complexity <= 10).toBe(true);
        expect(confidence).toBeGreaterThan(0);
        expect(confidence).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('is read at its start and its end only, however long it is', () => {
    const half = SCANNED_CHARS / 2;
    const filler = 'la '.repeat(SCANNED_CHARS);
    expect(classify(`${filler.slice(0, half)} def f(): ${filler}`).type).toBe('text_generation');
    expect(classify(`${filler} def f(): `).type).toBe('code_generation');
    expect(classify(`def f(): ${filler}`).type).toBe('code_generation');
  });
});
