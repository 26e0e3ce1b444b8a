import { createHash, type Hash } from 'node:crypto';
import { open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TuttiError } from '../errors/error.ts';
import { hasCode } from './lock.ts';
import type { HubFile } from './select.ts';

const READ_BYTES = 1 << 20;

/**
 * A file on its way: bytes are appended and hashed as they arrive, under a name that carries the checksum, so that what
 * is left of another version is never gone on with. It takes its real name only when the checksum is right.
 */
export class PartFile implements AsyncDisposable {
  readonly path: string;
  readonly #file: HubFile;
  readonly #handle: FileHandle;
  #hash: Hash;
  #bytes = 0;

  private constructor(path: string, file: HubFile, handle: FileHandle) {
    this.path = path;
    this.#file = file;
    this.#handle = handle;
    this.#hash = newHash(file);
  }

  /** Opens what is there, or begins; left-overs of other versions of the same file are removed. */
  static async open(destination: string, file: HubFile): Promise<PartFile> {
    const path = partPath(destination, file);
    for (const name of await readdir(dirname(destination))) {
      const other = join(dirname(destination), name);
      if (name.startsWith(`${basename(destination)}.`) && name.endsWith('.part') && other !== path)
        await rm(other, { force: true });
    }
    try {
      return new PartFile(path, file, await open(path, 'a+'));
    } catch (error) {
      throw writeError(error, dirname(path));
    }
  }

  /** How many bytes are written and hashed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Hashes what an earlier attempt has left; yields after each piece. More than the whole file is thrown away. */
  async *takeUp(): AsyncGenerator<void> {
    const { size } = await this.#handle.stat();
    if (size > this.#file.bytes) return this.restart();
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    while (this.#bytes < size) {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#bytes);
      if (bytesRead === 0) break;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.#bytes += bytesRead;
      yield;
    }
  }

  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = newHash(this.#file);
    this.#bytes = 0;
  }

  /** Errors: `pull_failed` when the disk takes no more, `checksum_mismatch` when this is more than the file has. */
  async append(chunk: Uint8Array): Promise<void> {
    if (this.#bytes + chunk.length > this.#file.bytes) {
      await this.discard();
      throw new TuttiError(
        'checksum_mismatch',
        `${this.#file.path} is longer than the ${this.#file.bytes} bytes that the hub names. It was removed; pull again.`,
      );
    }
    try {
      await this.#handle.appendFile(chunk);
    } catch (error) {
      throw writeError(error, dirname(this.path));
    }
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
  }

  /**
   * Checks the checksum and gives the file its real name. Errors: `checksum_mismatch`; the part is removed, as none of it can be trusted.
   * @param sha256 taken when the listing had no checksum; null: the size has to do
   */
  async commit(destination: string, sha256: string | null): Promise<void> {
    const expected = this.#file.checksum?.value ?? sha256;
    const actual = this.#hash.copy().digest('hex');
    if (expected !== null && actual !== expected) {
      await this.discard();
      throw new TuttiError(
        'checksum_mismatch',
        `${this.#file.path} should have the checksum ${expected} but has ${actual}. It was removed; pull again.`,
        {
          details: { expected, actual },
        },
      );
    }
    await this.#handle.sync();
    await rename(this.path, destination);
  }

  async discard(): Promise<void> {
    await rm(this.path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** Where the bytes of a file gather until it is complete. */
export function partPath(destination: string, file: HubFile): string {
  return `${destination}.${(file.checksum?.value ?? `${file.bytes}`).slice(0, 12)}.part`;
}

/** Git hashes a blob together with its length. */
function newHash({ checksum, bytes }: HubFile): Hash {
  return checksum?.algorithm === 'git-blob' ? createHash('sha1').update(`blob ${bytes}\0`) : createHash('sha256');
}

/** Yields after each piece; the last value is whether the file is what the hub has. Without a checksum its size has to do. */
export async function* verifyFile(
  path: string,
  file: HubFile,
): AsyncGenerator<{ readonly bytes: number; readonly same: boolean | null }> {
  await using handle = await open(path, 'r');
  const { size } = await handle.stat();
  if (size !== file.bytes || file.checksum === null) return yield { bytes: size, same: size === file.bytes };
  const hash = newHash(file);
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let bytes = 0; ;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, bytes);
    if (bytesRead === 0) return yield { bytes, same: hash.digest('hex') === file.checksum.value };
    hash.update(buffer.subarray(0, bytesRead));
    bytes += bytesRead;
    yield { bytes, same: null };
  }
}

/** A folder takes no file, or no more bytes. */
export function writeError(error: unknown, folder: string): TuttiError {
  const message = hasCode(error, 'ENOSPC')
    ? `The disk of ${folder} is full. Free some room and pull again: it goes on where it stopped.`
    : `${folder} cannot be written to: ${error instanceof Error ? error.message : String(error)}`;
  return new TuttiError('pull_failed', message, { cause: error, retryable: false });
}
