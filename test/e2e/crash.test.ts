/** Processes that are killed in the middle of their work. */
import { expect, it } from 'vitest';
import { stillRunning, whenEnded } from './processes.ts';
import { ENDLESS, PARROT, serve } from './served.ts';

const LONG = { ...ENDLESS, contextLength: 65_536 };
/** A window that takes long to fill. */
const gguf = { context_size: 65_536, parallel: 2 };

it('kill -9 of a runner in mid-answer: a fallback answers, a stream ends with an error, and the runner comes back', async () => {
  await using served = await serve({
    models: { endless: LONG, parrot: PARROT },
    gguf,
    config: { orchestrations: { safe: { strategy: 'fallback', members: ['gguf:endless', 'gguf:parrot'] } } },
  });
  await using events = await served.events();

  const stream = await (await served.stream('gguf:endless')).begun();
  const whole = served.chat('safe');
  const alone = served.chat('gguf:endless');
  const calls = (data: Readonly<Record<string, unknown>>): boolean => data['kind'] === 'call' && data['model'] === 'gguf:endless';
  for (let i = 0; i < 3; i++) await events.next('step.started', calls);
  const first = await served.runnerOf('gguf:endless');
  process.kill(first, 'SIGKILL');

  await stream.ended();
  expect(stream).toMatchObject({ complete: false, error: { code: 'runner_crashed' } });
  expect(stream.text).toMatch(/^tick tock/);
  expect(await whole).toMatchObject({
    status: 200,
    json: {
      choices: [{ message: { content: 'Hello there!' } }],
      tutti: { models_used: expect.arrayContaining(['gguf:parrot']) },
    },
  });
  expect(await alone).toMatchObject({ status: 502, json: { error: { code: 'runner_crashed' } } });
  expect((await events.next('model.unloaded')).data).toMatchObject({ model: 'gguf:endless', reason: 'crashed' });

  const again = await served.chat('gguf:endless', { max_tokens: 4 });
  expect(again).toMatchObject({ status: 200, json: { choices: [{ message: { content: 'tick tocktick tock' } }] } });
  const second = await served.runnerOf('gguf:endless');
  expect(second).not.toBe(first);
  expect(stillRunning([first])).toEqual([]);
  const pids = await Promise.all(['gguf:endless', 'gguf:parrot'].map((model) => served.runnerOf(model)));
  expect(new Set(served.program.children())).toEqual(new Set(pids));
});

it('kill -9 of the server: its runners end by themselves', async () => {
  await using served = await serve({ models: { endless: LONG }, gguf });
  const stream = await (await served.stream('gguf:endless')).begun();
  const runners = served.program.children();
  expect(runners).toEqual([await served.runnerOf('gguf:endless')]);
  served.program.kill('SIGKILL');
  expect(await stream.ended()).toMatchObject({ complete: false });
  expect(await served.program.exited).toMatchObject({ signal: 'SIGKILL' });
  await whenEnded(runners);
});

it('a runner that does not react is killed with the server', async () => {
  await using served = await serve({ models: { parrot: PARROT } });
  await served.chat('gguf:parrot');
  const runner = await served.runnerOf('gguf:parrot');
  process.kill(runner, 'SIGSTOP');
  served.program.kill('SIGTERM');
  expect(await served.program.exited).toEqual({ code: 0, signal: null });
  await whenEnded([runner]);
});
