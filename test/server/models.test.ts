import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { BackendDefinition } from '../../src/contracts/backend.ts';
import { TuttiError } from '../../src/errors/error.ts';
import { deferred } from '../../src/lib/deferred.ts';
import { parseSse } from '../../src/lib/sse.ts';
import { FakeBackend, type FakeModelScript } from '../../src/testing/fake-backend.ts';
import { startServer, type Harness } from './harness.ts';

const json = async (response: Response | Promise<Response>) => (await (await response).json()) as Record<string, never>;
const ids = (list: { id: string }[]) => list.map(({ id }) => id).filter((id) => !id.startsWith('embedded:'));

const models: Record<string, FakeModelScript> = {
  small: { answer: 'small', memory: { cpu: 100 * 2 ** 20 } },
  large: { answer: 'large', descriptor: { capabilities: ['text_generation', 'vision'], contextWindow: 4096, notice: 'Slow.' } },
  'org/deep/name': { answer: 'deep' },
};
const local = { residency: 'local' as const, models };

describe('the list of models', () => {
  it('of OpenAI’s API has Tutti’s fields, and the aliases', async () => {
    await using harness = await startServer({ fake: local, tutti: { aliases: { best: ['fake:large', 'fake:small'] } } });
    const { data } = await harness.client().models.list();
    expect(ids(data)).toEqual(['fake:large', 'fake:org/deep/name', 'fake:small', 'best']);
    expect(data.find(({ id }) => id === 'fake:large')).toEqual({
      id: 'fake:large',
      object: 'model',
      created: expect.any(Number),
      owned_by: 'fake',
      capabilities: ['text_generation', 'vision'],
      context_window: 4096,
      state: 'cold',
      notice: 'Slow.',
    });
    expect(await harness.client().models.retrieve('best')).toMatchObject({ id: 'best', owned_by: 'tutti', context_window: 4096 });
  });

  it.each([
    '/v1/models/fake:org/deep/name',
    '/v1/models/fake:org/deep/name/',
    '/v1/models/fake%3Aorg%2Fdeep%2Fname',
    '/v1/models/org/deep/name',
    '/api/models/fake:org/deep/name',
    '/api/models/fake:org/deep/name/status',
    '/api/models/fake%3Aorg%2Fdeep%2Fname/status/',
  ])('finds an id with slashes at %s', async (path) => {
    await using harness = await startServer({ fake: local });
    expect(await json(harness.fetch(path))).toMatchObject({ id: 'fake:org/deep/name', state: 'cold' });
  });

  it.each(['/v1/models/', '/api/models/', '/api/capabilities/', '/api/pool/', '/api/runs/', '/healthz/'])(
    'is no matter of the slash in %s',
    async (path) => {
      await using harness = await startServer({ fake: local });
      expect((await harness.fetch(path)).status).toBe(200);
      expect(await (await harness.fetch(path)).json()).toEqual(await (await harness.fetch(path.slice(0, -1))).json());
    },
  );

  it('can be asked by capability, the best first and with reasons', async () => {
    await using harness = await startServer({ fake: local });
    await harness.fetch('/api/models/fake:large', { method: 'PATCH', body: { quality: { vision: 0.9 } } });
    const { models } = await json(harness.fetch('/api/models?capability=vision'));
    expect(models).toMatchObject([{ id: 'fake:large', reason: 'quality 0.9 for vision, set by hand' }]);
    expect(await json(harness.fetch('/api/capabilities/vision'))).toMatchObject({
      capability: 'vision',
      best: { id: 'fake:large' },
    });
    expect(await json(harness.fetch('/api/capabilities/levitation'))).toEqual({
      capability: 'levitation',
      models: [],
      best: null,
    });
    const best = await json(harness.fetch('/api/models?capability=vision&best'));
    expect(ids(best.models as never)).toEqual(['fake:large']);
    const { capabilities } = await json(harness.fetch('/api/capabilities'));
    expect(capabilities).toContainEqual({ capability: 'vision', operation: 'chat', models: ['fake:large'], best: 'fake:large' });
  });
});

