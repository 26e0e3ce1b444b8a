/** Orchestrations from the library: given with a call, waiting for a person, going on after a failure, within a budget. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { AnyStrategyDefinition, RunDetails, StrategyDefinition } from '../../src/index.ts';
import { partsOf } from '../../src/index.ts';
import { TuttiError } from '../../src/errors/error.ts';
import type { ChatInput } from '../../src/contracts/chat.ts';
import type { Price } from '../../src/contracts/usage.ts';
import type { FakeModelScript } from '../../src/testing/fake-backend.ts';
import { start } from './start.ts';

const ill = new TuttiError('invalid_model_file', 'ill');
/** Asks `first`, then a person, then `second`. */
const asking: StrategyDefinition<{ strategy: 'asking'; members: string[] }> = {
  strategy: 'asking',
  config: z.strictObject({ strategy: z.literal('asking'), members: z.array(z.string()).min(2) }),
  describe: ({ members }) => ({ members, operations: ['chat'] }),
  async *run({ config: { members }, call, request, waitForUser, options, report }) {
    const first = await call('first', members[0] ?? '', request).answer();
    const reply = await waitForUser('question', `${first.text}: go on?`);
    report({ type: 'decision', message: `the person said ${reply}` });
    const second = await call('second', members[1] ?? '', request).answer();
    yield* partsOf({ ...second, text: `${first.text} ${reply} ${second.text}` }, options.step);
  },
};

const strategies: AnyStrategyDefinition[] = [asking];
const plugins = [{ apiVersion: 1 as const, name: 'asking', strategies }];

describe('orchestrate', () => {
  it('takes a strategy with the call, in camelCase', async () => {
    await using started = await start({ a: { answer: { failBefore: ill } }, b: { answer: 'from b' } });
    const { tutti } = started;
    const answer = await tutti.orchestrate({
      strategy: 'fallback',
      members: ['fake:a', { model: 'fake:b', maxTokens: 5 }],
      input: 'x',
    });
    expect(answer).toMatchObject({
      text: 'from b',
      task: 'x',
      strategy: 'fallback',
      orchestration: 'inline:fallback',
      status: 'completed',
      modelResults: {
        'fake:a': { success: false, error: { code: 'invalid_model_file' } },
        'fake:b': { success: true, content: 'from b', model: 'fake:b' },
      },
    });
  });

  it('lets a model choose the next phase of `phased`', async () => {
    const boss: FakeModelScript = { answer: [{ text: '1' }, { text: 'done' }] };
    await using started = await start({ a: { answer: 'from a' }, b: { answer: 'Yes.' }, boss });
    const { text, decisions, modelResults } = await started.tutti.orchestrate({
      strategy: 'phased',
      context: ['fake:b'],
      reasoning: ['fake:a'],
      verification: 'fake:b',
      next: 'arbiter',
      arbiter: 'fake:boss',
      maxTurns: 3,
      input: 'x',
    });
    expect([text, Object.keys(modelResults)]).toEqual([
      'from a',
      ['context.fake:b', 'next2', 'context.fake:b.turn2', 'next3', 'reasoning'],
    ]);
    expect(decisions.map(({ message }) => message)).toContain('next: context (the arbiter’s choice)');
    expect(modelResults.next2).toMatchObject({ role: 'arbiter', model: 'fake:boss' });
  });

  it('takes the best models for a capability in place of members', async () => {
    const scripts = (quality: number): FakeModelScript => ({
      answer: { failBefore: ill },
      descriptor: { capabilities: ['poetry'], quality: { default: quality } },
    });
    await using started = await start({ low: scripts(0.1), high: scripts(0.9), mid: scripts(0.5) });
    const { tutti, backend } = started;
    const running = tutti.orchestrate({
      strategy: 'fallback',
      capability: 'poetry',
      numModels: 2,
      policy: 'accuracy',
      input: 'x',
    });
    await expect(running).rejects.toMatchObject({ code: 'invalid_request' });
    const failing = tutti.orchestrate({ strategy: 'fallback', capability: 'poetry', numModels: 2, input: 'x' });
    await expect(failing).rejects.toMatchObject({ code: 'all_members_failed' });
    expect(backend.calls.map(({ model }) => model)).toEqual(['high', 'mid']);
  });

  it('chooses one model when the strategy is a policy', async () => {
    const scripts = (quality: number): FakeModelScript => ({
      answer: `${quality}`,
      descriptor: { capabilities: ['poetry'], quality: { default: quality } },
    });
    await using started = await start({ low: scripts(0.1), high: scripts(0.9) });
    const { tutti } = started;
    expect((await tutti.orchestrate({ strategy: 'accuracy', capability: 'poetry', input: 'x' })).text).toBe('0.9');
  });

  it.each([
    [{ strategy: 'fallbck', members: ['fake:a'] }, 'strategy', /did you mean `fallback`/],
    [{ strategy: 'fallback', members: [] }, 'members', /at least one/],
    [{ strategy: 'fallback', members: ['fake:a'], quorum: 2 }, 'quorum', /no such key/],
    [{}, 'strategy', /Give `strategy`/],
    [{ orchestration: 'x', strategy: 'fallback' }, 'orchestration', /not both/],
    [{ strategy: 'cost', members: ['fake:a'] }, 'members', /chooses one model/],
  ])('refuses %j', async (given, param, message) => {
    await using started = await start({ a: { answer: 'a' } });
    const { tutti } = started;
    await expect(tutti.orchestrate({ ...given, input: 'x' })).rejects.toMatchObject({ code: 'invalid_request', param, message });
  });

  it('tells the keys of a strategy from those of the call', async () => {
    await using started = await start({ a: { answer: 'a' }, b: { answer: 'b' } });
    const roles = { code: { model: 'fake:a' }, review: { model: 'fake:b' } };
    const answer = await started.tutti.orchestrate({
      strategy: 'workflow',
      steps: ['code'],
      roles,
      input: 'x',
      confidence: true,
    });
    expect(answer.text).toBe('a');
  });

  it('carries what its members did in the error', async () => {
    await using started = await start({ a: { answer: { failBefore: ill } } });
    const { tutti } = started;
    const error = await tutti.orchestrate({ strategy: 'fallback', members: ['fake:a'], input: 'x' }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'all_members_failed', message: /ill/ });
    const details = (error as TuttiError).tutti as RunDetails;
    expect(details).toMatchObject({
      task: 'x',
      status: 'failed',
      strategy: 'fallback',
      modelResults: { 'fake:a': { success: false } },
    });
  });
});

