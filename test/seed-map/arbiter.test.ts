/** A model that has other models as tools, in a whole system: what it may call, what it is told, what it decides. */
import { describe, expect } from 'vitest';
import type { ChatInput, ChatMessage } from '../../src/contracts/chat.ts';
import type { FakeAnswer } from '../../src/testing/fake-answer.ts';
import type { FakeModelScript } from '../../src/testing/fake-backend.ts';
import { startServer, type Harness } from '../server/harness.ts';
import { row } from './row.ts';
import { call, get } from './wire.ts';

const calling = (name: string, args: object = {}): FakeAnswer => ({ toolCalls: [{ name, arguments: args }] });
const specialists = {
  coding: { model: 'fake:coder', instructions: 'You write Rust.' },
  reasoning: { model: 'fake:thinker' },
  analysis: { model: 'fake:analyst' },
};

interface Team {
  /** What the arbiter says, turn by turn. */
  readonly lead: readonly (FakeAnswer | string)[];
  readonly models?: Readonly<Record<string, FakeModelScript>>;
  /** Changes of the orchestration. */
  readonly config?: object;
}

function start({ lead, models = {}, config = {} }: Team): Promise<Harness> {
  const answers = lead.map((one) => (typeof one === 'string' ? { text: one } : one));
  const team = { strategy: 'arbiter', arbiter: 'fake:lead', specialists, style: 'lead', direct: false, ...config };
  return startServer({
    fake: {
      models: {
        lead: { answer: answers },
        coder: { answer: 'fn main() {}' },
        thinker: { answer: { reasoning: 'hm', text: 'because' } },
        analyst: { answer: 'it rises' },
        ...models,
      },
    },
    tutti: {
      orchestrations: { team, chain: { strategy: 'fallback', members: ['fake:analyst'] } },
      interpreter: { model: 'fake:coder' },
    },
  });
}

const called = (harness: Harness) => harness.backend.calls.map(({ model }) => model);
const inputs = (harness: Harness, model: string) =>
  harness.backend.calls.filter((one) => one.model === model).map(({ input }) => input as ChatInput);
/** What the arbiter was told in its last turn, by its tools. */
const told = (harness: Harness): unknown[] =>
  (inputs(harness, 'lead').at(-1)?.messages ?? []).flatMap((message: ChatMessage) =>
    message.role === 'tool' && typeof message.content === 'string' ? [JSON.parse(message.content) as unknown] : [],
  );
/** The run over HTTP, explained. */
const explained = async (harness: Harness) => {
  const { body } = await call(harness, 'POST', '/api/inference', { model: 'team', input: 'Well?' });
  const { output, tutti } = body as { output: string; tutti: { run_id: string } };
  return { output, tutti, run: JSON.stringify(await get(harness, `/api/runs/${tutti.run_id}`)) };
};

