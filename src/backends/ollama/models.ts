/** What Ollama says of its models, as descriptors. Pure. */
import type { Memory } from '../../contracts/backend.ts';
import type { ModelDescriptor } from '../../contracts/model.ts';
import { operationOf, type BackendId, type Capability } from '../../contracts/vocabulary.ts';
import { asArray, asNumber, asObject, asString, type JsonObject } from '../../lib/json-value.ts';

/** A row of `/api/tags`. */
export interface Tag {
  readonly name: string;
  /** Changes when the model does: what `/api/show` said holds until then. */
  readonly digest: string;
  readonly sizeBytes: number | null;
  readonly quantization: string | null;
  /** Set for models that run at ollama.com, not on the server. */
  readonly remoteHost: string | null;
}

/** Null when the body is not Ollama's. */
export function readTags(body: unknown): Tag[] | null {
  const models = asObject(body)?.['models'];
  if (!Array.isArray(models)) return null;
  return models.flatMap((entry): Tag[] => {
    const wire = asObject(entry);
    const name = asString(wire?.['model']) ?? asString(wire?.['name']);
    if (!wire || !name) return [];
    const remoteHost = asString(wire['remote_host']) || null;
    return [
      {
        name,
        digest: asString(wire['digest']) ?? asString(wire['modified_at']) ?? '',
        sizeBytes: remoteHost === null ? asNumber(wire['size']) : null,
        quantization: asString(asObject(wire['details'])?.['quantization_level']) || null,
        remoteHost,
      },
    ];
  });
}

/** Ollama's words for what a model can do. `insert` (filling in the middle) has no capability here. */
const CAPABILITIES: Readonly<Record<string, readonly Capability[]>> = {
  completion: ['text_generation', 'code_generation', 'translation', 'summarization'],
  tools: ['tool_calling'],
  vision: ['vision'],
  thinking: ['reasoning'],
  embedding: ['embedding'],
};

/** `show` is the body of `/api/show`, or null when it could not be had. Servers before 0.6.4 say no capabilities. */
export function describeTag(tag: Tag, show: JsonObject | null, backend: BackendId): ModelDescriptor {
  const info = asObject(show?.['model_info']) ?? {};
  const architecture = asString(info['general.architecture']) ?? '';
  const words = asArray(show?.['capabilities']).map(String);
  const isEmbedding = /bert|embed/.test(`${architecture} ${tag.name}`);
  const said = words.length > 0 ? words : isEmbedding ? ['embedding'] : ['completion'];
  const found = [...new Set(said.flatMap((word) => (Object.hasOwn(CAPABILITIES, word) ? (CAPABILITIES[word] ?? []) : [])))];
  const capabilities: readonly Capability[] = found.length > 0 ? found : ['text_generation'];
  const contextWindow = contextOf(asString(show?.['parameters'])) ?? asNumber(info[`${architecture}.context_length`]);
  const parameters = asNumber(info['general.parameter_count']);
  return {
    id: `${backend}:${tag.name}`,
    backend,
    name: tag.name,
    capabilities,
    operations: [...new Set(capabilities.map((capability) => operationOf(capability)))],
    imagesAsBytes: true,
    ...(contextWindow !== null && { contextWindow }),
    ...(parameters !== null && { parameters }),
    ...(tag.sizeBytes !== null && { sizeBytes: tag.sizeBytes }),
    ...(tag.quantization && { metadata: { quantization: tag.quantization } }),
    ...(tag.remoteHost && { leavesMachine: true, notice: `Runs at ${tag.remoteHost}, not on the Ollama server.` }),
  };
}

/** A context that the model's own file sets (`num_ctx 8192`) counts more than what the network was trained for. */
function contextOf(parameters: string | null): number | null {
  return asNumber(/^num_ctx\s+(\d+)$/m.exec(parameters ?? '')?.[1]);
}

/** A row of `/api/ps`. */
export interface Resident {
  readonly name: string;
  /** In all, and the part that is on GPUs. */
  readonly bytes: number;
  readonly gpuBytes: number;
  /** Epoch milliseconds when it will be unloaded: the later, the more recently it was used. */
  readonly expiresAt: number;
}

export function readResidents(body: unknown): Resident[] | null {
  const models = asObject(body)?.['models'];
  if (!Array.isArray(models)) return null;
  return models.flatMap((entry): Resident[] => {
    const wire = asObject(entry);
    const name = asString(wire?.['model']) ?? asString(wire?.['name']);
    if (!wire || !name) return [];
    const bytes = asNumber(wire['size']) ?? 0;
    const expiresAt = Date.parse(asString(wire['expires_at']) ?? '');
    return [{ name, bytes, gpuBytes: asNumber(wire['size_vram']) ?? 0, expiresAt: Number.isNaN(expiresAt) ? 0 : expiresAt }];
  });
}

/** Ollama does not say on which GPU: all of it counts for the first. */
export function memoryOf({ bytes, gpuBytes }: Resident): Memory {
  return { ...(gpuBytes > 0 && { 'gpu:0': gpuBytes }), ...(bytes > gpuBytes && { cpu: bytes - gpuBytes }) };
}
