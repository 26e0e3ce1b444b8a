/**
 * Reads the head of a GGUF file: metadata and the list of tensors, never the weights. Long lists (the vocabulary) are
 * skipped over; a file of a 150,000-token model takes some 30 ms.
 *
 * The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { open, type FileHandle } from 'node:fs/promises';
import { TuttiError } from '../../errors/error.ts';

export interface GgufHead {
  /** Scalars as they are; of a list only `key` → its length under `lengths`. */
  readonly metadata: ReadonlyMap<string, string | number | boolean>;
  readonly lengths: ReadonlyMap<string, number>;
  /** Lists of numbers of at most a few hundred entries (heads by layer). */
  readonly lists: ReadonlyMap<string, readonly number[]>;
  readonly parameters: number;
  /** Bytes of all tensors of this file. */
  readonly tensorBytes: number;
  readonly layerBytes: ReadonlyMap<number, number>;
}

/** Elements and bytes of a block, by ggml's number of the type (ggml.h and ggml-common.h of llama.cpp). */
const BLOCKS: Readonly<Record<number, readonly [elements: number, bytes: number]>> = {
  0: [1, 4],
  1: [1, 2],
  2: [32, 18],
  3: [32, 20],
  6: [32, 22],
  7: [32, 24],
  8: [32, 34],
  9: [32, 36],
  10: [256, 84],
  11: [256, 110],
  12: [256, 144],
  13: [256, 176],
  14: [256, 210],
  15: [256, 292],
  16: [256, 66],
  17: [256, 74],
  18: [256, 98],
  19: [256, 50],
  20: [32, 18],
  21: [256, 110],
  22: [256, 82],
  23: [256, 136],
  24: [1, 1],
  25: [1, 2],
  26: [1, 4],
  27: [1, 8],
  28: [1, 8],
  29: [256, 56],
  30: [1, 2],
  34: [256, 54],
  35: [256, 66],
  39: [32, 17],
};

const STRING = 8;
const LIST = 9;
/** Bytes of the fixed-size value types, by their number. */
const WIDTH: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const KEPT_LIST = 1024;
/** Longer strings than this only stand in broken files. */
const MOST_TEXT = 64 * 1024 * 1024;

/** Errors: `invalid_model_file`, which says what is wrong; `model_not_found` when the file is gone. */
export async function readGgufHead(path: string): Promise<GgufHead> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw new TuttiError(
      'model_not_found',
      `The model file cannot be read: ${path} (${error instanceof Error ? error.message : String(error)})`,
      {
        cause: error,
      },
    );
  }
  try {
    return await parse(new Reader(file, (await file.stat()).size), path);
  } finally {
    await file.close();
  }
}

async function parse(reader: Reader, path: string): Promise<GgufHead> {
  const magic = reader.size < 24 ? '' : (await reader.take(4)).toString('latin1');
  if (magic !== 'GGUF') throw broken(path, 'it does not begin with the letters GGUF');
  const version = await reader.u32();
  if (version !== 2 && version !== 3) throw broken(path, `its version is ${version}, and only 2 and 3 are known`);
  try {
    const tensorCount = await reader.u64();
    const pairs = await reader.u64();
    const metadata = new Map<string, string | number | boolean>();
    const lengths = new Map<string, number>();
    const lists = new Map<string, readonly number[]>();
    for (let i = 0; i < pairs; i++) {
      const key = await reader.text();
      const type = await reader.u32();
      if (type !== LIST) metadata.set(key, await scalar(reader, type));
      else await list(reader, key, lengths, lists);
    }
    return await tensors(reader, tensorCount, path, { metadata, lengths, lists });
  } catch (error) {
    if (error instanceof EndOfFile) throw broken(path, `it ends after ${reader.size} bytes, in the middle of its header`);
    if (error instanceof BadValue) throw broken(path, error.message);
    throw error;
  }
}

async function tensors(
  reader: Reader,
  count: number,
  path: string,
  head: Pick<GgufHead, 'metadata' | 'lengths' | 'lists'>,
): Promise<GgufHead> {
  const layerBytes = new Map<number, number>();
  let parameters = 0;
  let tensorBytes = 0;
  let end = 0;
  for (let i = 0; i < count; i++) {
    const name = await reader.text();
    const dimensions = await reader.u32();
    if (dimensions > 8) throw new BadValue(`tensor ${name} has ${dimensions} dimensions`);
    let elements = 1;
    for (let d = 0; d < dimensions; d++) elements *= await reader.u64();
    const [per, bytesPer] = BLOCKS[await reader.u32()] ?? [1, 0];
    const offset = await reader.u64();
    const bytes = Math.ceil(elements / per) * bytesPer;
    parameters += elements;
    tensorBytes += bytes;
    end = Math.max(end, offset + bytes);
    const layer = /^blk\.(\d+)\./.exec(name);
    if (layer !== null) layerBytes.set(Number(layer[1]), (layerBytes.get(Number(layer[1])) ?? 0) + bytes);
  }
  const alignment = Number(head.metadata.get('general.alignment') ?? 32);
  const needed = Math.ceil(reader.position / alignment) * alignment + end;
  if (needed > reader.size) throw broken(path, `it is cut off: its tensors need ${needed} bytes, and it has ${reader.size}`);
  return { ...head, parameters, tensorBytes, layerBytes };
}

