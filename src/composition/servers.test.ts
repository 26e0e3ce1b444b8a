import { describe, expect, it } from 'vitest';
import type { Backend } from '../contracts/backend.ts';
import { FakeBackend } from '../testing/fake-backend.ts';
import { askServer } from './servers.ts';

const GIB = 2 ** 30;
const never = new AbortController().signal;
const server = (running: NonNullable<Backend['residents']>['running']): Backend =>
  Object.assign(new FakeBackend({ id: 'box' }), { residents: { running, load: async () => {}, unload: async () => {} } });

describe('what a remote server holds', () => {
  it('is told in MiB, the GPUs together', async () => {
    const held = [
      { model: 'box:a', memory: { 'gpu:0': 2 * GIB, 'gpu:1': GIB, cpu: GIB / 2 } },
      { model: 'box:b', memory: { cpu: GIB } },
    ];
    expect(
      await askServer(
        server(async () => held),
        11_000,
        never,
      ),
    ).toEqual({
      backend: 'box',
      gpuMemoryLimitMb: 11_000,
      usedMb: 3072,
      models: [
        { id: 'box:a', gpuMb: 3072, cpuMb: 512 },
        { id: 'box:b', gpuMb: 0, cpuMb: 1024 },
      ],
    });
  });

  it('is unknown when it does not answer', async () => {
    const dead = server(() => Promise.reject(new Error('connection refused')));
    const unknown = { backend: 'box', gpuMemoryLimitMb: null, usedMb: null, models: null };
    expect(await askServer(dead, undefined, never)).toEqual(unknown);
  });

  it('is not asked of backends that load nothing themselves', async () => {
    expect(await askServer(new FakeBackend(), 1, never)).toBeNull();
  });
});
