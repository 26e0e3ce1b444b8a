import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { AnyBackendDefinition } from './contracts/backend.ts';
import type { Part } from './contracts/part.ts';
import type { AnyStrategyDefinition, StrategyDefinition } from './contracts/strategy.ts';
import { TuttiError } from './errors/error.ts';
import { EventMonitor } from './testing/event-monitor.ts';
import { FakeBackend } from './testing/fake-backend.ts';
import { createTutti, getTutti, type Tutti, type TuttiOptions } from './tutti.ts';

let directory: string;
let open: Tutti[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tutti-'));
});
afterEach(async () => {
  for (const tutti of open) await tutti.close();
  open = [];
  rmSync(directory, { recursive: true });
});

async function start(options: TuttiOptions = {}): Promise<Tutti> {
  const tutti = await createTutti({ directory, environment: {}, log: 'silent', discover: false, ...options });
  await tutti.backends.settled();
  open.push(tutti);
  return tutti;
}

const down = new TuttiError('upstream_error', 'down for a while', { retryable: true });

async function rejection(promise: Promise<unknown>): Promise<TuttiError> {
  const error: unknown = await promise.then(
    () => expect.fail('it should have failed'),
    (thrown: unknown) => thrown,
  );
  return TuttiError.isInstance(error) ? error : expect.fail(`no TuttiError: ${String(error)}`);
}

describe('asking', () => {
  it('answers with a model of a backend made in code, and keeps the run', async () => {
    const tutti = await start({ backends: [new FakeBackend({ models: { a: { answer: 'Hello there' } } })] });
    const answer = await tutti.run({ model: 'fake:a', input: 'Hi' });
    expect(answer).toMatchObject({
      text: 'Hello there',
      output: 'Hello there',
      model: 'fake:a',
      fallbackChain: ['fake:a'],
      modelsUsed: ['fake:a'],
    });
    const run = tutti.runs.get(answer.runId);
    expect(run).toMatchObject({ status: 'completed', target: 'fake:a', model: 'fake:a', backend: 'fake', operation: 'chat' });
    expect(run?.steps.map((step) => step.path)).toContain('root/0');
  });

  it('streams parts of the root step and ends with one finish', async () => {
    const tutti = await start({ backends: [new FakeBackend({ models: { a: { answer: 'one two three' } } })] });
    const parts: Part[] = [];
    for await (const part of tutti.stream({ model: 'a', input: 'Hi' })) parts.push(part);
    const root = parts.filter((part) => part.step === 'root');
    expect(root.filter((part) => part.type === 'finish')).toHaveLength(1);
    expect(root.map((part) => (part.type === 'text-delta' ? part.text : '')).join('')).toBe('one two three');
  });

  it('falls back to the next of a chain when a model fails before or, for a whole answer, in the middle', async () => {
    const backend = new FakeBackend({
      models: {
        early: { answer: { failBefore: down } },
        middle: { answer: { text: 'half an', failAfter: { deltas: 1, error: down } } },
        good: { answer: 'fine' },
      },
    });
    const tutti = await start({ backends: [backend], routing: { retries: 0 } });
    tutti.setFallbacks('fake:early', ['fake:middle', 'good']);
    const answer = await tutti.run({ model: 'early', input: 'Hi' });
    expect(answer).toMatchObject({ text: 'fine', model: 'fake:good', fallbackChain: ['fake:early', 'fake:middle', 'fake:good'] });
    expect(tutti.runs.get(answer.runId)?.fallbacks).toBe(2);
  });

  it('names the nearest models when there is none of that name', async () => {
    const tutti = await start({ backends: [new FakeBackend({ models: { llama: {} } })] });
    expect(() =>
      tutti.execute({ operation: 'chat', model: 'lama', input: { messages: [{ role: 'user', content: 'x' }] } }),
    ).toThrow(/fake:llama/);
    expect((await rejection(tutti.run({ model: 'lama', input: 'x' }))).code).toBe('model_not_found');
  });

  it('cancels a run by its id, and the model stops', async () => {
    const backend = new FakeBackend({ models: { slow: { answer: { text: 'never', gate: new Promise(() => {}) } } } });
    const tutti = await start({ backends: [backend] });
    const running = rejection(tutti.run({ model: 'slow', input: 'x' }));
    const call = await backend.nextCall();
    expect(tutti.runs.cancel(tutti.runs.active()[0]?.id ?? '')).toBe(true);
    expect((await running).code).toBe('cancelled');
    await call.ended;
    expect(backend.calls[0]?.state).toBe('cancelled');
  });

  it('answers batches and several models in order, each with its own error', async () => {
    const backend = new FakeBackend({ models: { a: { answer: 'A' }, b: { answer: { failBefore: down } } } });
    const tutti = await start({ backends: [backend], routing: { retries: 0 } });
    const batch = await tutti.runBatch({ model: 'a', inputs: ['1', '', '3'] });
    expect(batch.map((result) => result.answer?.text ?? result.error?.code)).toEqual(['A', 'invalid_request', 'A']);
    const parallel = await tutti.runParallel({ models: ['b', 'a'], input: 'x' });
    expect(parallel.map((result) => result.answer?.text ?? result.error?.code)).toEqual(['upstream_error', 'A']);
  });

  it('takes a grammar from admins only', async () => {
    const tutti = await start({ backends: [new FakeBackend({ models: { a: { answer: 'yes' } } })] });
    const responseFormat = { type: 'grammar', grammar: 'root ::= "yes"' } as const;
    const user = { id: 'app', role: 'user' } as const;
    expect((await tutti.run({ model: 'a', input: '?', responseFormat })).text).toBe('yes');
    expect((await rejection(tutti.run({ model: 'a', input: '?', responseFormat, principal: user }))).code).toBe('forbidden');
  });

  it('makes a confidence of the probabilities that a model gives, and none without them', async () => {
    const tokens = [
      { text: '4', logprob: Math.log(0.25) },
      { text: '2', logprob: Math.log(1) },
    ];
    const tutti = await start({ backends: [new FakeBackend({ models: { a: { answer: { tokens } } } })] });
    const sure = await tutti.run({ model: 'a', input: '?', parameters: { logprobs: true } });
    expect(sure.confidence).toMatchObject({ method: 'logprobs', calibrated: false, parts: { mean: 0.5, lowest: 0.25 } });
    expect(sure.confidence?.score).toBeCloseTo(Math.sqrt(0.5 * 0.25));
    expect((await tutti.run({ model: 'a', input: '?' })).confidence).toBeNull();
  });

  it('embeds texts', async () => {
    const tutti = await start({ backends: [new FakeBackend({ models: { e: { embed: () => [1, 0] } } })] });
    expect((await tutti.embed({ input: ['a', 'b'] })).vectors).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });
});

