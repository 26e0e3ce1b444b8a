import type { ModelDescriptor } from '../../contracts/model.ts';
import type { Price } from '../../contracts/usage.ts';
import { operationOf, type BackendId, type Capability } from '../../contracts/vocabulary.ts';
import { asArray, asNumber, asObject, asString, type JsonObject } from '../../lib/json-value.ts';
import { familyOf } from './model-families.ts';

export interface ListedBy {
  readonly backend: BackendId;
  readonly nativeChoices: boolean;
}

/**
 * Descriptors from the body of `GET /models`: what the server says of a model, else what its name says. Models that
 * neither chat nor embed (speech, images, moderation) are left out. Null when the body is no list of models. Pure.
 */
export function readModelList(body: unknown, by: ListedBy): ModelDescriptor[] | null {
  const root = asObject(body);
  const data = Array.isArray(body) ? body : (root?.['data'] ?? root?.['models']);
  if (!Array.isArray(data)) return null;
  const models = new Map<string, ModelDescriptor>();
  for (const entry of asArray(data)) {
    const wire = asObject(entry);
    const name = asString(wire?.['id']) ?? asString(wire?.['name']);
    const model = wire && name ? describeModel(name, wire, by) : null;
    if (model) models.set(model.name, model);
  }
  return [...models.values()];
}

/** One model; `wire` is what the server says of it, `{}` when it says nothing. Null for a kind that is not called here. */
export function describeModel(name: string, wire: JsonObject, by: ListedBy): ModelDescriptor | null {
  const capabilities = capabilitiesOf(name, wire);
  if (capabilities.length === 0) return null;
  const contextWindow = contextOf(wire) ?? familyOf(name)?.contextWindow;
  const maxOutputTokens =
    asNumber(wire['max_completion_tokens']) ?? asNumber(asObject(wire['top_provider'])?.['max_completion_tokens']);
  const meta = asObject(wire['meta']);
  const parameters = asNumber(meta?.['n_params']);
  const sizeBytes = asNumber(meta?.['size']);
  const price = priceOf(asObject(wire['pricing']));
  const ownedBy = asString(wire['owned_by']);
  return {
    id: `${by.backend}:${name}`,
    backend: by.backend,
    name,
    capabilities,
    operations: [...new Set(capabilities.map((capability) => operationOf(capability)))],
    ...(contextWindow !== undefined && { contextWindow }),
    ...(maxOutputTokens !== null && { maxOutputTokens }),
    ...(parameters !== null && { parameters }),
    ...(sizeBytes !== null && { sizeBytes }),
    ...(price && { price }),
    ...(by.nativeChoices && { nativeChoices: true }),
    ...(ownedBy && { metadata: { owned_by: ownedBy } }),
  };
}

/** vLLM, OpenRouter/Moonshot/Together, Groq, Mistral and LM Studio, llama-server. */
function contextOf(wire: JsonObject): number | undefined {
  return (
    asNumber(wire['max_model_len']) ??
    asNumber(wire['context_length']) ??
    asNumber(wire['context_window']) ??
    asNumber(wire['max_context_length']) ??
    asNumber(asObject(wire['meta'])?.['n_ctx']) ??
    asNumber(asObject(wire['meta'])?.['n_ctx_train']) ??
    undefined
  );
}

function capabilitiesOf(name: string, wire: JsonObject): Capability[] {
  const family = familyOf(name);
  const kind = kindOf(wire) ?? family?.kind ?? 'chat';
  if (kind === 'other') return [];
  if (kind === 'embedding') return ['embedding'];
  const found = new Set<Capability>(['text_generation', ...(family?.kind === undefined ? (family?.capabilities ?? []) : [])]);
  const set = (capability: Capability, says: boolean | undefined): void => {
    if (says === true) found.add(capability);
    else if (says === false) found.delete(capability);
  };
  const said = asObject(wire['capabilities']);
  const inputs = asObject(wire['architecture'])?.['input_modalities'];
  const settings = wire['supported_parameters'];
  const flag = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined);
  set(
    'vision',
    flag(said?.['vision']) ?? flag(wire['supports_image_in']) ?? (Array.isArray(inputs) ? inputs.includes('image') : undefined),
  );
  set('vision', wire['type'] === 'vlm' ? true : listed(wire['capabilities'], 'multimodal'));
  set('tool_calling', flag(said?.['function_calling']) ?? (Array.isArray(settings) ? settings.includes('tools') : undefined));
  set('tool_calling', listed(wire['capabilities'], 'tool_use'));
  set('reasoning', flag(wire['supports_reasoning']) ?? (Array.isArray(settings) ? settings.includes('reasoning') : undefined));
  return [...found];
}

/** True when a list of words has it; undefined, not false, when it lacks it: such lists are seldom complete. */
function listed(words: unknown, word: string): true | undefined {
  return Array.isArray(words) && words.includes(word) ? true : undefined;
}

/** Together and LM Studio name a `type`, Mistral a flag, OpenRouter the output's modalities. */
function kindOf(wire: JsonObject): 'chat' | 'embedding' | 'other' | null {
  const type = asString(wire['type']);
  if (type === 'embedding' || type === 'embeddings') return 'embedding';
  if (type === 'chat' || type === 'language' || type === 'code' || type === 'llm' || type === 'vlm') return 'chat';
  if (
    type === 'image' ||
    type === 'audio' ||
    type === 'rerank' ||
    type === 'moderation' ||
    type === 'transcribe' ||
    type === 'video'
  )
    return 'other';
  const outputs = asObject(wire['architecture'])?.['output_modalities'];
  if (Array.isArray(outputs)) return outputs.includes('text') ? 'chat' : outputs.includes('embeddings') ? 'embedding' : 'other';
  if (asObject(wire['capabilities'])?.['completion_chat'] === true) return 'chat';
  return null;
}

/** OpenRouter gives dollars a token (as text), Together dollars a million tokens. A negative price means that it varies. */
function priceOf(pricing: JsonObject | null): Price | null {
  const perToken = {
    in: asNumber(pricing?.['prompt']),
    cached: asNumber(pricing?.['input_cache_read']),
    out: asNumber(pricing?.['completion']),
  };
  if (perToken.in !== null && perToken.out !== null && perToken.in >= 0 && perToken.out >= 0) {
    return {
      inputPerMtok: perMillion(perToken.in),
      outputPerMtok: perMillion(perToken.out),
      ...(perToken.cached !== null && { cachedInputPerMtok: perMillion(perToken.cached) }),
    };
  }
  const inputPerMtok = asNumber(pricing?.['input']);
  const outputPerMtok = asNumber(pricing?.['output']);
  return inputPerMtok === null || outputPerMtok === null ? null : { inputPerMtok, outputPerMtok };
}

/** Rounded to what a price list states: a millionth of a dollar. */
function perMillion(perToken: number): number {
  return Math.round(perToken * 1e12) / 1e6;
}
