/** The kinds of backends and strategies that are there: built in ones, and those that plug-ins add. */
import type { AnyBackendDefinition } from '../contracts/backend.ts';
import type { Plugin } from '../contracts/plugin.ts';
import type { AnyStrategyDefinition } from '../contracts/strategy.ts';
import { TuttiError } from '../errors/error.ts';
import { embeddedBackend, llamaCppBackend } from '../backends/llama-cpp/schema.ts';
import { ollamaBackend } from '../backends/ollama/schema.ts';
import { openAiCompatibleBackend } from '../backends/openai-compatible/schema.ts';
import { processBackend } from '../backends/process/schema.ts';
import { arbiterStrategy } from '../arbiter/arbiter.ts';
import { conversationStrategy } from '../arbiter/conversation-strategy.ts';
import { abStrategy } from '../strategies/ab.ts';
import { consensusStrategy } from '../strategies/consensus.ts';
import { ensembleStrategy } from '../strategies/ensemble.ts';
import { fallbackStrategy } from '../strategies/fallback.ts';
import { handoffStrategy } from '../strategies/handoff.ts';
import { phasedStrategy } from '../strategies/phased.ts';
import { pipelineStrategy } from '../strategies/pipeline.ts';
import { raceStrategy } from '../strategies/race.ts';
import { workflowStrategy } from '../strategies/workflow.ts';
import type { Kinds } from './config-schema.ts';

const BACKENDS: readonly AnyBackendDefinition[] = [
  embeddedBackend,
  llamaCppBackend,
  openAiCompatibleBackend,
  ollamaBackend,
  processBackend,
];
const STRATEGIES: readonly AnyStrategyDefinition[] = [
  fallbackStrategy,
  handoffStrategy,
  pipelineStrategy,
  consensusStrategy,
  ensembleStrategy,
  phasedStrategy,
  workflowStrategy,
  raceStrategy,
  abStrategy,
  arbiterStrategy,
  conversationStrategy,
];

/** Errors: `plugin_invalid` when two bring the same kind. */
export function collectKinds(plugins: readonly Plugin[]): Kinds {
  const backends = new Map(BACKENDS.map((definition) => [definition.type, definition]));
  const strategies = new Map(STRATEGIES.map((definition) => [definition.strategy, definition]));
  for (const plugin of plugins) {
    for (const definition of plugin.backends ?? []) {
      if (backends.has(definition.type)) throw taken(plugin, 'backend', definition.type);
      backends.set(definition.type, definition);
    }
    for (const definition of plugin.strategies ?? []) {
      if (strategies.has(definition.strategy)) throw taken(plugin, 'strategy', definition.strategy);
      strategies.set(definition.strategy, definition);
    }
  }
  return { backends, strategies };
}

function taken(plugin: Plugin, what: string, name: string): TuttiError {
  return new TuttiError('plugin_invalid', `The plug-in ${plugin.name} brings the ${what} \`${name}\`, which is there already.`);
}
