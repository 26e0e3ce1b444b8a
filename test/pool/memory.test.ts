/** Room: eviction, devices, limits, pressure, reports. */
import { afterEach, describe, expect, it } from 'vitest';
import { gate, gpu, makeRig, mib, settled, sized, watched, type Rig, type RigOptions } from './rig.ts';

let rig: Rig;

function start(options: RigOptions): Rig {
  rig = makeRig(options);
  return rig;
}

afterEach(async () => {
  await rig.pool.close();
  expect(rig.clock.pendingTimers).toBe(0);
  expect(rig.backend.loaded).toEqual([]);
});

async function use(...names: string[]): Promise<void> {
  for (const name of names) await rig.pool.preload(`gguf:${name}`);
}

describe('room for a model', () => {
  it('is made by unloading the least recently used idle one', async () => {
    const { backend, monitor } = start({ models: { a: {}, b: {}, c: {}, d: {} } });
    await use('a', 'b', 'c', 'a', 'd');
    expect(backend.loaded).toEqual(['a', 'c', 'd']);
    expect(monitor.all('model.unloaded').map(({ data }) => data)).toEqual([{ model: 'gguf:b', reason: 'evicted' }]);
  });

  it('is counted in bytes as well', async () => {
    const { backend } = start({ models: { a: sized(600), b: sized(300), c: sized(500) }, limits: { cpuMemoryLimitMb: 1000 } });
    await use('a', 'b', 'c');
    expect(backend.loaded).toEqual(['b', 'c']);
  });

  it('is never made by unloading one in use: the load waits', async () => {
    const { pool, backend } = start({ models: { a: {}, b: {} }, limits: { maxLoadedModels: 1 } });
    const busy = await pool.acquire('gguf:a');
    const waiting = watched(pool.acquire('gguf:b'));
    await settled();
    expect(waiting.state()).toBe('waiting');
    expect(pool.status('gguf:b').state).toBe('waiting');
    await busy.release();
    await using lease = await waiting.promise;
    expect(lease.id).toBe('gguf:b');
    expect(backend.loaded).toEqual(['b']);
  });

  it('is never made by unloading a pinned one', async () => {
    const { pool, registry, backend } = start({ models: { a: {}, b: {}, c: {} }, limits: { maxLoadedModels: 2 } });
    await use('a', 'b');
    registry.update('gguf:a', { pinned: true });
    await use('c');
    expect(backend.loaded).toEqual(['a', 'c']);
    registry.update('gguf:c', { pinned: true });
    await expect(pool.acquire('gguf:b')).rejects.toMatchObject({
      code: 'model_too_large',
      message: expect.stringContaining('max_loaded_models') as string,
    });
  });

  it('is reserved while the model loads, so that two loads never exceed the limit together', async () => {
    const slow = gate();
    const { pool, backend } = start({
      models: { a: sized(600, { load: { gate: slow.promise } }), b: sized(600) },
      limits: { cpuMemoryLimitMb: 1000 },
    });
    const first = pool.acquire('gguf:a');
    const second = watched(pool.acquire('gguf:b'));
    await settled();
    expect(pool.memory()).toMatchObject({ totalMb: 600 });
    expect(backend.loads).toHaveLength(1);
    slow.resolve();
    await (await first).release();
    await (await second.promise).release();
    expect(backend.loads).toHaveLength(2);
  });

  it('is never there for a model above the limit: the error has the numbers', async () => {
    const { pool, registry } = start({
      models: { big: sized(1200), pinned: sized(400), fits: sized(700) },
      limits: { cpuMemoryLimitMb: 1000 },
    });
    const failure = await pool.acquire('gguf:big').catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'model_too_large',
      message: expect.stringMatching(/1200 MiB .* limit is 1000 MiB/) as string,
      details: { places: [{ device: 'cpu', resource: 'cpu', needed_mb: 1200, limit_mb: 1000, pinned_mb: 0 }] },
    });
    registry.update('gguf:pinned', { pinned: true });
    await use('pinned');
    await expect(pool.acquire('gguf:fits')).rejects.toMatchObject({
      code: 'model_too_large',
      message: expect.stringContaining('pinned models hold 400 MiB') as string,
    });
  });

  it('is not needed in the count of loaded models by those that share a runner', async () => {
    const { pool, backend } = start({
      models: { a: {}, tiny: sized(24, { descriptor: { countsAsLoaded: false } }) },
      limits: { maxLoadedModels: 1 },
    });
    await use('a', 'tiny');
    expect(backend.loaded).toEqual(['a', 'tiny']);
    expect(pool.memory()).toMatchObject({ loadedModels: 1, totalMb: 1024 });
  });

  it('is at most 70 % of the machine, or of its control group', async () => {
    const files: Record<string, string> = { '/sys/fs/cgroup/memory.max': String(mib(1000)) };
    const { pool } = start({ models: { a: sized(701) }, options: { readFile: (path) => files[path] ?? null } });
    expect(pool.memory().limits).toEqual({ maxLoadedModels: 3, cpuMb: 700, gpuMb: [] });
    await expect(pool.acquire('gguf:a')).rejects.toMatchObject({ code: 'model_too_large' });
  });

  it('grows when the config is reloaded', async () => {
    const { pool, backend } = start({ models: { a: {}, b: {} }, limits: { maxLoadedModels: 1 } });
    await using _a = await pool.acquire('gguf:a');
    const b = pool.acquire('gguf:b');
    await settled();
    pool.configure({ maxLoadedModels: 2, fallbackToCpu: true, idleUnloadMs: 0, agingMs: 1000, fairnessMs: 5000, pressure: 0.9 });
    await using _b = await b;
    expect(backend.loaded).toEqual(['a', 'b']);
  });
});