describe('collaborate', () => {
  it('asks the best model for the capability that is not the one that asks', async () => {
    const scripts = (text: string, quality: number): FakeModelScript => ({
      answer: text,
      descriptor: { capabilities: ['translation'], quality: { default: quality } },
    });
    await using started = await start({ best: scripts('best', 0.9), next: scripts('next', 0.5) });
    const { tutti } = started;
    expect((await tutti.collaborate({ from: 'fake:best', capability: 'translation', input: 'x' })).text).toBe('next');
    expect((await tutti.collaborate({ from: 'fake:next', capability: 'translation', input: 'x' })).text).toBe('best');
  });

  it('is refused when the config switches it off', async () => {
    await using started = await start({ a: { answer: 'a' } }, { orchestrator: { enable_collaboration: false } });
    const { tutti } = started;
    expect(() => tutti.collaborate({ from: 'fake:a', capability: 'translation', input: 'x' })).toThrow(
      expect.objectContaining({ code: 'feature_disabled' }),
    );
  });
});

describe('a run that asks', () => {
  const models = { a: { answer: 'A' }, b: { answer: 'B' } };
  const orchestrations = { ask: { strategy: 'asking', members: ['fake:a', 'fake:b'] } };

  it('ends with its question, and goes on with the reply without calling again', async () => {
    await using started = await start(models, { orchestrations, plugins });
    const { tutti, backend, events } = started;
    const question = await tutti.run({ model: 'ask', input: 'x' });
    expect(question).toMatchObject({ status: 'waiting', text: 'A: go on?', finishReason: 'stop' });
    expect(tutti.runs.get(question.runId)?.status).toBe('waiting');
    expect(tutti.questionOf(question.runId)).toBe('A: go on?');

    const answer = await tutti.reply(question.runId, 'yes');
    expect(answer).toMatchObject({
      runId: question.runId,
      status: 'completed',
      text: 'A yes B',
      decisions: [{ message: 'the person said yes' }],
    });
    expect(backend.calls.map(({ model }) => model)).toEqual(['a', 'b']);
    expect(tutti.runs.get(question.runId)).toMatchObject({ status: 'completed', usage: { outputTokens: 2 } });
    expect(Object.keys(answer.modelResults)).toEqual(['first', 'second']);
    expect(events.all('run.waiting')).toMatchObject([{ data: { question: 'A: go on?' } }]);
    // The first call is told once.
    expect(events.all('step.started').filter(({ data }) => data.name === 'first')).toHaveLength(1);
  });

  it('streams its question as content', async () => {
    await using started = await start(models, { orchestrations, plugins });
    const { tutti } = started;
    const parts = await Array.fromAsync(tutti.stream({ model: 'ask', input: 'x' }));
    expect(parts.filter(({ step }) => step === 'root')).toMatchObject([
      { text: 'A: go on?' },
      { type: 'finish', reason: 'stop' },
    ]);
  });

  it('takes one reply, of one who may see it, and none when it does not wait', async () => {
    await using started = await start(models, { orchestrations, plugins });
    const { tutti } = started;
    const { runId } = await tutti.run({ model: 'ask', input: 'x' });
    const stranger = { id: 'stranger', role: 'user' } as const;
    expect(() => tutti.resume(runId, { reply: 'no', principal: stranger })).toThrow(
      expect.objectContaining({ code: 'run_not_found' }),
    );
    await expect(tutti.reply(runId, '  ')).rejects.toMatchObject({ code: 'invalid_request', param: 'reply' });
    await tutti.reply(runId, 'yes');
    await expect(tutti.reply(runId, 'yes')).rejects.toMatchObject({ code: 'not_waiting' });
    await expect(tutti.reply('run_none', 'yes')).rejects.toMatchObject({ code: 'run_not_found' });
  });

  it('goes on after a failure with what had succeeded', async () => {
    await using started = await start(
      { a: { answer: 'A' }, b: { answer: [{ failBefore: ill }, { text: 'B' }] } },
      { orchestrations, plugins },
    );
    const { tutti, backend } = started;
    const { runId } = await tutti.run({ model: 'ask', input: 'x' });
    await expect(tutti.reply(runId, 'yes')).rejects.toMatchObject({ code: 'invalid_model_file' });
    const parts = await Array.fromAsync(tutti.resume(runId).parts);
    expect(parts.filter(({ step }) => step === 'root')).toMatchObject([{ text: 'A yes B' }, { type: 'finish' }]);
    expect(backend.calls.map(({ model }) => model)).toEqual(['a', 'b', 'b']);
  });
});

