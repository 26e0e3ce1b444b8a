import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { Backend, OpenModel } from '../../contracts/backend.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import { SILENT_LOGGER } from '../../contracts/logger.ts';
import { LOCAL_PRINCIPAL } from '../../contracts/principal.ts';
import { systemClock } from '../../lib/clock.ts';
import { readLines } from '../../lib/json-lines.ts';
import { backendContract } from '../../testing/backend-contract.ts';
import type { ContractSubject } from '../../testing/backend-contract-setup.ts';
import { createFakeUpstream } from '../../testing/fake-upstream.ts';
import { collect, collectParts } from '../../testing/collect.ts';
import { processBackend, processConfig } from './schema.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../../../test/fixtures/${name}`, import.meta.url));
const COMMAND = [process.execPath, fixture('fake-server.ts'), '--port', '${PORT}'];
const MODELS = ['echo', 'thinker', 'odds', 'caller', 'json', 'seer', 'cut', 'endless', 'broken', 'dying', 'embed-small'];
const ask = (content: string, rest: Partial<ChatInput> = {}): ChatInput => ({ messages: [{ role: 'user', content }], ...rest });
const image: ChatInput = {
  messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }] }],
};
const signal = new AbortController().signal;
const options = { signal, step: 'root', principal: LOCAL_PRINCIPAL, priority: 0 };

function create(config: Record<string, unknown> = {}): Promise<Backend> {
  const parsed = processConfig.parse({ command: COMMAND, models: MODELS, memory_mb: { cpu: 50 }, ...config });
  return processBackend.create(parsed, { id: 'prog', dataDir: '/nonexistent', log: SILENT_LOGGER, clock: systemClock });
}

/** The first line of the program that begins so. */
async function line(backend: Backend, start: string): Promise<string> {
  for await (const text of backend.logs?.('echo', { follow: true, signal }) ?? []) if (text.startsWith(start)) return text;
  throw new Error(`the log ended without "${start}"`);
}

async function open(backend: Backend, name: string, given = signal): Promise<OpenModel> {
  const model = (await backend.list(signal)).find((one) => one.name === name);
  if (!model) throw new Error(`no ${name}`);
  return backend.open(model, { placement: { device: 'cpu' }, signal: given });
}

backendContract<ContractSubject>(
  'process',
  {
    create: async () => ({ backend: await create() }),
    chat: { model: 'echo', input: ask('hello there'), text: 'hello there' },
    usage: 'reported',
    cancel: { model: 'endless', input: ask('go'), stopped: ({ backend }) => line(backend, 'request aborted') },
    choices: { unsupported: 'not every such program has n' },
    reasoning: { model: 'thinker', input: ask('why?'), reasoning: 'hm hm', text: 'so it is' },
    logprobs: { model: 'odds', input: ask('?', { logprobs: true, top_logprobs: 1 }), text: 'yes' },
    tools: {
      model: 'caller',
      input: ask('1', { tools: [{ type: 'function', function: { name: 'add' } }] }),
      calls: [{ name: 'add', arguments: { a: 1 } }],
    },
    jsonSchema: {
      model: 'json',
      input: ask('1 + 2', {
        response_format: { type: 'json_schema', json_schema: { name: 'sum', schema: { required: ['sum'] } } },
      }),
    },
    images: { model: 'seer', input: image, text: 'a cat' },
    refusedImages: { model: 'echo', input: image },
    embeddings: { model: 'embed-small', input: { input: ['a', 'bc'] }, count: 2 },
    unknownModel: { model: 'nobody', input: ask('hi') },
    truncation: { model: 'cut', input: ask('hi') },
    crash: { model: 'echo', kill: (_subject, model) => void process.kill(model.pid ?? 0, 'SIGKILL') },
    faults: [
      { name: 'an error of the program', model: 'broken', input: ask('hi'), code: 'upstream_error', retryable: true },
      {
        name: 'the death of the program in the middle of a call',
        model: 'dying',
        input: ask('hi'),
        code: 'runner_crashed',
        retryable: true,
      },
    ],
  },
  { describe, it },
);

