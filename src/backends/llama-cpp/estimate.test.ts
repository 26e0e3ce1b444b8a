import { describe, expect, it } from 'vitest';
import { estimateMemory, type EstimateInput, type Shape } from './estimate.ts';

/** Qwen3 8B. */
const SHAPE: Shape = {
  architecture: 'qwen3',
  layers: 36,
  contextLength: 40_960,
  width: 4096,
  feedForward: 12_288,
  heads: 32,
  keyNumbers: 36 * 8 * 128,
  valueNumbers: 36 * 8 * 128,
  vocabulary: 151_936,
};
const GIB = 2 ** 30;
const input = (overrides: Partial<EstimateInput> = {}): EstimateInput => ({
  shape: SHAPE,
  weightBytes: 5 * GIB,
  layerBytes: new Map(Array.from({ length: 36 }, (_, layer) => [layer, (4.5 * GIB) / 36])),
  contextSize: 8192,
  parallel: 1,
  kvCacheType: 'f16',
  ownProcess: true,
  placement: { device: 'cpu' },
  ...overrides,
});
const cpu = (overrides: Partial<EstimateInput> = {}): number => estimateMemory(input(overrides)).cpu ?? 0;

describe('the memory of a model', () => {
  it('is weights, cache and working memory', () => {
    // 8192 tokens × 73,728 numbers × 2 bytes = 1.125 GiB of cache.
    expect(cpu() / GIB).toBeGreaterThan(5 + 1.125);
    expect(cpu() / GIB).toBeLessThan(7);
  });

  it('grows with the context and with calls at once, by the size of the cache', () => {
    const cache = 8192 * 73_728 * 2;
    expect(cpu({ parallel: 2 }) - cpu()).toBeGreaterThanOrEqual(cache);
    expect(cpu({ contextSize: 16_384 }) - cpu()).toBeGreaterThanOrEqual(cache);
  });

  it('is less with a compact cache', () => {
    expect(cpu() - cpu({ kvCacheType: 'q8_0' })).toBeCloseTo(8192 * 73_728 * (2 - 34 / 32), -3);
  });

  it('is on the GPU as far as layers are', () => {
    const all = estimateMemory(input({ placement: { device: 'gpu:1' } }));
    const half = estimateMemory(input({ placement: { device: 'gpu:1', gpuLayers: 18 } }));
    const none = estimateMemory(input({ placement: { device: 'gpu:1', gpuLayers: 0 } }));
    expect(Object.keys(all).toSorted()).toEqual(['cpu', 'gpu:1']);
    expect((all['gpu:1'] ?? 0) / GIB).toBeGreaterThan(5.5);
    expect(all.cpu ?? 0).toBeLessThan(GIB);
    expect(half['gpu:1'] ?? 0).toBeLessThan(all['gpu:1'] ?? 0);
    expect(none['gpu:1'] ?? 0).toBeLessThan(half['gpu:1'] ?? 0);
    expect(none.cpu ?? 0).toBeGreaterThan(6 * GIB);
  });
});