describe('a budget', () => {
  const models = { a: { answer: { failBefore: ill } }, b: { answer: 'one two three' } };
  const orchestrations = { safe: { strategy: 'fallback', members: ['fake:a', 'fake:b'], budget: { max_calls: 1 } } };

  it('of an orchestration holds for all its calls', async () => {
    await using started = await start(models, { orchestrations, plugins });
    const { tutti, backend } = started;
    await expect(tutti.run({ model: 'safe', input: 'x' })).rejects.toMatchObject({
      code: 'all_members_failed',
      message: /max_calls is 1/,
    });
    expect(backend.calls).toHaveLength(1);
  });

  it('of a call holds over the whole tree', async () => {
    const nested = {
      ...orchestrations,
      outer: { strategy: 'fallback', members: ['inner', 'fake:b'] },
      inner: { strategy: 'fallback', members: ['fake:a'] },
    };
    await using started = await start(models, { orchestrations: nested });
    const { tutti } = started;
    await expect(tutti.run({ model: 'outer', input: 'x', budget: { maxCalls: 1 } })).rejects.toMatchObject({
      message: /max_calls is 1/,
    });
    expect((await tutti.run({ model: 'outer', input: 'x', budget: { maxCalls: 2 } })).text).toBe('one two three');
  });

  it('is set for every run by the config', async () => {
    await using started = await start(models, { orchestrator: { max_calls_per_run: 1 } });
    const running = started.tutti.orchestrate({
      strategy: 'fallback',
      members: ['fake:a', 'fake:b'],
      budget: { maxCalls: 9 },
      input: 'x',
    });
    await expect(running).rejects.toMatchObject({ message: /max_calls is 1/ });
  });

  it('of tokens shortens what a member may write: prompt and answer together', async () => {
    await using started = await start(models, {});
    const { tutti, backend } = started;
    await tutti.orchestrate({ strategy: 'fallback', members: ['fake:b'], budget: { maxTokens: 3 }, input: 'x' });
    expect(backend.calls[0]?.input).toMatchObject({ max_tokens: 2 });
  });

  it('of money passes over the candidates that are too dear, which count as no calls', async () => {
    const dear: FakeModelScript = { answer: 'dear', descriptor: { price: { inputPerMtok: 0, outputPerMtok: 0, perCall: 5 } } };
    const aliases = { cheapest: ['fake:dear', 'fake:free'], luxury: ['fake:dear', 'fake:gold'] };
    await using started = await start({ dear, gold: dear, free: { answer: 'free' } }, { aliases });
    const { tutti, backend } = started;
    const ask = (member: string) =>
      tutti.orchestrate({ strategy: 'fallback', members: [member], budget: { maxCostUsd: 1, maxCalls: 1 }, input: 'x' });
    expect((await ask('cheapest')).text).toBe('free');
    expect(backend.calls.map(({ model }) => model)).toEqual(['free']);
    await expect(ask('luxury')).rejects.toMatchObject({ message: expect.stringContaining('max_cost_usd is 1') });
  });

  describe('that members at once would go over', () => {
    const poet = (price: Price): FakeModelScript => ({ answer: 'one two three', descriptor: { price } });
    const three = (price: Price) => ({ a: poet(price), b: poet(price), c: poet(price) });
    const members = ['fake:a', 'fake:b', 'fake:c'];
    const nested = {
      pair: { strategy: 'consensus', members: ['fake:b', 'fake:c'] },
      outer: { strategy: 'consensus', members: ['fake:a', 'pair'] },
    };
    const fee = { inputPerMtok: 0, outputPerMtok: 0, perCall: 1.5 };

    it.each([
      ['one of them calls', { strategy: 'consensus', members }],
      ['one of those in nested orchestrations calls', { strategy: 'fallback', members: ['outer'] }],
    ])('of money: %s, and the strategy goes on without the others', async (_what, own) => {
      await using started = await start(three(fee), { orchestrations: nested });
      const { tutti, backend } = started;
      const { text, costUsd } = await tutti.orchestrate({ ...own, budget: { maxCostUsd: 2 }, input: 'x' });
      expect([text, costUsd, backend.calls.length]).toEqual(['one two three', 1.5, 1]);
    });

    it('of tokens: each gets its share', async () => {
      await using started = await start(three({}), { orchestrations: nested });
      const { tutti, backend } = started;
      await tutti.orchestrate({ strategy: 'consensus', members, budget: { maxTokens: 300 }, input: 'x' });
      expect(backend.calls.map(({ input }) => (input as ChatInput).max_tokens)).toEqual([99, 99, 99]);
    });

    it('of a price: each writes what its share pays for', async () => {
      await using started = await start(three({ inputPerMtok: 0, outputPerMtok: 500_000 }), {});
      const { costUsd } = await started.tutti.orchestrate({
        strategy: 'consensus',
        members,
        budget: { maxCostUsd: 2 },
        input: 'x',
      });
      // One token, one, and what is left: two.
      expect(costUsd).toBe(2);
    });

    it('does not count against what comes later, however the members end', async () => {
      const ended = { ...three({}), a: { answer: { failBefore: ill } }, b: { answer: { gate: new Promise(() => {}) } } };
      const first = { strategy: 'race', members: ['fake:a', 'fake:b', 'fake:c'] };
      const chain = { strategy: 'pipeline', stages: ['first', 'fake:c'], budget: { max_tokens: 100 } };
      await using started = await start(ended, { orchestrations: { first, chain } });
      const { tutti, backend } = started;
      await tutti.run({ model: 'chain', input: 'x' });
      expect(backend.calls.at(-1)?.input).toMatchObject({ max_tokens: 100 - 4 - 3 });
    });
  });
});
