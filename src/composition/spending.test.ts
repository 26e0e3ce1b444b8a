import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatInput } from '../contracts/chat.ts';
import type { Budget, CallOptions, Model, ModelDescriptor } from '../contracts/model.ts';
import type { Part } from '../contracts/part.ts';
import { LOCAL_PRINCIPAL } from '../contracts/principal.ts';
import { TuttiError } from '../errors/error.ts';
import { RunBudget } from '../host/budget.ts';
import { spending } from './spending.ts';

const step = 'root';
const usage: Part = { type: 'usage', step, usage: { inputTokens: 3, outputTokens: 2 } };
const finish = (choice = 0): Part => ({ type: 'finish', step, choice, reason: 'stop' });
const word: Part = { type: 'text-delta', step, choice: 0, text: 'word' };

/** A model that gives these parts; the inputs that it got. */
function modelOf(
  give: (input: ChatInput) => AsyncIterable<Part>,
  own: Partial<ModelDescriptor> = {},
): { model: Model; asked: ChatInput[] } {
  const asked: ChatInput[] = [];
  const descriptor: ModelDescriptor = { id: 'm', backend: 'b', name: 'm', capabilities: [], operations: ['chat'], ...own };
  const call: Model['call'] = (_operation, input) => {
    asked.push(input as ChatInput);
    return give(input as ChatInput);
  };
  return { model: spending({ descriptor, call }), asked };
}
async function* parts(...all: readonly (Part | TuttiError)[]): AsyncGenerator<Part> {
  for (const part of all) {
    if (TuttiError.isInstance(part)) throw part;
    yield part;
  }
}
function options(budget?: Budget): CallOptions {
  return { signal: new AbortController().signal, step, principal: LOCAL_PRINCIPAL, priority: 0, ...(budget && { budget }) };
}
const say = (content: string, own: Partial<ChatInput> = {}): ChatInput => ({ messages: [{ role: 'user', content }], ...own });

/** Tokens that can still be had of a budget of at most 100. */
function left(budget: Budget): number {
  const fits = (promptTokens: number): boolean => {
    try {
      const need = { promptTokens, answers: 0, maxTokens: undefined, mostTokens: Infinity, price: undefined };
      budget.reserve(need).settle(null, null);
      return true;
    } catch (error) {
      if (TuttiError.isInstance(error) && error.code === 'run_budget_exceeded') return false;
      throw error;
    }
  };
  return Array.from({ length: 102 }, (_unused, tokens) => tokens).findLastIndex(fits);
}

describe('what a call of a model gets', () => {
  const asked = async (
    input: ChatInput,
    own: Partial<ModelDescriptor> = {},
    budget: Budget = new RunBudget({ maxTokens: 100 }),
  ) => {
    const { model, asked: inputs } = modelOf(() => parts(word, usage, finish()), own);
    await Array.fromAsync(model.call('chat', input, options(budget)));
    return inputs[0];
  };

  it('is no longer an answer than what is left beside the prompt', async () => {
    expect(await asked(say('one two three'))).toMatchObject({ max_tokens: 97 });
    expect(await asked(say('one two three', { max_tokens: 500, n: 2 }))).toMatchObject({ max_tokens: 48 });
    expect(await asked(say('one', { max_completion_tokens: 500 }))).toEqual(say('one', { max_completion_tokens: 99 }));
  });

  it('is what was asked for, where that fits or the model keeps within it by itself', async () => {
    expect(await asked(say('one', { max_tokens: 5 }))).toEqual(say('one', { max_tokens: 5 }));
    expect(await asked(say('one'), { maxOutputTokens: 50 })).toEqual(say('one'));
    expect(await asked(say('one'), {}, new RunBudget({ maxCalls: 1 }))).toEqual(say('one'));
  });

  it('counts tools, and long texts without reading all of them', async () => {
    const tools = [{ type: 'function' as const, function: { name: 'add', description: 'one two three four five' } }];
    expect((await asked(say('one', { tools })))?.max_tokens).toBeLessThan(90);
    const long = await asked(say('word '.repeat(20_000)), {}, new RunBudget({ maxTokens: 30_000 }));
    expect(Math.abs((long?.max_tokens ?? 0) - 10_000)).toBeLessThan(300);
  });

  it('is shortened by what its price leaves', async () => {
    const price = { inputPerMtok: 0, outputPerMtok: 100_000 };
    expect(await asked(say('one'), { price }, new RunBudget({ maxCostUsd: 0.75 }))).toMatchObject({ max_tokens: 7 });
  });
});

