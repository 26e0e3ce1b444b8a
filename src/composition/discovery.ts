/** What there is when the config names no backends: embedded models, local GGUF files, providers with a key, a local Ollama. */
import type { Environment } from '../config/environment.ts';
import { PRESETS } from '../backends/openai-protocol/presets.ts';
import type { BackendEntry } from './backends.ts';

/** Where backends may come from that no config names. */
export const DISCOVERABLE: readonly string[] = ['gguf', 'ollama', ...Object.keys(PRESETS)];

/** Provider presets whose key is in the environment, and the folder that `tutti pull` fills. */
export function discoverBackends(environment: Environment, modelsDir: string): Record<string, BackendEntry> {
  const found: Record<string, BackendEntry> = { gguf: { type: 'llama-cpp', models_dir: modelsDir } };
  for (const [name, preset] of Object.entries(PRESETS)) {
    const key = preset.keyVariable === null ? undefined : environment[preset.keyVariable];
    // A server here may be this very one; a local one is found by its answer, not by a key.
    if (key !== undefined && key !== '' && !isLoopback(preset.baseUrl))
      found[name] = { type: 'openai-compatible', preset: name, api_key: key };
  }
  return found;
}

function isLoopback(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
}
