/** Orchestrations over HTTP: changed for a call, given with a call, watched at work, waiting for a person, failing. */
import type OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { TuttiError } from '../../src/errors/error.ts';
import { collectKinds } from '../../src/composition/kinds.ts';
import { shapeOf } from '../../src/config/walk.ts';
import { deferred } from '../../src/lib/deferred.ts';
import { parseSse } from '../../src/lib/sse.ts';
import { callFields } from '../../src/server/rest/orchestrated.ts';
import { chatChunk, type ChatChunk } from '../../src/server/wire/chat.ts';
import type { CallOverrides } from '../../src/contracts/orchestrated.ts';
import { partsOf, type StrategyContext } from '../../src/contracts/strategy.ts';
import type { FakeModelScript } from '../../src/testing/fake-backend.ts';
import asking from '../fixtures/asking.ts';
import { chat, startServer, type Harness } from './harness.ts';

const ill = new TuttiError('invalid_model_file', 'ill');

interface Json {
  readonly [key: string]: unknown;
  readonly tutti: { readonly run_id: string };
}

const post = async (harness: Harness, path: string, body: unknown, key?: string) => {
  const response = await harness.fetch(path, { body, ...(key !== undefined && { key }) });
  return { status: response.status, headers: response.headers, json: (await response.json()) as Json };
};

/** The chunks of a stream, each held against its schema. */
async function chunksOf(harness: Harness, path: string, body: object): Promise<ChatChunk[]> {
  const response = await harness.fetch(path, { body: { ...body, stream: true } });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events = await Array.fromAsync(parseSse(response.body as never));
  expect(events.pop()?.data).toBe('[DONE]');
  return events.map(({ data }) => chatChunk.parse(JSON.parse(data)));
}

const textOf = (chunks: readonly ChatChunk[]) => chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
const stepsOf = (chunks: readonly ChatChunk[]) =>
  chunks.flatMap(({ tutti }) => (tutti !== undefined && 'step' in tutti ? [tutti.step] : []));

describe('what one call changes of an orchestration', () => {
  /** Tells what it was given. */
  let seen: CallOverrides | null = null;
  const watching = {
    strategy: 'watching',
    config: z.strictObject({ strategy: z.literal('watching'), members: z.array(z.string()) }),
    describe: ({ members }: { members: string[] }) => ({ members, operations: ['chat'] }),
    async *run({ config, call, request, options, overrides }: StrategyContext<{ members: string[] }>) {
      seen = overrides;
      yield* partsOf(await call('one', config.members[0] ?? '', request).answer(), options.step);
    },
  };
  const tutti = {
    plugins: [{ apiVersion: 1 as const, name: 'watching', strategies: [watching] }],
    orchestrations: { watch: { strategy: 'watching', members: ['fake:echo'] } },
  };
  const given = {
    members: ['fake:echo'],
    available_tools: ['search'],
    context: 'It is Friday.',
    web_search_query: 'weekdays',
    verification: false,
    timeouts: { context: 5, reasoning: 1.5 },
    workflow: ['research', 'code'],
  };
  const expected = {
    members: ['fake:echo'],
    availableTools: ['search'],
    context: 'It is Friday.',
    webSearchQuery: 'weekdays',
    verification: false,
    timeouts: { context: 5000, reasoning: 1500 },
    workflow: ['research', 'code'],
  };

  it.each([
    ['/v1/chat/completions', chat({ model: 'watch', tutti: given })],
    ['/api/inference', { model: 'watch', input: 'Hello', ...given }],
    ['/api/inference/orchestrated', { orchestration: 'watch', input: 'Hello', ...given }],
  ])('is taken by %s, in seconds', async (path, body) => {
    await using harness = await startServer({ tutti });
    seen = null;
    expect((await post(harness, path, body)).status).toBe(200);
    expect(seen).toEqual(expected);
  });

  it('is refused with its field where it makes no sense', async () => {
    await using harness = await startServer({ tutti });
    const wrong = async (changes: object) =>
      (await post(harness, '/v1/chat/completions', chat({ model: 'watch', tutti: changes }))).json;
    expect(await wrong({ timeouts: { context: 0 } })).toMatchObject({ error: { param: 'tutti.timeouts.context' } });
    expect(await wrong({ budget: { max_calls: 0 } })).toMatchObject({ error: { param: 'tutti.budget.max_calls' } });
    expect(await wrong({ members: ['nobody'] })).toMatchObject({ error: { code: 'unknown_member', param: 'members' } });
    expect(await wrong({ colour: 'red' })).toMatchObject({ error: { code: 'invalid_request', message: /colour/ } });
  });

  it('may be a budget for the whole tree', async () => {
    await using harness = await startServer({
      tutti: { orchestrations: { safe: { strategy: 'fallback', members: ['fake:echo'] } } },
    });
    await post(harness, '/v1/chat/completions', chat({ model: 'safe', tutti: { budget: { max_tokens: 3 } } }));
    expect(harness.backend.calls[0]?.input).toMatchObject({ max_tokens: expect.any(Number) });
  });

  it('may be a wish for confidence, which is then told also of a single model', async () => {
    const answer = { tokens: [{ text: 'yes', logprob: -0.1 }] };
    await using harness = await startServer({ fake: { models: { sure: { answer } } } });
    const body = chat({ model: 'fake:sure', tutti: { confidence: true } });
    const { json } = await post(harness, '/v1/chat/completions', body);
    expect(json).toMatchObject({ tutti: { confidence: { method: 'logprobs', score: expect.any(Number) } } });
    expect((await chunksOf(harness, '/v1/chat/completions', body)).at(-1)).toMatchObject({
      tutti: { confidence: { method: 'logprobs' } },
    });
    expect((await post(harness, '/v1/chat/completions', chat({ model: 'fake:sure' }))).json).not.toHaveProperty('tutti');
  });
});