describe('with GPUs', () => {
  const limits = { gpuMemoryLimitMb: [1500, 1500] };

  it('a model goes where there is room, and to the CPU when the GPUs are taken', async () => {
    const { pool } = start({ models: { a: {}, b: {}, c: {} }, gpus: [gpu(0), gpu(1)], limits });
    const leases = await Promise.all(['a', 'b', 'c'].map((name) => pool.acquire(`gguf:${name}`)));
    expect(new Set(leases.map(({ device }) => device))).toEqual(new Set(['cpu', 'gpu:0', 'gpu:1']));
    expect(pool.memory()).toMatchObject({ totalMb: 3000, cpuMb: 1000, gpuMb: 2000, limits: { gpuMb: [1500, 1500] } });
    for (const lease of leases) await lease.release();
  });

  it('a model goes to the one that it names, and waits for it rather than fall back when that is off', async () => {
    const { pool, registry, backend } = start({
      models: { a: {}, b: {} },
      gpus: [gpu(0), gpu(1)],
      limits: { ...limits, fallbackToCpu: false },
    });
    for (const name of ['a', 'b']) registry.update(`gguf:${name}`, { load: { device: 'gpu:1' } });
    const busy = await pool.acquire('gguf:a');
    const waiting = watched(pool.acquire('gguf:b'));
    await settled();
    expect(waiting.state()).toBe('waiting');
    await busy.release();
    await (await waiting.promise).release();
    expect(backend.loads.map(({ placement }) => placement.device)).toEqual(['gpu:1', 'gpu:1']);
  });

  it('an idle model is moved to the CPU when its GPU is above nine tenths of the limit', async () => {
    const { pool, backend, monitor } = start({
      models: { a: sized(500), b: sized(900) },
      gpus: [gpu(0)],
      limits: { gpuMemoryLimitMb: 1500 },
    });
    await use('a');
    await use('b');
    // After b was loaded 1400 of 1500 MiB were taken: more than 1350. The one used before it went.
    await monitor.next('model.unloaded', ({ data }) => data.model === 'gguf:a' && data.reason === 'pressure');
    await monitor.next('model.loaded', ({ data }) => data.model === 'gguf:a' && data.device === 'cpu');
    expect(pool.status('gguf:b')).toMatchObject({ state: 'loaded', device: 'gpu:0' });
    expect(backend.loaded.toSorted()).toEqual(['a', 'b']);
  });

  it('nobody asks for them as long as all models stay on the CPU', async () => {
    const devices = (): never => {
      throw new TypeError('nobody should ask');
    };
    const { pool, registry } = start({ models: { a: {} }, options: { devices } });
    registry.update('gguf:a', { load: { device: 'cpu' } });
    await using lease = await pool.acquire('gguf:a');
    expect(lease.device).toBe('cpu');
  });

  it('devices that cannot be listed leave the CPU, and are asked for again', async () => {
    let asked = 0;
    const devices = async () => {
      asked++;
      if (asked === 1) throw new TypeError('the driver is asleep');
      return [gpu(0)];
    };
    const { pool } = start({ models: { a: {}, b: {} }, options: { devices } });
    await using a = await pool.acquire('gguf:a');
    await using b = await pool.acquire('gguf:b');
    expect([a.device, b.device]).toEqual(['cpu', 'gpu:0']);
    expect(asked).toBe(2);
  });
});