describe('orchestrations', () => {
  const failing = { answer: { failBefore: down } };
  it('are models: called by name, nested, traced below their own step', async () => {
    const backend = new FakeBackend({ models: { a: failing, b: failing, c: { answer: 'from c' } } });
    const orchestrations = {
      outer: { strategy: 'fallback', members: ['inner', { model: 'fake:c', instructions: 'Be brief.', temperature: 0 }] },
      inner: { strategy: 'fallback', members: ['fake:a', 'fake:b'] },
    };
    const tutti = await start({ backends: [backend], orchestrations, routing: { retries: 0 } });
    const answer = await tutti.run({ model: 'outer', input: 'Hi' });
    expect(answer.text).toBe('from c');
    expect(answer.modelsUsed).toEqual(['fake:c']);
    expect(backend.calls.at(-1)?.input).toMatchObject({
      temperature: 0,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ],
    });
    const paths = tutti.runs.get(answer.runId)?.steps.map((step) => step.path);
    expect(paths).toEqual(expect.arrayContaining(['root/0', 'root/0/inner', 'root/0/inner/0/fake:a', 'root/0/fake:c/0']));
  });

  it('ask another member when one fails in the middle of a whole answer, and cannot in the middle of a streamed one', async () => {
    const half = { answer: { text: 'half an', failAfter: { deltas: 1, error: down } } };
    const orchestrations = { safe: { strategy: 'fallback', members: ['fake:half', 'fake:good'] } };
    const backend = new FakeBackend({ models: { half, good: { answer: 'fine' } } });
    const tutti = await start({ backends: [backend], orchestrations, routing: { retries: 0 } });
    expect(await tutti.run({ model: 'safe', input: 'x' })).toMatchObject({ text: 'fine', modelsUsed: ['fake:good'] });
    const stream = async (): Promise<string> => {
      let text = '';
      for await (const part of tutti.stream({ model: 'safe', input: 'x' }))
        if (part.type === 'text-delta' && part.step === 'root') text += part.text;
      return text;
    };
    expect(await rejection(stream())).toMatchObject({ code: 'upstream_error' });
  });

  it('tell each member’s reason when all fail', async () => {
    const orchestrations = { safe: { strategy: 'fallback', members: ['fake:a', 'fake:b'] } };
    const tutti = await start({
      backends: [new FakeBackend({ models: { a: failing, b: failing } })],
      orchestrations,
      routing: { retries: 0 },
    });
    const error = await rejection(tutti.run({ model: 'safe', input: 'x' }));
    expect(error.code).toBe('all_members_failed');
    expect(error.message).toMatch(/fake:a: down for a while .*fake:b: down for a while/);
  });

  it('that find themselves again through a rule end with an error', async () => {
    const tutti = await start({
      backends: [new FakeBackend()],
      orchestrations: { loop: { strategy: 'fallback', members: ['auto'] } },
      routing: { rules: [{ when: 'true', use: 'loop' }], retries: 0 },
      orchestrator: { enableAutoFallback: false },
    });
    const error = await rejection(tutti.run({ model: 'loop', input: 'x' }));
    expect(error.message).toMatch(/without end/);
  });
});

