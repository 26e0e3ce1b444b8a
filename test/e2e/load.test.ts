/** Many clients at once, clients that behave badly, and changes of everything meanwhile. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { GgufOptions } from '../../src/testing/gguf-writer.ts';
import { CHAT, chat, ENDLESS, serve, type Config, type Served } from './served.ts';
import { RawConnection } from './sockets.ts';

const says = (word: string): GgufOptions => ({ script: [word] });

const CONFIG: Config = {
  pool: { max_loaded_models: 2 },
  aliases: { current: 'gguf:red' },
};

let served: Served;
beforeAll(async () => {
  served = await serve({
    models: { endless: { ...ENDLESS, contextLength: 65_536 }, red: says('red'), green: says('green'), blue: says('blue') },
    gguf: { context_size: 512, models: { endless: { context_size: 65_536, parallel: 2 } } },
    config: CONFIG,
  });
});
afterEach(() => expect(served.program.stderr).not.toMatch(/a bug|internal_error/));
afterAll(() => served[Symbol.asyncDispose]());

const said = (word: string): object => ({ status: 200, json: { choices: [{ message: { content: word } }] } });

it('two clients that want the same cold model load it once', async () => {
  await using events = await served.events();
  const answers = await Promise.all([1, 2, 3].map(() => served.chat('gguf:red')));
  for (const answer of answers) expect(answer).toMatchObject(said('red'));
  await events.next('model.loaded', ({ model }) => model === 'gguf:red');
  expect(events.all('model.loaded')).toHaveLength(1);
});

it('200 requests at once are all answered', async () => {
  const answers = await Promise.all(Array.from({ length: 200 }, () => served.chat('current')));
  for (const answer of answers) expect(answer).toMatchObject(said('red'));
});

it('requests for three models, of which two fit, are all answered', async () => {
  const words = ['red', 'green', 'blue', 'green', 'red', 'blue', 'blue', 'red', 'green'];
  const answers = await Promise.all(words.map((word) => served.chat(`gguf:${word}`)));
  for (const [i, answer] of answers.entries()) expect(answer).toMatchObject(said(words[i] ?? ''));
  expect((await served.pool()).filter(({ state }) => state === 'loaded').length).toBeLessThanOrEqual(2);
});

/** Asks without pause, several at once, while `change` is made; the words that were said. */
async function askMeanwhile(model: string, change: () => Promise<unknown>): Promise<Set<string>> {
  const heard = new Set<string>();
  let over = false;
  const ask = async (): Promise<void> => {
    do {
      const { status, json } = await served.chat(model);
      expect({ status, error: json.error }).toEqual({ status: 200, error: undefined });
      heard.add(json.choices?.[0]?.message.content ?? '');
    } while (!over);
  };
  const asking = Promise.all([ask(), ask(), ask(), ask()]);
  try {
    await change();
  } finally {
    over = true;
    await asking;
  }
  return heard;
}

it('a model is swapped under load without a failed request', async () => {
  const heard = await askMeanwhile('gguf:red', async () => {
    const swapped = await served.json('/api/models/gguf:red/swap', { to: 'gguf:green' });
    expect(swapped).toMatchObject({ status: 200 });
    expect(await served.chat('gguf:red')).toMatchObject(said('green'));
    const back = await served.json('/api/models/gguf:green/swap', { to: 'gguf:red' });
    expect(back).toMatchObject({ status: 200 });
  });
  for (const word of heard) expect(['red', 'green']).toContain(word);
});

it('the config is read again under load without a failed request, and a broken one changes nothing', async () => {
  await using events = await served.events();
  await askMeanwhile('current', async () => {
    await served.writeConfig({ ...CONFIG, aliases: { current: 'gguf:blue' } }, { context_size: 500, threads: 1 });
    served.program.kill('SIGHUP');
    await events.next('config.reloaded');
    expect(await served.chat('current')).toMatchObject(said('blue'));
    await served.writeConfig({ ...CONFIG, pool: { max_loaded_models: 'many' } });
    served.program.kill('SIGHUP');
    await events.next('config.rejected');
    expect(await served.chat('current')).toMatchObject(said('blue'));
  });
  expect(served.program.stderr).toMatch(/tutti\.yaml:\d+[^\n]*max_loaded_models/);
  await served.writeConfig(CONFIG, { context_size: 512, models: { endless: { context_size: 65_536, parallel: 2 } } });
  served.program.kill('SIGHUP');
  await events.next('config.reloaded');
});

