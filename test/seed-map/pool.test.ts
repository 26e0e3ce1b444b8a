/** Loaded models inside the memory budget. */
import { describe, expect } from 'vitest';
import { createFakeUpstream } from '../../src/testing/fake-upstream.ts';
import { deferred } from '../../src/lib/deferred.ts';
import { gpu, makeRig, sized } from '../pool/rig.ts';
import { startServer } from '../server/harness.ts';
import { row } from './row.ts';
import { call, codeOf, get } from './wire.ts';

const MIB = 2 ** 20;
const mb = (count: number) => ({ memory: { cpu: count * MIB } });
const local = { residency: 'local' as const, models: { a: mb(100), b: mb(200), c: mb(300), d: mb(50) } };

describe('the pool', () => {
  row('get_model_pool()', async () => {
    await using harness = await startServer({ fake: local });
    expect(harness.tutti.pool.list()).toEqual([]);
    await harness.tutti.pool.preload('fake:a');
    expect(harness.tutti.pool.list()).toMatchObject([{ id: 'fake:a', state: 'loaded' }]);
    expect(await get(harness, '/api/pool')).toMatchObject({ loaded_models: 1, models: [{ id: 'fake:a', state: 'loaded' }] });
  });

  row('get_model(id)', async () => {
    const gate = deferred();
    const slow = { ...mb(10), load: { gate: gate.promise } };
    await using harness = await startServer({ fake: { ...local, models: { ...local.models, slow } } });
    await using lease = await harness.tutti.pool.acquire('fake:a', { priority: 5, signal: new AbortController().signal });
    expect(lease).toMatchObject({ id: 'fake:a', device: 'cpu', model: { descriptor: { id: 'fake:a' } } });
    expect(harness.backend.loaded).toEqual(['a']);
    expect((await call(harness, 'POST', '/api/models/fake:b/load')).body).toMatchObject({ state: 'loaded' });
    const { status, body } = await call(harness, 'POST', '/api/models/fake:slow/load', { wait: false });
    expect([status, body]).toMatchObject([202, { id: 'fake:slow' }]);
    gate.resolve();
    await harness.events.next('model.loaded', ({ data }) => data.model === 'fake:slow');
  });

  row('release_model(id)', async () => {
    await using harness = await startServer({ fake: local });
    const { pool } = harness.tutti;
    const lease = await pool.acquire('fake:a');
    expect(pool.status('fake:a').leases).toBe(1);
    await lease.release();
    await lease.release();
    {
      await using _lease = await pool.acquire('fake:a');
      expect(pool.status('fake:a').leases).toBe(1);
    }
    expect(pool.status('fake:a')).toMatchObject({ state: 'loaded', leases: 0 });
    expect(harness.backend.loads).toHaveLength(1);
  });

  row('(unload)', async () => {
    await using harness = await startServer({ fake: local });
    const { pool } = harness.tutti;
    const lease = await pool.acquire('fake:a');
    expect(await codeOf(pool.unload('fake:a', { wait: false }))).toBe('model_in_use');
    await lease.release();
    await pool.unload('fake:a');
    expect(harness.backend.loaded).toEqual([]);
    await pool.preload('fake:b');
    expect((await call(harness, 'POST', '/api/models/fake:b/unload')).body).toMatchObject({ state: 'cold' });
    expect(harness.backend.loaded).toEqual([]);
  });

  row('preload(id)', async () => {
    const gate = deferred();
    const fake = { ...local, models: { ...local.models, d: { ...mb(50), load: { gate: gate.promise } } } };
    await using harness = await startServer({ fake, tutti: { models: { 'fake:d': { preload: true } } } });
    gate.resolve();
    await harness.events.next('model.loaded', ({ data }) => data.model === 'fake:d');
    await harness.tutti.pool.preload('fake:a');
    await call(harness, 'POST', '/api/models/fake:b/load', {});
    expect(harness.backend.loaded.toSorted()).toEqual(['a', 'b', 'd']);
    expect(harness.backend.calls).toEqual([]);
  });

  row('get_memory_usage()', async () => {
    const measured = { cpu: 130 * MIB };
    await using harness = await startServer({ fake: { ...local, models: { a: { ...mb(100), measured } } } });
    await harness.tutti.pool.preload('fake:a');
    expect(harness.tutti.pool.memory()).toMatchObject({
      totalMb: 130,
      cpuMb: 130,
      gpuMb: 0,
      limits: { maxLoadedModels: 3, cpuMb: expect.any(Number), gpuMb: expect.any(Array) },
      models: [{ id: 'fake:a', device: 'cpu', estimatedMb: 100, measuredMb: 130 }],
    });
    expect(await get(harness, '/api/pool')).toMatchObject({
      total_mb: 130,
      cpu_mb: 130,
      gpu_mb: 0,
      limits: { max_loaded_models: 3 },
      models: [{ id: 'fake:a', device: 'cpu', estimated_mb: 100, measured_mb: 130 }],
    });
  });

  row('evict_lru(target_memory_mb)', async () => {
    await using harness = await startServer({ fake: local });
    const { pool } = harness.tutti;
    for (const id of ['fake:a', 'fake:b', 'fake:c']) await pool.preload(id);
    await pool.preload('fake:a'); // b is now the least recently used
    expect(await pool.evict({ targetMemoryMb: 400 })).toEqual({ evicted: ['fake:b'], freedMb: 200, usedMb: 400 });
    await using _lease = await pool.acquire('fake:a'); // in use: stays, whatever the target
    const { body } = await call(harness, 'POST', '/api/pool/evict', { target_memory_mb: 0 });
    expect(body).toEqual({ evicted: ['fake:c'], freed_mb: 300, used_mb: 100 });
  });

  row('shared tokenizers, embeddings', async () => {
    const gate = deferred();
    const orchestrations = { safe: { strategy: 'fallback', members: ['fake:a'] } };
    const models = { a: { ...mb(100), answer: { text: 'same', gate: gate.promise } } };
    await using harness = await startServer({
      fake: { ...local, models },
      tutti: { aliases: { nick: 'fake:a' }, orchestrations },
    });
    const { tutti } = harness;
    expect(await tutti.countTokens({ model: 'nick', input: 'one two three' })).toBe(3);
    const counted = { model: 'nick', input: [{ role: 'user', content: 'one two three' }] };
    expect((await call(harness, 'POST', '/api/tokens/count', counted)).body).toEqual({ model: 'nick', tokens: 3 });
    expect(harness.backend.loads).toEqual([]);
    const running = ['fake:a', 'a', 'nick', 'safe'].map((model) => tutti.run({ model, input: '?' }));
    gate.resolve();
    expect((await Promise.all(running)).map(({ text }) => text)).toEqual(['same', 'same', 'same', 'same']);
    expect(harness.backend.loads).toHaveLength(1);
  });

  row('hot_swap_model(old, new)', async () => {
    const gate = deferred();
    const old = { ...mb(100), answer: { text: 'old', gate: gate.promise } };
    const models = { old, new: { ...mb(100), answer: 'new' }, newer: { ...mb(100), answer: 'newer' } };
    await using harness = await startServer({ fake: { ...local, models } });
    const { tutti } = harness;
    const running = tutti.run({ model: 'fake:old', input: '?' });
    await harness.backend.nextCall();
    const swapping = tutti.swap('fake:old', 'fake:new');
    await harness.events.next('model.swapped');
    expect((await tutti.run({ model: 'fake:old', input: '?' })).text).toBe('new');
    gate.resolve();
    expect((await running).text).toBe('old');
    await swapping;
    expect(harness.backend.loaded).toEqual(['new']);
    const { body } = await call(harness, 'POST', '/api/models/fake:old/swap', { to: 'fake:newer' });
    expect(body).toEqual({ from: 'fake:old', to: 'fake:newer' });
    expect((await tutti.run({ model: 'fake:old', input: '?' })).text).toBe('newer');
  });

  row('config max_loaded_models, gpu_memory_limit_mb, cpu_memory_limit_mb, fallback_to_cpu', async () => {
    const pool = { max_loaded_models: 2, cpu_memory_limit_mb: 350, gpu_memory_limit_mb: [4000, 9000], fallback_to_cpu: false };
    await using harness = await startServer({ fake: local, tutti: { pool } });
    const { tutti, backend } = harness;
    expect(tutti.config.pool).toMatchObject(pool);
    expect(tutti.pool.memory().limits).toMatchObject({ maxLoadedModels: 2, cpuMb: 350 });
    for (const id of ['fake:d', 'fake:a', 'fake:b']) await tutti.pool.preload(id);
    expect(backend.loaded).toEqual(['a', 'b']); // two models
    await tutti.pool.preload('fake:c');
    expect(backend.loaded).toEqual(['c']); // 350 MiB
    const environment = {
      TUTTI_POOL_MAX_LOADED_MODELS: '5',
      TUTTI_POOL_GPU_MEMORY_LIMIT_MB: '[1000, 2000]',
      TUTTI_POOL_CPU_MEMORY_LIMIT_MB: '1234',
      TUTTI_POOL_FALLBACK_TO_CPU: 'false',
    };
    await using other = await startServer({ tutti: { environment } });
    expect(other.tutti.config.pool).toMatchObject({
      max_loaded_models: 5,
      gpu_memory_limit_mb: [1000, 2000],
      cpu_memory_limit_mb: 1234,
      fallback_to_cpu: false,
    });
    expect(await get(other, '/api/pool')).toMatchObject({ limits: { max_loaded_models: 5, cpu_mb: 1234 } });
  });

  row('several GPUs', async () => {
    const models = { small: sized(1000), large: sized(3000), named: sized(1000, { descriptor: { load: { device: 'gpu:0' } } }) };
    const { pool } = makeRig({ models, gpus: [gpu(0), gpu(1)], limits: { gpuMemoryLimitMb: [2000, 4000] } });
    await using large = await pool.acquire('gguf:large');
    await using named = await pool.acquire('gguf:named');
    expect([large.device, named.device]).toEqual(['gpu:1', 'gpu:0']);
    expect(pool.memory()).toMatchObject({ gpuMb: 4000, limits: { gpuMb: [2000, 4000] } });
    await large.release();
    await named.release();
    await pool.close();
  });

  row('3 loaded models, 8000 MB of GPU, 16000 MB of main memory', async () => {
    await using harness = await startServer({ fake: local });
    const { pool } = harness.tutti.config;
    expect([pool.max_loaded_models, pool.gpu_memory_limit_mb, pool.cpu_memory_limit_mb]).toEqual([3, 8000, 16_000]);
    for (const id of ['fake:a', 'fake:b', 'fake:c', 'fake:d']) await harness.tutti.pool.preload(id);
    expect(harness.backend.loaded).toEqual(['b', 'c', 'd']);
    expect(await get(harness, '/api/pool')).toMatchObject({ limits: { max_loaded_models: 3 }, loaded_models: 3 });
    await using large = makeRig({ models: { a: {} }, gpus: [gpu(0)], machineMb: 100_000 }).pool;
    await large.preload('gguf:a');
    expect(large.memory().limits).toEqual({ maxLoadedModels: 3, cpuMb: 16_000, gpuMb: [8000] });
  });

  row('ollama01: 11 GB VRAM', async () => {
    await using upstream = await createFakeUpstream({ models: { seven: { size: 7 * 2 ** 30 }, six: { size: 6 * 2 ** 30 } } });
    const backends = {
      ollama01: { type: 'ollama', base_url: upstream.url, gpu_memory_limit_mb: 11_000 },
      gone: { type: 'ollama', base_url: 'http://127.0.0.1:1' },
    };
    await using harness = await startServer({ tutti: { backends } });
    const holds = async () => ((await get(harness, '/api/pool')) as { servers: object[] }).servers;
    const of = (models: object[]) => ({ backend: 'ollama01', gpu_memory_limit_mb: 11_000, models });
    expect(await holds()).toMatchObject([of([]), { backend: 'gone', gpu_memory_limit_mb: null, used_mb: null, models: null }]);
    await harness.tutti.run({ model: 'ollama01:seven', input: '?' });
    const seven = { id: 'ollama01:seven', gpu_mb: 7168, cpu_mb: 0 };
    expect((await holds())[0]).toEqual({ ...of([seven]), used_mb: 7168 });
    await harness.tutti.run({ model: 'ollama01:six', input: '?' }); // 13 GiB would be too much
    expect((await harness.tutti.status()).servers[0]).toEqual({
      backend: 'ollama01',
      gpuMemoryLimitMb: 11_000,
      usedMb: 6144,
      models: [{ id: 'ollama01:six', gpuMb: 6144, cpuMb: 0 }],
    });
    expect(await get(harness, '/api/status')).toMatchObject({ servers: [{ used_mb: 6144 }, { used_mb: null }] });
    const metrics = await (await harness.fetch('/metrics')).text();
    expect(metrics).toMatch(/^tutti_server_gpu_memory_bytes{backend="ollama01"} 6442450944$/m);
  });
});
