import { describe, expect, it } from 'vitest';
import { modelEntrySchema, modelPatchSchema, modelRegistrationSchema, toEntry, toPatch, toRegistration } from './schema.ts';

const entry = {
  capabilities: ['text_generation', 'my_own'],
  context_window: 128_000,
  max_output_tokens: 4096,
  price: { input_per_mtok: 0.15, cached_input_per_mtok: 0.075, output_per_mtok: 0.6, per_image: 0, per_second: 0.1, per_call: 1 },
  quality: { default: 0.7, code_generation: 0.75 },
  speed: 0.5,
  metadata: { size: '27M', device: 'cpu' },
  load: { device: 'gpu:1', gpu_layers: 'max', context_size: 2048, threads: 2 },
  pinned: true,
  preload: false,
  idle_unload_seconds: 0,
  fallbacks: ['b:y'],
};

describe('a registration in YAML', () => {
  it('has every key under its name there and back again', () => {
    const registration = toRegistration('a:x', modelEntrySchema.parse(entry));
    expect(registration).toEqual({
      id: 'a:x',
      capabilities: ['text_generation', 'my_own'],
      contextWindow: 128_000,
      maxOutputTokens: 4096,
      price: { inputPerMtok: 0.15, cachedInputPerMtok: 0.075, outputPerMtok: 0.6, perImage: 0, perSecond: 0.1, perCall: 1 },
      quality: { default: 0.7, code_generation: 0.75 },
      speed: 0.5,
      metadata: { size: '27M', device: 'cpu' },
      load: { device: 'gpu:1', gpuLayers: 'max', contextSize: 2048, threads: 2 },
      pinned: true,
      preload: false,
      idleUnloadSeconds: 0,
      fallbacks: ['b:y'],
    });
    expect(toEntry(registration)).toEqual(entry);
  });

  it('has no key that was not given', () => {
    expect(toRegistration('a:x', modelEntrySchema.parse({}))).toEqual({ id: 'a:x' });
    expect(toEntry({})).toEqual({});
  });

  it.each([
    [{ capabilities: [] }],
    [{ capabilities: ['Not One'] }],
    [{ quality: { default: 1.5 } }],
    [{ speed: -1 }],
    [{ load: { device: 'tpu' } }],
    [{ load: { device: 'gpu:' } }],
    [{ price: { input_per_mtok: -1 } }],
    [{ unknown: 1 }],
    [{ idle_unload_seconds: -1 }],
  ])('refuses %o', (bad) => expect(modelEntrySchema.safeParse(bad).success).toBe(false));

  it('needs an id over HTTP', () => {
    expect(modelRegistrationSchema.safeParse({}).success).toBe(false);
    expect(modelRegistrationSchema.safeParse({ id: 'a:x', ...entry }).success).toBe(true);
  });
});

describe('a patch', () => {
  it('parts its ratings from the rest, and keeps null', () => {
    const patch = modelPatchSchema.parse({
      context_window: null,
      pinned: true,
      quality: { vision: 0.5, ocr: null },
      speed: null,
    });
    expect(toPatch(patch)).toEqual({
      patch: { contextWindow: null, pinned: true },
      rating: { quality: { vision: 0.5, ocr: null }, speed: null },
    });
    expect(toPatch({ fallbacks: ['b', 'c'] })).toEqual({ patch: { fallbacks: ['b', 'c'] }, rating: null });
  });
});
