import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { OpenModel } from '../../src/contracts/backend.ts';
import type { Part } from '../../src/contracts/part.ts';
import { collect } from '../../src/testing/collect.ts';
import { makeGguf, makeLora, type GgufOptions } from '../../src/testing/gguf-writer.ts';
import { callOptions, ENDLESS, llamaFixture, openModel, user, type Fixture } from './fixtures.ts';

const GREETER: GgufOptions = { script: ['Hello', '!'], tokens: ['Bye'] };
const SMALL: GgufOptions = { layers: 2, dim: 128, heads: 4 };

let fixture: Fixture;
const opened: OpenModel[] = [];

async function open(name: string): Promise<OpenModel> {
  const model = await openModel(fixture.backend, name);
  opened.push(model);
  return model;
}

const say = (model: OpenModel): ReturnType<typeof collect> =>
  collect(model.call('chat', { messages: [user('Hi')] }, callOptions()));

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // there is none: that is the answer
  }
}

beforeAll(async () => {
  fixture = await llamaFixture(
    { hello: GREETER, endless: { ...ENDLESS, contextLength: 4096 }, small: SMALL, large: { ...SMALL, layers: 6, dim: 512 } },
    {
      context_size: 4096,
      models: {
        polite: { path: 'hello.gguf', lora: { path: 'bye.lora' } },
        firm: { path: 'hello.gguf', lora: { path: 'bye.lora', scale: 0 } },
        compact: { path: 'small.gguf', kv_cache_type: 'q8_0' },
        templated: { path: 'hello.gguf', chat_template: "{{ 'custom ' + messages[0].content + '<|assistant|>' }}" },
      },
    },
  );
  await makeGguf(join(fixture.folder, 'split-00001-of-00003.gguf'), { ...GREETER, parts: 3 });
  await makeLora(join(fixture.folder, 'bye.lora'), { model: GREETER, says: 'Bye' });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((model) => model[Symbol.asyncDispose]()));
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

describe('a runner', () => {
  it('has its own process, which ends when the model is disposed of', async () => {
    const [a, b] = [await open('hello'), await open('small')];
    const pids = [a.pid ?? 0, b.pid ?? 0];
    expect(new Set(pids).size).toBe(2);
    expect(pids.every(runs)).toBe(true);
    await a[Symbol.asyncDispose]();
    expect(pids.map(runs)).toEqual([false, true]);
    expect(await a.closed).toBe(null);
    await expect(say(a)).rejects.toMatchObject({ code: 'closed' });
    expect((await b.measure?.())?.cpu).toBeGreaterThan(0);
  });

  it('that is killed in mid-answer fails its calls, says so, and can be opened again', async () => {
    const model = await open('endless');
    const parts: Part[] = [];
    const call = (async () => {
      for await (const part of model.call('chat', { messages: [user('Hi')] }, callOptions())) {
        parts.push(part);
        if (parts.length === 2) process.kill(model.pid ?? 0, 'SIGKILL');
      }
    })();
    await expect(call).rejects.toMatchObject({
      code: 'runner_crashed',
      retryable: true,
      message: expect.stringMatching(/SIGKILL/),
    });
    expect(parts.some((part) => part.type === 'finish')).toBe(false);
    expect(await model.closed).toMatchObject({ code: 'runner_crashed' });
    const again = await open('endless');
    expect((await collect(again.call('chat', { messages: [user('Hi')], max_tokens: 2 }, callOptions()))).text).toBe('tick tock');
  });

  it('finishes its answer when a signal to stop reaches it together with its parent', async () => {
    const model = await open('endless');
    const parts: Part[] = [];
    for await (const part of model.call('chat', { messages: [user('Hi')], max_tokens: 400 }, callOptions())) {
      if (parts.push(part) === 1) for (const signal of ['SIGTERM', 'SIGINT']) process.kill(model.pid ?? 0, signal);
    }
    expect(parts.at(-1)).toMatchObject({ type: 'finish', reason: 'length' });
  });

  it('is ended when its load is aborted', async () => {
    const controller = new AbortController();
    const descriptor = (await fixture.backend.list(controller.signal)).find(({ name }) => name === 'large');
    if (descriptor === undefined) throw new Error('the fixture lacks a model');
    const opening = fixture.backend.open(descriptor, {
      placement: { device: 'cpu' },
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(opening).rejects.toMatchObject({ code: 'cancelled' });
    const lines = await Array.fromAsync(fixture.backend.logs('large', { follow: false, signal: new AbortController().signal }));
    expect(lines.at(-1)).toBe('tutti: the runner was ended');
  });

  it('ends by itself when its parent dies', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tutti-orphan-'));
    try {
      await makeGguf(join(folder, 'endless.gguf'), { ...ENDLESS, contextLength: 8192 });
      const parent = spawn(process.execPath, [fileURLToPath(new URL('orphan.ts', import.meta.url)), folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [first] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number.parseInt(first.toString(), 10);
      expect(runs(pid)).toBe(true);
      parent.kill('SIGKILL');
      await vi.waitFor(() => expect(runs(pid)).toBe(false), { timeout: 20_000 });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('keeps what it wrote, and can be followed', async () => {
    const controller = new AbortController();
    const lines: string[] = [];
    const following = (async () => {
      for await (const line of fixture.backend.logs('firm', { follow: true, signal: controller.signal })) {
        lines.push(line);
        if (line.startsWith('tutti:')) controller.abort();
      }
    })();
    await (await open('firm'))[Symbol.asyncDispose]();
    await following;
    expect(lines.some((line) => /llama_model_loader|print_info|load/.test(line))).toBe(true);
    const kept = await Array.fromAsync(fixture.backend.logs('firm', { follow: false, signal: new AbortController().signal }));
    expect(kept.at(-1)).toBe(lines.at(-1));
  });

  it('takes about the memory that was estimated', async () => {
    for (const name of ['small', 'large']) {
      const model = await open(name);
      await collect(model.call('chat', { messages: [user('x'.repeat(500))], max_tokens: 3 }, callOptions()));
      const measured = (await model.measure?.())?.cpu ?? 0;
      const estimated = (await fixture.backend.estimate(model.descriptor, { device: 'cpu' })).cpu ?? 0;
      expect(estimated / measured).toBeGreaterThan(0.8);
      expect(estimated / measured).toBeLessThan(1.4);
    }
  });
});

describe('a model’s settings', () => {
  it('apply LoRA adapters, as strongly as they say', async () => {
    expect((await say(await open('hello'))).text).toBe('Hello!');
    expect((await say(await open('polite'))).text).toBe('Bye');
    expect((await say(await open('firm'))).text).toBe('Hello!');
  });

  it('make the cache smaller', async () => {
    const [plain, compact] = [await open('small'), await open('compact')];
    const estimate = async (model: OpenModel): Promise<number> =>
      (await fixture.backend.estimate(model.descriptor, { device: 'cpu' })).cpu ?? 0;
    expect(await estimate(compact)).toBeLessThan(await estimate(plain));
    expect((await collect(compact.call('chat', { messages: [user('Hi')], max_tokens: 3 }, callOptions()))).finish).toBe('length');
  });

  it('need not say that a model is split over several files', async () => {
    const model = await open('split');
    expect(model.descriptor.parameters).toBeGreaterThan(100_000);
    expect((await say(model)).text).toBe('Hello!');
  });

  it('replace the chat template', async () => {
    const signal = new AbortController().signal;
    const models = await fixture.backend.list(signal);
    const count = async (name: string): Promise<number> => {
      const descriptor = models.find((model) => model.name === name);
      if (descriptor === undefined) throw new Error(`the fixture lacks ${name}`);
      return fixture.backend.countTokens(descriptor, { messages: [user('Hi')] });
    };
    expect(await count('hello')).toBe('SUHiA'.length); // beginning, user, two letters, assistant
    expect(await count('templated')).toBe('S'.length + 'custom Hi'.length + 'A'.length);
    expect((await say(await open('templated'))).text).toBe('Hello!');
  });
});

it('does not try to load what is larger than the machine', async () => {
  const signal = new AbortController().signal;
  await using huge = await llamaFixture({ huge: { contextLength: 2_000_000_000 } }, { context_size: 1_000_000_000 });
  const [model] = await huge.backend.list(signal);
  if (model === undefined) throw new Error('the fixture lacks a model');
  await expect(huge.backend.open(model, { placement: { device: 'cpu' }, signal })).rejects.toMatchObject({
    code: 'out_of_memory',
    message: expect.stringMatching(/would take \d+ MiB, and this machine has \d+ MiB/),
  });
  expect(await Array.fromAsync(huge.backend.logs('huge', { follow: false, signal }))).toEqual([]);
});

it('says whether llama.cpp runs here', async () => {
  const health = await fixture.backend.health(new AbortController().signal);
  expect(health).toMatchObject({ ok: true, message: expect.stringMatching(/^llama\.cpp runs (on the CPU|with )/) });
});
