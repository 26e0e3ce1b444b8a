import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { TuttiError } from '../errors/error.ts';
import { loadConfig, type ConfigShape } from './load.ts';

const fruit = z.strictObject({ type: z.literal('fruit'), colour: z.string(), api_key: z.string().optional() });
const shape: ConfigShape<z.infer<typeof schema>> = {
  get schema() {
    return schema;
  },
  entrySchema: (path) => (path[0] === 'backends' && path.length === 2 ? fruit : null),
  check(config, issue) {
    if (config.server.port === 1) issue(['server', 'port'], 'port 1 is reserved');
  },
};
const schema = z.strictObject({
  data_dir: z.string().default('./.tutti'),
  server: z.strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(1).default(8000) }).prefault({}),
  pool: z.strictObject({ max_loaded_models: z.int().default(3), limits: z.array(z.int()).default([]) }).prefault({}),
  backends: z.record(z.string().regex(/^[a-z-]+$/, 'a name is in lower case'), z.looseObject({ type: z.string() })).default({}),
  when: z.union([z.string(), z.array(z.string())]).optional(),
});

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tutti-config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(text: string, name = 'tutti.yaml'): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function load(environment: Record<string, string> = {}, more: object = {}) {
  return loadConfig(shape, { directory, environment, ...more });
}

