/** The real server program, killed while a run waits: nothing of it is at hand to be closed in order. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createFakeUpstream } from '../../src/testing/fake-upstream.ts';
import { serve, temporaryFolder, type Config } from '../e2e/served.ts';

/** Whether another process would find the journal and both messages of the conversation. */
function isWritten(path: string): boolean {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const sql = `SELECT (SELECT count(*) FROM journals) = 1 AND (SELECT json_array_length(state, '$.history') FROM conversations) = 2 AS yes`;
    return database.prepare(sql).get()?.['yes'] === 1;
  } finally {
    database.close();
  }
}

const ASKING = fileURLToPath(new URL('../fixtures/asking.ts', import.meta.url));

it('a run that waits and a conversation are there after a kill -9', async () => {
  await using owned = new AsyncDisposableStack();
  const folder = await temporaryFolder(owned);
  const upstream = owned.use(await createFakeUpstream({ models: { a: { answer: 'A' }, b: { answer: 'B' } } }));
  const config: Config = {
    data_dir: join(folder, 'data'),
    backends: { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } },
    plugins: [ASKING],
    orchestrations: { ask: { strategy: 'asking', members: ['up:a', 'up:b'] } },
    runs: { store_content: true },
  };
  let run: string;
  let conversation: string;
  {
    await using served = await serve({ config });
    const { json } = await served.chat('ask');
    run = (json['tutti'] as { run_id: string }).run_id;
    conversation = (await served.json('/api/conversations', { participants: ['up:a'] })).json['id'] as string;
    await served.json(`/api/conversations/${conversation}/messages`, { to: 'up:a', message: 'Hello?' });
    await served.json(`/api/conversations/${conversation}/respond`, { model: 'up:a' });
    while (!isWritten(join(folder, 'data', 'tutti.db'))) await served.fetch('/healthz'); // it writes behind
    served.program.kill('SIGKILL');
    expect(await served.program.exited).toEqual({ code: null, signal: 'SIGKILL' });
  }
  await using served = await serve({ config });
  expect((await served.json(`/api/runs/${run}`)).json).toMatchObject({ status: 'waiting', question: 'A: go on?' });
  expect((await served.json(`/api/runs/${run}/reply`, { reply: 'yes' })).json).toMatchObject({ output: 'A yes B' });
  expect((await served.json(`/api/conversations/${conversation}`)).json).toMatchObject({ turns_left: 49 });
  const chats = upstream.requests.filter(({ path }) => path === '/v1/chat/completions');
  expect(chats.map(({ body }) => body?.['model'])).toEqual(['a', 'a', 'b']);
});
