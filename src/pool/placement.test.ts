import { describe, expect, it } from 'vitest';
import type { Placement } from '../contracts/backend.ts';
import type { LoadSettings, ModelDescriptor } from '../contracts/model.ts';
import { placementsFor, smaller, type DeviceInfo } from './placement.ts';

const gpu = (index: number, api = 'cuda'): DeviceInfo => ({ id: `gpu:${index}`, api, name: 'card', totalBytes: 1, freeBytes: 1 });
const model = (load?: LoadSettings, more: Partial<ModelDescriptor> = {}): ModelDescriptor => ({
  id: 'a:x',
  backend: 'a',
  name: 'x',
  capabilities: [],
  operations: [],
  ...(load && { load }),
  ...more,
});

describe('the places for a model', () => {
  it.each<[string, LoadSettings | undefined, DeviceInfo[], boolean, string[] | null]>([
    ['the CPU without a GPU', undefined, [], true, ['cpu']],
    ['the CPU without a GPU, whatever falls back', { device: 'auto' }, [], false, ['cpu']],
    ['each GPU, then the CPU', undefined, [gpu(0), gpu(1)], true, ['gpu:0', 'gpu:1', 'cpu']],
    ['GPUs only without fallback', undefined, [gpu(0)], false, ['gpu:0']],
    ['the CPU when asked for', { device: 'cpu' }, [gpu(0)], true, ['cpu']],
    ['the CPU when no layer may go to a GPU', { gpuLayers: 0 }, [gpu(0)], false, ['cpu']],
    ['the GPU asked for, then the CPU', { device: 'gpu:1' }, [gpu(0), gpu(1)], true, ['gpu:1', 'cpu']],
    ['those of the interface asked for', { device: 'vulkan' }, [gpu(0), gpu(1, 'vulkan')], false, ['gpu:1']],
    ['the CPU when the GPU asked for is not there', { device: 'cuda' }, [], true, ['cpu']],
    ['none when it may not fall back', { device: 'gpu:3' }, [gpu(0)], false, null],
  ])('are %s', (_, load, gpus, fallbackToCpu, expected) => {
    const places = (): string[] =>
      placementsFor(model(load), { gpus, fallbackToCpu, threads: 1, cores: 4 }).map(({ device }) => device);
    if (expected === null) expect(places).toThrow(expect.objectContaining({ code: 'load_failed' }));
    else expect(places()).toEqual(expected);
  });

  it.each<[string, LoadSettings | undefined, Partial<ModelDescriptor>, number, number]>([
    ['the share of a model', undefined, {}, 8, 3],
    ['what it asks for', { threads: 5 }, {}, 8, 5],
    ['never all cores', { threads: 64 }, {}, 8, 7],
    ['at least one', undefined, {}, 1, 1],
    ['one for what shares a runner', undefined, { countsAsLoaded: false }, 8, 1],
  ])('have %s in threads', (_, load, more, cores, expected) => {
    const [place] = placementsFor(model(load, more), { gpus: [], fallbackToCpu: true, threads: 3, cores });
    expect(place?.threads).toBe(expected);
  });
});

describe('the smaller place', () => {
  it.each<[string, Placement, Partial<ModelDescriptor>, Partial<Placement> | null]>([
    ['has half of the context', { device: 'cpu', contextSize: 4096 }, {}, { contextSize: 2048 }],
    ['has half of the model’s own context', { device: 'cpu' }, { contextWindow: 2048 }, { contextSize: 1024 }],
    ['has half of the default when the model’s is longer', { device: 'cpu' }, { contextWindow: 131_072 }, { contextSize: 4096 }],
    ['has half of the layers', { device: 'gpu:0', contextSize: 4096, gpuLayers: 30 }, {}, { contextSize: 2048, gpuLayers: 15 }],
    [
      'has as many layers as fit rather than all',
      { device: 'gpu:0', gpuLayers: 'max', contextSize: 512 },
      {},
      { gpuLayers: 'auto', contextSize: 512 },
    ],
    [
      'keeps what the backend fits itself',
      { device: 'gpu:0', gpuLayers: 'auto', contextSize: 4096 },
      {},
      { gpuLayers: 'auto', contextSize: 2048 },
    ],
    ['is never below 512 tokens', { device: 'cpu', contextSize: 600 }, {}, { contextSize: 512 }],
    ['is not to be had when it is small already', { device: 'cpu', contextSize: 512 }, {}, null],
    ['is not to be had below 512 tokens', { device: 'cpu', contextSize: 128 }, {}, null],
  ])('%s', (_, placement, more, expected) => {
    const less = smaller(model(undefined, more), placement);
    if (expected === null) expect(less).toBeNull();
    else expect(less).toEqual({ ...placement, ...expected });
  });
});