it('loads, unloads, evictions, swaps and reloads all at once fail no request', async () => {
  const statuses = new Set<number>();
  const change = async (path: string, body: object): Promise<void> => {
    const { status, json } = await served.json(path, body);
    statuses.add(status);
    if (status === 409) expect(json.error?.code).toBe('model_in_use');
  };
  await askMeanwhile('gguf:red', () =>
    askMeanwhile('gguf:blue', () =>
      Promise.all(
        Array.from({ length: 6 }, (_, i) => [
          change('/api/models/gguf:red/unload', {}),
          change('/api/models/gguf:red/load', {}),
          change('/api/models/gguf:blue/load', { wait: false }),
          change('/api/models/gguf:red/swap', { to: i % 2 === 0 ? 'gguf:blue' : 'gguf:red' }),
          change('/api/pool/evict', { target_memory_mb: 0 }),
          change('/api/config/reload', {}),
        ]).flat(),
      ),
    ),
  );
  for (const status of statuses) expect([200, 202, 409]).toContain(status);
  await served.json('/api/models/gguf:red/swap', { to: 'gguf:red' });
  expect(await served.chat('gguf:red')).toMatchObject(said('red'));
});

it('many runs are cancelled by name', async () => {
  await using events = await served.events();
  const streams = await Promise.all(Array.from({ length: 8 }, () => served.stream('gguf:endless')));
  const ended = Promise.all(streams.map((one) => one.ended()));
  for (const { headers } of streams) {
    const { status } = await served.json(`/api/runs/${headers.get('x-tutti-run-id')}/cancel`, {});
    expect(status).toBe(200);
  }
  for (const stream of await ended) expect(stream).toMatchObject({ complete: false, error: { code: 'cancelled' } });
  for (let i = 0; i < streams.length; i++) await events.next('run.cancelled');
  for (const { leases, waiting } of await served.pool()) expect({ leases, waiting }).toEqual({ leases: 0, waiting: 0 });
});

it('a client that leaves in mid-stream stops the compute and frees the lease', async () => {
  await using events = await served.events();
  const leave = new AbortController();
  await (await served.stream('gguf:endless', {}, { signal: leave.signal })).begun();
  expect((await served.pool()).find(({ id }) => id === 'gguf:endless')).toMatchObject({ leases: 1 });
  leave.abort();
  await events.next('run.cancelled');
  expect((await served.pool()).find(({ id }) => id === 'gguf:endless')).toMatchObject({ state: 'loaded', leases: 0 });
  expect(await served.chat('gguf:endless', { max_tokens: 2 })).toMatchObject(said('tick tock'));
});

it('a client that leaves while its model is loaded or its answer is made leaves nothing behind', async () => {
  await using events = await served.events();
  const leave = new AbortController();
  const gone = served.fetch(CHAT, chat('gguf:endless'), { signal: leave.signal });
  await events.next('step.started', ({ model }) => model === 'gguf:endless');
  leave.abort();
  await expect(gone).rejects.toThrow('abort');
  await events.next('run.cancelled');
  for (const { leases, waiting } of await served.pool()) expect({ leases, waiting }).toEqual({ leases: 0, waiting: 0 });
});

it('a client that reads nothing holds up nobody, not even its own lease', async () => {
  await using events = await served.events();
  await using slow = new RawConnection(served.url);
  const body = JSON.stringify(chat('gguf:endless', { stream: true, max_tokens: 4000, logprobs: true, top_logprobs: 20 }));
  slow.socket.pause();
  slow.write(
    `POST ${CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await events.next('step.started', ({ model }) => model === 'gguf:endless');
  for (let i = 0; i < 3; i++) expect(await served.chat('gguf:endless', { max_tokens: 2 })).toMatchObject(said('tick tock'));
  // The generation ends though nobody reads it.
  const lease = async (): Promise<number> => (await served.pool()).find(({ id }) => id === 'gguf:endless')?.leases ?? 0;
  await expect.poll(lease, { timeout: 20_000 }).toBe(0);
  slow.socket.resume();
  await slow.says('[DONE]');
  expect(slow.text).toContain('"finish_reason":"length"');
});

it('readers of events that vanish or never read cost nothing', async () => {
  const readers = Array.from({ length: 50 }, () => new RawConnection(served.url));
  for (const reader of readers) reader.write('GET /api/events?since=0 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await Promise.all(readers.map((reader) => reader.answers(1)));
  for (const [i, reader] of readers.entries()) {
    if (i % 2 === 0) reader.socket.resetAndDestroy();
    else reader.socket.pause();
  }
  const answers = await Promise.all(Array.from({ length: 40 }, () => served.chat('current')));
  for (const answer of answers) expect(answer).toMatchObject(said('red'));
  await Promise.all(readers.map((reader) => reader[Symbol.asyncDispose]()));
});
