/** Models that talk to each other, calls that are interpreted, answers that are mediated, failures that are diagnosed. */
import { describe, expect } from 'vitest';
import type { FakeModelScript } from '../../src/testing/fake-backend.ts';
import { startServer, type Harness } from '../server/harness.ts';
import { row } from './row.ts';
import { call, codeOf, get } from './wire.ts';

const CONVERSATIONS = '/api/conversations';
const add = {
  type: 'function' as const,
  function: { name: 'add', parameters: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] } },
};
const tools = [add];

/** A conversation over HTTP. */
async function begin(harness: Harness, body: object): Promise<string> {
  const { status, body: made } = await call(harness, 'POST', CONVERSATIONS, body);
  expect(status).toBe(201);
  return `${CONVERSATIONS}/${(made as { id: string }).id}`;
}

const judge = (decision: object): FakeModelScript => ({ answer: JSON.stringify(decision) });

describe('a conversation', () => {
  const models = { a: { answer: 'The answer is 42.' }, b: { answer: 'The answer is 41.' }, judge: judge({ action: 'pass' }) };

  row('ModelConversation(arbiter, participants) / ArbitratedConversation(arbiter)', async () => {
    await using harness = await startServer({ fake: { models } });
    const participants = ['fake:a', 'fake:b'];
    const direct = harness.tutti.conversation({ arbiter: 'fake:judge', participants });
    expect([direct.mode, direct.participants]).toEqual(['direct', participants]);
    const arbitrated = harness.tutti.conversation({ mode: 'arbitrated', arbiter: 'fake:judge', participants });
    const between = { from: 'fake:a', to: 'fake:b', message: 'Hello' };
    expect([(await direct.route(between)).action, (await arbitrated.route(between)).action]).toEqual(['pass', 'stopped']);
    const path = await begin(harness, { mode: 'arbitrated', arbiter: 'fake:judge', participants });
    expect(await get(harness, path)).toMatchObject({
      mode: 'arbitrated',
      arbiter: { model: 'fake:judge' },
      limits: { max_models: 3 },
    });
    const many = { participants: ['fake:a', 'fake:b', 'fake:judge', 'fake:c'] };
    expect((await call(harness, 'POST', CONVERSATIONS, many)).status).toBe(400);
  });

  row('route_message(from, to, message, include_history)', async () => {
    const redirecting = judge({ action: 'redirect', to: 'fake:c', reason: 'it knows' });
    await using harness = await startServer({ fake: { models: { ...models, c: {}, judge: redirecting } } });
    const participants = ['fake:a', 'fake:b', 'fake:c'];
    const conversation = harness.tutti.conversation({ arbiter: 'fake:judge', participants });
    const question = { from: 'user', to: 'fake:a', message: 'What is it?' };
    expect(await conversation.route(question)).toEqual({ id: 'm1', to: 'fake:a', message: 'What is it?', action: 'pass' });
    await conversation.respond('fake:a');
    const path = `${CONVERSATIONS}/${conversation.id}`;
    const between = { from: 'fake:a', to: 'fake:b', message: 'And you?', include_history: true };
    expect((await call(harness, 'POST', `${path}/messages`, between)).body).toMatchObject({
      to: 'fake:c',
      action: 'redirected',
      reason: 'it knows',
    });
    // Who gets it learns what was said, because the message said so.
    expect(conversation.threads['fake:c']).toMatchObject([{ id: 'm2', from: 'fake:a' }, { id: 'm3' }]);
  });

  row('get_response(model, tools)', async () => {
    const calling = { answer: [{ toolCalls: [{ name: 'add', arguments: { a: 1 } }] }, { text: '2' }] };
    await using harness = await startServer({ fake: { models: { calling } } });
    const conversation = harness.tutti.conversation({ participants: ['fake:calling'] });
    expect(await codeOf(conversation.respond('fake:calling'))).toBe('invalid_request');
    await conversation.route({ from: 'user', to: 'fake:calling', message: '1 + 1?' });
    const { toolCalls } = await conversation.respond('fake:calling', { tools });
    expect(toolCalls).toMatchObject([{ function: { name: 'add', arguments: '{"a":1}' } }]);
    const path = `${CONVERSATIONS}/${conversation.id}`;
    const returned = { model: 'fake:calling', tool_call_id: toolCalls[0]?.id, content: '2' };
    expect((await call(harness, 'POST', `${path}/tool-results`, returned)).status).toBe(204);
    expect((await call(harness, 'POST', `${path}/respond`, { model: 'fake:calling', tools })).body).toMatchObject({
      response: '2',
    });
  });

  row('consult_model(model, query, context_filter)', async () => {
    await using harness = await startServer({ fake: { models } });
    const conversation = harness.tutti.conversation({ participants: ['fake:a', 'fake:b'] });
    await conversation.route({ from: 'user', to: 'fake:a', message: 'What is it?' });
    const { id } = await conversation.respond('fake:a');
    const filter = { models: ['fake:a'], last: 1, maxTokens: 100, about: 'answer' };
    expect(await conversation.consult('fake:b', 'And you?', { contextFilter: filter })).toMatchObject({
      response: 'The answer is 41.',
      action: 'pass',
      context: [id],
    });
    const body = {
      model: 'fake:b',
      query: 'And you?',
      context_filter: { models: ['fake:a'], last: 1, max_tokens: 100, about: 'answer' },
    };
    const path = `${CONVERSATIONS}/${conversation.id}/consult`;
    expect((await call(harness, 'POST', path, body)).body).toMatchObject({ response: 'The answer is 41.', context: [id] });
  });

  row('threads, shared_context, full_history', async () => {
    await using harness = await startServer({ fake: { models } });
    const conversation = harness.tutti.conversation({ participants: ['fake:a', 'fake:b'] });
    await conversation.route({ from: 'user', to: 'fake:a', message: 'What is it?' });
    await conversation.respond('fake:a');
    const shared = [{ id: 'm2', model: 'fake:a', response: 'The answer is 42.' }];
    expect(conversation.sharedContext).toEqual(shared);
    expect(conversation.threads).toMatchObject({ 'fake:a': [{ from: 'user' }, { from: 'fake:a' }], 'fake:b': [] });
    expect(conversation.history.map(({ type }) => type)).toEqual(['message', 'response']);
    const path = `${CONVERSATIONS}/${conversation.id}`;
    expect(await get(harness, path)).toMatchObject({
      shared_context: shared,
      history: [{ type: 'message' }, { type: 'response' }],
    });
    expect(harness.tutti.conversations.fork(conversation.id, 'm1').history).toHaveLength(1);
    expect((await call(harness, 'POST', `${path}/fork`, { message: 'm1' })).body).toMatchObject({
      forked_from: { conversation: conversation.id, message: 'm1' },
      history: [{ id: 'm1' }],
    });
  });
});

