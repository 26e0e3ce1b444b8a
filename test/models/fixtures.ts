/** Models made on the spot for tests with real weights, and a backend over them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend, OpenModel } from '../../src/contracts/backend.ts';
import { SILENT_LOGGER } from '../../src/contracts/logger.ts';
import type { CallOptions } from '../../src/contracts/model.ts';
import { LOCAL_PRINCIPAL } from '../../src/contracts/principal.ts';
import { LlamaCppBackend } from '../../src/backends/llama-cpp/backend.ts';
import { llamaCppConfig } from '../../src/backends/llama-cpp/schema.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { makeGguf, type GgufOptions } from '../../src/testing/gguf-writer.ts';

export interface Fixture extends AsyncDisposable {
  readonly backend: LlamaCppBackend;
  readonly folder: string;
}

export type Models = Readonly<Record<string, GgufOptions>>;

/** Writes the models, one file each, and makes a backend over their folder. Temperature 0 unless the config says otherwise. */
export async function llamaFixture(models: Models, config: object = {}): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'tutti-llama-'));
  for (const [name, options] of Object.entries(models)) await makeGguf(join(folder, `${name}.gguf`), { name, ...options });
  const backend = new LlamaCppBackend(llamaCppConfig.parse({ models_dir: folder, temperature: 0, threads: 1, ...config }), {
    id: 'gguf',
    dataDir: join(folder, 'data'),
    directory: folder,
    log: SILENT_LOGGER,
    clock: systemClock,
  });
  return {
    backend,
    folder,
    async [Symbol.asyncDispose]() {
      await backend[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

export async function openModel(backend: Backend, name: string, contextSize?: number): Promise<OpenModel> {
  const signal = new AbortController().signal;
  const descriptor = (await backend.list(signal)).find((model) => model.name === name);
  if (descriptor === undefined) throw new Error(`the fixture lacks ${name}`);
  return backend.open(descriptor, { placement: { device: 'cpu', ...(contextSize !== undefined && { contextSize }) }, signal });
}

export function callOptions(overrides: Partial<CallOptions> = {}): CallOptions {
  return { signal: new AbortController().signal, step: 'root', principal: LOCAL_PRINCIPAL, priority: 0, ...overrides };
}

export const user = (content: string): { role: 'user'; content: string } => ({ role: 'user', content });

/** Script of a model that answers for ever. */
export const ENDLESS: GgufOptions = { script: ['tick', ' tock'], loop: true };
