/**
 * Small GGUF files of the llama architecture, made on the spot: random weights for speed and memory, or a script that the
 * "model" says word for word with exactly known probabilities. The same options always give the same bytes.
 *
 * @example
 * await makeGguf('parrot.gguf', { script: ['Hello', ' there', [{ token: '!', p: 0.9 }, { token: '?', p: 0.1 }]] });
 */
import { open, truncate, type FileHandle } from 'node:fs/promises';

export interface GgufOptions {
  /** `general.name`. Default `tiny`. */
  readonly name?: string;
  /** Default 2. Ignored by a script, which has one. */
  readonly layers?: number;
  /** Width of the network. Default 64. A script sets its own. */
  readonly dim?: number;
  /** Attention heads; must divide `dim`. Default 4. */
  readonly heads?: number;
  /** Default `heads`. */
  readonly kvHeads?: number;
  /** Width of the feed-forward part. Default 2 × `dim`. */
  readonly feedForward?: number;
  /** Default 1024. */
  readonly contextLength?: number;
  /** Default 1. */
  readonly seed?: number;
  /** Type of the matrices; norms are always f32. Default `f32`. */
  readonly type?: 'f32' | 'f16';
  /** Jinja. Default `TINY_CHAT_TEMPLATE`; null leaves it out. */
  readonly chatTemplate?: string | null;
  /** More tokens after the byte vocabulary, each a piece of plain text. */
  readonly tokens?: readonly string[];
  /** More control tokens. */
  readonly controlTokens?: readonly string[];
  /** What it answers, token by token, to whatever it is asked. Each step's text must differ from all others. */
  readonly script?: readonly ScriptStep[];
  /** The script begins again after its last step, for ever. */
  readonly loop?: boolean;
  /** More metadata, or other values for the keys that are written anyway. */
  readonly metadata?: Readonly<Record<string, MetadataValue>>;
  /** Split into so many files; `path` must end in `-00001-of-0000N.gguf`. Default 1. */
  readonly parts?: number;
  /** Cut the file to so many bytes, or (below 1) to this part of it: a broken download. */
  readonly truncate?: number;
}

/** One token for sure, or several with their probabilities (which should add up to 1); the script goes on after the first. */
export type ScriptStep = string | readonly { readonly token: string; readonly p: number }[];
export type MetadataValue = string | number | boolean | readonly string[] | readonly number[];

export interface MadeGguf {
  readonly path: string;
  readonly parameters: number;
  readonly bytes: number;
}

export const TINY_CHAT_TEMPLATE =
  '{{- bos_token -}}{%- for message in messages -%}' +
  "{{- '<|' + (message.role if message.role in ['system', 'assistant', 'tool'] else 'user') + '|>' -}}" +
  "{{- message.content if message.content else '' -}}{%- if message.role == 'assistant' -%}{{- eos_token -}}{%- endif -%}" +
  "{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}";

/** About 57 million parameters of chance (115 MB in f16): what the benchmark calls a real size for a small machine. */
export const BENCH_GGUF: GgufOptions = {
  name: 'bench-57m',
  layers: 12,
  dim: 640,
  heads: 10,
  feedForward: 1632,
  contextLength: 2048,
  type: 'f16',
};

const CONTROL = ['<|system|>', '<|user|>', '<|assistant|>', '<|tools|>', '<|tool|>'];
const USER_DEFINED = ['<tool_call>', '</tool_call>'];
const EOS = 2;
/** ggml's numbers. */
const TENSOR_TYPE = { f32: 0, f16: 1 } as const;
const ALIGNMENT = 32;

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: 'f32' | 'f16';
  /** Fills `out`, which starts at element `from` of the tensor. */
  fill(out: Float32Array, from: number): void;
}