describe('a model', () => {
  it('is registered, changed and removed while the server runs', async () => {
    await using harness = await startServer({ fake: { models, residency: 'remote' } });
    const registration = {
      id: 'fake:new',
      capabilities: ['reasoning'],
      context_window: 100,
      price: { input_per_mtok: 1 },
      metadata: { size: 'big' },
      load: { device: 'gpu:1', gpu_layers: 'max' },
      idle_unload_seconds: 5,
    };
    const created = await harness.fetch('/api/models', { body: registration });
    expect(created.status).toBe(201);
    expect(await created.json()).toMatchObject({ ...registration, backend: 'fake', name: 'new', fallbacks: [] });
    const patch = {
      quality: { default: 0.5 },
      speed: 0.4,
      fallbacks: ['fake:small'],
      context_window: 200,
      metadata: { tested: true },
    };
    const changed = await json(harness.fetch('/api/models/fake:new', { method: 'PATCH', body: patch }));
    expect(changed).toMatchObject({ ...patch, metadata: { size: 'big', tested: true } });
    expect(harness.tutti.registry.get('fake:new')).toMatchObject({ fallbacks: ['fake:small'], contextWindow: 200 });
    const removed = await harness.fetch('/api/models/fake:new', { method: 'DELETE' });
    expect([removed.status, await removed.text()]).toEqual([204, '']);
    expect((await harness.fetch('/api/models/fake:new')).status).toBe(404);
  });

  it('has only fallbacks that exist', async () => {
    await using harness = await startServer({ fake: local });
    const response = await harness.fetch('/api/models/fake:small', { method: 'PATCH', body: { fallbacks: ['fake:lorge'] } });
    expect(response.status).toBe(404);
    expect(harness.tutti.registry.get('fake:small')?.fallbacks).toBeUndefined();
  });

  it('is loaded and unloaded, and the pool shows it', async () => {
    await using harness = await startServer({ fake: local });
    const loaded = await json(harness.fetch('/api/models/fake:small/load', { method: 'POST' }));
    expect(loaded).toMatchObject({ id: 'fake:small', state: 'loaded', device: 'cpu', measured_mb: 100 });
    const pool = await json(harness.fetch('/api/pool'));
    expect(pool).toMatchObject({ total_mb: 100, cpu_mb: 100, gpu_mb: 0, loaded_models: 1, models: [{ id: 'fake:small' }] });
    const status = await json(harness.fetch('/api/status'));
    expect(status).toMatchObject({ loaded_models: ['fake:small'], memory_usage: { total_mb: 100 }, active_runs: 0 });
    expect(await json(harness.fetch('/api/models/fake:small/unload', { method: 'POST' }))).toMatchObject({ state: 'cold' });
    expect(harness.backend.loaded).toEqual([]);
  });

  it('is loaded in the background when nobody waits', async () => {
    const gate = deferred();
    await using harness = await startServer({ fake: { ...local, models: { slow: { load: { gate: gate.promise } } } } });
    const response = await harness.fetch('/api/models/fake:slow/load', { body: { wait: false } });
    expect(response.status).toBe(202);
    expect(['loading', 'waiting']).toContain((await json(response)).state);
    gate.resolve();
    await harness.events.next('model.loaded');
    expect(await json(harness.fetch('/api/models/fake:slow/status'))).toMatchObject({ state: 'loaded' });
  });

  it('is not loaded any more when the one who waits leaves', async () => {
    const given = deferred<AbortSignal>();
    class Slow extends FakeBackend {
      override async open(...[model, options]: Parameters<FakeBackend['open']>) {
        given.resolve(options.signal);
        return super.open(model, options);
      }
    }
    const load = { gate: deferred().promise };
    await using harness = await startServer({ tutti: { backends: [new Slow({ ...local, models: { slow: { load } } })] } });
    const leaving = new AbortController();
    const response = harness.fetch('/api/models/fake:slow/load', { method: 'POST', signal: leaving.signal });
    const signal = await given.promise;
    const stopped = once(signal, 'abort');
    leaving.abort();
    await expect(response).rejects.toThrow();
    await stopped;
  });

  it('tells why it cannot be loaded', async () => {
    const error = new TuttiError('invalid_model_file', 'broken.gguf is truncated.');
    await using harness = await startServer({ fake: { ...local, models: { broken: { load: { error } } } } });
    const response = await harness.fetch('/api/models/fake:broken/load', { method: 'POST' });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_model_file', message: /truncated/ } });
  });

  it('makes room when asked', async () => {
    await using harness = await startServer({ fake: local });
    await harness.fetch('/api/models/fake:small/load', { method: 'POST' });
    expect(await json(harness.fetch('/api/pool/evict', { body: { target_memory_mb: 0 } }))).toEqual({
      evicted: ['fake:small'],
      freed_mb: 100,
      used_mb: 0,
    });
  });

  it('is swapped for another', async () => {
    await using harness = await startServer({ fake: local });
    await harness.fetch('/api/models/fake:small/load', { method: 'POST' });
    const swapped = await json(harness.fetch('/api/models/fake:small/swap', { body: { to: 'fake:large' } }));
    expect(swapped).toEqual({ from: 'fake:small', to: 'fake:large' });
    const body = { model: 'fake:small', messages: [{ role: 'user', content: '?' }] };
    expect(await json(harness.fetch('/v1/chat/completions', { body }))).toMatchObject({
      choices: [{ message: { content: 'large' } }],
    });
  });

  it('is not swapped where the config switches that off', async () => {
    await using harness = await startServer({ fake: local, tutti: { orchestrator: { enable_hot_swap: false } } });
    const response = await harness.fetch('/api/models/fake:small/swap', { body: { to: 'fake:large' } });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ error: { code: 'feature_disabled' } });
  });

  it('counts tokens without being loaded', async () => {
    await using harness = await startServer({ fake: local });
    const count = (input: unknown) => json(harness.fetch('/api/tokens/count', { body: { model: 'fake:small', input } }));
    expect(await count('one two three')).toEqual({ model: 'fake:small', tokens: 3 });
    expect((await count([{ role: 'user', content: 'one two' }])).tokens).toBeGreaterThan(0);
    expect(harness.backend.loads).toEqual([]);
  });
});

