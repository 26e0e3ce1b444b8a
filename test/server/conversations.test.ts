/** Conversations between models, led over HTTP. */
import { describe, expect, it } from 'vitest';
import { deferred } from '../../src/lib/deferred.ts';
import { startServer, type Harness } from './harness.ts';

const call = async (harness: Harness, path: string, body?: unknown, key?: string) => {
  const response = await harness.fetch(`/api/conversations${path}`, {
    ...(body !== undefined && { body }),
    ...(key !== undefined && { key }),
  });
  const text = await response.text();
  return { status: response.status, json: (text === '' ? null : JSON.parse(text)) as { id: string; [key: string]: unknown } };
};

interface Page {
  readonly conversations: readonly { readonly id: string }[];
  readonly next_cursor: string | null;
}

const models = {
  a: { answer: 'The answer is 42.' },
  b: { answer: [{ text: 'The answer is 41.' }, { text: 'Then 42.' }] },
  caller: { answer: [{ toolCalls: [{ id: 'c1', name: 'add', arguments: { a: 1 } }] }, { text: 'It is 2.' }] },
  judge: { answer: '{"action": "modify", "message": "Please be brief: what is it?", "reason": "too long"}' },
};
const start = async (harness: Harness, more: object = {}) =>
  (await call(harness, '', { participants: ['fake:a', 'fake:b'], ...more })).json.id;

