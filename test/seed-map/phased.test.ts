/** Context, reasoning, verification: what a phased orchestration takes and tells. */
import { existsSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import type { FakeModelScript } from '../../src/testing/fake-backend.ts';
import { chat, startServer, type Harness } from '../server/harness.ts';
import { row } from './row.ts';
import { call, codeOf } from './wire.ts';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const IMAGE = { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } };
const down = { failBefore: new TuttiError('invalid_model_file', 'down') };
const seeing = { descriptor: { capabilities: ['text_generation', 'vision'] } };

const careful = {
  strategy: 'phased',
  context: [
    { model: 'fake:eyes', capability: 'vision' },
    { model: 'fake:web', capability: 'web_search' },
  ],
  reasoning: ['fake:thinker', 'fake:spare'],
  verification: 'fake:checker',
  on_reject: 'keep',
};

/** A server whose orchestration `careful` has these models in place of those that answer well. */
function start(own: Record<string, FakeModelScript> = {}, more: object = {}): Promise<Harness> {
  const models = {
    eyes: { ...seeing, answer: 'A red car.' },
    web: { answer: 'Cars have four wheels.' },
    thinker: { answer: { tokens: [{ text: '42', logprob: Math.log(0.8) }] } },
    spare: { answer: '41' },
    checker: { answer: 'Yes.' },
    ...own,
  };
  return startServer({ fake: { models }, tutti: { orchestrations: { careful: { ...careful, ...more } } } });
}

const called = (harness: Harness) => harness.backend.calls.map(({ model }) => model);
const asked = (harness: Harness, model: string) =>
  JSON.stringify(harness.backend.calls.findLast((one) => one.model === model)?.input);
/** What the call `tutti: {…}` of a chat completion gives. */
const complete = async (harness: Harness, tutti: object, content: unknown = '40 + 2?') =>
  (await call(harness, 'POST', '/v1/chat/completions', chat({ model: 'careful', messages: [{ role: 'user', content }], tutti })))
    .body as {
    choices: { message: { content: string } }[];
    tutti: Record<string, never>;
  };
const infer = async (harness: Harness, more: object = {}) =>
  (await call(harness, 'POST', '/api/inference', { model: 'careful', input: '40 + 2?', ...more })).body as {
    output: string;
    tutti: Record<string, never>;
  };