describe('help between models', () => {
  const answering = (answer: FakeModelScript['answer'], config: object = {}) =>
    startServer({ fake: { models: { helper: { ...(answer !== undefined && { answer }) } } }, tutti: { ...config } });

  row('interpret_tool_call(raw_response, available_tools)', async () => {
    await using harness = await answering('No tool fits.', { interpreter: { model: 'fake:helper' } });
    for (const text of [
      '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>',
      // FunctionGemma's own.
      '<start_function_call>call:add{a:1}<end_function_call>',
      'add(a=1)',
    ]) {
      const { toolCalls, source } = await harness.tutti.interpreter.interpret({ text, tools });
      expect([source, toolCalls], text).toMatchObject(['parsed', [{ function: { name: 'add', arguments: '{"a":1}' } }]]);
      const { body } = await call(harness, 'POST', '/api/tools/interpret', { message: { content: text }, tools });
      expect(body, text).toMatchObject({ source: 'parsed', tool_calls: [{ function: { name: 'add' } }] });
    }
    expect(await harness.tutti.interpreter.interpret({ text: 'Good morning.', tools })).toMatchObject({
      source: 'none',
      toolCalls: [],
    });
  });

  row('clarify_failed_call(failed_call, error, available_tools)', async () => {
    await using harness = await answering(
      { toolCalls: [{ name: 'add', arguments: { a: 2 } }] },
      { interpreter: { model: 'fake:helper' } },
    );
    const failed = { call: { name: 'add', arguments: { a: 1 } }, error: 'a must be even', tools };
    const corrected = { source: 'model', toolCalls: [{ function: { arguments: '{"a":2}' } }] };
    expect(await harness.tutti.interpreter.repair(failed)).toMatchObject(corrected);
    expect((await call(harness, 'POST', '/api/tools/interpret', failed)).body).toMatchObject({
      source: 'model',
      tool_calls: corrected.toolCalls,
    });
  });

  row('translate_response(from_response, to_context)', async () => {
    await using harness = await answering('In short: 42.', { mediator: { model: 'fake:helper' } });
    const response = 'It is because of many things. '.repeat(50);
    expect(
      await harness.tutti.mediator.mediate({ response, to: 'fake:helper', maxTokens: 40, context: 'What is it?' }),
    ).toMatchObject({
      text: 'In short: 42.',
      action: 'summarized',
    });
    const body = { response: '{"name": "add", "arguments": {"a": 1}}', to: 'fake:helper', as: 'tool_calls', tools };
    expect((await call(harness, 'POST', '/api/tools/mediate', body)).body).toMatchObject({
      action: 'interpreted',
      tool_calls: [{ function: { name: 'add' } }],
    });
  });

  const advice = (action: string, args: object = {}) => JSON.stringify({ cause: 'it broke', action, arguments: args });
  const failure = { phase: 'reasoning', error: 'it broke', state: { tries: 3 } };

  row('diagnose_failure({phase, error, recent_actions, state})', async () => {
    await using harness = await answering(advice('change_phase', { phase: 'context' }), { failures: { model: 'fake:helper' } });
    expect(await harness.tutti.failures.diagnose({ ...failure, recentActions: ['asked a'] })).toMatchObject({
      cause: 'it broke',
      action: 'change_phase',
      changePhase: 'context',
      needsUser: false,
    });
    const { body } = await call(harness, 'POST', '/api/tools/diagnose', { ...failure, recent_actions: ['asked a'] });
    expect(body).toMatchObject({ cause: 'it broke', change_phase: 'context', needs_user: false, source: 'model' });
  });

  row('suggest_retry_with_changes, _phase_change, request_user_input, suggest_rollback, _alternative_approach', async () => {
    for (const [action, args] of [
      ['retry_with_changes', { changes: 'shorter' }],
      ['change_phase', { phase: 'context' }],
      ['request_user_input', { question: 'Which?' }],
      ['rollback', { to: 'context' }],
      ['alternative_approach', { approach: 'by hand' }],
    ] as const) {
      await using harness = await answering(advice(action, args), { failures: { model: 'fake:helper' } });
      expect(await harness.tutti.failures.diagnose(failure)).toMatchObject({ action, arguments: args });
      expect((await call(harness, 'POST', '/api/tools/diagnose', failure)).body).toMatchObject({ action, arguments: args });
    }
  });

  row('reinterpret_response(original, failure_reason)', async () => {
    await using harness = await answering('It meant 42.', { failures: { model: 'fake:helper' } });
    const given = { response: 'forty-two-ish', failureReason: 'no number' };
    expect(await harness.tutti.failures.reinterpret({ ...given, tools: [] })).toMatchObject({
      text: 'It meant 42.',
      source: 'model',
    });
    const body = { response: given.response, failure_reason: given.failureReason };
    expect((await call(harness, 'POST', '/api/tools/reinterpret', body)).body).toMatchObject({
      text: 'It meant 42.',
      source: 'model',
    });
  });
});