describe('process', () => {
  const backends: Backend[] = [];
  afterEach(async () => {
    for (const backend of backends.splice(0)) await backend[Symbol.asyncDispose]();
  });
  const start = async (config: Record<string, unknown> = {}): Promise<Backend> => {
    const backend = await create(config);
    backends.push(backend);
    return backend;
  };

  it('is one model, named like the backend, when none are named', async () => {
    const backend = await start({ models: undefined, idle_unload_seconds: 60 });
    expect(await backend.list(signal)).toMatchObject([{ id: 'prog:prog', idleUnloadSeconds: 60, operations: ['chat'] }]);
  });

  it('says whether its program is there, without starting it', async () => {
    expect(await (await start()).health?.(signal)).toMatchObject({
      ok: true,
      message: `${process.execPath} is started when it is first needed`,
    });
    expect(await (await start({ command: ['no-such-program'] })).health?.(signal)).toMatchObject({ ok: false });
    expect(await (await start({ command: ['sh'] })).health?.(signal)).toMatchObject({ ok: true });
  });

  it('waits until the program is well, and gives its port to command and environment', async () => {
    const backend = await start({ env: { FAKE_UNHEALTHY: '3', WHERE: 'at ${PORT}' } });
    await using model = await open(backend, 'echo');
    expect(await collect(model.call('chat', ask('hi'), options))).toMatchObject({ text: 'hi' });
    expect(await line(backend, 'listens on')).toMatch(/^listens on \d+$/);
  });

  it('runs one program for several models, until the last is disposed of', async () => {
    const backend = await start();
    const [echo, thinker] = await Promise.all([open(backend, 'echo'), open(backend, 'thinker')]);
    expect(thinker.pid).toBe(echo.pid);
    await echo[Symbol.asyncDispose]();
    expect(await collect(thinker.call('chat', ask('why?'), options))).toMatchObject({ text: 'so it is' });
    await thinker[Symbol.asyncDispose]();
    expect(() => process.kill(thinker.pid ?? 0, 0)).toThrow(/ESRCH/);
  });

  it('starts the program again after a crash', async () => {
    const backend = await start();
    const first = await open(backend, 'dying');
    await expect(collectParts(first.call('chat', ask('hi'), options))).rejects.toMatchObject({ code: 'runner_crashed' });
    expect(await first.closed).toMatchObject({ code: 'runner_crashed' });
    await using second = await open(backend, 'echo');
    expect(second.pid).not.toBe(first.pid);
    await first[Symbol.asyncDispose]();
    expect(await collect(second.call('chat', ask('hi'), options))).toMatchObject({ text: 'hi' });
  });

  it('says what the program said when it does not come up', async () => {
    const backend = await start({ command: [process.execPath, '-e', 'console.error("no such weights"); process.exit(2)'] });
    await expect(open(backend, 'echo')).rejects.toMatchObject({
      code: 'load_failed',
      message: expect.stringMatching(/exited with code 2.*no such weights/) as string,
    });
  });

  it('does not take whoever listens on its port for the program', async () => {
    await using other = await createFakeUpstream();
    const backend = await start({ port: Number(new URL(other.url).port) });
    await expect(open(backend, 'echo')).rejects.toMatchObject({
      code: 'load_failed',
      message: expect.stringContaining('EADDRINUSE') as string,
    });
  });

  it('says when there is no such program', async () => {
    const backend = await start({ command: ['/nonexistent/llama-server'] });
    await expect(open(backend, 'echo')).rejects.toMatchObject({
      code: 'load_failed',
      message: expect.stringContaining('ENOENT') as string,
    });
  });

  it('gives up on a program that is never ready, and ends it', async () => {
    const backend = await start({ command: [process.execPath, '-e', 'setInterval(() => {}, 1000)'], start_timeout_seconds: 0.2 });
    await expect(open(backend, 'echo')).rejects.toMatchObject({
      code: 'load_failed',
      message: expect.stringContaining('not ready after 0.2 s') as string,
    });
    expect(await line(backend, '[tutti] prog was')).toContain('SIGTERM');
  });

  it('ends a start that nobody waits for any more', async () => {
    const backend = await start({ env: { FAKE_UNHEALTHY: '1000000' } });
    const [one, other] = [new AbortController(), new AbortController()];
    const opens = [open(backend, 'echo', one.signal), open(backend, 'thinker', other.signal)];
    await line(backend, 'listens on');
    one.abort();
    await expect(opens[0]).rejects.toMatchObject({ code: 'cancelled' });
    other.abort();
    await expect(opens[1]).rejects.toMatchObject({ code: 'cancelled' });
    expect(await line(backend, '[tutti] prog was')).toContain('SIGTERM');
  });

  it('kills a program that does not stop when asked', async () => {
    const backend = await start({ env: { FAKE_DEAF: '1' }, stop_grace_seconds: 0.1 });
    const model = await open(backend, 'echo');
    await model[Symbol.asyncDispose]();
    expect(await line(backend, 'heard')).toBe('heard SIGTERM');
    expect(await line(backend, '[tutti] prog was')).toContain('SIGKILL');
    expect(await model.closed).toBeNull();
  });

  it('takes what the program has started with it', async () => {
    const backend = await start({ env: { FAKE_CHILD: '1' } });
    const model = await open(backend, 'echo');
    const child = Number((await line(backend, 'child')).split(' ')[1]);
    process.kill(child, 0);
    await model[Symbol.asyncDispose]();
    expect(await isRunning(child)).toBe(false);
  });

  it('leaves no program behind when Tutti itself is killed', async () => {
    const owner = spawn(process.execPath, [fixture('process-owner.ts'), JSON.stringify(COMMAND)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let port = 0;
    for await (const text of readLines(owner.stdout)) {
      port = Number(/^listens on (\d+)/.exec(text)?.[1] ?? 0);
      if (port !== 0) break;
    }
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.on('error', () => {}); // a reset is as good an end as another
    const closed = new Promise((resolve) => socket.once('close', resolve));
    owner.kill('SIGKILL');
    await closed;
  });

  it('measures the memory of the program and estimates by the config', async () => {
    const backend = await start({ memory_mb: { cpu: 10, gpu: 20 } });
    const [model] = await backend.list(signal);
    if (!model) throw new Error('no model');
    expect(await backend.estimate?.(model, { device: 'gpu:1' })).toEqual({ cpu: 10 * 2 ** 20, 'gpu:1': 20 * 2 ** 20 });
    await using opened = await open(backend, 'echo');
    const { cpu = 0, 'gpu:0': gpu } = (await opened.measure?.()) ?? {};
    expect(cpu).toBeGreaterThan(10 * 2 ** 20);
    expect(gpu).toBe(20 * 2 ** 20);
    expect(await backend.estimate?.(model, { device: 'cpu' })).toEqual({ cpu: 0 });
  });
});

/** Whether a process works: one that has ended but that nobody has asked about yet does not. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null); // it is gone, which is an answer
  return stat !== null && !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
}
