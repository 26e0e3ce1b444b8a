import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { PullProgress } from '../contracts/backend.ts';
import { TuttiError } from '../errors/error.ts';
import { makeFolder } from '../lib/folder.ts';
import { downloadFile, sizeOf } from './download.ts';
import { createDispatcher, type HubAccess } from './http.ts';
import { partPath, writeError } from './part-file.ts';
import { parseReference } from './reference.ts';
import { listFiles } from './repository.ts';
import { selectFiles, type HubFile } from './select.ts';

/** Where a model is pulled from and to. */
export interface PullFromHubOptions {
  /** The folder that the files are put into, by their own names. Made when it is missing. */
  readonly directory: string;
  /** Stops the download. What has arrived stays, and the next pull goes on from there. */
  readonly signal: AbortSignal;
  /** Where the two below are looked for. Default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The hub's address. Default `HF_ENDPOINT`, else `https://huggingface.co`. */
  readonly endpoint?: string;
  /** Sent to the hub's own origin only. Default `HF_TOKEN`, else `HUGGING_FACE_HUB_TOKEN`, else none. */
  readonly token?: string;
  /** Bytes that are free in a folder. Default: asks the file system. */
  readonly freeBytes?: (directory: string) => Promise<number>;
}

/** `status` is `resolving`, `downloading`, `verifying`, `done` (of one file) or `present` (it was there already). */
export interface HubProgress extends PullProgress {
  /** On the last report only: where the files are, in the order of their parts. */
  readonly files?: readonly string[];
}

/**
 * Downloads a GGUF model from a Hugging Face style hub: all parts of a split one, checked against the hub's checksums,
 * going on where an earlier pull has stopped. Ends with a report that has `files`.
 *
 * Errors: `invalid_request` (the reference), `model_not_found` (names what there is), `ambiguous_model`,
 * `upstream_unauthorized` (gated or private), `upstream_rate_limited`, `checksum_mismatch`, `cancelled`, and `pull_failed`
 * for the rest, a disk without room for it among them.
 *
 * @param reference `hf:org/repo:Q4_K_M`, `hf:org/repo/file.gguf` or `hf:org/repo`, each with an `@revision` if wanted
 * @example for await (const { item, doneBytes } of pullFromHub('hf:org/repo:Q4_K_M', { directory, signal })) { … }
 */
export async function* pullFromHub(reference: string, options: PullFromHubOptions): AsyncGenerator<HubProgress> {
  const wanted = parseReference(reference);
  const dispatcher = createDispatcher();
  try {
    const access: HubAccess = { ...readEnvironment(options), dispatcher, signal: options.signal };
    yield { item: wanted.repository, doneBytes: 0, totalBytes: null, status: 'resolving' };
    const files = selectFiles(wanted, await listFiles(access, wanted));
    const targets = files.map((file) => ({
      file,
      path: join(options.directory, file.path.slice(file.path.lastIndexOf('/') + 1)),
    }));
    makeDirectory(options.directory);
    await checkRoom(targets, options);
    for (const { file, path } of targets) yield* downloadFile(access, wanted, file, path);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    yield {
      item: wanted.repository,
      doneBytes: bytes,
      totalBytes: bytes,
      status: 'done',
      files: targets.map(({ path }) => path),
    };
  } finally {
    await dispatcher.destroy();
  }
}

function readEnvironment(options: PullFromHubOptions): Pick<HubAccess, 'endpoint' | 'token'> {
  const environment = options.environment ?? process.env;
  const endpoint = options.endpoint ?? (environment['HF_ENDPOINT'] || 'https://huggingface.co');
  const token = options.token ?? (environment['HF_TOKEN'] || environment['HUGGING_FACE_HUB_TOKEN'] || null);
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) {
    throw new TuttiError(
      'invalid_request',
      `"${endpoint}" is not the address of a hub. Set HF_ENDPOINT to one such as https://huggingface.co.`,
      {
        param: 'endpoint',
      },
    );
  }
  return { endpoint: endpoint.replace(/\/+$/, ''), token };
}

function makeDirectory(path: string): void {
  try {
    makeFolder(path);
  } catch (error) {
    throw writeError(error, path);
  }
}

/** Fails before the first byte rather than with a full disk after hours. */
async function checkRoom(targets: readonly { file: HubFile; path: string }[], options: PullFromHubOptions): Promise<void> {
  let needed = 0;
  for (const { file, path } of targets) {
    const present = (await sizeOf(path)) ?? (await sizeOf(partPath(path, file))) ?? 0;
    needed += Math.max(0, file.bytes - present);
  }
  const free = await (options.freeBytes ?? freeBytesOf)(options.directory);
  if (needed <= free) return;
  throw new TuttiError(
    'pull_failed',
    `The model needs ${mib(needed)} MiB more, but ${options.directory} has only ${mib(free)} MiB free.`,
    {
      details: { needed_bytes: needed, free_bytes: free },
      retryable: false,
    },
  );
}

async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

const mib = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
