/** Going: idle time, unloading, crashes, reloads, the end. */
import { afterEach, describe, expect, it } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import { FakeBackend } from '../../src/testing/fake-backend.ts';
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

describe('an idle model', () => {
  it('is unloaded after its time without use', async () => {
    const { pool, clock, monitor } = start({ models: { a: {} }, limits: { idleUnloadMs: 60_000 } });
    await pool.preload('gguf:a');
    clock.advance(59_999);
    await pool.preload('gguf:a');
    clock.advance(59_999);
    expect(pool.status('gguf:a').state).toBe('loaded');
    clock.advance(1);
    await monitor.next('model.unloaded', ({ data }) => data.reason === 'idle');
    expect(pool.status('gguf:a').state).toBe('cold');
  });

  it('is not while it is in use, however long', async () => {
    const { pool, clock, monitor } = start({ models: { a: {} }, limits: { idleUnloadMs: 60_000 } });
    await pool.preload('gguf:a');
    const lease = await pool.acquire('gguf:a');
    clock.advance(600_000);
    await settled();
    expect(pool.status('gguf:a').state).toBe('loaded');
    await lease.release();
    clock.advance(60_000);
    await monitor.next('model.unloaded');
  });

  it('has its own time when it says so; 0 is never, and pinned ones stay', async () => {
    const { pool, clock, registry, monitor } = start({
      models: { quick: {}, never: {}, pinned: {} },
      limits: { idleUnloadMs: 60_000 },
    });
    registry.update('gguf:quick', { idleUnloadSeconds: 5 });
    registry.update('gguf:never', { idleUnloadSeconds: 0 });
    registry.update('gguf:pinned', { pinned: true });
    for (const name of ['quick', 'never', 'pinned']) await pool.preload(`gguf:${name}`);
    clock.advance(5000);
    await monitor.next('model.unloaded', ({ data }) => data.model === 'gguf:quick');
    clock.advance(600_000);
    await settled();
    expect(pool.list().map(({ id }) => id)).toEqual(['gguf:never', 'gguf:pinned']);
  });

  it('that was pinned since it was loaded stays', async () => {
    const { pool, clock, registry } = start({ models: { a: {} }, limits: { idleUnloadMs: 1000 } });
    await pool.preload('gguf:a');
    registry.update('gguf:a', { pinned: true });
    clock.advance(10_000);
    await settled();
    expect(pool.status('gguf:a')).toMatchObject({ state: 'loaded', pinned: true });
  });
});

describe('unloading', () => {
  it('waits for calls under way, and calls that come meanwhile load the model again', async () => {
    const { pool, backend } = start({ models: { a: {} } });
    const lease = await pool.acquire('gguf:a');
    const unloading = watched(pool.unload('gguf:a'));
    const later = watched(pool.acquire('gguf:a'));
    await settled();
    expect([unloading.state(), later.state()]).toEqual(['waiting', 'waiting']);
    await lease.release();
    await unloading.promise;
    await (await later.promise).release();
    expect(backend.loads.map(({ state }) => state)).toEqual(['unloaded', 'loaded']);
  });

  it('can refuse to wait, or not care', async () => {
    const { pool, backend, monitor } = start({ models: { a: {} } });
    const lease = await pool.acquire('gguf:a');
    await expect(pool.unload('gguf:a', { wait: false })).rejects.toMatchObject({ code: 'model_in_use', status: 409 });
    expect(backend.loaded).toEqual(['a']);
    await pool.unload('gguf:a', { force: true });
    expect(backend.loaded).toEqual([]);
    await lease.release();
    expect(monitor.all('model.unloaded').map(({ data }) => data.reason)).toEqual(['asked']);
  });

  it('of what is not loaded is done at once; of what does not exist is an error; of what is pinned is done', async () => {
    const { pool, registry } = start({ models: { a: {} } });
    await pool.unload('gguf:a');
    await expect(pool.unload('gguf:nothing')).rejects.toMatchObject({ code: 'model_not_found' });
    registry.update('gguf:a', { pinned: true });
    await pool.preload('gguf:a');
    await pool.unload('gguf:a');
    expect(pool.status('gguf:a').state).toBe('cold');
  });

  it('of a model that loads lets those who wait for it have their turn', async () => {
    const opened = gate();
    const { pool } = start({ models: { a: { load: { gate: opened.promise } } } });
    const lease = pool.acquire('gguf:a');
    await settled();
    const unloading = watched(pool.unload('gguf:a'));
    opened.resolve();
    await settled();
    expect(unloading.state()).toBe('waiting');
    await (await lease).release();
    await unloading.promise;
  });

  it('frees the memory even when the backend cannot end it cleanly', async () => {
    const { pool, backend } = start({ models: { a: {}, b: {} }, limits: { maxLoadedModels: 1 } });
    const lease = await pool.acquire('gguf:a');
    const dispose = lease.model[Symbol.asyncDispose].bind(lease.model);
    lease.model[Symbol.asyncDispose] = async () => {
      await dispose();
      throw new TypeError('the runner would not go');
    };
    await lease.release();
    await pool.preload('gguf:b');
    expect(backend.loaded).toEqual(['b']);
  });

  it('of a model that a remote server holds asks that server', async () => {
    const asked: string[] = [];
    const { pool, backends } = start({ models: {}, remote: { x: {} } });
    const cloud = backends.get('cloud');
    Object.assign(cloud ?? {}, {
      residents: {
        running: async () => [],
        load: async (name: string) => void asked.push(`load ${name}`),
        unload: async (name: string) => void asked.push(`unload ${name}`),
      },
    });
    await pool.preload('cloud:x');
    await pool.unload('cloud:x');
    expect(asked).toEqual(['load x', 'unload x']);
  });
});

