import { join } from 'node:path';
import type { Logger } from '../contracts/logger.ts';
import type { BackendId } from '../contracts/vocabulary.ts';
import { makeFolder } from '../lib/folder.ts';
import type { BackendEntry } from './backends.ts';
import { discoverBackends } from './discovery.ts';
import { EMBEDDED_BACKEND } from './embedded.ts';
import { withEnvironment } from './providers.ts';
import type { Settings } from './settings.ts';

export interface FoundBackendsOptions {
  /** False: backends that no config names are not wanted, whatever there is. */
  readonly discover: boolean;
  readonly log: Logger;
  /** Ends the look for an Ollama server. */
  readonly signal: AbortSignal;
}

type Entries = Record<BackendId, BackendEntry>;

/**
 * Which backends there are to be: the embedded one, those of the config, and when the config names none, those that are found:
 * providers whose key is in the environment, the folder of downloads, a local Ollama, which is looked for in the background.
 */
export class FoundBackends {
  readonly #options: FoundBackendsOptions;
  #ollama: Entries = {};
  #looking: Promise<void> | null = null;

  constructor(options: FoundBackendsOptions) {
    this.#options = options;
  }

  /** Every backend that there is to be with these settings. */
  entries(settings: Settings): Entries {
    const { config, environment } = settings.loaded;
    const found = this.#areWanted(settings) ? { ...discoverBackends(environment, modelsDir(settings)), ...this.#ollama } : {};
    const all: Entries = { [EMBEDDED_BACKEND]: { type: EMBEDDED_BACKEND }, ...found, ...config.backends };
    return Object.fromEntries(Object.entries(all).map(([id, entry]) => [id, withEnvironment(entry, environment)]));
  }

  /** Makes the folder that `tutti pull` fills. Without it Tutti works as well. */
  prepare(settings: Settings): void {
    if (!this.#areWanted(settings)) return;
    const folder = modelsDir(settings);
    try {
      makeFolder(folder);
    } catch (error) {
      this.#options.log.warn({ err: error }, `the folder ${folder} cannot be made`);
    }
  }

  /** Begins to look for a local Ollama. `use` is called when there is one, and it is among the entries. */
  look(settings: Settings, use: () => Promise<void>): void {
    if (!this.#areWanted(settings)) return;
    this.#looking = this.#findOllama(settings.loaded.environment.OLLAMA_HOST, use).finally(() => (this.#looking = null));
  }

  /** While Ollama is looked for: settles when that is over. It does not reject. */
  get looking(): Promise<void> | null {
    return this.#looking;
  }

  #areWanted({ loaded }: Settings): boolean {
    return this.#options.discover && loaded.config.backends === undefined;
  }

  async #findOllama(host: string | undefined, use: () => Promise<void>): Promise<void> {
    const { signal, log } = this.#options;
    try {
      const { findOllama } = await import('../backends/ollama/host.ts');
      const found = await findOllama(signal, { host });
      if (found === null || signal.aborted) return;
      this.#ollama = { ollama: { type: 'ollama', base_url: found.baseUrl } };
      await use();
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'the look for a local Ollama failed');
    }
  }
}

function modelsDir({ dataDir }: Settings): string {
  return join(dataDir, 'models');
}
