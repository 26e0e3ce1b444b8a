import { describe, expect, test } from 'vitest';
import type { ChatInput } from '../contracts/chat.ts';
import { TuttiError } from '../errors/error.ts';
import type { Ask } from './ask.ts';
import { createInterpreter } from './interpreter/interpreter.ts';
import { createMediator, plainAnswer, shortened, type Mediator } from './mediator.ts';

/** One token a word. */
const countTokens = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length;

interface Setting {
  readonly answer?: string | Error;
  readonly windows?: Readonly<Record<string, number>>;
  readonly model?: string;
}

function mediatorWith({ answer, windows = {}, model }: Setting = {}): {
  mediator: Mediator;
  asked: { target: string; input: ChatInput }[];
} {
  const asked: { target: string; input: ChatInput }[] = [];
  const ask: Ask = async (target, input) => {
    asked.push({ target, input });
    if (answer === undefined) expect.unreachable('no model is needed');
    if (answer instanceof Error) throw answer;
    return { text: answer, toolCalls: [], confidence: null };
  };
  const interpreter = createInterpreter({ model: null, ask });
  const mediator = createMediator({
    ask,
    interpreter,
    contextWindow: (target) => windows[target] ?? null,
    countTokens,
    ...(model !== undefined && { model }),
  });
  return { mediator, asked };
}

const LONG = 'First we look at the sum. Then we add the parts one by one. Each of them is small. So the total is 42.';

describe('an answer for another model', () => {
  test('passes as it is when it fits', async () => {
    const { mediator } = mediatorWith({ windows: { b: 1000 } });
    expect(await mediator.mediate({ response: LONG, to: 'b' })).toEqual({
      text: LONG,
      toolCalls: [],
      action: 'as_is',
      tokens: 24,
    });
  });

  test('passes as it is when nobody knows the window', async () => {
    const { mediator } = mediatorWith();
    expect(await mediator.mediate({ response: LONG, to: 'unknown' })).toMatchObject({ action: 'as_is' });
  });

  test('loses thoughts and marks, but not code', async () => {
    const { mediator } = mediatorWith();
    const response = '<think>hm</think><|im_start|>assistant\nUse `x`:\n```py\nx = 1 < 2\n```<|im_end|>';
    expect(await mediator.mediate({ response, to: 'b' })).toMatchObject({
      action: 'stripped',
      text: 'Use `x`:\n```py\nx = 1 < 2\n```',
    });
  });

  test('is summarized for the room that is left, by the model that is to read it', async () => {
    const { mediator, asked } = mediatorWith({ answer: 'The total is 42.', windows: { b: 80 } });
    const result = await mediator.mediate({ response: `${LONG} ${LONG}`, to: 'b', context: 'What is the total?' });
    expect(result).toEqual({ text: 'The total is 42.', toolCalls: [], action: 'summarized', tokens: 4 });
    expect(asked).toMatchObject([{ target: 'b', input: { max_tokens: 36, temperature: 0 } }]);
    expect(JSON.stringify(asked[0]?.input.messages)).toContain('What is the total?');
  });

  test('is summarized by the mediator’s own model when there is one', async () => {
    const { mediator, asked } = mediatorWith({ answer: 'It is 42.', model: 'small' });
    await mediator.mediate({ response: LONG, to: 'b', maxTokens: 10 });
    expect(asked.map(({ target }) => target)).toEqual(['small']);
  });

  test.each<[string, string | Error]>([
    ['fails', new TuttiError('upstream_error', 'no')],
    ['says nothing', ''],
    ['says too much', LONG],
  ])('is truncated between sentences when the model %s', async (_, answer) => {
    const { mediator } = mediatorWith({ answer });
    expect(await mediator.mediate({ response: LONG, to: 'b', maxTokens: 15 })).toEqual({
      text: 'First we look at the sum. […] So the total is 42.',
      toolCalls: [],
      action: 'truncated',
      tokens: 12,
    });
  });

  test('is counted by the own tokenizer of the model that is to read it', async () => {
    const ask: Ask = async () => ({ text: 'x'.repeat(60), toolCalls: [], confidence: null });
    const mediator = createMediator({
      ask,
      interpreter: createInterpreter({ model: null, ask }),
      contextWindow: () => 100,
      countOwn: async (target, text) => (target === 'bytes' ? text.length : null),
    });
    const cut = await mediator.mediate({ response: LONG, to: 'bytes' });
    expect(cut).toMatchObject({ action: 'truncated', tokens: cut.text.length });
    expect(cut.text.length).toBeLessThanOrEqual(50);
    expect(cut.text.length).toBeGreaterThan(20);
    // Nobody can count for it: by the estimate all of it fits.
    expect(await mediator.mediate({ response: LONG, to: 'remote' })).toMatchObject({ action: 'as_is' });
  });

  test('becomes tool calls', async () => {
    const { mediator } = mediatorWith();
    const tools = [
      { type: 'function' as const, function: { name: 'add', parameters: { properties: { a: { type: 'integer' } } } } },
    ];
    expect(await mediator.mediate({ response: 'I add.\nadd(a=1)', to: 'b', as: 'tool_calls', tools })).toMatchObject({
      action: 'interpreted',
      source: 'parsed',
      text: 'I add.',
      toolCalls: [{ function: { name: 'add', arguments: '{"a":1}' } }],
    });
  });

  test('is given up when the caller leaves', async () => {
    const controller = new AbortController();
    const ask: Ask = async (_target, _input, { signal }) => {
      controller.abort();
      throw signal.reason;
    };
    const mediator = createMediator({ ask, interpreter: createInterpreter({ model: null, ask }), contextWindow: () => null });
    const result = mediator.mediate({ response: LONG, to: 'b', maxTokens: 5, signal: controller.signal });
    await expect(result).rejects.toMatchObject({ code: 'cancelled' });
  });
});

test.each([1, 2, 3, 5, 8, 13, 21])('a text that is shortened to %i tokens has no more', (maxTokens) => {
  expect(countTokens(shortened(LONG, maxTokens, countTokens))).toBeLessThanOrEqual(maxTokens);
});

test('a single long sentence is cut between words', () => {
  expect(shortened('one two three four five', 3, countTokens)).toBe('one two three');
});

test('a thought that never ends leaves nothing', () => {
  expect(plainAnswer('<think>and so on')).toBe('');
});
