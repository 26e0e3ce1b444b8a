/** Aliases that are there without being configured: one model that several providers serve under names of their own. */
import type { PresetName } from '../backends/openai-protocol/presets.ts';
import type { BackendEntry } from './backends.ts';
import { providerOf } from './providers.ts';

/**
 * By alias: the presets of its providers in the order of trial, and what the model is called there. Providers rename models
 * now and then; an alias of the same name in the config replaces the whole list.
 * Source: the providers' model lists, November 2026.
 */
const SERVED_BY: Readonly<Record<string, readonly (readonly [provider: PresetName, model: string])[]>> = {
  'kimi-k2': [
    ['moonshot', 'kimi-k2.6'],
    ['openrouter', 'moonshotai/kimi-k2'],
    ['groq', 'moonshotai/kimi-k2-instruct-0905'],
    ['together', 'moonshotai/Kimi-K2-Instruct-0905'],
  ],
};

/** Their names, whether or not somebody can answer them. */
export const DEFAULT_ALIASES: readonly string[] = Object.keys(SERVED_BY);

/** Those that at least one configured provider with a key can answer. `backends` as the environment completes them. */
export function defaultAliases(backends: Readonly<Record<string, BackendEntry>>): Record<string, string[]> {
  const aliases: Record<string, string[]> = {};
  for (const [alias, providers] of Object.entries(SERVED_BY)) {
    const models = providers.flatMap(([provider, model]) =>
      Object.entries(backends)
        .filter(([, entry]) => providerOf(entry) === provider && typeof entry.api_key === 'string')
        .map(([id]) => `${id}:${model}`),
    );
    if (models.length > 0) aliases[alias] = models;
  }
  return aliases;
}