describe('a crash', () => {
  it('makes the pool forget the instance; the next call starts it again at once', async () => {
    const { pool, backend, monitor } = start({ models: { a: {} } });
    const lease = await pool.acquire('gguf:a');
    backend.crash('a');
    const { data } = await monitor.next('model.unloaded');
    expect(data).toMatchObject({ model: 'gguf:a', reason: 'crashed', error: { code: 'runner_crashed' } });
    expect(pool.memory().totalMb).toBe(0);
    await using again = await pool.acquire('gguf:a');
    expect(again.model).not.toBe(lease.model);
    await lease.release();
    expect(pool.status('gguf:a').leases).toBe(1);
  });

  it('is followed by longer and longer waits when it happens again and again', async () => {
    const { pool, backend, clock, monitor } = start({ models: { a: {} } });
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      const lease = watched(pool.acquire('gguf:a'));
      const before = clock.now();
      for (await settled(); lease.state() === 'waiting'; await settled()) clock.advance(500);
      waits.push(clock.now() - before);
      backend.crash('a');
      await monitor.next('model.unloaded');
    }
    expect(waits).toEqual([0, 0, 1000, 2000]);
  });

  it('of an idle model leaves room to others at once', async () => {
    const { pool, backend, monitor } = start({ models: { a: {}, b: {} }, limits: { maxLoadedModels: 1 } });
    const busy = await pool.acquire('gguf:a');
    const b = pool.acquire('gguf:b');
    await settled();
    backend.crash('a');
    await monitor.next('model.unloaded');
    await using lease = await b;
    expect(lease.id).toBe('gguf:b');
    await busy.release();
  });

  it('while loading counts as well', async () => {
    const { pool, backend, clock } = start({ models: { a: { load: { error: new TuttiError('runner_crashed', 'gone') } } } });
    for (let i = 0; i < 2; i++) await expect(pool.acquire('gguf:a')).rejects.toMatchObject({ code: 'runner_crashed' });
    backend.script('a', sized(1000));
    const third = watched(pool.acquire('gguf:a'));
    await settled();
    expect(third.state()).toBe('waiting');
    clock.advance(1000);
    await (await third.promise).release();
  });
});

describe('a backend that was replaced by a reloaded config', () => {
  it('serves the calls under way, and the new one those that come', async () => {
    const { pool, backend, backends, clock } = start({ models: { a: {} } });
    const old = await pool.acquire('gguf:a');
    const replacement = new FakeBackend({ id: 'gguf', residency: 'local', clock, models: { a: sized(1000) } });
    backends.set('gguf', replacement);
    const waiting = watched(pool.acquire('gguf:a'));
    await settled();
    expect(waiting.state()).toBe('waiting');
    await old.release();
    await (await waiting.promise).release();
    expect([backend.loaded, replacement.loaded]).toEqual([[], ['a']]);
    await pool.forgetBackend('gguf');
    expect(replacement.loaded).toEqual([]);
  });
});

describe('a model that is unregistered while it is loaded', () => {
  it('stays for the calls under way and goes with the last of them', async () => {
    const { pool, registry, monitor } = start({ models: { a: {} } });
    const lease = await pool.acquire('gguf:a');
    registry.unregister('gguf:a');
    expect(pool.list().map(({ id }) => id)).toEqual(['gguf:a']);
    await lease.release();
    await monitor.next('model.unloaded', ({ data }) => data.reason === 'asked');
  });

  it('goes after its idle time when nobody uses it', async () => {
    const { pool, registry, clock, monitor } = start({ models: { a: {} }, limits: { idleUnloadMs: 1000 } });
    await pool.preload('gguf:a');
    registry.unregister('gguf:a');
    clock.advance(1000);
    await monitor.next('model.unloaded', ({ data }) => data.reason === 'idle');
  });
});

describe('closing', () => {
  it('ends all waiting, stops loads, and gives leases the grace', async () => {
    const { pool, backend, clock, monitor } = start({
      models: { a: {}, b: {}, slow: { load: { gate: gate().promise } } },
      remote: { x: {} },
      limits: { maxLoadedModels: 2 },
    });
    const lease = await pool.acquire('gguf:a');
    const far = await pool.acquire('cloud:x');
    const waits = [watched(pool.acquire('gguf:slow')), watched(pool.acquire('gguf:b'))];
    await settled();
    const closing = watched(pool.close({ graceMs: 1000 }));
    await settled();
    expect(waits.map(({ state }) => state())).toEqual(['pool_closed', 'pool_closed']);
    expect(closing.state()).toBe('waiting');
    await expect(pool.acquire('gguf:a')).rejects.toMatchObject({ code: 'pool_closed' });
    await lease.release();
    await settled();
    expect(closing.state()).toBe('waiting');
    await far.release();
    await closing.promise;
    expect(backend.loaded).toEqual([]);
    expect(monitor.all('model.unloaded').map(({ data }) => data.reason)).toContain('closing');
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not wait longer than the grace', async () => {
    const { pool, clock, backend, remote } = start({ models: { a: {} }, remote: { x: {} } });
    await pool.acquire('gguf:a');
    await pool.acquire('cloud:x');
    const closing = pool.close({ graceMs: 1000 });
    await settled();
    clock.advance(1000);
    await closing;
    await pool.close();
    expect([...backend.loaded, ...remote.loaded]).toEqual([]);
  });
});