describe('an orchestration that comes with the request', () => {
  const poets = (text: string, quality: number): FakeModelScript => ({
    answer: text,
    descriptor: { capabilities: ['poetry'], quality: { default: quality } },
  });

  it('answers like /api/inference, whole or streamed', async () => {
    await using harness = await startServer({
      fake: { models: { a: { answer: { failBefore: ill } }, b: { answer: 'from b' } } },
    });
    const body = {
      strategy: 'fallback',
      members: ['fake:a', { model: 'fake:b', max_tokens: 9 }],
      input: 'x',
      parameters: { seed: 1 },
    };
    const { json, headers } = await post(harness, '/api/inference/orchestrated', body);
    expect(json).toMatchObject({
      output: 'from b',
      tutti: {
        run_id: headers.get('x-tutti-run-id'),
        orchestration: 'inline:fallback',
        strategy: 'fallback',
        model_results: { 'fake:a': { success: false, error: { code: 'invalid_model_file' } }, 'fake:b': { content: 'from b' } },
      },
    });
    expect(harness.backend.calls.at(-1)?.input).toMatchObject({ seed: 1, max_tokens: 9 });
    const chunks = await chunksOf(harness, '/api/inference/orchestrated', body);
    expect(textOf(chunks)).toBe('from b');
    expect(chunks.at(-2)).toMatchObject({ choices: [{ finish_reason: 'stop' }], tutti: { strategy: 'fallback' } });
    expect(chunks.at(-1)).toMatchObject({ usage: { completion_tokens: 2 } });
  });

  it('takes the best models for a capability in place of members', async () => {
    const models = {
      low: poets('low', 0.1),
      high: poets('high', 0.9),
      mid: { ...poets('mid', 0.5), answer: { failBefore: ill } },
    };
    await using harness = await startServer({
      fake: { models: { ...models, high: { ...models.high, answer: { failBefore: ill } } } },
    });
    const body = { strategy: 'fallback', capability: 'poetry', num_models: 2, input: 'x' };
    expect((await post(harness, '/api/inference/orchestrated', body)).status).toBe(502);
    expect(harness.backend.calls.map(({ model }) => model)).toEqual(['high', 'mid']);
    expect((await post(harness, '/api/inference/orchestrated', { ...body, capability: 'juggling' })).json).toMatchObject({
      error: { code: 'no_model_for_capability', param: 'capability', details: { capability: 'juggling' } },
    });
    expect((await post(harness, '/api/inference/orchestrated', { ...body, capability: 'poetri' })).json).toMatchObject({
      error: { code: 'no_model_for_capability', param: 'capability', details: { nearest: ['poetry'] } },
    });
    expect((await post(harness, '/api/inference', { capability: 'poetri', input: 'x' })).json).toMatchObject({
      error: { code: 'no_model_for_capability', param: 'capability', details: { nearest: ['poetry'] } },
    });
  });

  it.each([
    ['race', {}, ['high', 'mid']],
    ['ab', { sticky: 'none' }, null],
    ['phased', {}, ['high']],
    ['conversation', { max_turns: 2 }, ['high', 'mid']],
    ['workflow', { steps: ['research', 'docs'] }, ['high', 'mid']],
    ['arbiter', { arbiter: 'fake:low', style: 'route' }, null],
  ])('takes them wherever a strategy has its models: %s', async (strategy, own, asked) => {
    const models = { low: poets('low', 0.1), high: poets('high', 0.9), mid: poets('mid', 0.5) };
    await using harness = await startServer({ fake: { models } });
    const body = { strategy, capability: 'poetry', num_models: 2, input: 'x', ...own };
    const { status, json } = await post(harness, '/api/inference/orchestrated', body);
    expect([status, json.tutti]).toMatchObject([200, { strategy }]);
    if (asked !== null) expect(harness.backend.calls.map(({ model }) => model).toSorted()).toEqual(asked.toSorted());
    expect(['high', 'mid']).toContain(json.output);
  });

  it('tells what was decided in snake_case', async () => {
    await using harness = await startServer({
      fake: { models: { sick: { answer: { failBefore: ill } }, well: { answer: 'from well' } } },
    });
    const arms = [
      { use: 'fake:sick', weight: 1e6 },
      { use: 'fake:well', weight: 1e-6 },
    ];
    const body = { strategy: 'ab', arms, sticky: 'none', fallback: true, input: 'x' };
    const { json } = await post(harness, '/api/inference/orchestrated', body);
    const { decisions } = json.tutti as unknown as { decisions: { data: object }[] };
    expect(decisions.map(({ data }) => data)).toEqual([
      { arm: 'fake:sick', use: 'fake:sick', sticky: false, after_failure: false },
      { arm: 'fake:well', use: 'fake:well', sticky: false, after_failure: true },
    ]);
  });

  it('is one model where the strategy is a policy', async () => {
    await using harness = await startServer({ fake: { models: { low: poets('low', 0.1), high: poets('high', 0.9) } } });
    for (const strategy of ['accuracy', 'performance', 'cost', 'balanced']) {
      const { status, json } = await post(harness, '/api/inference/orchestrated', { strategy, capability: 'poetry', input: 'x' });
      expect([status, json.tutti]).toMatchObject([200, { model_results: {} }]);
      if (strategy === 'accuracy') expect(json.output).toBe('high');
    }
  });

  it.each([
    [{ strategy: 'fallbck', members: ['fake:echo'] }, 'strategy', /did you mean `fallback`/],
    [{ strategy: 'fallback', members: [] }, 'members', /at least one/],
    [{ strategy: 'fallback', members: ['fake:echo'], quorum: 2 }, 'quorum', /no such key/],
    [{ strategy: 'fallback', members: ['fake:echo'], parameters: 3 }, 'parameters', /an object/],
    [{}, 'strategy', /Give `strategy`/],
    [{ orchestration: 'x', strategy: 'fallback' }, 'orchestration', /not both/],
    [{ orchestration: 'safe', quorum: 2 }, null, /quorum/],
    [{ strategy: 'cost', quorum: 2 }, null, /quorum/],
    [{ strategy: 'fallback', members: ['fake:echo'], budget: { max_calls: 0 } }, 'budget.max_calls', /1/],
    [{ strategy: 'fallback', members: ['nobody'] }, 'model', /nobody/],
  ])('is refused: %j', async (given, param, message) => {
    await using harness = await startServer({
      tutti: { orchestrations: { safe: { strategy: 'fallback', members: ['fake:echo'] } } },
    });
    const { status, json } = await post(harness, '/api/inference/orchestrated', { ...given, input: 'x' });
    expect([status < 500, json]).toMatchObject([true, { error: { param, message } }]);
  });
});