describe('config', () => {
  it('is taken in code in camelCase, and errors name the key', async () => {
    const tutti = await start({ pool: { maxLoadedModels: 1 } });
    expect(tutti.config.pool.max_loaded_models).toBe(1);
    const error = await rejection(createTutti({ directory, environment: {}, pool: { maxLoadedModles: 1 } }));
    expect(error).toMatchObject({ code: 'config_invalid' });
    expect(error.message).toContain('pool.maxLoadedModles: no such key; did you mean `max_loaded_models`?');
  });

  it('of a backend is taken in camelCase, and its own checks apply', async () => {
    const cloud = { type: 'openai-compatible', baseUrl: 'http://127.0.0.1:9/v1', apiKey: 'k', defaultModel: 'big' };
    const tutti = await start({ backends: { cloud } });
    expect(tutti.config.backends?.cloud).toEqual({
      type: 'openai-compatible',
      base_url: 'http://127.0.0.1:9/v1',
      api_key: 'k',
      default_model: 'big',
    });
    const error = await rejection(
      createTutti({ directory, environment: {}, backends: { cloud: { type: 'openai-compatible' } } }),
    );
    expect(error.message).toContain('backends.cloud.base_url: Give base_url, or a preset.');
  });

  it.each([
    [
      'an unknown strategy',
      { a: { strategy: 'fallbak', members: ['auto'] } },
      /no strategy `fallbak`; did you mean `fallback`\?/,
    ],
    ['an empty panel', { a: { strategy: 'fallback', members: [] } }, /at least one member/],
    ['a cycle', { a: { strategy: 'fallback', members: ['b'] }, b: { strategy: 'fallback', members: ['a'] } }, /a → b → a/],
    ['a name that is a word of its own', { auto: { strategy: 'fallback', members: ['x'] } }, /orchestrations.auto/],
  ])('refuses %s', async (_what, orchestrations, message) => {
    expect((await rejection(createTutti({ directory, environment: {}, log: 'silent', orchestrations }))).message).toMatch(
      message,
    );
  });

  it('is read again on reload; a bad one changes nothing and is told', async () => {
    const file = join(directory, 'tutti.yaml');
    writeFileSync(file, 'aliases: { x: fake:a }\n');
    const backend = new FakeBackend({ models: { a: { answer: 'A' }, b: { answer: 'B' } } });
    const tutti = await start({ file, backends: [backend] });
    using monitor = new EventMonitor(tutti.events);
    expect((await tutti.run({ model: 'x', input: '?' })).text).toBe('A');
    writeFileSync(file, 'aliases: { x: fake:b }\n');
    expect(await tutti.reload()).toEqual({ changed: ['aliases'], waiting: [] });
    expect((await tutti.run({ model: 'x', input: '?' })).text).toBe('B');
    writeFileSync(file, 'aliases: 3\n');
    expect((await rejection(tutti.reload())).code).toBe('config_invalid');
    await monitor.next('config.rejected');
    expect((await tutti.run({ model: 'x', input: '?' })).text).toBe('B');
  });
});

