/** Runs that can go on, over a restart of the server. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { place, type Place, type Serving } from './durable-server.ts';

const models = { a: { answer: 'A' }, b: { answer: 'B' } };
const IN_MEMORY = { runs: { store_content: false } };
const ill = { status: 500, body: { error: { message: 'ill' } } } as const;

/** Asks on a server of its own, which is stopped then; gives the run's id. */
async function asked(at: Place, body: object = { model: 'ask', input: 'x' }, options = {}): Promise<string> {
  await using serving = await at.serve(options);
  const { json } = await serving.call('/api/inference', body);
  expect(json).toMatchObject({ output: 'A: go on?', tutti: { status: 'waiting' } });
  return json.tutti.run_id;
}
const reply = (serving: Serving, run: string, key?: string) => serving.call(`/api/runs/${run}/reply`, { reply: 'yes' }, key);

describe('a run that waits for its user while the server is restarted', () => {
  it('still waits, and goes on with the reply without asking again who has answered', async () => {
    await using at = await place(models);
    const run = await asked(at);
    await using serving = await at.serve();
    expect((await serving.call(`/api/runs/${run}`)).json).toMatchObject({ id: run, status: 'waiting', question: 'A: go on?' });
    expect((await serving.call('/api/runs?status=waiting')).json).toMatchObject({ runs: [{ id: run }] });
    expect((await reply(serving, run)).json).toMatchObject({
      output: 'A yes B',
      tutti: {
        run_id: run,
        task: 'x',
        status: 'completed',
        model_results: { first: { success: true }, second: { success: true } },
      },
    });
    expect(at.asked()).toEqual(['a', 'b']);
    expect((await serving.call(`/api/runs/${run}`)).json).toMatchObject({ status: 'completed', usage: { output_tokens: 2 } });
    expect((await reply(serving, run)).json).toMatchObject({ error: { code: 'not_waiting' } });
  });

  it('takes one reply: what it went on with is gone when it is over', async () => {
    await using at = await place(models);
    const run = await asked(at);
    {
      await using serving = await at.serve();
      await reply(serving, run);
    }
    expect(at.tamper((database) => database.prepare('SELECT count(*) AS n FROM journals').get())).toEqual({ n: 0 });
    await using serving = await at.serve();
    expect((await reply(serving, run)).json).toMatchObject({ error: { code: 'not_waiting' } });
    expect(at.asked()).toEqual(['a', 'b']);
  });

  it('keeps the reply when the rest fails, over another restart', async () => {
    await using at = await place(models);
    const run = await asked(at);
    {
      await using serving = await at.serve();
      at.upstream.next(ill);
      expect((await reply(serving, run)).json.error).toBeDefined();
    }
    await using serving = await at.serve();
    const { json } = await serving.call(`/api/runs/${run}`);
    expect(json).toMatchObject({ status: 'failed' });
    expect(json).not.toHaveProperty('question');
    expect((await reply(serving, run)).json).toMatchObject({ error: { code: 'not_waiting' } });
    expect((await serving.call(`/api/runs/${run}/resume`, {})).json).toMatchObject({ output: 'A yes B', tutti: { run_id: run } });
    expect(at.asked()).toEqual(['a', 'b', 'b']);
  });

  it('takes one of two replies that come at once', async () => {
    await using at = await place(models);
    const run = await asked(at);
    await using serving = await at.serve();
    const both = await Promise.all([reply(serving, run), reply(serving, run)]);
    expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 409]));
    expect(at.asked()).toEqual(['a', 'b']);
  });

  it('keeps the reply when whoever gave it leaves, over another restart', async () => {
    await using at = await place(models);
    const run = await asked(at);
    {
      await using serving = await at.serve();
      for await (const part of serving.tutti.resume(run, { reply: 'yes' }).parts)
        if (part.type === 'step-start' && part.name === 'second') break;
      expect(serving.tutti.runs.get(run)?.status).toBe('cancelled');
    }
    await using serving = await at.serve();
    expect((await serving.call(`/api/runs/${run}/resume`, {})).json).toMatchObject({ output: 'A yes B' });
  });

  it('keeps what was done until the server was stopped in the middle of the rest', async () => {
    await using at = await place(models);
    const run = await asked(at);
    {
      await using serving = await at.serve();
      at.upstream.next({ stall: 'before head' });
      const second = at.upstream.nextRequest('/v1/chat');
      const replied = reply(serving, run).catch(() => null); // the server is gone before it answers, or says that it is going
      await second;
      await serving[Symbol.asyncDispose]();
      await replied;
    }
    await using serving = await at.serve();
    expect((await serving.call(`/api/runs/${run}/resume`, {})).json).toMatchObject({ output: 'A yes B' });
    expect(at.asked()).toEqual(['a', 'b', 'b']);
  });

  it('asks again when the server was killed after the reply, as long as nothing of that was written', async () => {
    await using at = await place(models);
    const run = await asked(at);
    at.tamper((database) => database.exec('CREATE TABLE before AS SELECT * FROM journals'));
    {
      await using serving = await at.serve();
      await reply(serving, run);
    }
    // As the database was when the reply came.
    at.tamper((database) =>
      database.exec(`UPDATE runs SET status = 'waiting', record = json_set(record, '$.status', 'waiting');
        INSERT INTO journals SELECT * FROM before`),
    );
    await using serving = await at.serve();
    expect((await serving.call(`/api/runs/${run}`)).json).toMatchObject({ status: 'waiting', question: 'A: go on?' });
    expect((await reply(serving, run)).json).toMatchObject({ output: 'A yes B' });
    expect(at.asked()).toEqual(['a', 'b', 'b']);
  });

  it('has the orchestration that came with the request', async () => {
    await using at = await place(models);
    await using serving = await at.serve();
    const body = { strategy: 'asking', members: ['up:a', 'up:b'], input: 'x', budget: { max_calls: 2 } };
    const { json } = await serving.call('/api/inference/orchestrated', body);
    await serving[Symbol.asyncDispose]();
    await using again = await at.serve({ orchestrations: {} });
    expect((await reply(again, json.tutti.run_id)).json).toMatchObject({ output: 'A yes B', tutti: { strategy: 'asking' } });
    expect(at.asked()).toEqual(['a', 'b']);
  });

  it('has the models that were the best for a capability when it began', async () => {
    const best = (qualities: Record<string, number>): object =>
      Object.fromEntries(
        Object.entries(qualities).map(([id, poetry]) => [id, { capabilities: ['poetry'], quality: { poetry } }]),
      );
    await using at = await place({ ...models, c: { answer: 'C' } });
    const body = { strategy: 'asking', capability: 'poetry', num_models: 2, input: 'x' };
    let run: string;
    {
      await using serving = await at.serve({
        models: best({ 'up:a': 0.9, 'up:b': 0.8, 'up:c': 0.1 }),
        routing: { policy: 'accuracy' },
      });
      run = (await serving.call('/api/inference/orchestrated', body)).json.tutti.run_id;
    }
    await using serving = await at.serve({
      models: best({ 'up:a': 0.8, 'up:b': 0.1, 'up:c': 0.9 }),
      routing: { policy: 'accuracy' },
    });
    expect((await reply(serving, run)).json).toMatchObject({ output: 'A yes B' });
    expect(at.asked()).toEqual(['a', 'b']);
  });

  it('belongs to who asked, as before', async () => {
    const section = {
      api_keys: [
        { name: 'one', key: 'key-of-one' },
        { name: 'two', key: 'key-of-two' },
      ],
    };
    await using at = await place(models);
    let run: string;
    {
      await using serving = await at.serve({}, section);
      run = (await serving.call('/api/inference', { model: 'ask', input: 'x' }, 'key-of-one')).json.tutti.run_id;
    }
    await using serving = await at.serve({}, section);
    expect((await reply(serving, run, 'key-of-two')).json).toMatchObject({ error: { code: 'run_not_found' } });
    expect((await reply(serving, run, 'key-of-one')).json).toMatchObject({ output: 'A yes B' });
  });
});

