/** Several models at once: given with a call or by name, from the library and over HTTP. */
import { describe, expect } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import { parseSse } from '../../src/lib/sse.ts';
import type { FakeModelScript } from '../../src/testing/fake-backend.ts';
import { chat, startServer } from '../server/harness.ts';
import { row } from './row.ts';
import { call, codeOf } from './wire.ts';

const down = new TuttiError('invalid_model_file', 'down');
/** A model that translates so well. */
const translator = (text: string, quality: number, more: object = {}): FakeModelScript => ({
  answer: { text, ...more },
  descriptor: { capabilities: ['translation'], quality: { default: quality } },
});
const sure = (text: string, probability: number) => ({ tokens: [{ text, logprob: Math.log(probability) }] });
const ORCHESTRATED = '/api/inference/orchestrated';

describe('several models', () => {
  row('collaborate(requesting_model, target_capability, task)', async () => {
    const models = { best: translator('best', 0.9), next: translator('next', 0.5) };
    await using harness = await startServer({ fake: { models } });
    expect((await harness.tutti.collaborate({ from: 'fake:best', capability: 'translation', input: 'x' })).text).toBe('next');
    const body = { requesting_model: 'fake:next', capability: 'translation', input: 'x' };
    expect((await call(harness, 'POST', '/api/inference', body)).body).toMatchObject({ output: 'best' });
    await using strict = await startServer({ fake: { models }, tutti: { orchestrator: { enable_collaboration: false } } });
    expect(await call(strict, 'POST', '/api/inference', body)).toMatchObject({
      status: 409,
      body: { error: { code: 'feature_disabled' } },
    });
  });

  row('smart_handoff(model_id, capability, task, confidence_threshold)', async () => {
    const models = {
      nano: { answer: sure('nano', 0.6), descriptor: { capabilities: ['translation'], quality: { default: 0.1 } } },
      large: { answer: sure('large', 0.9), descriptor: { capabilities: ['translation'], quality: { default: 0.9 } } },
    };
    await using harness = await startServer({ fake: { models } });
    const request = { strategy: 'handoff', members: ['fake:nano'], capability: 'translation', input: 'x' };
    const answer = await harness.tutti.orchestrate(request);
    expect(answer).toMatchObject({ text: 'large', strategy: 'handoff', confidence: { method: 'logprobs' } });
    expect(Object.keys(answer.modelResults)).toEqual(['fake:nano', 'fake:large']);
    expect(answer.fallbackChain).toEqual(['fake:nano', 'fake:large']);
    const bold = { ...request, confidence_threshold: 0.5 };
    expect((await call(harness, 'POST', ORCHESTRATED, bold)).body).toMatchObject({ output: 'nano' });
  });

  row('execute_pipeline(stages[{capability, model_id}], initial_input)', async () => {
    const last = { answer: [{ failBefore: down }, { text: 'short' }] };
    const models = { a: translator('translated', 0.9), b: last };
    await using harness = await startServer({ fake: { models } });
    const stages = [{ capability: 'translation' }, { model: 'fake:b', on_fail: 'fail' }];
    const failed = await call(harness, 'POST', ORCHESTRATED, { strategy: 'pipeline', stages, input: 'x' });
    const { error } = failed.body as { error: { tutti: { run_id: string } } };
    // It goes on where it failed.
    const resumed = await call(harness, 'POST', `/api/runs/${error.tutti.run_id}/resume`);
    expect(resumed.body).toMatchObject({ output: 'short', tutti: { strategy: 'pipeline', run_id: error.tutti.run_id } });
    expect(harness.backend.calls.map(({ model }) => model)).toEqual(['a', 'b', 'b']);
    expect(JSON.stringify(harness.backend.calls.at(-1)?.input)).toContain('translated');
    const answer = await harness.tutti.orchestrate({
      strategy: 'pipeline',
      stages: [{ model: 'fake:a' }, { model: 'fake:b' }],
      input: 'x',
    });
    expect(answer.text).toBe('short');
    expect(Object.keys(answer.modelResults)).toHaveLength(2);
  });

  row('AgentCoordinator.execute_workflow(task, workflow), AgentRole', async () => {
    const roles = { research: 'fake:r', code: 'fake:c', review: 'fake:v', docs: 'fake:d' };
    const crew = { strategy: 'workflow', steps: ['research', 'code', 'review', 'docs'], roles };
    const models = { r: { answer: 'facts' }, c: { answer: 'work' }, v: { answer: 'Approved.' }, d: { answer: 'manual' } };
    await using harness = await startServer({ fake: { models }, tutti: { orchestrations: { crew } } });
    const whole = await harness.tutti.run({ model: 'crew', input: 'Build it.' });
    expect([whole.text, Object.keys(whole.modelResults)]).toEqual(['manual', crew.steps]);
    const some = await harness.tutti.run({ model: 'crew', input: 'Build it.', workflow: ['research', 'code'] });
    expect([some.text, Object.keys(some.modelResults)]).toEqual(['work', ['research', 'code']]);
    const body = chat({ model: 'crew', tutti: { workflow: ['code'] } });
    expect((await call(harness, 'POST', '/v1/chat/completions', body)).body).toMatchObject({
      choices: [{ message: { content: 'work' } }],
      tutti: { model_results: { code: { content: 'work' } } },
    });
  });

  row('several instances of one model', async () => {
    await using harness = await startServer({ fake: { models: { one: translator('42', 0.9) } } });
    const members = [
      { model: 'fake:one', temperature: 0 },
      { model: 'fake:one', temperature: 1, instructions: 'Doubt.' },
      { model: 'fake:one', name: 'third' },
    ];
    const { modelResults } = await harness.tutti.orchestrate({ strategy: 'consensus', members, quorum: 3, input: '40 + 2?' });
    expect(Object.keys(modelResults)).toEqual(['fake:one', 'fake:one#2', 'third']);
    expect(harness.backend.calls.map(({ input }) => (input as { temperature?: number }).temperature)).toEqual([0, 1, undefined]);
  });

  row('consensus(capability, task, num_models, voting_strategy)', async () => {
    const models = { a: translator('42', 0.3), b: translator('41', 0.2), c: translator('42', 0.1) };
    await using harness = await startServer({ fake: { models } });
    const request = { strategy: 'consensus', capability: 'translation', voting: 'majority', input: '40 + 2?' };
    const answer = await harness.tutti.orchestrate({ ...request, numModels: 3 });
    expect(answer).toMatchObject({ text: '42', confidence: { method: 'agreement' } });
    expect(answer.conflicts).toMatchObject([{ kind: 'disagreement' }]);
    const { body } = await call(harness, 'POST', ORCHESTRATED, { ...request, num_models: 3 });
    expect(body).toMatchObject({ output: '42', tutti: { strategy: 'consensus', conflicts: [{ kind: 'disagreement' }] } });
    const unanimous = { ...request, num_models: 3, voting: 'unanimous' };
    expect((await call(harness, 'POST', ORCHESTRATED, unanimous)).body).toMatchObject({ error: { code: 'no_consensus' } });
  });

  row('POST /api/inference/orchestrated', async () => {
    const models = { a: translator('A', 0.9, { failBefore: down }), b: translator('B', 0.5) };
    const orchestrations = { safe: { strategy: 'fallback', members: ['fake:a', 'fake:b'] } };
    await using harness = await startServer({ fake: { models }, tutti: { orchestrations } });
    expect((await harness.tutti.orchestrate({ orchestration: 'safe', input: 'x' })).text).toBe('B');
    for (const given of [
      { orchestration: 'safe' },
      { strategy: 'fallback', members: ['fake:a', 'fake:b'] },
      { strategy: 'fallback', capability: 'translation', num_models: 2 },
    ]) {
      expect((await call(harness, 'POST', `${ORCHESTRATED}/`, { ...given, input: 'x' })).body).toMatchObject({
        output: 'B',
        tutti: { strategy: 'fallback' },
      });
    }
  });

  row('strategy performance, accuracy, cost (balanced) / ensemble, fallback', async () => {
    const models = {
      cheap: {
        ...translator('cheap', 0.2),
        descriptor: { capabilities: ['translation'], quality: { default: 0.2 }, price: { inputPerMtok: 0, outputPerMtok: 0 } },
      },
      good: {
        ...translator('good', 0.9),
        descriptor: { capabilities: ['translation'], quality: { default: 0.9 }, price: { inputPerMtok: 50, outputPerMtok: 50 } },
      },
    };
    await using harness = await startServer({ fake: { models } });
    const ask = async (strategy: string, more: object = {}) =>
      (await call(harness, 'POST', ORCHESTRATED, { strategy, capability: 'translation', input: 'x', ...more })).body as {
        output: string;
      };
    expect((await ask('accuracy')).output).toBe('good');
    expect((await ask('cost')).output).toBe('cheap');
    for (const strategy of ['performance', 'balanced']) expect(['good', 'cheap']).toContain((await ask(strategy)).output);
    expect((await harness.tutti.orchestrate({ strategy: 'accuracy', capability: 'translation', input: 'x' })).text).toBe('good');
    expect(await ask('fallback', { num_models: 1 })).toMatchObject({ tutti: { strategy: 'fallback' } });
    const fused = await ask('ensemble', { num_models: 2, aggregator: 'fake:good' });
    expect(fused).toMatchObject({ tutti: { strategy: 'ensemble' } });
  });

  row('A/B; streaming of intermediate results; model switching', async () => {
    const orchestrations = {
      trial: {
        strategy: 'ab',
        arms: [
          { use: 'fake:a', weight: 1 },
          { use: 'fake:b', weight: 0 },
        ],
        sticky: 'key',
      },
    };
    const models = { a: translator('from a', 0.9), b: translator('from b', 0.5) };
    await using harness = await startServer({ fake: { models }, tutti: { orchestrations } });
    const parts = await Array.fromAsync(harness.tutti.stream({ model: 'trial', input: 'x', steps: true }));
    const membersText = parts.flatMap((part) => (part.type === 'text-delta' && part.step !== 'root' ? [part.text] : []));
    expect(membersText.join('')).toBe('from a');
    const response = await harness.fetch('/v1/chat/completions', {
      body: chat({ model: 'trial', stream: true, tutti: { steps: true } }),
    });
    const text = (await Array.fromAsync(parseSse(response.body as never))).map(({ data }) => data).join('\n');
    expect(text).toContain('"step":{"type":"started"');
    await harness.tutti.swap('fake:a', 'fake:b');
    expect((await harness.tutti.run({ model: 'trial', input: 'x' })).text).toBe('from b');
  });

  row('escalate_to_user', async () => {
    const ask = { toolCalls: [{ name: 'escalate_to_user', arguments: { question: 'Which colour?' } }] };
    const orchestrations = {
      team: { strategy: 'arbiter', arbiter: 'fake:lead', specialists: { coding: { model: 'fake:coder' } }, style: 'lead' },
    };
    const lead = { answer: [ask, { text: 'Then it is blue.' }, ask, { text: 'Then it is red.' }] };
    await using harness = await startServer({ fake: { models: { lead, coder: {} } }, tutti: { orchestrations } });
    const question = await harness.tutti.run({ model: 'team', input: 'Paint it.' });
    expect(question).toMatchObject({ status: 'waiting', text: 'Which colour?' });
    expect(await harness.tutti.reply(question.runId, 'blue')).toMatchObject({ status: 'completed', text: 'Then it is blue.' });
    const { body } = await call(harness, 'POST', '/api/inference', { model: 'team', input: 'Paint it.' });
    const { output, tutti } = body as { output: string; tutti: { run_id: string; status: string } };
    expect([output, tutti.status]).toEqual(['Which colour?', 'waiting']);
    const replied = await call(harness, 'POST', `/api/runs/${tutti.run_id}/reply`, { reply: 'red' });
    expect(replied.body).toMatchObject({ output: 'Then it is red.', tutti: { run_id: tutti.run_id } });
    expect(await codeOf(harness.tutti.reply(question.runId, 'again'))).toBe('not_waiting');
  });
});