describe('the keys of a strategy', () => {
  const kept = ['tools', 'context', 'verification', 'confidence', 'steps'];

  it('are told apart from those of a call', () => {
    for (const [strategy, { config }] of collectKinds([]).strategies) {
      const own = Object.keys(shapeOf(config) ?? {}).filter((key) => key !== 'strategy');
      expect(
        own.filter((key) => Object.hasOwn(callFields, key)),
        strategy,
      ).toEqual([]);
    }
  });

  it.each([
    [{ tools: ['escalate_to_user'], context: ['vision'], verification: 'fake:echo', confidence: 'auto', steps: ['code'] }, kept],
    [{ tools: [], context: 'It is Friday.', verification: false, confidence: true, steps: true }, ['tools']],
  ])('are its own by their type, where a call has them, too: %j', async (given, own) => {
    const got: unknown[] = [];
    const taking = {
      strategy: 'taking',
      config: z.looseObject({ strategy: z.literal('taking') }),
      describe: () => ({ members: [], operations: ['chat'] }),
      async *run({ config, options }: StrategyContext<object>) {
        got.push(Object.keys(config).filter((key) => key !== 'strategy'));
        const answer = { text: 'x', reasoning: null, toolCalls: [], finishReason: 'stop' as const, confidence: null };
        yield* partsOf(answer, options.step);
      },
    };
    await using harness = await startServer({
      tutti: { plugins: [{ apiVersion: 1, name: 'taking', strategies: [taking] }] },
    });
    const { status } = await post(harness, '/api/inference/orchestrated', { strategy: 'taking', input: 'x', ...given });
    expect([status, got]).toEqual([200, [own]]);
  });
});