describe('a run that failed half-way before a restart', () => {
  it('is resumed where it failed', async () => {
    await using at = await place(models);
    const orchestrations = { chain: { strategy: 'pipeline', stages: ['up:a', { model: 'up:b', on_fail: 'fail' }] } };
    let run: string;
    {
      await using serving = await at.serve({ orchestrations });
      at.upstream.next([{ answer: { text: 'A' } }, ill]);
      const { json } = await serving.call('/api/inference', { model: 'chain', input: 'x' });
      run = (json.error as unknown as { tutti: { run_id: string } }).tutti.run_id;
    }
    await using serving = await at.serve({ orchestrations });
    expect((await serving.call(`/api/runs/${run}/resume`, {})).json).toMatchObject({ output: 'B', tutti: { run_id: run } });
    expect(at.asked()).toEqual(['a', 'b', 'b']);
  });
});

describe('without `runs.store_content`', () => {
  it('a restart ends what waits, and the error says why and which setting keeps it', async () => {
    await using at = await place(models);
    const run = await asked(at, { model: 'ask', input: 'a private question' }, IN_MEMORY);
    expect(readFileSync(at.database).includes('private')).toBe(false);
    await using serving = await at.serve(IN_MEMORY);
    const { json } = await serving.call(`/api/runs/${run}`);
    expect(json).toMatchObject({ status: 'waiting' });
    expect(json).not.toHaveProperty('question');
    const { status, json: refused } = await reply(serving, run);
    expect([status, refused]).toMatchObject([
      410,
      { error: { code: 'run_not_kept', message: expect.stringContaining('in memory only') } },
    ]);
    expect(refused.error?.message).toContain('`runs.store_content: true`');
    expect(at.asked()).toEqual(['a']);
  });

  it('a run goes on as ever while the server runs', async () => {
    await using at = await place(models);
    await using serving = await at.serve(IN_MEMORY);
    const { json } = await serving.call('/api/inference', { model: 'ask', input: 'x' });
    expect((await reply(serving, json.tutti.run_id)).json).toMatchObject({ output: 'A yes B' });
  });

  it('what was stored before the setting was taken away can still go on', async () => {
    await using at = await place(models);
    const run = await asked(at);
    await using serving = await at.serve(IN_MEMORY);
    expect((await reply(serving, run)).json).toMatchObject({ output: 'A yes B' });
  });
});