describe('a download', () => {
  const pulling = async (how: (signal: AbortSignal) => AsyncGenerator<number>): Promise<Harness> => {
    class Hub extends FakeBackend {
      override async *pull(name: string, { signal }: { signal: AbortSignal }) {
        for await (const doneBytes of how(signal)) yield { item: name, doneBytes, totalBytes: 10, status: 'downloading' };
      }
    }
    const backend = new Hub({ id: 'hub', models: { small: {} } });
    return startServer({ tutti: { backends: [backend] } });
  };
  const done = { item: 'hub:new', status: 'success', done_bytes: null, total_bytes: null };
  const half = { item: 'new', status: 'downloading', done_bytes: 5, total_bytes: 10 };

  it.each([
    ['/api/models/pull', { model: 'hub:new' }],
    ['/api/models/hub:new/pull', undefined],
  ])('at %s shows its progress as events', async (path, body) => {
    await using harness = await pulling(async function* () {
      yield 5;
    });
    const response = await harness.fetch(path, { method: 'POST', ...(body && { body }) });
    const events = await Array.fromAsync(parseSse(response.body as never));
    expect(events.map(({ data }) => data)).toEqual([JSON.stringify(half), JSON.stringify(done), '[DONE]']);
  });

  it('shows its progress as lines when asked', async () => {
    await using harness = await pulling(async function* () {
      yield 5;
    });
    const headers = { accept: 'application/x-ndjson' };
    const response = await harness.fetch('/api/models/pull', { body: { model: 'hub:new' }, headers });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    expect(await response.text()).toBe(`${JSON.stringify(half)}\n${JSON.stringify(done)}\n`);
  });

  it('that fails at once has its own status, and one that fails later ends with the error', async () => {
    await using early = await pulling(async function* () {
      yield await Promise.reject<number>(new TuttiError('pull_failed', 'The hub is away.'));
    });
    expect((await early.fetch('/api/models/pull', { body: { model: 'hub:new' } })).status).toBe(502);
    const gate = deferred();
    await using late = await pulling(async function* () {
      yield 5;
      await gate.promise;
      throw new TuttiError('pull_failed', 'The hub went away.');
    });
    const response = await late.fetch('/api/models/pull', { body: { model: 'hub:new' } });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    gate.resolve();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toContain('"code":"pull_failed"');
    expect((await reader.read()).done).toBe(true);
  });

  it('stops when its client leaves', async () => {
    const stopped = deferred();
    await using harness = await pulling(async function* (signal) {
      signal.addEventListener('abort', () => stopped.resolve());
      yield 5;
      await stopped.promise;
      throw signal.reason;
    });
    const leaving = new AbortController();
    const response = await harness.fetch('/api/models/pull', { body: { model: 'hub:new' }, signal: leaving.signal });
    leaving.abort();
    await stopped.promise;
    await expect(response.text()).rejects.toThrow();
  });
});

