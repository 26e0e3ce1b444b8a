import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EMBEDDED_NOTICE, embeddedBackend } from '../../src/backends/llama-cpp/schema.ts';
import type { Backend, OpenModel } from '../../src/contracts/backend.ts';
import { SILENT_LOGGER } from '../../src/contracts/logger.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { collect } from '../../src/testing/collect.ts';
import { makeGguf } from '../../src/testing/gguf-writer.ts';
import { callOptions, ENDLESS, openModel, user } from './fixtures.ts';

const NAMES = ['nano', 'mini-a', 'base', 'tools'];
let folder: string;
let backend: Backend;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-embedded-'));
  for (const name of NAMES)
    await makeGguf(join(folder, `${name}.gguf`), {
      name,
      script: [
        [
          { token: name, p: 0.6 },
          { token: 'other', p: 0.4 },
        ],
      ],
    });
  backend = await embeddedBackend.create(embeddedBackend.config.parse({ models_dir: folder }), {
    id: 'embedded',
    dataDir: folder,
    log: SILENT_LOGGER,
    clock: systemClock,
  });
});
afterAll(async () => {
  await backend[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

it('lists the embedded models as what they are', async () => {
  const models = await backend.list(new AbortController().signal);
  expect(Object.fromEntries(models.map((model) => [model.id, model.capabilities]))).toEqual({
    'embedded:base': ['text_generation', 'reasoning'],
    'embedded:mini-a': ['text_generation'],
    'embedded:nano': ['text_generation'],
    'embedded:tools': ['tool_calling'],
  });
  for (const model of models) expect(model).toMatchObject({ countsAsLoaded: false, notice: EMBEDDED_NOTICE });
});

it('keeps them all in one process, which ends with the last of them', async () => {
  const open: OpenModel[] = await Promise.all(NAMES.map((name) => openModel(backend, name)));
  expect(new Set(open.map(({ pid }) => pid)).size).toBe(1);
  const answers = await Promise.all(open.map((model) => collect(model.call('chat', { messages: [user('Hi')] }, callOptions()))));
  expect(answers.map(({ text }) => text)).toEqual(NAMES); // greedy by default: their skills have one right answer
  for (const model of open) expect((await model.measure?.())?.cpu).toBeLessThan(64 * 2 ** 20);
  const [first, second, ...others] = open;
  if (first === undefined || second === undefined) throw new Error('there are four');
  await first[Symbol.asyncDispose]();
  expect((await collect(second.call('chat', { messages: [user('Hi')] }, callOptions()))).text).toBe('mini-a');
  await Promise.all([second, ...others].map((model) => model[Symbol.asyncDispose]()));
  expect(() => process.kill(first.pid ?? 0, 0)).toThrow(/ESRCH/);
});

it('ends an answer that repeats itself long before its context is full', async () => {
  const endless = await mkdtemp(join(tmpdir(), 'tutti-embedded-'));
  await makeGguf(join(endless, 'nano.gguf'), { name: 'nano', ...ENDLESS, contextLength: 1024 });
  await using other = await embeddedBackend.create(embeddedBackend.config.parse({ models_dir: endless }), {
    id: 'embedded',
    dataDir: endless,
    log: SILENT_LOGGER,
    clock: systemClock,
  });
  await using model = await openModel(other, 'nano');
  const { finish, usage } = await collect(model.call('chat', { messages: [user('Hi')] }, callOptions()));
  expect([finish, usage?.outputTokens]).toEqual(['length', 256]);
  await rm(endless, { recursive: true });
});

it('settles `closed` of all of them when their process dies, and starts another', async () => {
  const open = await Promise.all(['nano', 'base'].map((name) => openModel(backend, name)));
  process.kill(open[0]?.pid ?? 0, 'SIGKILL');
  const reasons = await Promise.all(open.map(({ closed }) => closed));
  expect(reasons.map((reason) => (reason as { code?: string } | null)?.code)).toEqual(['runner_crashed', 'runner_crashed']);
  await using again = await openModel(backend, 'nano');
  expect((await collect(again.call('chat', { messages: [user('Hi')] }, callOptions()))).text).toBe('nano');
});