describe('a stored journal', () => {
  it.each([
    ['cut off', 'UPDATE journals SET journal = substr(journal, 1, 100)'],
    ['something else', "UPDATE journals SET journal = '[]'"],
    ['of another version', "UPDATE journals SET journal = json_set(journal, '$.version', 99)"],
    ['with an answer that is none', "UPDATE journals SET journal = json_set(journal, '$.journal.entries[0][1].answer', 7)"],
  ])('that is %s is an error of this run alone', async (_, spoil) => {
    await using at = await place(models);
    const run = await asked(at);
    at.tamper((database) => database.exec(spoil));
    await using serving = await at.serve();
    expect((await serving.call(`/api/runs/${run}`)).json).toMatchObject({ status: 'waiting', question: 'A: go on?' });
    const { status, json } = await reply(serving, run);
    expect([status, json]).toMatchObject([
      500,
      { error: { code: 'stored_data_unreadable', message: expect.stringContaining(run) } },
    ]);
    const { json: other } = await serving.call('/api/inference', { model: 'ask', input: 'y' });
    expect((await reply(serving, other.tutti.run_id)).json).toMatchObject({ output: 'A yes B' });
  });

  it('has no keys: not those of the config, nor one that a caller passes on to its provider', async () => {
    await using at = await place(models);
    const section = { api_keys: [{ name: 'one', key: 'key-of-the-caller' }] };
    let run: string;
    {
      await using serving = await at.serve({}, section);
      const body = { model: 'ask', messages: [{ role: 'user', content: 'a marked question' }], api_key: 'key-in-the-body' };
      run = (await serving.call('/v1/chat/completions', body, 'key-of-the-caller')).json.tutti.run_id;
    }
    const text = at.tamper((database) => JSON.stringify(database.prepare('SELECT * FROM journals, runs, events').all()));
    expect(text).toContain('a marked question');
    expect(readFileSync(at.database).toString('latin1')).not.toMatch(/key-of-the-caller|key-of-the-provider|key-in-the-body/);
    await using serving = await at.serve({}, section);
    expect((await reply(serving, run, 'key-of-the-caller')).json).toMatchObject({ output: 'A yes B' });
  });
});
