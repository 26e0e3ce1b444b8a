/** Files of weights that are not what they should be, and models that do not fit. */
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeGguf } from '../../src/testing/gguf-writer.ts';
import { ENDLESS, PARROT, serve, type Served } from './served.ts';

let served: Served;
beforeAll(async () => {
  served = await serve({
    models: {
      parrot: PARROT,
      headless: { ...PARROT, truncate: 100 },
      halved: { ...PARROT, truncate: 0.5 },
      alien: { ...PARROT, metadata: { 'general.architecture': 'perceptron' } },
      large: { ...ENDLESS, contextLength: 65_536 },
    },
    gguf: { models: { large: { context_size: 65_536, parallel: 16 } } },
    config: { pool: { cpu_memory_limit_mb: 700 }, models: { 'gguf:halved': { fallbacks: ['gguf:parrot'] } } },
    prepare: async (folder) => {
      const at = (name: string): string => join(folder, 'models', `${name}.gguf`);
      await writeFile(at('empty'), '');
      await writeFile(at('page'), '<html>404 Not Found</html>');
      await writeFile(at('pointer'), 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n');
      // A head that promises 2^60 tensors and as many keys.
      const promises = Buffer.alloc(24);
      promises.write('GGUF');
      promises.writeUInt32LE(3, 4);
      promises.writeBigUInt64LE(1n << 60n, 8);
      promises.writeBigUInt64LE(1n << 60n, 16);
      await writeFile(at('promising'), promises);
      await makeGguf(at('scrambled'), PARROT);
      const file = await open(at('scrambled'), 'r+');
      await file.write(Buffer.alloc(4000, 0xa5), 0, 4000, 2000); // in the middle of its head
      await file.close();
    },
  });
});
afterAll(() => served[Symbol.asyncDispose]());

it.each(['headless', 'empty', 'page', 'pointer', 'promising', 'scrambled', 'alien'])(
  'refuses a file that is %s, naming it',
  async (name) => {
    const { status, json } = await served.chat(`gguf:${name}`);
    expect(json.error?.message).toContain(name);
    expect({ status, code: json.error?.code }).toEqual({ status: 422, code: 'invalid_model_file' });
  },
);

it('refuses a file that was cut off, or takes its fallback', async () => {
  expect(await served.chat('gguf:halved')).toMatchObject({ status: 200, json: { model: 'gguf:parrot' } });
  expect(await served.json('/api/models/gguf:halved/load', {})).toMatchObject({
    status: 422,
    json: { error: { code: 'invalid_model_file' } },
  });
});

it('refuses a model that is larger than the budget, with the numbers', async () => {
  const { status, json } = await served.chat('gguf:large');
  expect({ status, code: json.error?.code }).toEqual({ status: 507, code: 'model_too_large' });
  expect(json.error?.message).toMatch(/\d[^]*\b700\b|\b700\b[^]*\d/);
});

it('lists the usable ones still, answers with them, and holds no memory for the others', async () => {
  expect(await served.chat('gguf:parrot')).toMatchObject({
    status: 200,
    json: { choices: [{ message: { content: 'Hello there!' } }] },
  });
  expect((await served.pool()).map(({ id }) => id)).toEqual(['gguf:parrot']);
  expect(served.program.children()).toEqual([await served.runnerOf('gguf:parrot')]);
});