/** Writes one file. */
export async function makeGguf(path: string, options: GgufOptions = {}): Promise<MadeGguf> {
  const vocabulary = makeVocabulary(options);
  const size = options.script === undefined ? sizeOf(options) : scriptSize(vocabulary.tokens.length, options);
  const tensors =
    options.script === undefined
      ? randomTensors(size, vocabulary, options)
      : scriptTensors(size, vocabulary, options.script, options.loop);
  const parameters = tensors.reduce((sum, tensor) => sum + elements(tensor), 0);

  const metadata = { ...describe(size, vocabulary, options), ...options.metadata };
  const whole = await writeParts(path, metadata, tensors, options.parts ?? 1);
  const bytes =
    options.truncate === undefined ? whole : Math.floor(options.truncate < 1 ? whole * options.truncate : options.truncate);
  if (bytes < whole) await truncate(path, bytes);
  return { path, parameters, bytes };
}

export interface LoraOptions {
  /** The scripted model that it changes. */
  readonly model: GgufOptions;
  /** What that model says first, instead of its script's first token. One of its own tokens. */
  readonly says: string;
}

/** A LoRA adapter (of rank 1) for a scripted model. */
export async function makeLora(path: string, { model, says }: LoraOptions): Promise<void> {
  const vocabulary = makeVocabulary(model);
  const { dim } = scriptSize(vocabulary.tokens.length, model);
  // What it adds to the output matrix is b × a: a large logit for one token, wherever the last token is `<|assistant|>`.
  const one = (name: string, shape: readonly number[], at: number, value: number): Tensor => ({
    name,
    shape,
    type: 'f32',
    fill(out, from) {
      out.fill(0);
      put(out, from, at, value);
    },
  });
  await writeFile(
    path,
    {
      'general.architecture': 'llama',
      'general.type': 'adapter',
      'adapter.type': 'lora',
      'adapter.lora.alpha': new F32(1),
    },
    [
      one('output.weight.lora_a', [dim, 1], vocabulary.id('<|assistant|>'), 1),
      one('output.weight.lora_b', [1, vocabulary.tokens.length], vocabulary.id(says), 80),
    ],
  );
}

type Metadata = Readonly<Record<string, MetadataValue | F32 | F32Array | U16 | I32>>;

/** The bytes of all parts. The first has the metadata, each says which one it is. */
async function writeParts(path: string, metadata: Metadata, tensors: readonly Tensor[], parts: number): Promise<number> {
  if (parts === 1) return writeFile(path, metadata, tensors);
  const share = Math.ceil(tensors.length / parts);
  let bytes = 0;
  for (let part = 0; part < parts; part++) {
    const split = {
      'split.no': new U16(part),
      'split.count': new U16(parts),
      'split.tensors.count': new I32(tensors.length),
    };
    const file = path.replace(/-00001-of-/, `-${String(part + 1).padStart(5, '0')}-of-`);
    const own = tensors.slice(part * share, (part + 1) * share);
    bytes += await writeFile(file, { ...(part === 0 && metadata), ...split }, own);
  }
  return bytes;
}

/** The bytes of the whole file. */
async function writeFile(path: string, metadata: Metadata, tensors: readonly Tensor[]): Promise<number> {
  const header = new Bytes();
  header.ascii('GGUF');
  header.u32(3);
  header.u64(tensors.length);
  header.u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) writeMetadata(header, key, value);
  let offset = 0;
  for (const tensor of tensors) {
    header.text(tensor.name);
    header.u32(tensor.shape.length);
    for (const n of tensor.shape) header.u64(n);
    header.u32(TENSOR_TYPE[tensor.type]);
    header.u64(offset);
    offset += aligned(elements(tensor) * width(tensor.type));
  }
  header.pad(ALIGNMENT);
  const file = await open(path, 'w');
  try {
    await file.write(header.take());
    for (const tensor of tensors) await writeTensor(file, tensor);
  } finally {
    await file.close();
  }
  return header.length + offset;
}

interface Size {
  readonly layers: number;
  readonly dim: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly feedForward: number;
}

