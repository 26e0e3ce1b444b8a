/** How much memory a model will take, from the head of its file. Pure. */
import type { Memory, Placement } from '../../contracts/backend.ts';
import type { GgufHead } from './gguf.ts';
import type { KvCacheType } from './protocol.ts';

/** The measures of a network that memory depends on. */
export interface Shape {
  readonly architecture: string;
  readonly layers: number;
  readonly contextLength: number;
  readonly width: number;
  readonly feedForward: number;
  readonly heads: number;
  /** Numbers in keys and values for a token, over all layers. */
  readonly keyNumbers: number;
  readonly valueNumbers: number;
  readonly vocabulary: number;
}

export function shapeOf(head: GgufHead): Shape {
  const architecture = String(head.metadata.get('general.architecture') ?? 'unknown');
  const at = (key: string, otherwise: number): number => Number(head.metadata.get(`${architecture}.${key}`) ?? otherwise);
  const layers = at('block_count', head.layerBytes.size);
  const width = at('embedding_length', 0);
  const headList = head.lists.get(`${architecture}.attention.head_count`);
  const heads = headList === undefined ? at('attention.head_count', 1) : Math.max(1, ...headList);
  // Some models have another number of key heads in each layer.
  const kvList = head.lists.get(`${architecture}.attention.head_count_kv`);
  const kvHeads = kvList === undefined ? at('attention.head_count_kv', heads) * layers : kvList.reduce((sum, n) => sum + n, 0);
  const size = width / heads;
  return {
    architecture,
    layers,
    contextLength: at('context_length', 2048),
    width,
    feedForward: Math.max(at('feed_forward_length', 4 * width), ...(head.lists.get(`${architecture}.feed_forward_length`) ?? [])),
    heads,
    keyNumbers: kvHeads * at('attention.key_length', size),
    valueNumbers: kvHeads * at('attention.value_length', size),
    vocabulary: head.lengths.get('tokenizer.ggml.tokens') ?? at('vocab_size', 0),
  };
}

/** Bytes for each number of the cache. */
const CACHE_BYTES: Readonly<Record<KvCacheType, number>> = {
  f32: 4,
  f16: 2,
  bf16: 2,
  q8_0: 34 / 32,
  q5_1: 24 / 32,
  q5_0: 22 / 32,
  q4_1: 20 / 32,
  q4_0: 18 / 32,
  iq4_nl: 18 / 32,
};

/** A runner without a model: Node and llama.cpp (measured: 119 MB resident before the first load). */
export const PROCESS_BYTES = 120 * 1024 * 1024;
/** What llama.cpp keeps beside what is counted below: graphs, batches, the tokenizer's tables. */
const OVERHEAD_BYTES = 8 * 1024 * 1024;
/** Tokens of vocabulary take about so many bytes in the tokenizer's tables of llama.cpp and in Node. */
const BYTES_PER_TOKEN = 400;
/** Tokens of a batch. */
const BATCH = 512;

export interface EstimateInput {
  readonly shape: Shape;
  readonly weightBytes: number;
  readonly layerBytes: ReadonlyMap<number, number>;
  /** Tokens for each sequence. */
  readonly contextSize: number;
  readonly parallel: number;
  readonly kvCacheType: KvCacheType;
  /** A process of its own, or one more model in the shared one. */
  readonly ownProcess: boolean;
  readonly placement: Pick<Placement, 'device' | 'gpuLayers'>;
}

/** On a GPU the offloaded layers' weights and cache and the working memory are there; the rest stays on the CPU. */
export function estimateMemory(input: EstimateInput): Memory {
  const { shape, weightBytes, placement } = input;
  const cache = cacheBytes(input);
  const compute = computeBytes(shape, Math.min(BATCH, input.contextSize * input.parallel), input.contextSize * input.parallel);
  const fixed = (input.ownProcess ? PROCESS_BYTES : 0) + OVERHEAD_BYTES + shape.vocabulary * BYTES_PER_TOKEN;
  if (placement.device === 'cpu') return { cpu: Math.round(weightBytes + cache + compute + fixed) };
  const share = offloadedShare(input);
  const layers = [...input.layerBytes.values()].reduce((sum, bytes) => sum + bytes, 0);
  // With all layers the output matrix goes along; the token vectors stay on the CPU.
  const rest = weightBytes - layers;
  const offloaded = layers * share + (share === 1 ? rest / 2 : 0);
  return {
    [placement.device]: Math.round(offloaded + cache * share + compute),
    cpu: Math.round(weightBytes - offloaded + cache * (1 - share) + compute / 4 + fixed),
  };
}

function offloadedShare({ placement: { gpuLayers }, shape }: EstimateInput): number {
  if (typeof gpuLayers !== 'number') return 1;
  return Math.min(1, gpuLayers / Math.max(1, shape.layers));
}

function cacheBytes({ shape, contextSize, parallel, kvCacheType }: EstimateInput): number {
  // llama.cpp pads each sequence to a multiple of 256.
  const tokens = Math.ceil(contextSize / 256) * 256 * parallel;
  return tokens * (shape.keyNumbers + shape.valueNumbers) * CACHE_BYTES[kvCacheType];
}

/** The largest intermediate results of one batch, which share one buffer: logits, or attention scores and activations. */
function computeBytes(shape: Shape, batch: number, contextTokens: number): number {
  const logits = batch * shape.vocabulary;
  const activations = batch * (4 * shape.width + 3 * shape.feedForward);
  const mask = batch * contextTokens;
  return 4 * (Math.max(logits, activations) + activations / 2 + mask);
}
