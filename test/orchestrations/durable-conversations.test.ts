/** Conversations that a caller leads, over a restart of the server. */
import { expect, it } from 'vitest';
import { place, type Place, type Serving } from './durable-server.ts';

const models = { a: { answer: [{ text: 'It is 41.' }, { text: 'No, 42.' }] }, b: { answer: 'I say 42.' } };
const IN_MEMORY = { runs: { store_content: false } };
const KEYS = {
  api_keys: [
    { name: 'one', key: 'key-of-one' },
    { name: 'two', key: 'key-of-two' },
  ],
};
const PATH = '/api/conversations';

/** Begins one, which has heard one answer. */
async function begun(serving: Serving, key?: string): Promise<string> {
  const { json } = await serving.call(PATH, { participants: ['up:a', { model: 'up:b', name: 'second' }] }, key);
  await serving.call(`${PATH}/${json.id}/messages`, { to: 'up:a', message: 'What is it?' }, key);
  const said = await serving.call(`${PATH}/${json.id}/respond`, { model: 'up:a' }, key);
  expect(said.json).toMatchObject({ response: 'It is 41.' });
  return json.id;
}
async function stopped(at: Place, options = {}, section = {}, key?: string): Promise<string> {
  await using serving = await at.serve(options, section);
  return await begun(serving, key);
}

it('goes on after a restart with its threads, its limits and its id', async () => {
  await using at = await place(models);
  const id = await stopped(at);
  await using serving = await at.serve();
  const { json } = await serving.call(`${PATH}/${id}`);
  expect(json).toMatchObject({
    id,
    participants: [{ name: 'up:a' }, { name: 'second' }],
    turns_left: 49,
    threads: { 'up:a': [{ from: 'user' }, { from: 'up:a' }], second: [] },
    shared_context: [{ model: 'up:a', response: 'It is 41.' }],
  });
  expect((await serving.call(PATH)).json).toMatchObject({ conversations: [{ id, turns: 1, turns_left: 49 }], next_cursor: null });
  await serving.call(`${PATH}/${id}/messages`, { to: 'up:a', message: 'Are you sure?' });
  expect((await serving.call(`${PATH}/${id}/respond`, { model: 'up:a' })).json).toMatchObject({ id: 'm4', response: 'No, 42.' });
  expect(at.asked()).toEqual(['a', 'a']);
  expect(at.upstream.requests.at(-1)?.body).toMatchObject({
    messages: [{ content: 'What is it?' }, { role: 'assistant', content: 'It is 41.' }, { content: 'Are you sure?' }],
  });
});

it('keeps each change, also that of a fork, over one restart after another', async () => {
  await using at = await place(models);
  const id = await stopped(at);
  let fork: string;
  {
    await using serving = await at.serve();
    fork = (await serving.call(`${PATH}/${id}/fork`, { message: 'm1' })).json.id;
    await serving.call(`${PATH}/${id}/consult`, { model: 'second', query: 'What do you say?' });
  }
  await using serving = await at.serve();
  // The one that changed last is first.
  expect((await serving.call(PATH)).json).toMatchObject({ conversations: [{ id }, { id: fork }] });
  expect((await serving.call(`${PATH}/${id}`)).json).toMatchObject({
    history: [{ id: 'm1' }, { id: 'm2' }, { text: 'I say 42.' }],
  });
  expect((await serving.call(`${PATH}/${fork}`)).json).toMatchObject({
    forked_from: { conversation: id },
    history: [{ id: 'm1' }],
  });
});

it('stays its own principal’s', async () => {
  await using at = await place(models);
  const id = await stopped(at, {}, KEYS, 'key-of-one');
  await using serving = await at.serve({}, KEYS);
  expect((await serving.call(`${PATH}/${id}`, undefined, 'key-of-two')).json).toMatchObject({
    error: { code: 'conversation_not_found' },
  });
  expect((await serving.call(PATH, undefined, 'key-of-two')).json).toEqual({ conversations: [], next_cursor: null });
  expect((await serving.call(PATH, undefined, 'key-of-one')).json).toMatchObject({ conversations: [{ id }] });
});

it.each([
  ['is cut off', 'UPDATE conversations SET state = substr(state, 1, 50) WHERE id = ?'],
  ['is something else', `UPDATE conversations SET state = '{"id": 1}' WHERE id = ?`],
])('that %s in the database is an error of this conversation alone', async (_, spoil) => {
  await using at = await place(models);
  const id = await stopped(at);
  at.tamper((database) => database.prepare(spoil).run(id));
  await using serving = await at.serve();
  const { status, json } = await serving.call(`${PATH}/${id}`);
  expect([status, json]).toMatchObject([
    500,
    { error: { code: 'stored_data_unreadable', message: expect.stringContaining(id) } },
  ]);
  expect((await serving.call(PATH)).json).toMatchObject({ conversations: [{ id, turns: 1 }] });
  expect((await serving.call(PATH, { participants: ['up:a'] })).status).toBe(201);
});

it('ends with the server without `runs.store_content`, and the error names the setting', async () => {
  await using at = await place(models);
  const id = await stopped(at, IN_MEMORY);
  await using serving = await at.serve(IN_MEMORY);
  const { status, json } = await serving.call(`${PATH}/${id}`);
  expect([status, json]).toMatchObject([
    404,
    { error: { code: 'conversation_not_found', message: expect.stringMatching(/memory only.*`runs\.store_content`/) } },
  ]);
});