function sizeOf({ layers = 2, dim = 64, heads = 4, kvHeads = heads, feedForward = 2 * dim }: GgufOptions): Size {
  return { layers, dim, heads, kvHeads, feedForward };
}

/** A script needs a dimension for each token: a token's vector is 1 in its own dimension. */
function scriptSize(tokens: number, options: GgufOptions): Size {
  return { layers: options.layers ?? 1, dim: Math.ceil(tokens / 32) * 32, heads: 4, kvHeads: 4, feedForward: 32 };
}

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  id(token: string): number;
}

function makeVocabulary(options: GgufOptions): Vocabulary {
  const scripted = (options.script ?? []).flatMap((step) => (typeof step === 'string' ? [step] : step.map((s) => s.token)));
  const control = [...CONTROL, ...(options.controlTokens ?? [])];
  const known = new Set(['</s>', ' ', ...control, ...USER_DEFINED]);
  // llama.cpp ends the process when a vocabulary holds a token twice.
  const words = [...new Set([...(options.tokens ?? []), ...scripted])].filter(
    (token) => !known.has(token) && byteOf(token) === null,
  );
  const bytes = Array.from({ length: 256 }, (_, b) => byteToken(b));
  const tokens = [
    '<unk>',
    '<s>',
    '</s>',
    ...bytes,
    ...control,
    ...USER_DEFINED,
    ...words.map((word) => word.replaceAll(' ', '▁')),
  ];
  // llama.cpp's token types: 1 normal, 2 unknown, 3 control, 4 user defined, 6 byte.
  const types = [
    2,
    3,
    3,
    ...bytes.map((token) => (token === '▁' ? 1 : 6)),
    ...control.map(() => 3),
    ...USER_DEFINED.map(() => 4),
    ...words.map(() => 1),
  ];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  return { tokens, types, id: (token) => ids.get(token.replaceAll(' ', '▁')) ?? ids.get(token) ?? 0 };
}

/**
 * llama.cpp writes every space of a text as `▁` before it looks up tokens, and would spell that as three bytes: so the
 * token of the space is a piece of plain text, not a byte.
 */
