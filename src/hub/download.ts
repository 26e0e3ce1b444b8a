import { stat } from 'node:fs/promises';
import type { PullProgress } from '../contracts/backend.ts';
import { TuttiError } from '../errors/error.ts';
import { get, headerOf, transferError, type HubAccess, type HubResponse } from './http.ts';
import { hasCode, lockFile } from './lock.ts';
import { PartFile, verifyFile } from './part-file.ts';
import type { HubReference } from './reference.ts';
import { fileUrl, refusal } from './repository.ts';
import type { HubFile } from './select.ts';

/** Attempts in a row that bring no byte before giving up. One that brings some is followed by another without limit. */
const MOST_FRUITLESS = 3;
/** Progress is told at most this often a file, so that its consumer never slows the download. */
const REPORTS = 400;

/**
 * Fetches one file to `destination`, going on with what an earlier attempt has left. A file that is there already is
 * checked instead. When the consumer leaves, or the signal aborts, what has arrived stays for the next attempt.
 *
 * Errors: `checksum_mismatch`, `pull_failed`, `cancelled`, and those of `refusal`.
 */
export async function* downloadFile(
  access: HubAccess,
  reference: HubReference,
  file: HubFile,
  destination: string,
): AsyncGenerator<PullProgress> {
  const report = reporter(file);
  if ((await sizeOf(destination)) !== null) {
    yield* verifyPresent(access.signal, file, destination, report);
    return;
  }
  await using _lock = await lockFile(destination);
  await using part = await PartFile.open(destination, file);
  for await (const _ of part.takeUp()) {
    stopIfAborted(access.signal);
    yield* report('verifying', part.bytes);
  }
  const sha256 = yield* transfer(access, reference, file, part, report);
  await part.commit(destination, sha256);
  yield { item: file.path, doneBytes: file.bytes, totalBytes: file.bytes, status: 'done' };
}

/** Returns the checksum that the hub named on the way, if any. */
async function* transfer(
  access: HubAccess,
  reference: HubReference,
  file: HubFile,
  part: PartFile,
  report: Report,
): AsyncGenerator<PullProgress, string | null> {
  let sha256: string | null = null;
  for (let fruitless = 0; part.bytes < file.bytes;) {
    const before = part.bytes;
    let failure: TuttiError;
    try {
      const response = await openAt(access, reference, file, part);
      sha256 = response.sha256 ?? sha256;
      yield* receive(access, response, part, report);
      failure = new TuttiError('pull_failed', `The connection ended after ${part.bytes} of ${file.bytes} bytes of ${file.path}.`);
    } catch (error) {
      if (!TuttiError.isInstance(error) || error.code !== 'pull_failed' || !error.retryable) throw error;
      failure = error;
    }
    fruitless = part.bytes > before ? 0 : fruitless + 1;
    if (fruitless === MOST_FRUITLESS) throw failure;
  }
  return sha256;
}

/** An answer whose first byte is the next that is missing. */
async function openAt(access: HubAccess, reference: HubReference, file: HubFile, part: PartFile): Promise<HubResponse> {
  const range: Record<string, string> = part.bytes > 0 ? { range: `bytes=${part.bytes}-` } : {};
  const response = await get(access, fileUrl(access.endpoint, reference, file.path), range);
  const named = file.checksum?.algorithm === 'sha256' ? file.checksum.value : null;
  if (named !== null && response.sha256 !== null && response.sha256 !== named) {
    response.body.destroy();
    throw new TuttiError('pull_failed', `${file.path} has changed on the hub since it was listed. Pull again.`, {
      retryable: false,
    });
  }
  if (response.status === 206) {
    const start = /^bytes (\d+)-/.exec(headerOf(response, 'content-range') ?? '')?.[1];
    if (Number(start) === part.bytes) return response;
    response.body.destroy();
    await part.restart();
    throw new TuttiError('pull_failed', `The hub sent another part of ${file.path} than was asked for.`);
  }
  if (response.status === 200) {
    // The range was ignored: this is the file from its beginning.
    if (part.bytes > 0) await part.restart();
    return response;
  }
  if (response.status === 416) {
    await response.body.dump();
    await part.restart();
    throw new TuttiError('pull_failed', `The hub does not have the part of ${file.path} that is missing here.`);
  }
  throw await refusal(response, access, reference);
}

async function* receive(access: HubAccess, response: HubResponse, part: PartFile, report: Report): AsyncGenerator<PullProgress> {
  const chunks = response.body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  try {
    for (;;) {
      let next: IteratorResult<Uint8Array>;
      try {
        next = await chunks.next();
      } catch (error) {
        throw transferError(error, new URL(access.endpoint).host, access.signal);
      }
      if (next.done === true) return;
      await part.append(next.value);
      yield* report('downloading', part.bytes);
    }
  } finally {
    response.body.destroy();
  }
}

async function* verifyPresent(
  signal: AbortSignal,
  file: HubFile,
  destination: string,
  report: Report,
): AsyncGenerator<PullProgress> {
  for await (const { bytes, same } of verifyFile(destination, file)) {
    stopIfAborted(signal);
    if (same === false) {
      throw new TuttiError(
        'pull_failed',
        `${destination} exists and is not the file that the hub has. Move or remove it, then pull again.`,
        {
          retryable: false,
        },
      );
    }
    yield* report('verifying', bytes);
  }
  yield { item: file.path, doneBytes: file.bytes, totalBytes: file.bytes, status: 'present' };
}

type Report = (status: string, bytes: number) => Iterable<PullProgress>;

/** Yields nothing until enough has come since the last report. */
function reporter(file: HubFile): Report {
  const step = Math.ceil(file.bytes / REPORTS);
  let next = 0;
  return function* (status, bytes) {
    if (bytes < next) return;
    next = bytes + step;
    yield { item: file.path, doneBytes: bytes, totalBytes: file.bytes, status };
  };
}

function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw transferError(signal.reason, '', signal);
}

/** null when there is no such file. */
export async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}
