/** What the environment says of configured backends: providers' keys by their own customary names, and where Ollama is. */
import type { Environment } from '../config/environment.ts';
import { ollamaBaseUrl } from '../backends/ollama/host.ts';
import { PRESET_NAMES, presetAt, PRESETS, type PresetName } from '../backends/openai-protocol/presets.ts';
import type { BackendEntry } from './backends.ts';

/** Which known provider an entry means: by its preset, or by its address. */
export function providerOf({ type, preset, base_url: baseUrl }: BackendEntry): PresetName | null {
  if (type !== 'openai-compatible') return null;
  if (typeof preset === 'string') return PRESET_NAMES.find((name) => name === preset) ?? null;
  const found = typeof baseUrl === 'string' && URL.canParse(baseUrl) ? presetAt(baseUrl) : null;
  return PRESET_NAMES.find((name) => PRESETS[name] === found) ?? null;
}

/**
 * The entry with what its backend would else look for in the environment of this process: the config's environment has
 * `.env`, too, and is the one that a reload reads again.
 */
export function withEnvironment(entry: BackendEntry, environment: Environment): BackendEntry {
  if (entry.type === 'ollama' && entry.base_url === undefined && isSet(environment.OLLAMA_HOST))
    return { ...entry, base_url: ollamaBaseUrl(environment.OLLAMA_HOST) };
  const provider = providerOf(entry);
  const variable = provider === null ? null : PRESETS[provider].keyVariable;
  if (variable === null || entry.api_key !== undefined || !isSet(environment[variable])) return entry;
  return { ...entry, api_key: environment[variable] };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