const byteToken = (b: number): string => (b === 0x20 ? '▁' : `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
function byteOf(token: string): number | null {
  const match = /^<0x([0-9A-F]{2})>$/.exec(token);
  return match === null ? null : Number.parseInt(match[1] ?? '', 16);
}

function describe(size: Size, vocabulary: Vocabulary, options: GgufOptions): Record<string, MetadataValue | F32 | F32Array> {
  const template = options.chatTemplate === undefined ? TINY_CHAT_TEMPLATE : options.chatTemplate;
  return {
    'general.architecture': 'llama',
    'general.name': options.name ?? 'tiny',
    'general.file_type': options.type === 'f16' ? 1 : 0,
    'llama.block_count': size.layers,
    'llama.context_length': options.contextLength ?? 1024,
    'llama.embedding_length': size.dim,
    'llama.feed_forward_length': size.feedForward,
    'llama.attention.head_count': size.heads,
    'llama.attention.head_count_kv': size.kvHeads,
    'llama.attention.layer_norm_rms_epsilon': new F32(1e-6),
    'llama.rope.dimension_count': size.dim / size.heads,
    'llama.vocab_size': vocabulary.tokens.length,
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': vocabulary.tokens,
    'tokenizer.ggml.scores': new F32Array(vocabulary.tokens.map((_, i) => -i)),
    'tokenizer.ggml.token_type': vocabulary.types,
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': EOS,
    'tokenizer.ggml.unknown_token_id': 0,
    'tokenizer.ggml.add_bos_token': true,
    'tokenizer.ggml.add_space_prefix': false,
    ...(template !== null && { 'tokenizer.chat_template': template }),
  };
}

/** Numbers of one type; plain ones are written as u32 when they are whole and as f32 otherwise. */
class F32 {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}
class U16 {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}
class I32 {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}
class F32Array {
  readonly values: readonly number[];
  constructor(values: readonly number[]) {
    this.values = values;
  }
}

function writeMetadata(out: Bytes, key: string, value: Metadata[string]): void {
  out.text(key);
  if (value instanceof F32) {
    out.u32(6);
    out.f32(value.value);
  } else if (value instanceof U16) {
    out.u32(2);
    out.u16(value.value);
  } else if (value instanceof I32) {
    out.u32(5);
    out.i32(value.value);
  } else if (value instanceof F32Array) {
    out.u32(9);
    out.u32(6);
    out.u64(value.values.length);
    for (const n of value.values) out.f32(n);
  } else if (typeof value === 'string') {
    out.u32(8);
    out.text(value);
  } else if (typeof value === 'boolean') {
    out.u32(7);
    out.u8(value ? 1 : 0);
  } else if (typeof value === 'number') {
    out.u32(Number.isInteger(value) ? 4 : 6);
    if (Number.isInteger(value)) out.u32(value);
    else out.f32(value);
  } else {
    const strings = typeof value[0] === 'string';
    out.u32(9);
    out.u32(strings ? 8 : 5);
    out.u64(value.length);
    for (const item of value) {
      if (typeof item === 'string') out.text(item);
      else out.i32(item);
    }
  }
}

function randomTensors(size: Size, vocabulary: Vocabulary, options: GgufOptions): Tensor[] {
  const type = options.type ?? 'f32';
  const random = noise(options.seed ?? 1);
  let index = 0;
  const matrix = (name: string, columns: number, rows: number): Tensor => {
    const start = Math.imul(++index, 0x9e3779b1);
    const scale = 1.7 / Math.sqrt(columns);
    return { name, shape: [columns, rows], type, fill: (out, from) => random(out, start + from, scale) };
  };
  return network(size, vocabulary.tokens.length, matrix);
}

/**
 * No attention and no feed-forward part, so the network only sees the last token: its vector (1 in its own dimension)
 * times the output matrix, whose columns are the logits that the script wants. RMS normalisation scales that 1 to √dim.
 */
function scriptTensors(size: Size, vocabulary: Vocabulary, script: readonly ScriptStep[], loop = false): Tensor[] {
  const unlikely = -40 / Math.sqrt(size.dim);
  const next = new Map<number, readonly { token: string; p: number }[]>();
  let last = vocabulary.id('<|assistant|>');
  for (const step of script) {
    const options = typeof step === 'string' ? [{ token: step, p: 1 }] : step;
    next.set(last, options);
    last = vocabulary.id(options[0]?.token ?? '</s>');
  }
  if (loop) next.set(last, next.get(vocabulary.id('<|assistant|>')) ?? []);
  const ends = [{ token: '</s>', p: 1 }];
  return network(size, vocabulary.tokens.length, (name, columns, rows) => ({
    name,
    shape: [columns, rows],
    type: 'f32',
    fill(out, from) {
      out.fill(name === 'output.weight' ? unlikely : 0);
      if (name !== 'token_embd.weight' && name !== 'output.weight') return;
      for (let i = 0; i < rows; i++) {
        if (name === 'token_embd.weight') put(out, from, i * columns + i, 1);
        else
          for (const { token, p } of next.get(i) ?? ends)
            put(out, from, vocabulary.id(token) * columns + i, Math.log(p) / Math.sqrt(size.dim));
      }
    },
  }));
}

function put(out: Float32Array, from: number, at: number, value: number): void {
  if (at >= from && at < from + out.length) out[at - from] = value;
}

type MakeMatrix = (name: string, columns: number, rows: number) => Tensor;

function network({ layers, dim, heads, kvHeads, feedForward }: Size, tokens: number, matrix: MakeMatrix): Tensor[] {
  const kv = (dim / heads) * kvHeads;
  const norm = (name: string): Tensor => ({ name, shape: [dim], type: 'f32', fill: (out) => void out.fill(1) });
  const tensors = [matrix('token_embd.weight', dim, tokens)];
  for (let i = 0; i < layers; i++) {
    tensors.push(
      norm(`blk.${i}.attn_norm.weight`),
      matrix(`blk.${i}.attn_q.weight`, dim, dim),
      matrix(`blk.${i}.attn_k.weight`, dim, kv),
      matrix(`blk.${i}.attn_v.weight`, dim, kv),
      matrix(`blk.${i}.attn_output.weight`, dim, dim),
      norm(`blk.${i}.ffn_norm.weight`),
      matrix(`blk.${i}.ffn_gate.weight`, dim, feedForward),
      matrix(`blk.${i}.ffn_up.weight`, dim, feedForward),
      matrix(`blk.${i}.ffn_down.weight`, feedForward, dim),
    );
  }
  tensors.push(norm('output_norm.weight'), matrix('output.weight', dim, tokens));
  return tensors;
}

const elements = (tensor: Tensor): number => tensor.shape.reduce((product, n) => product * n, 1);
const width = (type: Tensor['type']): number => (type === 'f32' ? 4 : 2);
const aligned = (n: number): number => Math.ceil(n / ALIGNMENT) * ALIGNMENT;

/** In blocks of a quarter million numbers, so that memory stays small whatever the size of the model. */
async function writeTensor(file: FileHandle, tensor: Tensor): Promise<void> {
  const total = elements(tensor);
  const block = new Float32Array(Math.min(total, 1 << 18));
  for (let from = 0; from < total; from += block.length) {
    const part = block.subarray(0, Math.min(block.length, total - from));
    tensor.fill(part, from);
    const data = tensor.type === 'f32' ? part : new Float16Array(part);
    await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const bytes = total * width(tensor.type);
  if (aligned(bytes) > bytes) await file.write(new Uint8Array(aligned(bytes) - bytes));
}

/** Even noise in ±scale, by position: a hash of the seed and the index (the finaliser of MurmurHash3). */
function noise(seed: number): (out: Float32Array, from: number, scale: number) => void {
  return (out, from, scale) => {
    const factor = (2 * scale) / 0x1_0000_0000;
    for (let i = 0; i < out.length; i++) {
      let h = Math.imul(from + i, 0x9e3779b1) ^ seed;
      h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
      h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
      out[i] = ((h ^ (h >>> 16)) >>> 0) * factor - scale;
    }
  };
}

/** Little-endian bytes, growing. */
class Bytes {
  #buffer = Buffer.alloc(1 << 16);
  length = 0;

  #room(n: number): number {
    while (this.length + n > this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer, Buffer.alloc(this.#buffer.length)]);
    const at = this.length;
    this.length += n;
    return at;
  }
  u8(n: number): void {
    const at = this.#room(1); // first: it may replace the buffer
    this.#buffer.writeUInt8(n, at);
  }
  u16(n: number): void {
    const at = this.#room(2);
    this.#buffer.writeUInt16LE(n, at);
  }
  u32(n: number): void {
    const at = this.#room(4);
    this.#buffer.writeUInt32LE(n, at);
  }
  i32(n: number): void {
    const at = this.#room(4);
    this.#buffer.writeInt32LE(n, at);
  }
  f32(n: number): void {
    const at = this.#room(4);
    this.#buffer.writeFloatLE(n, at);
  }
  u64(n: number): void {
    const at = this.#room(8);
    this.#buffer.writeBigUInt64LE(BigInt(n), at);
  }
  ascii(text: string): void {
    const at = this.#room(text.length);
    this.#buffer.write(text, at, 'latin1');
  }
  text(text: string): void {
    const bytes = Buffer.from(text);
    this.u64(bytes.length);
    const at = this.#room(bytes.length);
    bytes.copy(this.#buffer, at);
  }
  pad(to: number): void {
    this.#room((to - (this.length % to)) % to);
  }
  take(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }
}