describe('a call that has ended', () => {
  it('leaves what it did not take, at its last `finish` already', async () => {
    const budget = new RunBudget({ maxTokens: 100 });
    const { model } = modelOf(() => parts(word, usage, finish(0), finish(1)));
    const seen: number[] = [];
    for await (const part of model.call('chat', say('one', { n: 2, max_tokens: 20 }), options(budget))) {
      if (part.type !== 'text-delta') seen.push(left(budget));
    }
    expect(seen).toEqual([59, 59, 95]);
  });

  it('was no call when the budget refuses it, so that another one may be made', async () => {
    const budget = new RunBudget({ maxTokens: 3, maxCalls: 1 }, new RunBudget({ maxCalls: 1 }));
    const { model } = modelOf(() => parts(usage, finish()));
    budget.takeCall();
    await expect(Array.fromAsync(model.call('chat', say('one two three'), options(budget)))).rejects.toThrow();
    budget.takeCall();
    await Array.fromAsync(modelOf(() => parts(usage, finish())).model.call('chat', say('one'), options(budget)));
    expect(() => budget.takeCall()).toThrow(expect.objectContaining({ code: 'run_budget_exceeded' }));
  });

  it('is refused before the model is called, when nothing is left', async () => {
    const { model, asked } = modelOf(() => parts(finish()));
    const running = Array.fromAsync(model.call('chat', say('one two three'), options(new RunBudget({ maxTokens: 3 }))));
    await expect(running).rejects.toMatchObject({ code: 'run_budget_exceeded' });
    expect(asked).toEqual([]);
  });
});

/** How a call goes, and when its consumer leaves: after so many parts. */
const script = fc.record({
  parts: fc.constantFrom<readonly (Part | TuttiError)[]>(
    [word, usage, finish()],
    [word, new TuttiError('upstream_error', 'ill')],
    [new TuttiError('cancelled', 'enough')],
    [word, usage, new TuttiError('stream_truncated', 'cut')],
    [word],
  ),
  leavesAfter: fc.integer({ min: 0, max: 4 }),
  maxTokens: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
});

describe('calls that end, fail, are cancelled and left in any order', () => {
  it('leave nothing reserved', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(script, { minLength: 1, maxLength: 6 }), fc.scheduler(), async (scripts, scheduler) => {
        const budget = new RunBudget({ maxTokens: 1000 }, new RunBudget({ maxTokens: 100 }));
        let spent = 0;
        const calls = scripts.map(async ({ parts: all, leavesAfter, maxTokens }) => {
          async function* slowly(): AsyncGenerator<Part> {
            for await (const part of parts(...all)) {
              await scheduler.schedule(Promise.resolve());
              yield part;
            }
          }
          const { model } = modelOf(slowly);
          const input = say('one', maxTokens === undefined ? {} : { max_tokens: maxTokens });
          let taken = 0;
          try {
            for await (const part of model.call('chat', input, options(budget))) {
              if (part.type === 'usage') spent += 5;
              if (++taken > leavesAfter) break;
            }
          } catch (error) {
            if (!TuttiError.isInstance(error)) throw error;
          }
        });
        await scheduler.waitFor(Promise.all(calls));
        expect(left(budget)).toBe(100 - spent);
      }),
      { numRuns: 60 },
    );
  });
});