describe('an arbiter', () => {
  row('consult_specialist {specialist, query, context}', async () => {
    const ask = calling('consult_specialist', { specialist: 'reasoning', query: 'Why is it?', context: 'It rains.' });
    await using harness = await start({ lead: [ask, 'So.'] });
    const { output, tutti, run } = await explained(harness);
    expect(output).toBe('So.');
    expect(told(harness)).toEqual([{ tool: 'consult_specialist', success: true, response: 'because', reasoning: 'hm' }]);
    expect(JSON.stringify(inputs(harness, 'thinker'))).toContain('It rains.');
    expect(tutti).toMatchObject({
      model_results: { consult_reasoning: { success: true, role: 'reasoning', content: 'because' } },
    });
    expect(run).toContain('fake:thinker');
  });

  row('consult_{coding,reasoning,analysis}_specialist', async () => {
    const names = ['coding', 'reasoning', 'analysis'];
    await using harness = await start({
      lead: [...names.map((name) => calling(`consult_${name}`, { query: `About ${name}?` })), 'So.'],
    });
    expect((await harness.tutti.run({ model: 'team', input: 'Well?' })).text).toBe('So.');
    expect(told(harness)).toMatchObject(names.map((name) => ({ tool: `consult_${name}`, success: true })));
    expect(inputs(harness, 'lead')[0]?.tools?.map(({ function: { name } }) => name)).toEqual(
      expect.arrayContaining(names.map((name) => `consult_${name}`)),
    );
  });

  row('start_multi_model_conversation, synthesize_responses', async () => {
    const talk = calling('start_conversation', { participants: ['coding', 'reasoning'], question: 'How?' });
    const pass = '{"action": "pass"}';
    const lead = [talk, pass, pass, pass, pass, pass, pass, 'So.'];
    await using harness = await start({ lead, config: { conversation: { max_turns: 2 } } });
    await harness.tutti.run({ model: 'team', input: 'Well?' });
    expect(called(harness)).toEqual(expect.arrayContaining(['coder', 'thinker']));
    const combine = [
      calling('consult_coding', { query: 'How?' }),
      calling('synthesize_responses', { instructions: 'Be brief.' }),
      'In one.',
      'So.',
    ];
    await using other = await start({ lead: combine });
    await other.tutti.run({ model: 'team', input: 'Well?' });
    expect(told(other)).toMatchObject([{ success: true }, { tool: 'synthesize_responses', success: true, response: 'In one.' }]);
  });

  row('reinterpret_with_functiongemma', async () => {
    const text = '<tool_call>{"name": "consult_coding", "arguments": {"query": "How?"}}</tool_call>';
    await using harness = await start({ lead: [calling('reinterpret', { text }), 'So.'] });
    await harness.tutti.run({ model: 'team', input: 'Well?' });
    expect(told(harness)).toMatchObject([
      { tool: 'reinterpret', success: true, response: expect.stringContaining('consult_coding') },
    ]);
  });

  row('(escalate to larger, system information)', async () => {
    const lead = [
      calling('escalate_to_larger', { query: 'How?' }),
      calling('system_information'),
      calling('use_orchestration', { orchestration: 'chain', query: 'How?' }),
      'So.',
    ];
    await using harness = await start({
      lead,
      config: { larger: 'fake:giant', orchestrations: ['chain'] },
      models: { giant: { answer: 'big' } },
    });
    await harness.tutti.run({ model: 'team', input: 'Well?' });
    expect(told(harness)).toMatchObject([
      { tool: 'escalate_to_larger', success: true, response: 'big' },
      { tool: 'system_information', success: true, response: expect.stringContaining('fake:coder') },
      { tool: 'use_orchestration', success: true, response: 'it rises' },
    ]);
  });

  row('review_message, filter_context, review_response', async () => {
    const models = { a: { answer: 'First.' }, b: { answer: 'Second.' }, judge: { answer: '{"action": "pass"}' } };
    const debate = {
      strategy: 'conversation',
      arbiter: 'fake:judge',
      participants: ['fake:a', 'fake:b'],
      max_turns: 2,
      answer: 'last',
    };
    const orchestrations = { debate, asked: { ...debate, mode: 'arbitrated' } };
    await using harness = await startServer({ fake: { models }, tutti: { orchestrations } });
    const trace = async (model: string) => {
      const { runId } = await harness.tutti.run({ model, input: 'Well?' });
      return JSON.stringify(await get(harness, `/api/runs/${runId}`));
    };
    expect(await trace('debate')).toContain('"name":"review_message"');
    const arbitrated = await trace('asked');
    for (const step of ['filter_context', 'review_response']) expect(arbitrated).toContain(`"name":"${step}"`);
  });

  row('get_specialist_prompt, arbiter.role', async () => {
    const config = { arbiter: { model: 'fake:lead', instructions: 'You lead the band.' } };
    await using harness = await start({ lead: [calling('consult_coding', { query: 'How?' }), 'So.'], config });
    await harness.tutti.run({ model: 'team', input: 'Well?' });
    expect(JSON.stringify(inputs(harness, 'lead')[0]?.messages[0])).toContain('You lead the band.');
    expect(JSON.stringify(inputs(harness, 'coder')[0]?.messages[0])).toContain('You write Rust.');
  });

  row('orchestration.arbiter.{model, server, role}, specialists.*.{model, server, context_window}, interpreter', async () => {
    const long = 'A sentence of the context. '.repeat(500);
    const config = { specialists: { coding: { model: 'fake:coder', context_window: 512 } } };
    await using harness = await start({ lead: [calling('consult_coding', { query: 'How?', context: long }), 'So.'], config });
    await harness.tutti.run({ model: 'team', input: 'Well?' });
    expect(JSON.stringify(inputs(harness, 'coder')[0]?.messages).length).toBeLessThan(2500);
    // A model's server is the beginning of its id.
    expect(harness.tutti.registry.get('fake:coder')?.backend).toBe('fake');
  });

  row('max_models_per_conversation, include_full_history, allow_model_to_model, arbiter_reviews_all', async () => {
    const lead = [calling('consult_coding', { query: 'How?' }), calling('consult_reasoning', { query: 'Why?' }), 'So.'];
    await using harness = await start({ lead, config: { conversation: { max_models: 1 } } });
    await harness.tutti.run({ model: 'team', input: 'Well?' });
    expect(told(harness)).toMatchObject([{ success: true }, { success: false, response: /At most 1/ }]);
    const models = { a: { answer: 'First.' }, b: { answer: 'Second.' }, judge: { answer: '{"action": "pass"}' } };
    const debate = {
      strategy: 'conversation',
      arbiter: 'fake:judge',
      participants: ['fake:a', 'fake:b'],
      max_turns: 2,
      answer: 'last',
    };
    const orchestrations = {
      unreviewed: { ...debate, arbiter_reviews_all: false },
      apart: { ...debate, allow_model_to_model: false, include_full_history: true },
    };
    await using other = await startServer({ fake: { models }, tutti: { orchestrations } });
    await other.tutti.run({ model: 'unreviewed', input: 'Well?' });
    expect(called(other)).not.toContain('judge');
    const { runId } = await other.tutti.run({ model: 'apart', input: 'Well?' });
    expect(JSON.stringify(await get(other, `/api/runs/${runId}`))).not.toContain('review_message');
  });
});

