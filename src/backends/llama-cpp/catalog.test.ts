import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SILENT_LOGGER } from '../../contracts/logger.ts';
import { TuttiError } from '../../errors/error.ts';
import { makeGguf } from '../../testing/gguf-writer.ts';
import { Catalog } from './catalog.ts';
import { describeModel } from './describe.ts';
import { llamaCppConfig } from './schema.ts';

let folder: string;
const warnings: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-catalog-'));
  warnings.length = 0;
});
afterEach(() => rm(folder, { recursive: true }));

const TINY = { layers: 1, dim: 32, heads: 1 };
const catalogOf = (config: object = {}): Catalog =>
  new Catalog(llamaCppConfig.parse({ models_dir: '.', ...config }), folder, {
    ...SILENT_LOGGER,
    warn: (_, message) => warnings.push(message ?? ''),
  });
const names = async (catalog: Catalog): Promise<string[]> => (await catalog.entries()).map(({ name }) => name);

describe('the folders', () => {
  it('are searched deeply, and models are called after their files', async () => {
    await mkdir(join(folder, 'org/repo'), { recursive: true });
    await makeGguf(join(folder, 'org/repo/Qwen3-0.6B-Q4_K_M.gguf'), TINY);
    await makeGguf(join(folder, 'b.GGUF'), TINY);
    await writeFile(join(folder, 'README.md'), 'no model');
    expect(await names(catalogOf())).toEqual(['Qwen3-0.6B-Q4_K_M', 'b']);
  });

  it('tell two files of one name apart by their folder', async () => {
    for (const sub of ['x', 'y']) {
      await mkdir(join(folder, sub));
      await makeGguf(join(folder, sub, 'same.gguf'), TINY);
    }
    expect(await names(catalogOf())).toEqual(['x/same', 'y/same']);
  });

  it('may be several, the home folder and missing ones among them', async () => {
    await makeGguf(join(folder, 'a.gguf'), TINY);
    const catalog = catalogOf({ models_dir: ['.', 'not-there'] });
    expect(await names(catalog)).toEqual(['a']);
    expect(warnings).toEqual([]);
    expect(await catalog.missingFolders()).toEqual([join(folder, 'not-there')]);
    expect(catalog.path('~/models')).toBe(join(homedir(), 'models'));
  });

  it('hold files that are no models: adapters, projectors, rerankers', async () => {
    await makeGguf(join(folder, 'lora.gguf'), { ...TINY, metadata: { 'general.type': 'adapter' } });
    await makeGguf(join(folder, 'mmproj.gguf'), { ...TINY, metadata: { 'general.architecture': 'clip' } });
    await makeGguf(join(folder, 'rank.gguf'), { ...TINY, metadata: { 'llama.pooling_type': 4 } });
    expect(await names(catalogOf())).toEqual([]);
  });
});