describe('a conversation', () => {
  it('goes from thread to thread, and tells all of it', async () => {
    await using harness = await startServer({ fake: { models } });
    const { status, json } = await call(harness, '', { participants: ['fake:a', { model: 'fake:b', name: 'second' }] });
    expect([status, json]).toMatchObject([
      201,
      { mode: 'direct', arbiter: null, turns_left: 50, limits: { max_models: 3 }, history: [], threads: { second: [] } },
    ]);
    const path = `/${json.id}`;
    expect((await call(harness, `${path}/messages`, { to: 'fake:a', message: 'What is it?' })).json).toEqual({
      id: 'm1',
      to: 'fake:a',
      message: 'What is it?',
      action: 'pass',
    });
    const { json: said } = await call(harness, `${path}/respond`, { model: 'fake:a' });
    expect(said).toEqual({ id: 'm2', model: 'fake:a', response: 'The answer is 42.', tool_calls: [], confidence: null });
    await call(harness, `${path}/messages`, {
      from: 'fake:a',
      to: 'second',
      message: 'The answer is 42.',
      include_history: true,
    });
    expect((await call(harness, `${path}/respond`, { model: 'second' })).json).toMatchObject({ response: 'The answer is 41.' });
    const whole = (await call(harness, path)).json;
    expect(whole).toMatchObject({
      turns_left: 48,
      health: { healthy: true, problems: [{ kind: 'contradiction' }] },
      shared_context: [
        { id: 'm2', model: 'fake:a', response: 'The answer is 42.' },
        { model: 'second', response: 'The answer is 41.' },
      ],
      threads: { 'fake:a': [{ from: 'user' }, { from: 'fake:a' }] },
      history: [
        { type: 'message', include_history: false },
        { type: 'response' },
        { include_history: true },
        { type: 'response' },
      ],
    });
    expect((await call(harness, '')).json).toEqual({
      conversations: [
        {
          id: json.id,
          mode: 'direct',
          participants: [
            { model: 'fake:a', name: 'fake:a' },
            { model: 'fake:b', name: 'second' },
          ],
          forked_from: null,
          turns: 2,
          turns_left: 48,
          changed_at: expect.any(Number),
        },
      ],
      next_cursor: null,
    });
    const runs = (await (await harness.fetch('/api/runs')).json()) as { runs: { metadata: object }[] };
    expect(runs.runs[0]?.metadata).toEqual({ conversation: json.id });
  });

  it('is listed by pages, newest first', async () => {
    await using harness = await startServer({ fake: { models } });
    const ids = new Set([await start(harness), await start(harness), await start(harness)]);
    const page = async (query: string) => (await call(harness, query)).json as unknown as Page;
    const first = await page('?limit=2');
    const second = await page(`?limit=2&cursor=${first.next_cursor}`);
    expect([first.conversations.length, second.conversations.length, second.next_cursor]).toEqual([2, 1, null]);
    expect(new Set([...first.conversations, ...second.conversations].map(({ id }) => id))).toEqual(ids);
    const refused = { status: 400, json: { error: { code: 'invalid_request' } } };
    expect(await call(harness, '?limit=1001')).toMatchObject(refused);
    expect(await call(harness, '?cursor=nonsense')).toMatchObject(refused);
  });

  it('is forked at a message', async () => {
    await using harness = await startServer({ fake: { models } });
    const id = await start(harness);
    await call(harness, `/${id}/messages`, { to: 'fake:a', message: 'What is it?' });
    await call(harness, `/${id}/respond`, { model: 'fake:a' });
    const { status, json } = await call(harness, `/${id}/fork`, { message: 'm1' });
    expect([status, json]).toMatchObject([201, { forked_from: { conversation: id, message: 'm1' }, history: [{ id: 'm1' }] }]);
    expect(json.id).not.toBe(id);
    expect((await call(harness, `/${json.id}/respond`, { model: 'fake:a' })).json).toMatchObject({
      response: 'The answer is 42.',
    });
    expect((await call(harness, `/${id}/fork`, { message: 'm9' })).json).toMatchObject({ error: { code: 'invalid_request' } });
  });

  it('shows who is consulted what the filter lets through', async () => {
    await using harness = await startServer({ fake: { models } });
    const id = await start(harness, { limits: { include_full_history: true } });
    await call(harness, `/${id}/messages`, { to: 'fake:a', message: 'What is it?' });
    await call(harness, `/${id}/respond`, { model: 'fake:a' });
    const consult = async (context_filter?: object) =>
      (await call(harness, `/${id}/consult`, { model: 'fake:b', query: 'And you?', ...(context_filter && { context_filter }) }))
        .json;
    expect(await consult()).toMatchObject({ model: 'fake:b', response: 'The answer is 41.', action: 'pass', context: ['m2'] });
    expect(await consult({ models: ['fake:b'], last: 1, max_tokens: 100 })).toMatchObject({ context: ['m3'] });
    expect(await consult({ last: 0 })).toMatchObject({ context: [] });
  });

  it('is reviewed by its arbiter', async () => {
    await using harness = await startServer({ fake: { models } });
    const id = await start(harness, { arbiter: 'fake:judge' });
    const { json } = await call(harness, `/${id}/messages`, { from: 'fake:a', to: 'fake:b', message: 'Well, so, what is it?' });
    expect(json).toMatchObject({ action: 'modified', message: 'Please be brief: what is it?', reason: 'too long' });
  });

  it('takes tools and what they return', async () => {
    await using harness = await startServer({ fake: { models } });
    const id = await start(harness, { participants: ['fake:caller'] });
    await call(harness, `/${id}/messages`, { to: 'fake:caller', message: '1 + 1?' });
    const tools = [{ type: 'function', function: { name: 'add', parameters: { type: 'object' } } }];
    const { json } = await call(harness, `/${id}/respond`, { model: 'fake:caller', tools });
    expect(json).toMatchObject({ tool_calls: [{ function: { name: 'add' } }] });
    const returned = { model: 'fake:caller', tool_call_id: (json.tool_calls as { id: string }[])[0]?.id, content: '2' };
    expect((await call(harness, `/${id}/tool-results`, returned)).status).toBe(204);
    expect((await call(harness, `/${id}/respond`, { model: 'fake:caller', tools })).json).toMatchObject({ response: 'It is 2.' });
    expect((await call(harness, `/${id}/tool-results`, { ...returned, tool_call_id: 'c9' })).json).toMatchObject({
      error: { code: 'invalid_request' },
    });
  });

  it('does not begin with somebody who is not there, and says where a stranger is named', async () => {
    await using harness = await startServer({ fake: { models } });
    const nobody = await call(harness, '', { participants: ['fake:a', { model: 'embedded:nope' }] });
    expect(nobody).toMatchObject({ status: 404, json: { error: { code: 'model_not_found', param: 'participants[1]' } } });
    const judged = await call(harness, '', { participants: ['fake:a'], arbiter: 'nope' });
    expect(judged).toMatchObject({ status: 404, json: { error: { code: 'model_not_found', param: 'arbiter' } } });
    expect((await call(harness, '')).json).toEqual({ conversations: [], next_cursor: null });
    const id = await start(harness);
    expect((await call(harness, `/${id}/messages`, { to: 'nobody', message: 'Hello' })).json).toMatchObject({
      error: { code: 'unknown_member', param: 'to' },
    });
  });

  it('keeps to its limits', async () => {
    await using harness = await startServer({ fake: { models } });
    const many = await call(harness, '', { participants: ['fake:a', 'fake:b'], limits: { max_models: 1 } });
    expect(many).toMatchObject({ status: 400, json: { error: { code: 'invalid_request' } } });
    const id = await start(harness, { limits: { max_turns: 1, allow_model_to_model: false } });
    const between = { from: 'fake:a', to: 'fake:b', message: 'Hello' };
    expect((await call(harness, `/${id}/messages`, between)).json).toMatchObject({ action: 'stopped' });
    expect((await call(harness, `/${id}/respond`, { model: 'nobody' })).json).toMatchObject({
      error: { code: 'unknown_member' },
    });
    await call(harness, `/${id}/consult`, { model: 'fake:a', query: 'What is it?' });
    expect((await call(harness, `/${id}/consult`, { model: 'fake:a', query: 'Again?' })).json).toMatchObject({
      error: { code: 'conversation_limit' },
    });
  });

  it('is its owner’s alone', async () => {
    const api_keys = [
      { name: 'one', key: 'key-of-one' },
      { name: 'two', key: 'key-of-two' },
    ];
    await using harness = await startServer({ fake: { models }, server: { api_keys } });
    const { json } = await call(harness, '', { participants: ['fake:a'] }, 'key-of-one');
    const missing = { status: 404, json: { error: { code: 'conversation_not_found' } } };
    expect(await call(harness, `/${json.id}`, undefined, 'key-of-two')).toMatchObject(missing);
    expect((await call(harness, '', undefined, 'key-of-two')).json).toEqual({ conversations: [], next_cursor: null });
    expect((await call(harness, `/${json.id}`, undefined, 'key-of-one')).status).toBe(200);
  });

  it('stops the model when the client leaves', async () => {
    const begun = deferred();
    const answer = () => (begun.resolve(), { text: 'never', gate: new Promise<void>(() => {}) });
    await using harness = await startServer({ fake: { models: { stuck: { answer } } } });
    const id = await start(harness, { participants: ['fake:stuck'] });
    await call(harness, `/${id}/messages`, { to: 'fake:stuck', message: 'Well?' });
    const leaving = new AbortController();
    const asked = harness.fetch(`/api/conversations/${id}/respond`, { body: { model: 'fake:stuck' }, signal: leaving.signal });
    await begun.promise;
    leaving.abort();
    await expect(asked).rejects.toThrow();
    await harness.backend.calls[0]?.ended;
    expect(harness.backend.calls[0]?.state).toBe('cancelled');
  });
});