async function scalar(reader: Reader, type: number): Promise<string | number | boolean> {
  if (type === STRING) return reader.text();
  const bytes = await reader.take(widthOf(type));
  return number(bytes, type, 0);
}

function number(bytes: Buffer, type: number, at: number): number | boolean {
  switch (type) {
    case 0:
      return bytes.readUInt8(at);
    case 1:
      return bytes.readInt8(at);
    case 2:
      return bytes.readUInt16LE(at);
    case 3:
      return bytes.readInt16LE(at);
    case 4:
      return bytes.readUInt32LE(at);
    case 5:
      return bytes.readInt32LE(at);
    case 6:
      return bytes.readFloatLE(at);
    case 7:
      return bytes.readUInt8(at) !== 0;
    case 10:
      return Number(bytes.readBigUInt64LE(at));
    case 11:
      return Number(bytes.readBigInt64LE(at));
    case 12:
      return bytes.readDoubleLE(at);
    default:
      throw new BadValue(`a value has the unknown type ${type}`);
  }
}

function widthOf(type: number): number {
  const width = WIDTH[type];
  if (width === undefined) throw new BadValue(`a value has the unknown type ${type}`);
  return width;
}

async function list(
  reader: Reader,
  key: string,
  lengths: Map<string, number>,
  lists: Map<string, readonly number[]>,
): Promise<void> {
  const type = await reader.u32();
  const length = await reader.u64();
  lengths.set(key, length);
  if (type === LIST) throw new BadValue(`${key} is a list of lists`);
  if (type === STRING) {
    return reader.skipTexts(length);
  }
  const width = widthOf(type);
  if (length > KEPT_LIST) return reader.skip(length * width);
  const bytes = await reader.take(length * width);
  lists.set(
    key,
    Array.from({ length }, (_, i) => Number(number(bytes, type, i * width))),
  );
}

class EndOfFile extends Error {}
class BadValue extends Error {}

function broken(path: string, why: string): TuttiError {
  return new TuttiError('invalid_model_file', `${path} is not a usable GGUF file: ${why}.`);
}

/** Forward reading in large pieces. */
class Reader {
  readonly size: number;
  readonly #file: FileHandle;
  #buffer = Buffer.alloc(0);
  /** Where the buffer begins in the file, and how far it has been read. */
  #start = 0;
  #at = 0;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.size = size;
  }

  get position(): number {
    return this.#start + this.#at;
  }

  async take(length: number): Promise<Buffer> {
    if (this.#at + length > this.#buffer.length) await this.#fill(length);
    const bytes = this.#buffer.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  async #fill(length: number): Promise<void> {
    const position = this.position;
    if (position + length > this.size) throw new EndOfFile();
    const buffer = Buffer.alloc(Math.min(this.size - position, Math.max(length, 1 << 20)));
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, position);
    if (bytesRead < length) throw new EndOfFile();
    this.#buffer = buffer.subarray(0, bytesRead);
    this.#start = position;
    this.#at = 0;
  }

  async skip(length: number): Promise<void> {
    if (this.position + length > this.size) throw new EndOfFile();
    this.#at += length; // beyond the buffer is no harm: `take` reads from the position
  }

  /** Without a promise for each: vocabularies have hundreds of thousands. */
  async skipTexts(count: number): Promise<void> {
    for (let left = count; left > 0; left--) {
      if (this.#at + 8 > this.#buffer.length) await this.#fill(8);
      const length = Number(this.#buffer.readBigUInt64LE(this.#at));
      this.#at += 8;
      if (this.position + length > this.size) throw new EndOfFile();
      this.#at += length;
    }
  }

  async u32(): Promise<number> {
    return (await this.take(4)).readUInt32LE();
  }

  async u64(): Promise<number> {
    const value = (await this.take(8)).readBigUInt64LE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new BadValue('a length is beyond all bounds');
    return Number(value);
  }

  async text(): Promise<string> {
    const length = await this.u64();
    if (length > MOST_TEXT) throw new BadValue('a text is longer than 64 MiB');
    return (await this.take(length)).toString('utf8');
  }
}
