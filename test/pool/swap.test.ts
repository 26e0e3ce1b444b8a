/** Replacing one model by another while requests go on. */
import { afterEach, describe, expect, it } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import { gate, makeRig, settled, sized, watched, type Rig, type RigOptions } from './rig.ts';

let rig: Rig;

function start(options: RigOptions): Rig {
  rig = makeRig(options);
  return rig;
}

afterEach(async () => {
  await rig.pool.close();
  expect(rig.clock.pendingTimers).toBe(0);
  expect(rig.backend.loaded).toEqual([]);
  expect(rig.remote.loaded).toEqual([]);
});

describe('when both fit', () => {
  it('the new one is loaded, takes the name, and the old one goes after its calls', async () => {
    const opened = gate();
    const { pool, backend, monitor } = start({ models: { old: {}, new: { load: { gate: opened.promise } } } });
    const before = await pool.acquire('gguf:old');
    const swap = watched(pool.swap('gguf:old', 'gguf:new'));
    await settled();
    await using during = await pool.acquire('gguf:old');
    expect(during.id).toBe('gguf:old');
    await during.release();
    opened.resolve();
    await monitor.next('model.swapped');
    await using after = await pool.acquire('gguf:old');
    expect(after.id).toBe('gguf:new');
    expect([swap.state(), ...backend.loaded]).toEqual(['waiting', 'old', 'new']);
    await before.release();
    await swap.promise;
    expect(backend.loaded).toEqual(['new']);
    expect(monitor.all('model.unloaded').map(({ data }) => data)).toEqual([{ model: 'gguf:old', reason: 'swapped' }]);
  });

  it('nothing changes when the new one cannot be loaded', async () => {
    const { pool, backend, registry } = start({
      models: { old: {}, new: { load: { error: new TuttiError('load_failed', 'no') } } },
    });
    await pool.preload('gguf:old');
    await expect(pool.swap('gguf:old', 'gguf:new')).rejects.toMatchObject({ code: 'load_failed' });
    expect(backend.loaded).toEqual(['old']);
    expect(registry.describe('gguf:old').id).toBe('gguf:old');
    await using lease = await pool.acquire('gguf:old');
    expect(lease.id).toBe('gguf:old');
  });

  it('the old one is not evicted for others before its name has moved', async () => {
    const opened = gate();
    const { pool, backend } = start({
      models: { old: {}, new: { load: { gate: opened.promise } }, other: {} },
      limits: { maxLoadedModels: 2 },
    });
    await pool.preload('gguf:old');
    const swap = pool.swap('gguf:old', 'gguf:new');
    await settled();
    const other = watched(pool.acquire('gguf:other'));
    await settled();
    expect([other.state(), ...backend.loaded]).toEqual(['waiting', 'old']);
    opened.resolve();
    await swap;
    await (await other.promise).release();
  });

  it('a model that is not loaded only gives its name away', async () => {
    const { pool, backend, registry } = start({ models: { old: {}, new: {} } });
    await pool.swap('gguf:old', 'gguf:new');
    expect(backend.loaded).toEqual(['new']);
    expect(registry.describe('gguf:old').id).toBe('gguf:new');
  });

  it('local and remote models take each other’s place', async () => {
    const { pool, backend, remote } = start({ models: { here: {} }, remote: { there: {} } });
    await pool.preload('gguf:here');
    await pool.swap('gguf:here', 'cloud:there');
    expect([...backend.loaded, ...remote.loaded]).toEqual(['there']);
    await pool.swap('cloud:there', 'gguf:here');
    await settled();
    expect([...backend.loaded, ...remote.loaded]).toEqual(['here']);
    await using lease = await pool.acquire('cloud:there');
    expect(lease.id).toBe('gguf:here');
  });

  it('a remote one whose server is down does not take over', async () => {
    const { pool, remote, registry } = start({ models: { here: {} }, remote: { there: {} } });
    await pool.preload('gguf:here');
    remote.list = () => Promise.reject(new TuttiError('upstream_unreachable', 'cloud is down'));
    await expect(pool.swap('gguf:here', 'cloud:there')).rejects.toMatchObject({
      code: 'upstream_unreachable',
      message: 'cloud:there cannot answer for gguf:here, which stays: cloud is down',
    });
    expect(registry.describe('gguf:here').id).toBe('gguf:here');
    await using lease = await pool.acquire('gguf:here');
    expect(lease.id).toBe('gguf:here');
  });

  it('a remote one that its backend does not list takes over when it answers', async () => {
    const { pool, remote, registry } = start({
      models: { here: {} },
      remote: { there: {}, ill: {}, vectors: { embed: () => [1] } },
    });
    remote.script('ill', { answer: { failBefore: new TuttiError('model_not_found', 'who?') } });
    remote.list = async () => [];
    await expect(pool.swap('gguf:here', 'cloud:ill')).rejects.toMatchObject({ code: 'model_not_found', param: 'to' });
    expect(registry.describe('gguf:here').id).toBe('gguf:here');
    for (const id of ['cloud:there', 'cloud:vectors']) {
      await pool.swap('gguf:here', id);
      expect(registry.describe('gguf:here').id).toBe(id);
    }
  });

  it('those who waited for the old one get the new one', async () => {
    const { pool } = start({ models: { old: { load: { gate: gate().promise } }, new: {} } });
    const waiting = pool.acquire('gguf:old');
    await settled();
    await pool.swap('gguf:old', 'gguf:new');
    await using lease = await waiting;
    expect(lease.id).toBe('gguf:new');
  });

  it('and go to a remote one just the same', async () => {
    const { pool } = start({ models: { old: { load: { gate: gate().promise } } }, remote: { there: {} } });
    const waiting = pool.acquire('gguf:old');
    await settled();
    await pool.swap('gguf:old', 'cloud:there');
    await using lease = await waiting;
    expect(lease.id).toBe('cloud:there');
  });
});