describe('a model that asks another', () => {
  const scripts = (text: string, quality: number): FakeModelScript => ({
    answer: text,
    descriptor: { capabilities: ['translation'], quality: { default: quality } },
  });
  const fake = { models: { best: scripts('best', 0.9), next: scripts('next', 0.5) } };

  it('gets the best for the capability, but never itself', async () => {
    await using harness = await startServer({ fake });
    const ask = async (requesting_model: string) =>
      (await post(harness, '/api/inference', { requesting_model, capability: 'translation', input: 'x' })).json;
    expect((await ask('fake:best')).output).toBe('next');
    expect((await ask('fake:next')).output).toBe('best');
    expect(await ask('fake:nobody')).toMatchObject({ error: { code: 'model_not_found' } });
  });

  it('needs a capability, and permission', async () => {
    await using harness = await startServer({ fake });
    const body = { requesting_model: 'fake:best', input: 'x' };
    expect((await post(harness, '/api/inference', body)).json).toMatchObject({ error: { param: 'capability' } });
    expect((await post(harness, '/api/inference', { ...body, model: 'fake:next' })).json).toMatchObject({
      error: { param: 'model' },
    });
    await using strict = await startServer({ fake, tutti: { orchestrator: { enable_collaboration: false } } });
    const refused = await post(strict, '/api/inference', { ...body, capability: 'translation' });
    expect(refused).toMatchObject({ status: 409, json: { error: { code: 'feature_disabled' } } });
  });
});

describe('the steps of a stream', () => {
  const tutti = { orchestrations: { safe: { strategy: 'fallback', members: ['fake:a', 'fake:b'] } } };
  const fake = { models: { a: { answer: { failBefore: ill } }, b: { answer: 'from b' } } };

  it('are told to those who ask, with what members write', async () => {
    await using harness = await startServer({ tutti, fake });
    const chunks = await chunksOf(harness, '/v1/chat/completions', chat({ model: 'safe', tutti: { steps: true } }));
    const steps = stepsOf(chunks);
    expect(steps).toContainEqual(
      expect.objectContaining({ type: 'started', path: 'root/0/fake:a', kind: 'member', name: 'fake:a' }),
    );
    expect(steps).toContainEqual(
      expect.objectContaining({
        type: 'finished',
        path: 'root/0/fake:a',
        status: 'failed',
        error: expect.objectContaining({ message: 'ill' }),
      }),
    );
    const written = steps.flatMap((step) => (step.type === 'text' && step.path === 'root/0/fake:b' ? [step.text] : []));
    expect(written.join('')).toBe('from b');
    expect(textOf(chunks)).toBe('from b');
    expect(
      chunks.filter(({ tutti }) => tutti !== undefined && 'step' in tutti).every(({ choices }) => choices.length === 0),
    ).toBe(true);
    expect(chunks.at(-1)).toMatchObject({ choices: [{ finish_reason: 'stop' }], tutti: { strategy: 'fallback' } });
  });

  it('are nothing to those who did not, and no trouble for the official client', async () => {
    await using harness = await startServer({ tutti, fake });
    expect(stepsOf(await chunksOf(harness, '/v1/chat/completions', chat({ model: 'safe' })))).toEqual([]);
    const body = {
      ...(chat({ model: 'safe', tutti: { steps: true } }) as OpenAI.ChatCompletionCreateParamsNonStreaming),
      stream: true as const,
    };
    const completion = await harness.client().chat.completions.stream(body).finalChatCompletion();
    expect(completion.choices[0]?.message.content).toBe('from b');
  });
});

