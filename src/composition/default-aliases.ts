/** Aliases that are there without being configured: one model that several providers serve under names of their own. */
import type { Environment } from '../config/environment.ts';
import { PRESETS } from '../backends/openai-protocol/presets.ts';
import type { BackendEntry } from './backends.ts';

/**
 * By alias: the presets of its providers in the order of trial, and what the model is called there. Providers rename models
 * now and then; an alias of the same name in the config replaces the whole list.
 * Source: the providers' model lists, November 2026.
 */
const SERVED_BY: Readonly<Record<string, readonly (readonly [preset: string, model: string])[]>> = {
  'kimi-k2': [
    ['moonshot', 'kimi-k2.6'],
    ['openrouter', 'moonshotai/kimi-k2'],
    ['groq', 'moonshotai/kimi-k2-instruct-0905'],
    ['together', 'moonshotai/Kimi-K2-Instruct-0905'],
  ],
};

/** Those that at least one configured provider with a key can answer. */
export function defaultAliases(
  backends: Readonly<Record<string, BackendEntry>>,
  environment: Environment,
): Record<string, string[]> {
  const aliases: Record<string, string[]> = {};
  for (const [alias, providers] of Object.entries(SERVED_BY)) {
    const models = providers.flatMap(([preset, model]) =>
      Object.entries(backends)
        .filter(([, entry]) => entry.preset === preset && hasKey(entry, environment))
        .map(([id]) => `${id}:${model}`),
    );
    if (models.length > 0) aliases[alias] = models;
  }
  return aliases;
}

function hasKey(entry: BackendEntry, environment: Environment): boolean {
  if (typeof entry.api_key === 'string') return true;
  const variable = PRESETS[entry.preset as keyof typeof PRESETS].keyVariable;
  return variable !== null && (environment[variable] ?? '') !== '';
}
