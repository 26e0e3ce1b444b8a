import type { AnyBackendDefinition } from './backend.ts';
import type { ModelRegistration } from './registration.ts';
import type { AnyStrategyDefinition } from './strategy.ts';

/** A package that adds kinds of backends, models or strategies. It registers itself when the config names it. */
export interface Plugin {
  readonly apiVersion: 1;
  readonly name: string;
  readonly backends?: readonly AnyBackendDefinition[];
  readonly models?: readonly ModelRegistration[];
  readonly strategies?: readonly AnyStrategyDefinition[];
}

/**
 * Declares a plug-in; the identity, but typed.
 * @example export default definePlugin({ apiVersion: 1, name: 'my-models', models: [{ id: 'openai:gpt-x', capabilities: ['vision'] }] });
 */
export function definePlugin(plugin: Plugin): Plugin {
  return plugin;
}