describe('a run that asks a person', () => {
  const tutti = { plugins: [asking], orchestrations: { ask: { strategy: 'asking', members: ['fake:a', 'fake:b'] } } };
  const fake = { models: { a: { answer: 'A' }, b: { answer: 'B' } } };

  it('is an answer with a question to a plain OpenAI client, whole and streamed', async () => {
    await using harness = await startServer({ tutti, fake });
    const body = { model: 'ask', messages: [{ role: 'user' as const, content: 'x' }] };
    const whole = await harness.client().chat.completions.create(body);
    expect(whole).toMatchObject({
      choices: [{ message: { content: 'A: go on?' }, finish_reason: 'stop' }],
      tutti: { status: 'waiting', strategy: 'asking' },
    });
    const chunks = await Array.fromAsync(await harness.client().chat.completions.create({ ...body, stream: true }));
    expect(textOf(chunks as never)).toBe('A: go on?');
    expect(chunks.at(-1)).toMatchObject({ choices: [{ finish_reason: 'stop' }], tutti: { status: 'waiting' } });
  });

  it('goes on with the reply, under the same id, whole or streamed', async () => {
    await using harness = await startServer({ tutti, fake });
    for (const stream of [false, true]) {
      const asked = await post(harness, '/api/inference', { model: 'ask', input: 'x' });
      const { run_id } = asked.json.tutti;
      expect(await (await harness.fetch(`/api/runs/${run_id}`)).json()).toMatchObject({
        status: 'waiting',
        question: 'A: go on?',
      });
      const path = `/api/runs/${run_id}/reply`;
      if (stream) {
        const chunks = await chunksOf(harness, path, { reply: 'yes', steps: true });
        expect(textOf(chunks)).toBe('A yes B');
        expect(chunks.at(-2)).toMatchObject({ tutti: { run_id, status: 'completed' } });
        expect(stepsOf(chunks)).toContainEqual(expect.objectContaining({ name: 'first', replayed: true }));
      } else {
        expect((await post(harness, path, { reply: 'yes' })).json).toMatchObject({
          output: 'A yes B',
          tutti: { run_id, status: 'completed', decisions: [{ message: 'the person said yes' }] },
        });
      }
      expect(await (await harness.fetch(`/api/runs/${run_id}`)).json()).not.toHaveProperty('question');
      expect((await post(harness, path, { reply: 'yes' })).json).toMatchObject({ error: { code: 'not_waiting' } });
    }
    expect(harness.backend.calls.map(({ model }) => model)).toEqual(['a', 'b', 'a', 'b']);
  });

  it('takes a reply from its own principal only, and no empty one', async () => {
    const api_keys = [
      { name: 'one', key: 'key-of-one' },
      { name: 'two', key: 'key-of-two' },
    ];
    await using harness = await startServer({ tutti, fake, server: { api_keys } });
    const { json } = await post(harness, '/api/inference', { model: 'ask', input: 'x' }, 'key-of-one');
    const path = `/api/runs/${json.tutti.run_id}/reply`;
    expect((await post(harness, path, { reply: 'yes' }, 'key-of-two')).json).toMatchObject({ error: { code: 'run_not_found' } });
    expect((await post(harness, path, { reply: '  ' }, 'key-of-one')).json).toMatchObject({ error: { param: 'reply' } });
    expect((await post(harness, path, {}, 'key-of-one')).json).toMatchObject({ error: { param: 'reply' } });
    expect((await post(harness, path, { reply: 'yes' }, 'key-of-one')).json).toMatchObject({ output: 'A yes B' });
    expect((await post(harness, '/api/runs/run_none/reply', { reply: 'yes' }, 'key-of-one')).json).toMatchObject({
      error: { code: 'run_not_found' },
    });
  });

  it('goes on after a failure without what had succeeded', async () => {
    const b = { answer: [{ failBefore: ill }, { text: 'B' }] };
    await using harness = await startServer({ tutti, fake: { models: { ...fake.models, b } } });
    const { json } = await post(harness, '/api/inference', { model: 'ask', input: 'x' });
    const path = `/api/runs/${json.tutti.run_id}`;
    expect((await post(harness, `${path}/resume`, {})).json).toMatchObject({ error: { param: 'reply' } });
    expect((await post(harness, `${path}/reply`, { reply: 'yes' })).json).toMatchObject({
      error: { code: 'invalid_model_file' },
    });
    expect((await post(harness, `${path}/reply`, { reply: 'yes' })).json).toMatchObject({ error: { code: 'not_waiting' } });
    const resumed = await harness.fetch(`${path}/resume`, { method: 'POST' });
    expect(await resumed.json()).toMatchObject({ output: 'A yes B' });
    expect(harness.backend.calls.map(({ model }) => model)).toEqual(['a', 'b', 'b']);
  });
});

