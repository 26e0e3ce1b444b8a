/** Which model can do what: registering, finding, rating. */
import { describe, expect } from 'vitest';
import { startServer } from '../server/harness.ts';
import { row } from './row.ts';
import { call, get } from './wire.ts';

describe('the registry', () => {
  row('get_capability_registry()', async () => {
    const models = { eyes: { descriptor: { capabilities: ['star_gazing'] } } };
    await using harness = await startServer({ fake: { models } });
    const summary = { capability: 'star_gazing', operation: 'chat', models: ['fake:eyes'], best: 'fake:eyes' };
    expect(harness.tutti.registry.capabilities()).toContainEqual(summary);
    expect((await get(harness, '/api/capabilities')) as object).toMatchObject({
      capabilities: expect.arrayContaining([summary]),
    });
  });

  row('register_model(model_id, capabilities, metadata, load_args)', async () => {
    const entry = {
      capabilities: ['star_gazing'],
      metadata: { size: '7b' },
      load: { device: 'cpu', gpu_layers: 0, context_size: 2048, threads: 2 },
      price: { input_per_mtok: 1, output_per_mtok: 2 },
      quality: { default: 0.5, star_gazing: 0.9 },
      speed: 0.3,
      fallbacks: ['fake:echo'],
    };
    await using harness = await startServer({ tutti: { models: { 'fake:configured': entry } } });
    const { registry } = harness.tutti;
    const described = {
      capabilities: ['star_gazing'],
      metadata: { size: '7b' },
      load: { device: 'cpu', gpuLayers: 0, contextSize: 2048, threads: 2 },
      price: { inputPerMtok: 1, outputPerMtok: 2 },
      quality: { default: 0.5, star_gazing: 0.9 },
      speed: 0.3,
      fallbacks: ['fake:echo'],
    } as const;
    registry.register({ id: 'fake:library', ...described });
    expect((await call(harness, 'POST', '/api/models', { id: 'fake:http', ...entry })).status).toBe(201);
    for (const id of ['fake:configured', 'fake:library', 'fake:http']) {
      expect(registry.get(id)).toMatchObject(described);
      expect(await get(harness, `/api/models/${id}`)).toMatchObject(entry);
    }
    await call(harness, 'PATCH', '/api/models/fake:http', { metadata: { size: '8b' } });
    expect(registry.get('fake:http')?.metadata).toEqual({ size: '8b' });
    expect((await call(harness, 'DELETE', '/api/models/fake:http')).status).toBe(204);
    registry.unregister('fake:library');
    expect(registry.find('star_gazing').map(({ model }) => model.id)).toEqual(['fake:configured']);
  });

  row('metadata {size, device}', async () => {
    await using harness = await startServer();
    const metadata = { size: '7b', device: 'the box under the desk', nested: { any: ['thing'] } };
    harness.tutti.registry.register({ id: 'fake:m', capabilities: ['star_gazing'], metadata });
    expect(harness.tutti.registry.find('star_gazing')[0]?.model.metadata).toEqual(metadata);
    expect(await get(harness, '/api/models/fake:m')).toMatchObject({ metadata });
    expect(await get(harness, '/api/models?capability=star_gazing')).toMatchObject({ models: [{ metadata }] });
  });

  row('load_args {device}', async () => {
    const memory = { cpu: 2 ** 20 };
    await using harness = await startServer({ fake: { residency: 'local', models: { a: { memory }, b: { memory } } } });
    for (const device of ['auto', 'cpu', 'cuda', 'metal', 'vulkan', 'gpu:3']) {
      const { body } = await call(harness, 'PATCH', '/api/models/fake:b', { load: { device } });
      expect(body).toMatchObject({ load: { device } });
    }
    expect((await call(harness, 'PATCH', '/api/models/fake:b', { load: { device: 'tpu' } })).status).toBe(400);
    const settings = { pinned: true, preload: true, idle_unload_seconds: 7 };
    const load = { device: 'cpu', gpu_layers: 0, context_size: 512, threads: 1 };
    await call(harness, 'PATCH', '/api/models/fake:a', { load, ...settings });
    expect(await get(harness, '/api/models/fake:a')).toMatchObject({ load, ...settings });
    await harness.tutti.pool.preload('fake:a');
    const placement = { device: 'cpu', gpuLayers: 0, contextSize: 512, threads: 1 };
    expect(harness.backend.loads).toMatchObject([{ model: 'a', placement }]);
    expect(harness.tutti.pool.status('fake:a')).toMatchObject({ pinned: true, state: 'loaded' });
    expect((await harness.tutti.pool.evict({ targetMemoryMb: 0 })).evicted).toEqual([]);
  });

  row('find_models_with_capability(c)', async () => {
    const descriptor = { capabilities: ['star_gazing'] };
    await using harness = await startServer({ fake: { models: { a: { descriptor }, b: { descriptor }, c: {} } } });
    const { registry } = harness.tutti;
    registry.rate('fake:b', { quality: { star_gazing: 0.8 } });
    registry.rate('fake:a', { quality: { default: 0.2 } });
    const ranked = [
      { id: 'fake:b', reason: 'quality 0.8 for star_gazing, set by hand' },
      { id: 'fake:a', reason: 'quality 0.2 in general, set by hand' },
    ];
    expect(registry.find('star_gazing').map(({ model, reason }) => ({ id: model.id, reason }))).toEqual(ranked);
    expect(await get(harness, '/api/capabilities/star_gazing')).toMatchObject({ models: ranked, best: ranked[0] });
    expect(await get(harness, '/api/models?capability=star_gazing')).toMatchObject({ models: ranked });
  });

  row('find_best_model(c)', async () => {
    const descriptor = { capabilities: ['star_gazing'] };
    await using harness = await startServer({ fake: { models: { a: { descriptor }, b: { descriptor } } } });
    harness.tutti.registry.rate('fake:b', { quality: { star_gazing: 0.8 } });
    expect(harness.tutti.registry.best('star_gazing')?.model.id).toBe('fake:b');
    expect(harness.tutti.registry.best('sword_swallowing')).toBeNull();
    expect(await get(harness, '/api/capabilities/star_gazing')).toMatchObject({ best: { id: 'fake:b' } });
    expect(await get(harness, '/api/capabilities/sword_swallowing')).toMatchObject({ models: [], best: null });
  });

  row('performance ratings', async () => {
    const descriptor = { capabilities: ['code_generation'] };
    await using harness = await startServer({ fake: { models: { a: { descriptor } } } });
    const { registry } = harness.tutti;
    registry.recordMeasured('fake:a', { quality: { code_generation: 0.4 } });
    registry.rate('fake:a', { quality: { code_generation: 0.75 }, speed: 0.6 });
    // By hand beats measured, and neither overwrites the other.
    const rated = { quality: { code_generation: 0.75 }, measuredQuality: { code_generation: 0.4 }, speed: 0.6 };
    expect(registry.get('fake:a')).toMatchObject(rated);
    const { body } = await call(harness, 'PATCH', '/api/models/fake:a', { quality: { code_generation: 0.9 }, speed: 0.5 });
    expect(body).toMatchObject({ quality: { code_generation: 0.9 }, measured_quality: { code_generation: 0.4 }, speed: 0.5 });
    expect((await call(harness, 'PATCH', '/api/models/fake:a', { quality: { code_generation: 1.1 } })).status).toBe(400);
    await call(harness, 'PATCH', '/api/models/fake:a', { quality: { code_generation: null } });
    expect(registry.find('code_generation').find(({ model }) => model.id === 'fake:a')).toMatchObject({ source: 'measured' });
  });

  row('GET /api/models/, /{id}, /{id}/status; POST /{id}/load, /unload', async () => {
    await using harness = await startServer({ fake: { residency: 'local', models: { 'org/a': {} } } });
    const { registry, pool } = harness.tutti;
    expect(registry.list({ backend: 'fake' }).map(({ id }) => id)).toEqual(['fake:org/a']);
    expect(await get(harness, '/api/models/?backend=fake')).toMatchObject({ models: [{ id: 'fake:org/a', state: 'cold' }] });
    for (const path of ['fake:org/a', 'fake%3Aorg%2Fa', 'fake:org/a/'])
      expect(await get(harness, `/api/models/${path}`)).toMatchObject({ id: 'fake:org/a' });
    for (const action of ['load', 'load/']) {
      const { body } = await call(harness, 'POST', `/api/models/fake:org/a/${action}`);
      expect(body).toMatchObject({ state: 'loaded' });
    }
    expect(pool.status('fake:org/a')).toMatchObject({ state: 'loaded', leases: 0 });
    expect(await get(harness, '/api/models/fake:org/a/status/')).toMatchObject({ state: 'loaded', device: 'cpu' });
    expect((await call(harness, 'POST', '/api/models/fake:org/a/unload/')).body).toMatchObject({ state: 'cold' });
    expect(harness.backend.loaded).toEqual([]);
  });
});
