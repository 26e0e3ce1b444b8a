import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeGguf } from './gguf-writer.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-writer-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a made GGUF', () => {
  it('has the same bytes for the same options, and others for another seed', async () => {
    const bytes = async (name: string, seed: number): Promise<Buffer> => {
      const { path } = await makeGguf(join(folder, name), { layers: 1, dim: 32, seed });
      return readFile(path);
    };
    expect((await bytes('a', 1)).equals(await bytes('b', 1))).toBe(true);
    expect((await bytes('c', 2)).equals(await bytes('d', 1))).toBe(false);
  });

  it('says how large it is', async () => {
    const made = await makeGguf(join(folder, 'size'), { layers: 1, dim: 32, heads: 2, feedForward: 48, type: 'f16' });
    expect((await stat(made.path)).size).toBe(made.bytes);
    const vocabulary = 3 + 256 + 5 + 2;
    expect(made.parameters).toBe(2 * 32 * vocabulary + 4 * 32 * 32 + 3 * 32 * 48 + 3 * 32);
  });

  it('can be cut off, by bytes or by a part of it', async () => {
    const whole = await makeGguf(join(folder, 'whole'));
    expect((await stat((await makeGguf(join(folder, 'bytes'), { truncate: 1000 })).path)).size).toBe(1000);
    expect((await makeGguf(join(folder, 'part'), { truncate: 0.5 })).bytes).toBe(Math.floor(whole.bytes / 2));
  });

  it('holds vocabularies larger than its first buffer', async () => {
    const tokens = Array.from({ length: 5000 }, (_, i) => `word${i}`);
    const made = await makeGguf(join(folder, 'wide'), { layers: 1, dim: 32, tokens });
    expect((await readFile(made.path)).includes('word4999')).toBe(true);
  });
});
