import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TuttiError } from '../../errors/error.ts';
import { makeGguf } from '../../testing/gguf-writer.ts';
import { readGgufHead } from './gguf.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-gguf-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the head of a GGUF file', () => {
  it('has metadata, parameters and sizes', async () => {
    const made = await makeGguf(join(folder, 'small.gguf'), {
      name: 'small',
      layers: 3,
      metadata: { 'general.sampling.temp': 0.25 },
    });
    const head = await readGgufHead(made.path);
    expect(head.metadata.get('general.name')).toBe('small');
    expect(head.metadata.get('general.sampling.temp')).toBe(0.25);
    expect(head.metadata.get('tokenizer.ggml.add_bos_token')).toBe(true);
    expect(head.lengths.get('tokenizer.ggml.tokens')).toBe(266);
    expect(head.parameters).toBe(made.parameters);
    expect(head.tensorBytes).toBe(made.parameters * 4);
    expect(head.layerBytes.size).toBe(3);
  });

  it('is read past long vocabularies', async () => {
    const tokens = Array.from({ length: 40_000 }, (_, i) => `a rather long token ${i}`);
    const made = await makeGguf(join(folder, 'wide.gguf'), { layers: 1, dim: 32, heads: 1, tokens });
    const head = await readGgufHead(made.path);
    expect(head.lengths.get('tokenizer.ggml.tokens')).toBe(40_266);
    expect(head.metadata.get('tokenizer.chat_template')).toMatch(/assistant/);
  });
});

describe('a broken file', () => {
  it('is refused wherever it was cut, with what is missing', async () => {
    const { path, bytes } = await makeGguf(join(folder, 'whole.gguf'), { layers: 1, dim: 32, heads: 1 });
    const whole = await readFile(path);
    const cut = join(folder, 'cut.gguf');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: bytes - 1 }), async (length) => {
        await writeFile(cut, whole.subarray(0, length));
        const error: unknown = await readGgufHead(cut).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code: 'invalid_model_file' });
      }),
      { numRuns: 40 },
    );
  });

  it('never does more than fail, whatever its bytes are', async () => {
    const { path } = await makeGguf(join(folder, 'sound.gguf'), { layers: 1, dim: 32, heads: 1 });
    const sound = await readFile(path);
    const bent = join(folder, 'bent.gguf');
    await fc.assert(
      fc.asyncProperty(fc.nat(3000), fc.uint8Array({ minLength: 1, maxLength: 8 }), async (at, bytes) => {
        const copy = Buffer.from(sound);
        copy.set(bytes, at);
        await writeFile(bent, copy);
        const outcome: unknown = await readGgufHead(bent).catch((reason: unknown) => reason);
        if (outcome instanceof Error) expect(TuttiError.isInstance(outcome) && outcome.code).toBe('invalid_model_file');
      }),
      { numRuns: 60 },
    );
  });

  it('says when it is something else, or gone', async () => {
    await writeFile(join(folder, 'text.gguf'), 'these are only words, and no model');
    await expect(readGgufHead(join(folder, 'text.gguf'))).rejects.toThrow(/letters GGUF/);
    await expect(readGgufHead(join(folder, 'none.gguf'))).rejects.toMatchObject({ code: 'model_not_found' });
  });
});
