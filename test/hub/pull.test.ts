import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeHub } from '../../src/testing/fake-hub.ts';
import { makeGguf } from '../../src/testing/gguf-writer.ts';
import { createTutti, type Tutti } from '../../src/tutti.ts';

describe('`pull` of a model from a hub', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tutti-pull-'));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true, force: true });
  });

  async function tiny(): Promise<Buffer> {
    const path = join(directory, 'made.gguf');
    await makeGguf(path);
    return await readFile(path);
  }
  const idsOf = (tutti: Tutti): readonly string[] => tutti.registry.list().map((model) => model.id);

  test('makes it a model of the llama.cpp backend at once', async () => {
    await using hub = await FakeHub.start({ repositories: { 'org/Tiny-GGUF': { files: { 'tiny-Q8_0.gguf': await tiny() } } } });
    vi.stubEnv('HF_ENDPOINT', hub.endpoint);
    const models = join(directory, 'models');
    await using tutti = await createTutti({
      directory,
      log: 'silent',
      backends: { gguf: { type: 'llama-cpp', models_dir: './models' } },
    });
    await tutti.backends.settled();
    const before = idsOf(tutti);
    const progress = await Array.fromAsync(tutti.pull('hf:org/Tiny-GGUF:Q8_0'));
    expect(progress.at(-1)).toMatchObject({ status: 'done', files: [join(models, 'tiny-Q8_0.gguf')] });
    expect(idsOf(tutti).filter((id) => !before.includes(id))).toEqual([expect.stringMatching(/^gguf:tiny/i)]);
  });
});