describe('when both do not fit', () => {
  const limits = { maxLoadedModels: 1 };

  it('new calls wait until the old one is gone and the new one is there', async () => {
    const { pool, backend, monitor } = start({ models: { old: {}, new: {} }, limits });
    const before = await pool.acquire('gguf:old');
    const swap = watched(pool.swap('gguf:old', 'gguf:new'));
    await settled();
    const during = watched(pool.acquire('gguf:old'));
    await settled();
    expect([swap.state(), during.state(), ...backend.loaded]).toEqual(['waiting', 'waiting', 'old']);
    await before.release();
    await swap.promise;
    await using lease = await during.promise;
    expect(lease.id).toBe('gguf:new');
    expect(backend.loads.map(({ model, state }) => `${model} ${state}`)).toEqual(['old unloaded', 'new loaded']);
    expect(monitor.all('model.swapped').map(({ data }) => data)).toEqual([{ from: 'gguf:old', to: 'gguf:new' }]);
  });

  it('the old one comes back when the new one cannot be loaded, and nobody fails', async () => {
    const { pool, backend, registry } = start({
      models: { old: {}, new: { load: { error: new TuttiError('load_failed', 'no') } } },
      limits,
    });
    const before = await pool.acquire('gguf:old');
    const swap = watched(pool.swap('gguf:old', 'gguf:new'));
    await settled();
    const during = pool.acquire('gguf:old');
    await before.release();
    await expect(swap.promise).rejects.toMatchObject({ code: 'load_failed' });
    await using lease = await during;
    expect(lease.id).toBe('gguf:old');
    expect(backend.loaded).toEqual(['old']);
    expect(registry.describe('gguf:old').id).toBe('gguf:old');
  });

  it('the new one is loaded before whatever else waits', async () => {
    const { pool, backend } = start({ models: { old: {}, new: {}, other: {} }, limits });
    const before = await pool.acquire('gguf:old');
    const other = pool.preload('gguf:other', { priority: 1000 });
    await settled();
    const swap = pool.swap('gguf:old', 'gguf:new');
    await settled();
    await before.release();
    await Promise.all([swap, other]);
    expect(backend.loads.map(({ model }) => model)).toEqual(['old', 'new', 'other']);
  });

  it('memory decides as the count does', async () => {
    const { pool, backend } = start({ models: { old: sized(600), new: sized(600) }, limits: { cpuMemoryLimitMb: 1000 } });
    await pool.preload('gguf:old');
    await pool.swap('gguf:old', 'gguf:new');
    expect(backend.loads.map(({ model, state }) => `${model} ${state}`)).toEqual(['old unloaded', 'new loaded']);
  });
});

describe('swaps', () => {
  it('can be taken back', async () => {
    const { pool, registry } = start({ models: { old: {}, new: {} } });
    await pool.preload('gguf:old');
    await pool.swap('gguf:old', 'gguf:new');
    await pool.swap('gguf:new', 'gguf:old');
    expect(pool.list().map(({ id }) => id)).toEqual(['gguf:old']);
    expect(['gguf:old', 'gguf:new'].map((id) => registry.describe(id).id)).toEqual(['gguf:old', 'gguf:old']);
  });

  it('of a model with itself do nothing', async () => {
    const { pool, backend } = start({ models: { a: {} } });
    await pool.swap('gguf:a', 'gguf:a');
    expect(backend.loads).toEqual([]);
  });

  it('of one model exclude each other', async () => {
    const opened = gate();
    const { pool } = start({ models: { old: {}, new: { load: { gate: opened.promise } }, other: {} } });
    const swap = pool.swap('gguf:old', 'gguf:new');
    await settled();
    await expect(pool.swap('gguf:other', 'gguf:new')).rejects.toMatchObject({ code: 'model_in_use' });
    opened.resolve();
    await swap;
    await pool.swap('gguf:new', 'gguf:other');
    await using lease = await pool.acquire('gguf:old');
    expect(lease.id).toBe('gguf:other');
  });
});