describe('config errors that need several keys', () => {
  const backends = { cloud: { type: 'openai-compatible', base_url: 'http://127.0.0.1:9/v1' } };
  it.each([
    [
      'a rule’s target',
      { routing: { rules: [{ when: 'true', use: 'clod:big' }] } },
      /routing\.rules\[0\]\.use: `clod:big` is no model.*did you mean `cloud:`/,
    ],
    ['a default model', { orchestrator: { default_chat_model: 'nobody:x' } }, /orchestrator\.default_chat_model: `nobody:x`/],
    [
      'a default backend',
      { orchestrator: { default_backend: 'nobody' } },
      /orchestrator\.default_backend: there is no backend `nobody`; known: embedded, cloud/,
    ],
    ['a fallback', { models: { 'cloud:a': { fallbacks: ['nobody:x'] } } }, /models\.cloud:a\.fallbacks: `nobody:x`/],
    ['an alias with a capability’s name', { aliases: { vision: 'cloud:a' } }, /aliases\.vision: a capability has this name/],
    [
      'a rule that is no expression',
      { routing: { rules: [{ when: 'task.complexity >', use: 'auto' }] } },
      /routing\.rules\[0\]\.when/,
    ],
    [
      'a rule of the wrong type',
      { routing: { rules: [{ when: 'task.tokens + 1', use: 'auto' }] } },
      /routing\.rules\[0\]\.when.*true or false/,
    ],
  ])('name %s', async (_what, config, message) => {
    expect((await rejection(createTutti({ directory, environment: {}, log: 'silent', backends, ...config }))).message).toMatch(
      message,
    );
  });
});

describe('a backend that the config no longer names', () => {
  it('takes no new calls at once, and ends its last one before it goes', async () => {
    const made: FakeBackend[] = [];
    const gate = Promise.withResolvers<void>();
    const backends: AnyBackendDefinition[] = [
      {
        type: 'fake',
        config: z.strictObject({ version: z.int() }),
        create: async (_config, { id }) => {
          const backend = new FakeBackend({ id, models: { a: { answer: { text: 'to the end', gate: gate.promise } } } });
          made.push(backend);
          return backend;
        },
      },
    ];
    const file = join(directory, 'tutti.yaml');
    writeFileSync(file, 'backends: { x: { type: fake, version: 1 } }\n');
    const tutti = await start({ file, plugins: [{ apiVersion: 1, name: 'fakes', backends }] });
    const running = tutti.run({ model: 'x:a', input: '?' });
    await made[0]?.nextCall();
    writeFileSync(file, 'aliases: {}\nbackends: {}\n');
    expect((await tutti.reload()).changed).toContain('backends');
    expect((await rejection(tutti.run({ model: 'x:a', input: '?' }))).code).toBe('model_not_found');
    gate.resolve();
    expect((await running).text).toBe('to the end');
  });
});

describe('a backend whose entry in the config changes', () => {
  it('is replaced without a failed call: neither one that waits for a model of the old one, nor one that comes meanwhile', async () => {
    const room = Promise.withResolvers<void>();
    const listing = Promise.withResolvers<void>();
    let made = 0;
    const backends: AnyBackendDefinition[] = [
      {
        type: 'fake',
        config: z.strictObject({ version: z.int() }),
        create: async (_config, { id }) => {
          const first = made++ === 0;
          const models = {
            large: { memory: { cpu: 2 ** 20 }, answer: { text: 'done', gate: room.promise } },
            a: { memory: { cpu: 2 ** 20 }, answer: `from ${made}` },
          };
          const backend = new FakeBackend({ id, residency: 'local', models });
          const list = backend.list.bind(backend);
          if (!first) backend.list = () => listing.promise.then(() => list(new AbortController().signal));
          return backend;
        },
      },
    ];
    const file = join(directory, 'tutti.yaml');
    const config = (version: number): void =>
      writeFileSync(file, `pool: { max_loaded_models: 1 }\nbackends: { x: { type: fake, version: ${version} } }\n`);
    config(1);
    const tutti = await start({ file, plugins: [{ apiVersion: 1, name: 'fakes', backends }] });
    using events = new EventMonitor(tutti.events);
    const holding = tutti.run({ model: 'x:large', input: '?' });
    await events.next('model.loaded');
    const waiting = tutti.run({ model: 'x:a', input: '?' });
    await events.next('step.started', ({ data }) => data.model === 'x:a');
    config(2);
    const reloaded = tutti.reload();
    const meanwhile = tutti.run({ model: 'x:a', input: '?' });
    listing.resolve();
    await reloaded;
    const after = tutti.run({ model: 'x:a', input: '?' });
    room.resolve();
    expect((await holding).text).toBe('done');
    // The last came to the new backend, and those that waited for the same model went along.
    for (const run of [waiting, meanwhile, after]) expect((await run).text).toBe('from 2');
  });

  it('has the old one load what is waited for when nobody wants it from the new one', async () => {
    const gate = Promise.withResolvers<void>();
    let made = 0;
    const backends: AnyBackendDefinition[] = [
      {
        type: 'fake',
        config: z.strictObject({ version: z.int() }),
        create: async (_config, { id }) => {
          const answer = `from ${++made}`;
          return new FakeBackend({ id, residency: 'local', models: { a: { load: { gate: gate.promise }, answer } } });
        },
      },
    ];
    const file = join(directory, 'tutti.yaml');
    writeFileSync(file, 'backends: { x: { type: fake, version: 1 } }\n');
    const tutti = await start({ file, plugins: [{ apiVersion: 1, name: 'fakes', backends }] });
    using events = new EventMonitor(tutti.events);
    const waiting = tutti.run({ model: 'x:a', input: '?' });
    await events.next('model.loading');
    writeFileSync(file, 'aliases: {}\nbackends: {}\n');
    await tutti.reload();
    gate.resolve();
    expect((await waiting).text).toBe('from 1');
    await events.next('model.unloaded');
  });
});