describe('a split model', () => {
  it('is one, with the sizes of all its parts', async () => {
    const parts = [];
    for (const part of ['00001', '00002']) parts.push(await makeGguf(join(folder, `big-${part}-of-00002.gguf`), TINY));
    const [entry, ...others] = await catalogOf().entries();
    expect(others).toEqual([]);
    expect(entry?.name).toBe('big');
    expect(entry?.sizeBytes).toBe(parts.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(entry?.facts).toMatchObject({ parameters: parts.reduce((sum, { parameters }) => sum + parameters, 0) });
  });

  it('says which parts are missing', async () => {
    await makeGguf(join(folder, 'big-00001-of-00003.gguf'), TINY);
    await makeGguf(join(folder, 'big-00003-of-00003.gguf'), TINY);
    const [entry] = await catalogOf().entries();
    expect(entry?.facts).toMatchObject({
      code: 'invalid_model_file',
      message: expect.stringMatching(/missing: big-00002-of-00003/),
    });
  });
});

describe('a broken file', () => {
  it('is warned of once, and forgiven when it was mended', async () => {
    const path = join(folder, 'a.gguf');
    await makeGguf(path, { ...TINY, truncate: 0.5 });
    const catalog = catalogOf();
    for (let i = 0; i < 2; i++) expect(TuttiError.isInstance((await catalog.entries())[0]?.facts)).toBe(true);
    expect(warnings).toHaveLength(1);
    await makeGguf(path, TINY);
    expect((await catalog.find('a')).facts).toMatchObject({ generates: true });
  });
});

describe('finding a model', () => {
  it('names the nearest when there is none', async () => {
    await makeGguf(join(folder, 'qwen3.gguf'), TINY);
    await expect(catalogOf().find('qwen2')).rejects.toMatchObject({
      code: 'model_not_found',
      message: expect.stringMatching(/Near: qwen3/),
    });
  });

  it('sees a file that came later', async () => {
    const catalog = catalogOf();
    await expect(catalog.find('late')).rejects.toMatchObject({ code: 'model_not_found' });
    await makeGguf(join(folder, 'late.gguf'), TINY);
    expect((await catalog.find('late')).name).toBe('late');
  });
});

describe('a descriptor', () => {
  const describe_ = async (options: object, config: object = {}): Promise<ReturnType<typeof describeModel>> => {
    await makeGguf(join(folder, 'm-coder.gguf'), { ...TINY, ...options });
    const parsed = llamaCppConfig.parse({ models_dir: folder, ...config });
    const [entry] = await new Catalog(parsed, folder, SILENT_LOGGER).entries();
    if (entry === undefined) throw new Error('the folder has no model');
    return describeModel('gguf', entry, parsed, {});
  };

  it('suggests capabilities by the file: name, chat template, kind', async () => {
    expect((await describe_({})).capabilities).toEqual(['text_generation', 'code_generation']);
    const thinking = "{% if tools %}{{ tools }}{% endif %}{{ '<think>' }}";
    expect((await describe_({ chatTemplate: thinking })).capabilities).toEqual([
      'text_generation',
      'code_generation',
      'reasoning',
      'tool_calling',
    ]);
    const pooled = await describe_({ metadata: { 'llama.pooling_type': 1 } });
    expect([pooled.capabilities, pooled.operations]).toEqual([['embedding'], ['embed']]);
  });

  it('asks for the CPU where no GPU is to be used', async () => {
    expect((await describe_({})).load).toBeUndefined();
    expect((await describe_({}, { gpu: false })).load).toEqual({ device: 'cpu' });
  });

  it('takes what the config says instead', async () => {
    const models = { 'm-coder': { capabilities: ['text_generation', 'embedding'], context_size: 512 } };
    expect(await describe_({}, { models })).toMatchObject({ operations: ['chat', 'embed'], contextWindow: 512 });
  });

  it('has the context that calls will have', async () => {
    expect((await describe_({ contextLength: 100_000 })).contextWindow).toBe(8192);
    expect((await describe_({ contextLength: 2048 }, { context_size: 4096 })).contextWindow).toBe(2048);
  });

  it('notes a missing chat template', async () => {
    expect((await describe_({ chatTemplate: null })).notice).toMatch(/ChatML/);
  });
});

it('reads a chat template from a file, and resolves adapters', async () => {
  await writeFile(join(folder, 'mine.jinja'), '{{ messages }}');
  await makeGguf(join(folder, 'a.gguf'), TINY);
  const catalog = catalogOf({
    models: { a: { chat_template: 'mine.jinja', lora: ['x.gguf', { path: '/y.gguf', scale: 0.5 }] } },
  });
  const { settings } = await catalog.find('a');
  expect(await catalog.chatTemplate(settings)).toBe('{{ messages }}');
  expect(catalog.adapters(settings)).toEqual([
    { path: join(folder, 'x.gguf'), scale: 1 },
    { path: '/y.gguf', scale: 0.5 },
  ]);
  await expect(catalog.chatTemplate({ chat_template: 'none.jinja' })).rejects.toMatchObject({ code: 'config_invalid' });
});
