/** SIGTERM, SIGINT and what becomes of the work under way. */
import { expect, it } from 'vitest';
import { stillRunning } from './processes.ts';
import { CHAT, chat, ENDLESS, PARROT, serve, type ServedOptions } from './served.ts';
import { RawConnection } from './sockets.ts';

const LONG: ServedOptions = {
  models: { endless: { ...ENDLESS, contextLength: 65_536 }, parrot: PARROT },
  gguf: { context_size: 65_536, parallel: 4, models: { parrot: { context_size: 256 } } },
};

it('SIGTERM under load: what runs is finished, new work is refused, and the exit is clean', async () => {
  await using served = await serve(LONG);
  await using events = await served.events();
  const streams = await Promise.all([1, 2].map(async () => (await served.stream('gguf:endless', { max_tokens: 1000 })).begun()));
  const whole = served.chat('gguf:endless', { max_tokens: 700 });
  for (let i = 0; i < 3; i++) await events.next('step.started', (data) => data['kind'] === 'call');
  // Connections that were open before are told, too.
  await using connection = new RawConnection(served.url);
  connection.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await connection.answers(1);
  const runners = served.program.children();
  expect(runners).toHaveLength(1);

  served.program.kill('SIGTERM');
  await served.program.says(/Finishing what runs/, 'stderr');
  expect(await served.json(CHAT, chat('gguf:parrot'))).toMatchObject({ status: 503, json: { error: { code: 'shutting_down' } } });
  connection.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  expect(await connection.answers(2)).toEqual([200, 503]);

  for (const stream of streams) {
    await stream.ended();
    expect(stream).toMatchObject({ complete: true, error: null });
    expect(stream.text).toHaveLength('tick tock'.length * 500);
  }
  expect(await whole).toMatchObject({
    status: 200,
    json: { choices: [{ finish_reason: 'length' }], usage: { completion_tokens: 700 } },
  });
  expect(await served.program.exited).toEqual({ code: 0, signal: null });
  expect(stillRunning(runners)).toEqual([]);
});

it('SIGTERM when the grace is too short: what is left ends with an error, and the exit is clean', async () => {
  await using served = await serve({ ...LONG, config: { server: { grace_seconds: 0.1 } } });
  const stream = await (await served.stream('gguf:endless')).begun();
  const whole = served.chat('gguf:endless');
  const loading = served.chat('gguf:parrot'); // its runner is being started
  const runners = served.program.children();
  served.program.kill('SIGTERM');
  expect(await stream.ended()).toMatchObject({ complete: false, error: { code: 'shutting_down' } });
  // They may not have been taken up before the signal; then the connection may be refused.
  for (const answer of await Promise.allSettled([whole, loading]))
    if (answer.status === 'fulfilled')
      expect(answer.value).toMatchObject({ status: 503, json: { error: { code: 'shutting_down' } } });
  expect(await served.program.exited).toEqual({ code: 0, signal: null });
  expect(stillRunning(runners)).toEqual([]);
});

it('a second signal ends it at once', async () => {
  await using served = await serve(LONG);
  const stream = await (await served.stream('gguf:endless')).begun();
  const runners = served.program.children();
  served.program.kill('SIGINT');
  await served.program.says(/Finishing what runs/, 'stderr');
  served.program.kill('SIGINT');
  expect(await stream.ended()).toMatchObject({ complete: false, error: { code: 'shutting_down' } });
  expect(await served.program.exited).toEqual({ code: 0, signal: null });
  expect(stillRunning(runners)).toEqual([]);
});
