/** The interpreter, the mediator and failure assistance over HTTP. */
import { describe, expect, it } from 'vitest';
import { startServer, type Harness } from './harness.ts';

const add = {
  type: 'function',
  function: { name: 'add', parameters: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] } },
};
const tools = [add];
const call = (args: string) => ({ id: 'c1', type: 'function', function: { name: 'add', arguments: args } });

async function post(harness: Harness, tool: string, body: object): Promise<Record<string, never>> {
  return (await harness.fetch(`/api/tools/${tool}`, { body })).json() as Promise<Record<string, never>>;
}

describe('POST /api/tools/interpret', () => {
  it('reads the calls of a text', async () => {
    await using harness = await startServer();
    const text = 'I will add.\n<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>';
    expect(await post(harness, 'interpret', { text, tools })).toEqual({
      tool_calls: [{ id: expect.any(String), type: 'function', function: { name: 'add', arguments: '{"a":1}' } }],
      source: 'parsed',
      confidence: 0.95,
      text: 'I will add.',
      problems: [],
    });
    expect(await post(harness, 'interpret', { text: 'Good morning.', tools })).toMatchObject({ tool_calls: [], source: 'none' });
  });

  it('drops a written call that the question, when it is given, does not ask for', async () => {
    await using harness = await startServer();
    const text = 'add(a=17)';
    expect(await post(harness, 'interpret', { text, question: 'What is the capital of Peru?', tools })).toMatchObject({
      tool_calls: [],
      source: 'none',
      text,
      problems: [{ name: 'add', message: 'the question does not say a, nor any number' }],
    });
    expect(await post(harness, 'interpret', { text, question: 'What do you get when you add 17?', tools })).toMatchObject({
      source: 'parsed',
    });
  });

  it('takes a message as it is, or changes its calls to fit', async () => {
    const mute = { answer: 'No tool fits.' };
    await using harness = await startServer({ fake: { models: { mute } }, tutti: { interpreter: { model: 'fake:mute' } } });
    const interpret = (args: string) =>
      post(harness, 'interpret', { message: { content: null, tool_calls: [call(args)] }, tools });
    expect(await interpret('{"a":1}')).toMatchObject({ source: 'structured', tool_calls: [call('{"a":1}')] });
    expect(await interpret('{"a":"1"}')).toMatchObject({
      source: 'repaired',
      tool_calls: [{ function: { arguments: '{"a":1}' } }],
    });
    expect(await interpret('{}')).toMatchObject({ source: 'none', problems: [{ name: 'add', message: expect.any(String) }] });
  });

  it('corrects a call that failed, by a model where it must', async () => {
    await using harness = await startServer({
      fake: { models: { fixer: { answer: { toolCalls: [{ name: 'add', arguments: { a: 2 } }] } } } },
      tutti: { interpreter: { model: 'fake:fixer' } },
    });
    const repaired = await post(harness, 'interpret', { call: call('{"a":1}'), error: 'a must be even', tools });
    expect(repaired).toMatchObject({ source: 'model', tool_calls: [{ function: { name: 'add', arguments: '{"a":2}' } }] });
    expect(JSON.stringify(harness.backend.calls[0]?.input)).toContain('a must be even');
    const byName = await post(harness, 'interpret', { call: { name: 'add', arguments: { a: '3' } }, tools });
    expect(byName).toMatchObject({ source: 'repaired', tool_calls: [{ function: { arguments: '{"a":3}' } }] });
  });

  it.each([
    [{ tools }, /exactly one/],
    [{ text: 'x', call: 'y', tools }, /exactly one/],
    [{ text: 'x', tools: [] }, /at least one tool/],
    [{ text: 'x' }, /tools/],
  ])('refuses %j', async (body, message) => {
    await using harness = await startServer();
    expect(await post(harness, 'interpret', body)).toMatchObject({ error: { code: 'invalid_request', message } });
  });
});

describe('POST /api/tools/mediate', () => {
  it('passes on what fits, and shortens what does not', async () => {
    await using harness = await startServer({ fake: { models: { small: { answer: 'In short: 42.' } } } });
    expect(await post(harness, 'mediate', { response: 'It is 42.', to: 'fake:small' })).toMatchObject({
      text: 'It is 42.',
      tool_calls: [],
      action: 'as_is',
      tokens: expect.any(Number),
    });
    const response = 'It is because of many things. '.repeat(50);
    expect(await post(harness, 'mediate', { response, to: 'fake:small', max_tokens: 40 })).toMatchObject({
      text: 'In short: 42.',
      action: 'summarized',
    });
  });

  it('makes tool calls of it', async () => {
    await using harness = await startServer({ fake: { models: { small: {} } } });
    const body = { response: '```json\n{"name": "add", "arguments": {"a": 1}}\n```', to: 'fake:small', as: 'tool_calls', tools };
    expect(await post(harness, 'mediate', body)).toMatchObject({
      action: 'interpreted',
      source: 'parsed',
      tool_calls: [{ function: { name: 'add' } }],
    });
  });
});

describe('POST /api/tools/diagnose', () => {
  const failure = {
    phase: 'reasoning',
    error: { code: 'upstream_rate_limited', message: 'slow down' },
    recent_actions: ['asked a'],
  };

  it('says what to do by the table, where there is no model', async () => {
    await using harness = await startServer();
    expect(await post(harness, 'diagnose', failure)).toEqual({
      cause: expect.any(String),
      action: 'retry_with_changes',
      arguments: expect.objectContaining({ delay_seconds: 5 }),
      change_phase: null,
      needs_user: false,
      source: 'rule',
    });
  });

  it('asks the reasoning model', async () => {
    const answer = '{"cause": "no key", "action": "request_user_input", "arguments": {"question": "Which key?"}}';
    await using harness = await startServer({
      fake: { models: { thinker: { answer } } },
      tutti: { failures: { model: 'fake:thinker' } },
    });
    const body = { ...failure, error: 'it broke', state: { tries: 3 } };
    expect(await post(harness, 'diagnose', body)).toMatchObject({
      cause: 'no key',
      action: 'request_user_input',
      arguments: { question: 'Which key?' },
      needs_user: true,
      source: 'model',
    });
    const prompt = JSON.stringify(harness.backend.calls[0]?.input);
    for (const known of ['asked a', 'it broke', 'tries']) expect(prompt).toContain(known);
  });
});

describe('POST /api/tools/reinterpret', () => {
  it('asks the reasoning model what was meant', async () => {
    const answer = { toolCalls: [{ name: 'add', arguments: { a: 1 } }] };
    await using harness = await startServer({
      fake: { models: { thinker: { answer } } },
      tutti: { failures: { model: 'fake:thinker' } },
    });
    const body = { response: 'add one!!', failure_reason: 'no call in it', tools };
    expect(await post(harness, 'reinterpret', body)).toMatchObject({
      source: 'model',
      tool_calls: [{ function: { name: 'add', arguments: '{"a":1}' } }],
      confidence: expect.any(Number),
    });
  });

  it('gives the response as it was where nobody can be asked', async () => {
    await using harness = await startServer();
    expect(await post(harness, 'reinterpret', { response: 'x', failure_reason: 'y' })).toEqual({
      text: 'x',
      tool_calls: [],
      source: 'none',
      confidence: 0,
    });
  });
});