describe('what was measured', () => {
  it('takes the place of the estimate', async () => {
    const { pool, backend } = start({
      models: { a: sized(600, { measured: { cpu: mib(400) } }), b: sized(600) },
      limits: { cpuMemoryLimitMb: 1000, pressure: 1 },
    });
    await use('a');
    expect(pool.status('gguf:a')).toMatchObject({ estimatedMb: 600, measuredMb: 400 });
    await use('b');
    expect(backend.loaded).toEqual(['a', 'b']);
    expect(pool.memory().totalMb).toBe(1000);
  });

  it('above nine tenths of the limit makes idle models go, but not the last one used', async () => {
    const { pool, backend, monitor } = start({
      models: { a: sized(100), b: sized(100, { measured: { cpu: mib(850) } }) },
      limits: { cpuMemoryLimitMb: 1000 },
    });
    await use('a', 'b');
    await settled();
    expect(backend.loaded).toEqual(['b']);
    expect(monitor.all('model.unloaded').map(({ data }) => data)).toEqual([{ model: 'gguf:a', reason: 'pressure' }]);
    pool.checkPressure();
    await settled();
    expect(backend.loaded).toEqual(['b']);
  });

  it('is looked at again when it is asked for: models grow while they answer', async () => {
    const { pool, backend } = start({ models: { a: sized(100), b: sized(100) }, limits: { cpuMemoryLimitMb: 1000 } });
    await use('a');
    await using lease = await pool.acquire('gguf:b');
    lease.model.measure = async () => ({ cpu: mib(1100) });
    pool.checkPressure();
    await settled();
    expect(backend.loaded).toEqual(['b']);
    expect(pool.status('gguf:b').measuredMb).toBe(1100);
  });
});

describe('evict', () => {
  it('unloads idle models, least recently used first, until the target is reached', async () => {
    const { pool, backend } = start({ models: { a: {}, b: {}, c: {} } });
    await use('a', 'b', 'c', 'a');
    expect(await pool.evict({ targetMemoryMb: 1000 })).toEqual({ evicted: ['gguf:b', 'gguf:c'], freedMb: 2000, usedMb: 1000 });
    expect(backend.loaded).toEqual(['a']);
    expect(await pool.evict({ targetMemoryMb: 4000 })).toEqual({ evicted: [], freedMb: 0, usedMb: 1000 });
  });

  it('leaves models in use and pinned ones', async () => {
    const { pool, registry } = start({ models: { a: {}, b: {}, c: {} } });
    registry.update('gguf:a', { pinned: true });
    await use('a', 'b');
    await using _busy = await pool.acquire('gguf:c');
    expect(await pool.evict({ targetMemoryMb: 0 })).toEqual({ evicted: ['gguf:b'], freedMb: 1000, usedMb: 2000 });
  });
});

describe('a model in the way of another', () => {
  it('goes on giving leases for a while, then none to newcomers of no better rank', async () => {
    const { pool, clock } = start({ models: { a: {}, b: {} }, limits: { maxLoadedModels: 1, fairnessMs: 5000 } });
    const first = await pool.acquire('gguf:a');
    const b = watched(pool.acquire('gguf:b'));
    await settled();
    clock.advance(4999);
    const second = await pool.acquire('gguf:a');
    clock.advance(1);
    const third = watched(pool.acquire('gguf:a'));
    const urgent = await pool.acquire('gguf:a', { priority: 100 });
    await settled();
    // The urgent one opened the door; the third went through with it.
    for (const lease of [first, second, urgent, await third.promise]) await lease.release();
    await (await b.promise).release();
    expect(pool.status('gguf:a').state).toBe('cold');
  });

  it('holds newcomers until the one that waits was served', async () => {
    const { pool, clock } = start({ models: { a: {}, b: {} }, limits: { maxLoadedModels: 1, fairnessMs: 5000 } });
    const first = await pool.acquire('gguf:a');
    const order: string[] = [];
    const b = pool.acquire('gguf:b').then(async (lease) => {
      order.push('b');
      await lease.release();
    });
    await settled();
    clock.advance(5000);
    const a = pool.acquire('gguf:a').then(async (lease) => {
      order.push('a');
      await lease.release();
    });
    await settled();
    expect(order).toEqual([]);
    await first.release();
    await Promise.all([a, b]);
    expect(order).toEqual(['b', 'a']);
  });

  it('is free again when the one that waits gives up', async () => {
    const { pool, clock } = start({ models: { a: {}, b: {} }, limits: { maxLoadedModels: 1, fairnessMs: 0 } });
    await using _first = await pool.acquire('gguf:a');
    const leaving = new AbortController();
    const b = watched(pool.acquire('gguf:b', { signal: leaving.signal }));
    await settled();
    clock.advance(1);
    const held = watched(pool.acquire('gguf:a'));
    await settled();
    expect(held.state()).toBe('waiting');
    leaving.abort();
    await (await held.promise).release();
    expect(b.state()).toBe('cancelled');
  });
});