function failure(run: () => unknown): TuttiError {
  try {
    run();
  } catch (error) {
    if (TuttiError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('expected a TuttiError');
}

describe('loadConfig', () => {
  it('gives the defaults when there is no file', () => {
    const { config, file, warnings } = load();
    expect(config.server).toEqual({ host: '127.0.0.1', port: 8000 });
    expect(file).toBeNull();
    expect(warnings).toEqual([]);
  });

  it('freezes the config through and through', () => {
    const { config } = load();
    expect(Object.isFrozen(config.server)).toBe(true);
    expect(Object.isFrozen(config.pool.limits)).toBe(true);
  });

  it('lets flags beat the environment and the environment beat the file', () => {
    write('server: { port: 1111, host: a }\npool: { max_loaded_models: 7 }\n');
    const { config } = load({ TUTTI_SERVER_PORT: '2222', TUTTI_SERVER_HOST: 'b' }, { overrides: { server: { port: 3333 } } });
    expect(config.server).toEqual({ host: 'b', port: 3333 });
    expect(config.pool.max_loaded_models).toBe(7);
  });

  it('reads lists and text from the environment by the type of the key', () => {
    const { config } = load({ TUTTI_POOL_LIMITS: '[1, 2]', TUTTI_DATA_DIR: '12', TUTTI_SERVER_HOST: 'true' });
    expect(config.pool.limits).toEqual([1, 2]);
    expect(config.data_dir).toBe('12');
    expect(config.server.host).toBe('true');
  });

  it('finds names of the file inside variable names', () => {
    write('backends:\n  my-shop: { type: fruit, colour: red }\n');
    const { config } = load({ TUTTI_BACKENDS_MY_SHOP_API_KEY: '123' });
    expect(config.backends['my-shop']).toMatchObject({ api_key: '123' });
  });

  it('warns about a TUTTI_ variable that matches no key', () => {
    expect(load({ TUTTI_SERVER_PROT: '1', TUTTI_URL: 'x' }).warnings).toEqual([expect.stringContaining('TUTTI_SERVER_PROT')]);
  });

  it('names file, line and column of every error at once, and the key that was meant', () => {
    const file = write('data_dir: ./x\nserver:\n  prot: 1\npool:\n  max_loaded_models: many\n');
    const error = failure(() => load());
    expect(error.code).toBe('config_invalid');
    expect(error.message).toContain(`${file}:3:3 server.prot: no such key; did you mean \`port\`?`);
    expect(error.message).toContain(`${file}:5:22 pool.max_loaded_models:`);
  });

  it('names the place of what the cross-key check finds', () => {
    const file = write('server:\n  port: 1\n');
    expect(failure(() => load()).message).toBe(`${file}:2:9 server.port: port 1 is reserved`);
  });

  it('names the variable or the flag when what is wrong does not come from the file', () => {
    write('server: { port: 5 }\n');
    const reason = (...args: Parameters<typeof load>) => failure(() => load(...args)).message;
    expect(reason({ TUTTI_SERVER_PORT: 'many' })).toMatch(
      /^config server\.port: .* \(set by the environment variable TUTTI_SERVER_PORT\)$/,
    );
    expect(reason({ TUTTI_SERVER_PORT: '1' })).toBe(
      'config server.port: port 1 is reserved (set by the environment variable TUTTI_SERVER_PORT)',
    );
    expect(reason({ TUTTI_SERVER_PORT: '7' }, { overrides: { server: { port: 1 } } })).toMatch(
      /port 1 is reserved \(set by a flag, or in code\)$/,
    );
  });

  it('says why a name cannot be one', () => {
    const file = write('backends:\n  A: { type: fruit, colour: red }\n');
    expect(failure(() => load()).message).toBe(`${file}:2:3 backends.A: a name is in lower case`);
  });

  it('names the place of a YAML error', () => {
    const file = write('server: {port: 1\nx: ]\n');
    expect(failure(() => load()).message).toContain(`${file}:2:`);
    expect(failure(() => load()).message).not.toContain('quoted');
    write('server: {host: ${HOST}, port: 1}\n');
    expect(failure(() => load({ HOST: 'x' })).message).toContain('must be quoted');
  });

  it('names the place of an alias that holds itself', () => {
    write('pool: {}\nserver: &a\n  host: *a\n');
    expect(failure(() => load())).toMatchObject({ code: 'config_invalid', message: expect.stringMatching(/tutti\.yaml:3:9 /) });
  });

  it('refuses aliases of aliases that grow without measure', () => {
    const lines = Array.from('bcdefgh', (name, i) => `${name}: &${name} [${`*${'abcdefg'[i]},`.repeat(9)}]`);
    write(`a: &a [${'x,'.repeat(9)}]\n${lines.join('\n')}\n`);
    expect(failure(() => load())).toMatchObject({ code: 'config_invalid', message: expect.stringContaining('alias') });
  });

  it('says that a file cannot be read', () => {
    expect(failure(() => load({}, { file: directory }))).toMatchObject({
      code: 'config_not_found',
      message: expect.stringContaining(directory),
    });
  });

  it('reads secrets from the environment and from .env, the environment first', () => {
    write('data_dir: ${A}-${B}-${C:-c}-$${D}\n');
    write('A=dot\nB=dot\n', '.env');
    expect(load({ B: 'env' }).config.data_dir).toBe('dot-env-c-${D}');
  });

  it('says which variable is missing, where, and what to do', () => {
    const file = write('server:\n  host: "${NO_SUCH_THING}"\n');
    const error = failure(() => load());
    expect(error.code).toBe('environment_missing');
    expect(error.message).toContain(`${file}:2:9 server.host: the environment variable NO_SUCH_THING is not set`);
    expect(error.message).toContain('.env');
  });

  it('keeps ${PORT} inside a backend for the program that it starts', () => {
    write('backends:\n  a: { type: fruit, colour: "${PORT} ${X}" }\n');
    expect(load({ X: 'y' }).config.backends.a).toMatchObject({ colour: '${PORT} y' });
  });

  it('ignores ${…} in comments', () => {
    write('# ${NOT_SET}\nserver: { port: 5 } # ${NOR_THIS}\n');
    expect(load().config.server.port).toBe(5);
  });

  it('takes TUTTI_CONFIG and says when that file does not exist', () => {
    const file = write('server: { port: 77 }\n', 'other.yaml');
    expect(load({ TUTTI_CONFIG: file }).config.server.port).toBe(77);
    expect(failure(() => load({ TUTTI_CONFIG: 'nowhere.yaml' })).code).toBe('config_not_found');
  });

  it('does not change the data that was given in code', () => {
    const data = { server: { port: 9 } };
    loadConfig(shape, { directory, environment: { TUTTI_SERVER_PORT: '10' }, data });
    expect(data.server.port).toBe(9);
  });
});