describe('what comes after an answer', () => {
  row('response.unclear_tool_calls', async () => {
    const descriptor = { capabilities: ['text_generation', 'tool_calling'] };
    const models = {
      mumbler: { descriptor, answer: '<tool_call>{"name": "add", "arguments": {"a": </tool_call>' },
      clear: { descriptor, answer: 'It is 2.' },
      mute: { answer: 'No tool fits.' },
    };
    await using harness = await startServer({
      fake: { models },
      tutti: {
        interpreter: { model: 'fake:mute' },
        routing: {
          rules: [
            { when: 'true', use: 'fake:mumbler' },
            { when: 'response.unclear_tool_calls', use: 'fake:clear', after: true },
          ],
        },
      },
    });
    const tools = [{ type: 'function' as const, function: { name: 'add', parameters: { type: 'object', required: ['a'] } } }];
    expect(await harness.tutti.run({ model: 'auto', input: '1 + 1?', tools })).toMatchObject({
      text: 'It is 2.',
      model: 'fake:clear',
    });
    const body = { input: '1 + 1?', tools };
    expect((await call(harness, 'POST', '/api/inference', body)).body).toMatchObject({ output: 'It is 2.', model: 'fake:clear' });
  });

  row('call_functiongemma', async () => {
    const own = '<start_function_call>call:add{a:<escape>1<escape>}<end_function_call>';
    await using harness = await startServer({
      fake: { models: { gemma: { answer: own } } },
      tutti: { interpreter: { model: 'fake:gemma' } },
    });
    const tools = [
      {
        type: 'function' as const,
        function: { name: 'add', parameters: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] } },
      },
    ];
    // The first text shows a call that cannot be read, so the interpreter's model is asked; its own form is read.
    const text = '<tool_call>{"name": "add", "arguments": {"is 1": </tool_call>';
    expect(await harness.tutti.interpreter.interpret({ text, tools })).toMatchObject({
      source: 'model',
      toolCalls: [{ function: { name: 'add', arguments: '{"a":"1"}' } }],
    });
    expect((await call(harness, 'POST', '/api/tools/interpret', { text: own, tools })).body).toMatchObject({ source: 'parsed' });
  });
});