describe('the log of a runner', () => {
  it('is plain text, and goes on when followed', async () => {
    const more = deferred();
    class Talking extends FakeBackend {
      async *logs(_name: string, { follow }: { follow: boolean }) {
        yield 'loaded';
        if (!follow) return;
        await more.promise;
        yield 'answering';
      }
    }
    await using harness = await startServer({ tutti: { backends: [new Talking({ models: { small: {} } })] } });
    expect(await (await harness.fetch('/api/models/fake:small/logs')).text()).toBe('loaded\n');
    const response = await harness.fetch('/api/models/fake:small/logs?follow');
    more.resolve();
    expect(await response.text()).toBe('loaded\nanswering\n');
  });

  it('does not exist for models without a runner', async () => {
    await using harness = await startServer();
    const response = await harness.fetch('/api/models/fake:echo/logs');
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'unsupported_input', param: 'model' } });
  });
});

describe('the system', () => {
  it('lists its backends and plug-ins, and reads its config again', async () => {
    const definition: BackendDefinition = {
      type: 'mine',
      config: (await import('zod')).z.strictObject({}),
      create: async (_config, { id }) => new FakeBackend({ id }),
    };
    const plugin = { apiVersion: 1 as const, name: 'my-plugin', backends: [definition as BackendDefinition<never>] };
    await using harness = await startServer({ tutti: { plugins: [plugin] } });
    expect(await json(harness.fetch('/api/plugins'))).toEqual({
      plugins: [{ name: 'my-plugin', spec: 'my-plugin', backends: ['mine'], models: [], strategies: [] }],
    });
    const { backends } = await json(harness.fetch('/api/backends'));
    expect(backends).toContainEqual({ id: 'fake', type: 'fake', residency: 'remote', state: 'up', models: 1, error: null });
    expect(await json(harness.fetch('/api/config/reload', { method: 'POST' }))).toEqual({ changed: [], waiting: [] });
  });

  it('counts for Prometheus', async () => {
    await using harness = await startServer({ fake: local });
    await harness.fetch('/v1/chat/completions', {
      body: { model: 'fake:small', messages: [{ role: 'user', content: 'Hello there' }] },
    });
    const response = await harness.fetch('/metrics');
    expect(response.headers.get('content-type')).toContain('text/plain');
    const text = await response.text();
    for (const line of [
      'tutti_runs_total{status="completed",model="fake:small",operation="chat"} 1',
      'tutti_tokens_total{model="fake:small",direction="input"} 2',
      'tutti_tokens_total{model="fake:small",direction="output"} 1',
      'tutti_first_token_seconds_count{model="fake:small"} 1',
      'tutti_run_duration_seconds_count{model="fake:small"} 1',
      'tutti_model_loads_total{model="fake:small",outcome="loaded"} 1',
      'tutti_loaded_models 1',
      `tutti_model_memory_bytes{model="fake:small",device="cpu"} ${100 * 2 ** 20}`,
      'tutti_active_runs 0',
      'tutti_storage_up 1',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });

  it('has neither figures nor pages where the config switches them off', async () => {
    await using harness = await startServer({ server: { docs: false, metrics: false } });
    for (const path of ['/metrics', '/docs', '/docs/swagger-ui.css', '/openapi.json']) {
      expect((await harness.fetch(path)).status, path).toBe(404);
    }
  });
});

describe('an orchestration', () => {
  it('has nothing to load, to log or to count, and says so', async () => {
    const orchestrations = { panel: { strategy: 'fallback', members: ['fake:small'] } };
    await using harness = await startServer({ fake: local, tutti: { orchestrations } });
    const asked = [
      harness.fetch('/api/models/panel/load', { body: {} }),
      harness.fetch('/api/models/fake:small/swap', { body: { to: 'panel' } }),
      harness.fetch('/api/models/panel/logs'),
      harness.fetch('/api/tokens/count', { body: { model: 'panel', input: 'x' } }),
    ];
    for (const response of await Promise.all(asked)) {
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        error: {
          code: 'unsupported_input',
          param: 'model',
          message: expect.stringContaining('panel is an orchestration') as string,
        },
      });
    }
    expect((await json(harness.fetch('/api/models/panel/status'))).state).toBe('orchestration');
  });
});
