/** Loading on first use, leases, waiting, and leaving. */
import { afterEach, describe, expect, it } from 'vitest';
import type { LoadProgress } from '../../src/pool/contract.ts';
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

function failed(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  );
}

describe('a lease', () => {
  it('loads the model on first use, and stays loaded after it', async () => {
    const { pool, backend } = start({ models: { a: {} } });
    expect(pool.status('gguf:a').state).toBe('cold');
    const lease = await pool.acquire('gguf:a');
    expect(lease).toMatchObject({ id: 'gguf:a', device: 'cpu' });
    expect(lease.model.descriptor.id).toBe('gguf:a');
    await lease.release();
    await lease.release();
    expect(pool.status('gguf:a')).toMatchObject({ state: 'loaded', leases: 0 });
    await using again = await pool.acquire('gguf:a');
    expect(again.model).toBe(lease.model);
    expect(backend.loads).toHaveLength(1);
  });

  it('is shared by all callers and all names of one model, which is loaded once', async () => {
    const opened = gate();
    const { pool, backend } = start({ models: { a: { load: { gate: opened.promise } } } });
    const leases = Promise.all([pool.acquire('gguf:a'), pool.acquire('gguf:a'), pool.acquire('gguf:a')]);
    await settled();
    expect(pool.status('gguf:a')).toMatchObject({ state: 'loading', waiting: 3 });
    opened.resolve();
    const [first, second] = await leases;
    expect(first.model).toBe(second.model);
    expect(backend.loads).toHaveLength(1);
    expect(pool.status('gguf:a')).toMatchObject({ state: 'loaded', leases: 3, waiting: 0 });
    for (const lease of await leases) await lease.release();
  });

  it('gets the place that its settings and the limits give', async () => {
    const { pool, registry, backend } = start({ models: { a: {} } });
    registry.update('gguf:a', { load: { contextSize: 2048, threads: 3 } });
    await pool.preload('gguf:a');
    expect(backend.loads[0]?.placement).toEqual({ device: 'cpu', contextSize: 2048, threads: 3, gpuLayers: 0 });
  });

  it('is not to be had of a model that is not there, nor with a signal that is aborted', async () => {
    const { pool } = start({ models: { a: {} } });
    await expect(pool.acquire('gguf:b')).rejects.toMatchObject({ code: 'model_not_found' });
    await expect(pool.acquire('gguf:a', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    expect(pool.list()).toEqual([]);
  });
});

describe('waiting', () => {
  it('is told of the queue and of the load', async () => {
    const { pool } = start({ models: { a: { load: { progress: [0, 0.01, 0.5, 1] } }, b: {} }, limits: { maxLoadedModels: 1 } });
    const busy = await pool.acquire('gguf:b');
    const told: LoadProgress[] = [];
    const lease = pool.acquire('gguf:a', { onProgress: (progress) => told.push(progress) });
    await settled();
    await busy.release();
    await (await lease).release();
    expect(told.map(({ phase, fraction, message }) => [phase, fraction, message])).toEqual([
      ['queue', null, undefined],
      ['queue', null, 'waiting for room that gguf:b holds'],
      ['load', 0, undefined],
      ['load', 0.5, undefined],
      ['load', 1, undefined],
    ]);
  });

  it('survives a listener that throws', async () => {
    const { pool } = start({ models: { a: {} } });
    const onProgress = (): void => {
      throw new TypeError('a bug of the caller');
    };
    await using lease = await pool.acquire('gguf:a', { onProgress });
    expect(lease.id).toBe('gguf:a');
  });

  it('goes by priority, then by arrival', async () => {
    const { pool } = start({ models: { x: {}, a: {}, b: {}, c: {} }, limits: { maxLoadedModels: 1 } });
    const busy = await pool.acquire('gguf:x');
    const order: string[] = [];
    const waits = [
      ['a', 0],
      ['b', 1],
      ['c', 1],
    ] as const;
    const all = waits.map(async ([name, priority]) => {
      await using lease = await pool.acquire(`gguf:${name}`, { priority });
      order.push(lease.id);
    });
    await settled();
    await busy.release();
    await Promise.all(all);
    expect(order).toEqual(['gguf:b', 'gguf:c', 'gguf:a']);
  });

  it('ends with queue_timeout at the deadline, and says what it waited for', async () => {
    const never = gate();
    const { pool, clock } = start({
      models: { x: {}, a: {}, slow: { load: { gate: never.promise } } },
      limits: { maxLoadedModels: 1 },
    });
    const busy = await pool.acquire('gguf:x');
    const noRoom = failed(pool.acquire('gguf:a', { deadline: clock.now() + 1000 }));
    await settled();
    clock.advance(1000);
    expect(await noRoom).toMatchObject({ code: 'queue_timeout', message: expect.stringContaining('no room') as string });
    await busy.release();
    const slow = failed(pool.acquire('gguf:slow', { deadline: clock.now() + 1000 }));
    await settled();
    clock.advance(1000);
    expect(await slow).toMatchObject({ message: expect.stringContaining('still being loaded') as string });
    await expect(pool.acquire('gguf:a', { deadline: clock.now() })).rejects.toMatchObject({ code: 'queue_timeout' });
  });

  it('can be left, and gives the reason of the signal', async () => {
    const { pool } = start({ models: { x: {}, a: {} }, limits: { maxLoadedModels: 1 } });
    await using _busy = await pool.acquire('gguf:x');
    const leaving = new AbortController();
    const waiting = pool.acquire('gguf:a', { signal: leaving.signal });
    leaving.abort(new TuttiError('deadline_exceeded', 'too late'));
    await expect(waiting).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(pool.status('gguf:a')).toMatchObject({ state: 'cold', waiting: 0 });
  });
});

describe('a load that several wait for', () => {
  it('goes on when one of them leaves, and stops when the last one does', async () => {
    const { pool, backend, monitor } = start({ models: { a: { load: { gate: gate().promise } } } });
    const first = new AbortController();
    const second = new AbortController();
    const waits = [first, second].map(({ signal }) => watched(pool.acquire('gguf:a', { signal })));
    await settled();
    first.abort();
    await settled();
    expect(waits.map(({ state }) => state())).toEqual(['cancelled', 'waiting']);
    expect(backend.loads[0]?.state).toBe('loading');
    second.abort();
    await settled();
    expect(backend.loads[0]?.state).toBe('failed');
    expect(pool.list()).toEqual([]);
    expect(monitor.all('model.load_failed')[0]?.data.error.code).toBe('cancelled');
  });

  it('is started again for somebody who comes while it stops', async () => {
    const { pool, backend } = start({ models: { a: { load: { gate: gate().promise } } } });
    const leaving = new AbortController();
    const gone = watched(pool.acquire('gguf:a', { signal: leaving.signal }));
    await settled();
    leaving.abort();
    backend.script('a', sized(1000));
    await using lease = await pool.acquire('gguf:a');
    expect(lease.id).toBe('gguf:a');
    expect(gone.state()).toBe('cancelled');
    expect(backend.loads.map(({ state }) => state)).toEqual(['failed', 'loaded']);
  });

  it('fails for all of them with the reason, and the next one tries again', async () => {
    const error = new TuttiError('invalid_model_file', 'truncated');
    const { pool, backend, monitor } = start({ models: { a: { load: { error } } } });
    const waits = await Promise.allSettled([pool.acquire('gguf:a'), pool.acquire('gguf:a')]);
    expect(waits.map((one) => one.status === 'rejected' && (one.reason as unknown))).toEqual([error, error]);
    expect(monitor.all('model.load_failed').map(({ data }) => data.error.code)).toEqual(['invalid_model_file']);
    backend.script('a', sized(1000));
    await pool.preload('gguf:a');
    expect(backend.loads).toHaveLength(2);
  });

  it('fails as load_failed when the backend throws what is none of ours, also when it cannot size the model', async () => {
    const { pool, backend } = start({ models: { a: { load: { error: new TypeError('oops') } } } });
    await expect(pool.acquire('gguf:a')).rejects.toMatchObject({ code: 'load_failed', retryable: true });
    backend.script('a', {
      memory: () => {
        throw new TypeError('no header');
      },
    });
    await expect(pool.acquire('gguf:a')).rejects.toMatchObject({ code: 'load_failed', message: 'no header' });
    expect(pool.list()).toEqual([]);
  });
});

describe('out of memory while loading', () => {
  const outOfMemory = new TuttiError('out_of_memory', 'the device has no room');

  it('is tried once more with a smaller context', async () => {
    const { pool, backend, registry } = start({
      models: { a: { load: { error: (attempt) => (attempt === 1 ? outOfMemory : null) } } },
    });
    registry.update('gguf:a', { load: { contextSize: 4096 } });
    await using lease = await pool.acquire('gguf:a');
    expect(lease.id).toBe('gguf:a');
    expect(backend.loads.map(({ placement }) => placement.contextSize)).toEqual([4096, 2048]);
  });

  it('then fails so that the next candidate is tried', async () => {
    const { pool, backend } = start({ models: { a: { load: { error: outOfMemory } } } });
    await expect(pool.acquire('gguf:a')).rejects.toMatchObject({ code: 'out_of_memory', retryable: true });
    expect(backend.loads).toHaveLength(2);
    expect(pool.memory().totalMb).toBe(0);
  });
});

describe('remote models', () => {
  it('are bound once, beside all limits, and take no memory', async () => {
    const { pool, remote } = start({ models: { a: {} }, remote: { x: {}, y: {}, z: {} }, limits: { maxLoadedModels: 1 } });
    await using _local = await pool.acquire('gguf:a');
    const leases = await Promise.all(['x', 'x', 'y', 'z'].map((name) => pool.acquire(`cloud:${name}`)));
    expect(leases.map(({ id, device }) => [id, device])).toEqual([
      ['cloud:x', null],
      ['cloud:x', null],
      ['cloud:y', null],
      ['cloud:z', null],
    ]);
    expect(remote.loads).toHaveLength(3);
    expect(pool.memory()).toMatchObject({ totalMb: 1000, loadedModels: 1 });
    expect(pool.list().map(({ id }) => id)).toEqual(['gguf:a']);
    expect(pool.status('cloud:x')).toMatchObject({ state: 'remote', leases: 2 });
    for (const lease of leases) await lease.release();
  });

  it('are bound anew when what is said of them changes, while calls under way keep theirs', async () => {
    const { pool, remote, registry } = start({ models: {}, remote: { x: {} } });
    const before = await pool.acquire('cloud:x');
    registry.update('cloud:x', { contextWindow: 99 });
    await using after = await pool.acquire('cloud:x');
    expect(after.model.descriptor.contextWindow).toBe(99);
    expect(remote.loaded).toEqual(['x', 'x']);
    await before.release();
    await settled();
    expect(remote.loaded).toEqual(['x']);
  });

  it('that cannot be bound say why, and are tried again', async () => {
    const { pool, remote } = start({ models: {}, remote: { x: { load: { error: new TuttiError('upstream_error', 'no') } } } });
    await expect(pool.acquire('cloud:x')).rejects.toMatchObject({ code: 'upstream_error' });
    remote.script('x', {});
    await using lease = await pool.acquire('cloud:x');
    expect(lease.id).toBe('cloud:x');
  });

  it('can be let go of, one by one or by backend', async () => {
    const { pool, remote } = start({ models: {}, remote: { x: {}, y: {} } });
    await pool.preload('cloud:x');
    await pool.preload('cloud:y');
    await pool.unload('cloud:x');
    await settled();
    expect(remote.loaded).toEqual(['y']);
    await pool.forgetBackend('cloud');
    await settled();
    expect(remote.loaded).toEqual([]);
  });
});