describe('plug-ins', () => {
  const shout: StrategyDefinition<{ strategy: 'shout'; member: string }> = {
    strategy: 'shout',
    config: z.strictObject({ strategy: z.literal('shout'), member: z.string() }),
    describe: ({ member }) => ({ members: [member], operations: ['chat'] }),
    async *run(context) {
      for await (const part of context.call('quiet', context.config.member, context.request)) {
        yield part.type === 'text-delta' ? { ...part, text: part.text.toUpperCase() } : part;
      }
    },
  };
  const strategies: AnyStrategyDefinition[] = [shout];

  it('given in code bring strategies that the config can name', async () => {
    const tutti = await start({
      backends: [new FakeBackend({ models: { a: { answer: 'hi' } } })],
      plugins: [{ apiVersion: 1, name: 'loud', strategies }],
      orchestrations: { loud: { strategy: 'shout', member: 'fake:a' } },
    });
    expect((await tutti.run({ model: 'loud', input: 'x' })).text).toBe('HI');
    expect(tutti.plugins.list()).toMatchObject([{ name: 'loud', strategies: ['shout'] }]);
  });

  it('are loaded from a file that the config names, also later', async () => {
    const plugin = `export default { apiVersion: 1, name: 'models', models: [{ id: 'fake:extra', capabilities: ['translation'] }] };`;
    writeFileSync(join(directory, 'plugin.mjs'), plugin);
    const tutti = await start({ backends: [new FakeBackend()] });
    await tutti.plugins.load('./plugin.mjs');
    expect(tutti.registry.best('translation')?.model.id).toBe('fake:extra');
  });

  it('of another API version, and those that are not there, are refused', async () => {
    const error = await rejection(createTutti({ directory, environment: {}, plugins: [{ apiVersion: 2, name: 'x' } as never] }));
    expect(error).toMatchObject({ code: 'plugin_invalid' });
    const missing = await rejection(start({ plugins: ['no-such-package'] }));
    expect(missing.message).toMatch(
      /^The plug-in no-such-package cannot be loaded from .*: Cannot find module 'no-such-package'$/,
    );
    expect(error.message).toMatch(/API version 2/);
  });
});

describe('getTutti', () => {
  it('gives the same one until it is closed, and refuses another config', async () => {
    const options = { directory, environment: {}, log: 'silent', discover: false } as const;
    const first = await getTutti(options);
    open.push(first);
    expect(await getTutti()).toBe(first);
    expect(await getTutti({ ...options })).toBe(first);
    expect((await rejection(getTutti({ ...options, log: 'warn' }))).code).toBe('already_configured');
    await first.close();
    const second = await getTutti(options);
    open.push(second);
    expect(second).not.toBe(first);
  });
});

describe('closing', () => {
  it('lets runs end within the grace time, and refuses new ones', async () => {
    const gate = Promise.withResolvers<void>();
    const backend = new FakeBackend({ models: { a: { answer: { text: 'done', gate: gate.promise } } } });
    const tutti = await start({ backends: [backend] });
    const running = tutti.run({ model: 'a', input: 'x' });
    await backend.nextCall();
    const closing = tutti.close({ graceMs: 60_000 });
    expect((await rejection(tutti.run({ model: 'a', input: 'x' }))).code).toBe('closed');
    gate.resolve();
    expect((await running).text).toBe('done');
    await closing;
  });
});
