/** What a GGUF file says of itself, as a descriptor and as settings for loading. Pure. */
import type { Placement } from '../../contracts/backend.ts';
import type { ModelDescriptor } from '../../contracts/model.ts';
import { operationOf, type Capability } from '../../contracts/vocabulary.ts';
import { TuttiError } from '../../errors/error.ts';
import type { CatalogEntry, ModelFacts } from './catalog.ts';
import type { KvCacheType, Sampling } from './protocol.ts';
import type { LlamaCppConfig } from './schema.ts';

/** What sets the embedded models apart from a user's own. */
export interface Presentation {
  readonly type?: string;
  readonly countsAsLoaded?: boolean;
  readonly notice?: string;
}

export const DEFAULT_CONTEXT = 8192;
export const DEFAULT_PARALLEL = 4;

export function describeModel(
  backend: string,
  entry: CatalogEntry,
  config: LlamaCppConfig,
  shown: Presentation,
): ModelDescriptor {
  const { name, path, settings, sizeBytes, facts } = entry;
  const common = {
    id: `${backend}:${name}`,
    backend,
    name,
    sizeBytes,
    // The pool is not to look for a GPU, nor to choose one, where none is to be used.
    ...((settings.gpu ?? config.gpu) === false && { load: { device: 'cpu' as const } }),
    ...(shown.countsAsLoaded !== undefined && { countsAsLoaded: shown.countsAsLoaded }),
  };
  if (TuttiError.isInstance(facts)) {
    // Listed all the same, so that who asks for it learns what is wrong; last wherever models are ranked.
    return {
      ...common,
      capabilities: ['text_generation'],
      operations: ['chat'],
      quality: { default: 0 },
      metadata: { path, invalid: true },
      notice: `Cannot be loaded: ${facts.message}`,
    };
  }
  const capabilities = settings.capabilities ?? suggested(name, facts);
  const noTemplate = facts.generates && facts.chatTemplate === null && settings.chat_template === undefined;
  const notice =
    shown.notice ??
    (noTemplate ? 'The file has no chat template; ChatML is assumed. Set `chat_template` to correct it.' : undefined);
  const title = facts.head.metadata.get('general.name');
  return {
    ...common,
    capabilities,
    operations: [...new Set(capabilities.map(operationOf))],
    contextWindow: contextSizeOf(facts, config, entry),
    parameters: facts.parameters,
    metadata: {
      path,
      architecture: facts.shape.architecture,
      layers: facts.shape.layers,
      trained_context: facts.shape.contextLength,
      ...(typeof title === 'string' && { title }),
    },
    ...(notice !== undefined && { notice }),
  };
}

function suggested(name: string, facts: ModelFacts): Capability[] {
  if (!facts.generates) return ['embedding'];
  const template = facts.chatTemplate ?? '';
  return [
    'text_generation',
    ...(/cod(?:e|er|ing)(?:$|[^a-z])/i.test(name) ? ['code_generation'] : []),
    ...(/<think>|enable_thinking/.test(template) ? ['reasoning'] : []),
    ...(/\btools\b/.test(template) ? ['tool_calling'] : []),
  ];
}

/** Tokens for each call: what was asked for, never more than the model was trained on. */
export function contextSizeOf(
  facts: ModelFacts,
  config: LlamaCppConfig,
  entry: CatalogEntry,
  placement?: Partial<Placement>,
): number {
  const wanted = placement?.contextSize ?? entry.settings.context_size ?? config.context_size ?? DEFAULT_CONTEXT;
  return Math.min(facts.shape.contextLength, wanted);
}

export function parallelOf(config: LlamaCppConfig, entry: CatalogEntry): number {
  return entry.settings.parallel ?? config.parallel ?? DEFAULT_PARALLEL;
}

export function cacheTypeOf(config: LlamaCppConfig, entry: CatalogEntry): KvCacheType {
  return entry.settings.kv_cache_type ?? config.kv_cache_type ?? 'f16';
}

/** llama.cpp's own defaults where neither the config nor the file says anything. */
export function samplingOf(facts: ModelFacts, config: LlamaCppConfig, { settings }: CatalogEntry): Sampling {
  const file = (key: string, otherwise: number): number =>
    Number(facts.head.metadata.get(`general.sampling.${key}`) ?? otherwise);
  return {
    temperature: settings.temperature ?? config.temperature ?? file('temp', 0.8),
    topP: settings.top_p ?? config.top_p ?? file('top_p', 0.95),
    topK: settings.top_k ?? config.top_k ?? file('top_k', 40),
    minP: settings.min_p ?? config.min_p ?? file('min_p', 0.05),
    maxTokens: settings.max_tokens ?? config.max_tokens ?? null,
  };
}

/** The variables that show a process one GPU only. Each interface reads its own. */
export function gpuEnvironment(device: Placement['device']): Record<string, string> {
  const index = /^gpu:(\d+)$/.exec(device)?.[1];
  if (index === undefined) return {};
  return { CUDA_VISIBLE_DEVICES: index, GGML_VK_VISIBLE_DEVICES: index, HIP_VISIBLE_DEVICES: index };
}