describe('phased', () => {
  row('ModelOrchestrator(kimi_client, chatgpt_model, chatgpt_api_key, vision_model, enable_verification)', async () => {
    await using harness = await start();
    expect((await harness.tutti.run({ model: 'careful', input: '40 + 2?' })).text).toBe('42');
    expect(called(harness)).toEqual(['thinker', 'checker']);
    await using plain = await start({}, { verification: undefined });
    await plain.tutti.run({ model: 'careful', input: '40 + 2?' });
    expect(called(plain)).toEqual(['thinker']);
  });

  row('execute(task)', async () => {
    await using harness = await start();
    expect((await harness.tutti.run({ model: 'careful', input: '40 + 2?' })).strategy).toBe('phased');
    expect((await complete(harness, {})).choices[0]?.message.content).toBe('42');
    const body = { orchestration: 'careful', input: '40 + 2?' };
    expect((await call(harness, 'POST', '/api/inference/orchestrated', body)).body).toMatchObject({ output: '42' });
  });

  row('tools=["kimi_k2","vision"]', async () => {
    await using harness = await start();
    await harness.tutti.run({ model: 'careful', input: '40 + 2?', members: ['fake:spare'] });
    await complete(harness, { members: ['fake:spare', 'fake:eyes'] }, [{ type: 'text', text: 'What?' }, IMAGE]);
    expect(called(harness)).toEqual(['spare', 'eyes', 'spare']);
    expect(await codeOf(harness.tutti.run({ model: 'careful', input: 'x', members: ['nobody'] }))).toBe('unknown_member');
  });

  row('available_tools', async () => {
    const plan = { answer: '[{"tool": "browser"}, {"tool": "search"}]' };
    await using harness = await start({ thinker: plan });
    const { conflicts } = await harness.tutti.run({
      model: 'careful',
      input: 'Plan it.',
      availableTools: ['search'],
      tools: [
        { type: 'function', function: { name: 'browser' } },
        { type: 'function', function: { name: 'search' } },
      ],
    });
    expect(asked(harness, 'thinker')).not.toContain('"name":"browser"');
    expect(asked(harness, 'thinker')).toContain('"name":"search"');
    expect(conflicts.map(({ kind }) => kind)).toContain('tool_unavailable');
    expect((await complete(harness, { available_tools: ['search'] })).tutti.conflicts).toMatchObject([
      { kind: 'tool_unavailable' },
    ]);
  });

  row('context, screenshot, web_search_query', async () => {
    await using harness = await start();
    const images = [`data:image/png;base64,${PNG}`];
    await harness.tutti.run({
      model: 'careful',
      input: 'What is it?',
      images,
      context: 'It is Friday.',
      webSearchQuery: 'cars',
    });
    const wanted = ['It is Friday.', 'A red car.', 'Cars have four wheels.'];
    for (const text of wanted) expect(asked(harness, 'thinker')).toContain(text);
    expect(asked(harness, 'web')).toContain('cars');
    await complete(harness, { context: 'It is Monday.', web_search_query: 'wheels' }, [
      { type: 'text', text: 'What is it?' },
      IMAGE,
    ]);
    for (const text of ['It is Monday.', ...wanted.slice(1)]) expect(asked(harness, 'thinker')).toContain(text);
    expect(asked(harness, 'web')).toContain('wheels');
  });

  row('enable_verification per call', async () => {
    await using harness = await start();
    await harness.tutti.run({ model: 'careful', input: '40 + 2?', verification: false });
    await complete(harness, { verification: false });
    expect(called(harness)).toEqual(['thinker', 'thinker']);
    await complete(harness, { verification: true });
    expect(called(harness).at(-1)).toBe('checker');
  });

  row('parallel_timeout, reasoning_timeout, verification_timeout', async () => {
    const stuck = { answer: { text: 'late', gate: new Promise<void>(() => {}) } };
    const late = async (model: string, step: string, seconds: number, timeouts?: object) => {
      await using harness = await start({ [model]: stuck }, { reasoning: 'fake:thinker' });
      const answering = complete(harness, { web_search_query: 'cars', ...(timeouts && { timeouts }) });
      await harness.events.next('step.started', ({ data }) => data.kind === 'call' && data.model === `fake:${model}`);
      harness.clock.advance(seconds * 1000 - 1);
      expect(harness.backend.calls.at(-1)).toMatchObject({ model, state: 'running' });
      harness.clock.advance(1);
      const { tutti, error } = (await answering) as { tutti?: object; error?: { tutti: object } };
      expect(tutti ?? error?.tutti).toMatchObject({ model_results: { [step]: { error: { code: 'member_timeout' } } } });
    };
    // The defaults, and those of the call.
    await late('web', 'context.web_search', 30);
    await late('thinker', 'reasoning', 60);
    await late('checker', 'verification', 20);
    await late('web', 'context.web_search', 2, { context: 2 });
    await late('thinker', 'reasoning', 1.5, { reasoning: 1.5 });
    await late('checker', 'verification', 3, { verification: 3 });
  });

  row('result.task, primary_answer', async () => {
    await using harness = await start();
    expect(await harness.tutti.run({ model: 'careful', input: '40 + 2?' })).toMatchObject({
      task: '40 + 2?',
      output: '42',
      text: '42',
    });
    expect(await infer(harness)).toMatchObject({ output: '42', tutti: { task: '40 + 2?' } });
  });

  row('model_results[ModelType] .success .content .error', async () => {
    await using harness = await start({ thinker: { answer: down } });
    const { modelResults } = await harness.tutti.run({ model: 'careful', input: '40 + 2?' });
    expect(modelResults).toMatchObject({
      reasoning: {
        model: 'fake:thinker',
        role: 'reasoning',
        success: false,
        content: null,
        error: { code: 'invalid_model_file' },
      },
      'reasoning#2': {
        model: 'fake:spare',
        success: true,
        content: '41',
        error: null,
        executionTimeMs: expect.any(Number),
        usage: {},
      },
      verification: { role: 'verification', success: true },
    });
    const { model_results } = (await infer(harness)).tutti;
    expect(model_results).toMatchObject({ 'reasoning#2': { content: '41', execution_time_ms: expect.any(Number) } });
  });

  row('verification.content.verdict', async () => {
    await using harness = await start({ checker: { answer: 'No. It is 43.' } });
    const { modelResults } = await harness.tutti.run({ model: 'careful', input: '40 + 2?' });
    expect(modelResults.verification?.content).toMatchObject({ verdict: 'rejected', reason: expect.any(String) });
    expect((await infer(harness)).tutti.model_results).toMatchObject({ verification: { content: { verdict: 'rejected' } } });
  });

  row('confidence', async () => {
    await using harness = await start({ checker: { answer: 'No. It is 43.' } });
    const { confidence } = await harness.tutti.run({ model: 'careful', input: '40 + 2?' });
    // A rejected verification: no more than 0.3.
    expect(confidence).toMatchObject({
      score: 0.3,
      adjustments: [{ rule: expect.stringMatching(/verification/), factor: expect.any(Number) }],
    });
    expect((await infer(harness)).tutti.confidence).toMatchObject({ score: 0.3, method: confidence?.method });
  });

  row('0.3, 20 %, and their order', async () => {
    const input = [
      { type: 'text', text: 'What is it?' },
      { type: 'image', data: PNG },
    ] as const;
    const eyes = { ...seeing, answer: 'An error message: disk full.' };
    await using harness = await start({ eyes });
    const seen = (await harness.tutti.run({ model: 'careful', input })).confidence;
    // The verifier agrees, then comes what vision saw, then what a verifier rejects.
    expect(seen?.score).toBeCloseTo(0.9 * 0.8);
    expect(seen?.adjustments).toMatchObject([{ rule: 'agreement' }, { rule: 'vision_error', factor: 0.8 }]);
    await using rejecting = await start({ eyes, checker: { answer: 'No. It is 43.' } });
    const both = (await rejecting.tutti.run({ model: 'careful', input })).confidence;
    expect([both?.score, both?.adjustments?.map(({ rule }) => rule)]).toEqual([0.3, ['vision_error', 'verification_rejected']]);
  });

  row('conflicts', async () => {
    await using harness = await start({
      checker: { answer: 'No. It is 43.' },
      eyes: { ...seeing, answer: 'An error message: disk full.' },
    });
    const input = [
      { type: 'text', text: 'What is it?' },
      { type: 'image', data: PNG },
    ];
    const { tutti } = await infer(harness, { input });
    const conflicts = tutti.conflicts as unknown as { kind: string; members: string[]; message: string }[];
    expect(conflicts.map(({ kind }) => kind).toSorted()).toEqual(['verification_rejected', 'vision_error']);
    expect(conflicts[0]).toMatchObject({ members: expect.any(Array), message: expect.any(String) });
    expect((await harness.tutti.run({ model: 'careful', input: '40 + 2?' })).conflicts).toMatchObject([
      { kind: 'verification_rejected' },
    ]);
  });

  row('models_used, execution_time_ms, fallback_chain', async () => {
    await using harness = await start({ thinker: { answer: down } });
    const answer = await harness.tutti.run({ model: 'careful', input: '40 + 2?' });
    expect(answer).toMatchObject({
      modelsUsed: ['fake:spare', 'fake:checker'],
      executionTimeMs: expect.any(Number),
      fallbackChain: ['fake:thinker', 'fake:spare'],
    });
    const { tutti } = await infer(harness);
    expect(tutti).toMatchObject({
      models_used: ['fake:spare', 'fake:checker'],
      execution_time_ms: expect.any(Number),
      fallback_chain: ['fake:thinker', 'fake:spare'],
    });
    await using well = await start();
    expect((await well.tutti.run({ model: 'careful', input: '40 + 2?' })).fallbackChain).toEqual(['careful']);
  });

  row('< 0.5 review, < 0.7 notify_human', async () => {
    const unsure = (score: number) => ({ answer: { tokens: [{ text: '42', logprob: Math.log(score) }] } });
    for (const [score, review] of [
      [0.75, 'none'],
      [0.6, 'suggested'],
      [0.4, 'needed'],
    ] as const) {
      await using harness = await start({ thinker: unsure(score) }, { verification: undefined });
      expect((await harness.tutti.run({ model: 'careful', input: '40 + 2?' })).review).toBe(review);
      expect((await infer(harness)).tutti.review).toBe(review);
      const told = harness.events.all('run.review').map(({ data }) => data.review);
      expect(told).toEqual(review === 'none' ? [] : [review, review]);
    }
  });

  row('example module', () => {
    // `npm run example <name>`; that they run is tested in test/examples.
    const names = [
      'phased-kimi-vision',
      'verification',
      'vision-screenshot',
      'conflicts',
      'fallback',
      'parallel-context',
      'singleton',
    ];
    const examples = new URL('../../examples/', import.meta.url);
    expect(names.filter((name) => !existsSync(new URL(`${name}.ts`, examples)))).toEqual([]);
  });

  row('primary_answer is None', async () => {
    await using harness = await start({ thinker: { answer: down }, spare: { answer: down } });
    const failure = await harness.tutti.run({ model: 'careful', input: '40 + 2?' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'all_members_failed',
      tutti: { strategy: 'phased', modelResults: { reasoning: { success: false } } },
    });
    const answer = await call(harness, 'POST', '/v1/chat/completions', chat({ model: 'careful' }));
    expect(answer).toMatchObject({
      status: 502,
      body: {
        error: { code: 'all_members_failed', message: /down/, tutti: { model_results: { reasoning: { success: false } } } },
      },
    });
  });
});