describe('an orchestration whose members all fail', () => {
  const tutti = { orchestrations: { safe: { strategy: 'fallback', members: ['fake:a', 'fake:b'] } } };
  const failing = { answer: { failBefore: ill } };
  const fake = { models: { a: failing, b: failing } };
  const error = {
    code: 'all_members_failed',
    message: expect.stringMatching(/fake:a: ill .*fake:b: ill/),
    tutti: {
      strategy: 'fallback',
      task: 'Hello there',
      model_results: { 'fake:a': { success: false, error: { code: 'invalid_model_file' } }, 'fake:b': { success: false } },
    },
  };

  it.each(['/v1/chat/completions', '/api/inference', '/api/inference/orchestrated'])(
    'is a 502 of %s with what each did',
    async (path) => {
      await using harness = await startServer({ tutti, fake });
      const body = {
        '/v1/chat/completions': chat({ model: 'safe' }),
        '/api/inference': { model: 'safe', input: 'Hello there' },
        '/api/inference/orchestrated': { orchestration: 'safe', input: 'Hello there' },
      }[path];
      for (const stream of [false, true]) {
        const { status, json } = await post(harness, path, { ...body, stream });
        expect([status, json]).toMatchObject([502, { error }]);
      }
    },
  );

  it('is the last event of a stream that had begun', async () => {
    const gate = deferred();
    const b = { answer: { gate: gate.promise, failBefore: ill } };
    await using harness = await startServer({ tutti, fake: { models: { a: failing, b } } });
    const body = chat({ model: 'safe', stream: true, tutti: { steps: true } });
    const response = await harness.fetch('/v1/chat/completions', { body });
    gate.resolve();
    const events = await Array.fromAsync(parseSse(response.body as never));
    expect([response.status, JSON.parse(events.at(-1)?.data ?? '')]).toMatchObject([200, { error }]);
  });

  it('tells the official client', async () => {
    await using harness = await startServer({ tutti, fake });
    const asked = harness
      .client()
      .chat.completions.create({ model: 'safe', messages: [{ role: 'user', content: 'Hello there' }] });
    await expect(asked).rejects.toMatchObject({ status: 502, error });
  });
});

describe('a picture for an orchestration', () => {
  it('goes through /api/inference beside a context', async () => {
    const capabilities = ['text_generation', 'vision'];
    const models = { eyes: { answer: 'a cat', descriptor: { capabilities } } };
    await using harness = await startServer({
      tutti: { orchestrations: { safe: { strategy: 'fallback', members: ['fake:eyes'] } } },
      fake: { models },
    });
    const input = [
      { type: 'text', text: 'What is it?' },
      { type: 'image', data: 'iVBORw0KGgo=' },
    ];
    const { json } = await post(harness, '/api/inference', { model: 'safe', input, context: 'It meows.' });
    expect(json).toMatchObject({ output: 'a cat', tutti: { task: 'What is it?' } });
    expect(harness.backend.calls[0]?.input).toMatchObject({ messages: [{ content: [{ type: 'text' }, { type: 'image_url' }] }] });
  });
});
