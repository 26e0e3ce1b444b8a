import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeHub, type FakeHubOptions, type FakeHubRepository } from '../testing/fake-hub.ts';
import { pullFromHub, type HubProgress, type PullFromHubOptions } from './pull.ts';

const TOKEN = 'hf_secret';
/** Large enough to arrive in several pieces, and different everywhere, so that a piece in the wrong place is noticed. */
const bytes = (length: number, seed = 1): Buffer =>
  Buffer.from(Uint32Array.from({ length: Math.ceil(length / 4) }, (_, i) => i * 2654435761 + seed).buffer, 0, length);
const MODEL = bytes(300_000);

let directory: string;
let hub: FakeHub;
const start = async (
  repositories: Record<string, FakeHubRepository>,
  options: Omit<FakeHubOptions, 'repositories'> = {},
): Promise<void> => {
  hub = await FakeHub.start({ repositories, token: TOKEN, ...options });
};
const startOne = (): Promise<void> =>
  start({ 'org/repo': { files: { 'README.md': bytes(10), 'M-Q4_K_M.gguf': MODEL, 'M-Q8_0.gguf': bytes(50) } } });

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-hub-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const begin = (reference: string, options: Partial<PullFromHubOptions> = {}): AsyncGenerator<HubProgress> =>
  pullFromHub(reference, {
    directory,
    signal: new AbortController().signal,
    endpoint: options.endpoint ?? hub.endpoint,
    ...options,
  });

async function pull(reference: string, options: Partial<PullFromHubOptions> = {}): Promise<readonly HubProgress[]> {
  return await Array.fromAsync(begin(reference, options));
}
/** Leaves a pull after exactly so many bytes of the model. */
async function arrive(count: number): Promise<void> {
  hub.stallAfter = count;
  for await (const { doneBytes } of begin('hf:org/repo:Q4_K_M')) if (doneBytes === count) break;
  hub.stallAfter = null;
}
const inDirectory = async (): Promise<readonly string[]> => (await readdir(directory)).sort();
/** Byte by byte in native code: `toEqual` takes seconds for a file of this size. */
const holds = async (name: string, content: Buffer): Promise<boolean> => (await readFile(join(directory, name))).equals(content);
const partName = async (): Promise<string> => (await inDirectory()).find((name) => name.endsWith('.part')) ?? 'no part';

describe('pulling a model', () => {
  test('downloads the file of the quantisation, and ends with where it is', async () => {
    await startOne();
    const progress = await pull('hf:org/repo:Q4_K_M');
    expect(await holds('M-Q4_K_M.gguf', MODEL)).toBe(true);
    expect(await inDirectory()).toEqual(['M-Q4_K_M.gguf']);
    expect(progress[0]).toEqual({ item: 'org/repo', doneBytes: 0, totalBytes: null, status: 'resolving' });
    expect(progress.at(-1)).toEqual({
      item: 'org/repo',
      doneBytes: MODEL.length,
      totalBytes: MODEL.length,
      status: 'done',
      files: [join(directory, 'M-Q4_K_M.gguf')],
    });
  });

  test('tells progress that only grows, up to the whole', async () => {
    await startOne();
    const told = (await pull('hf:org/repo:Q4_K_M')).filter((one) => one.item === 'M-Q4_K_M.gguf');
    const done = told.map((one) => one.doneBytes);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(told.at(-1)).toEqual({ item: 'M-Q4_K_M.gguf', doneBytes: MODEL.length, totalBytes: MODEL.length, status: 'done' });
  });

  test('downloads every part of a split model, in order', async () => {
    const parts = [bytes(9000, 2), bytes(8000, 3), bytes(7000, 4)];
    const files = Object.fromEntries(parts.map((part, i) => [`Q8_0/M-Q8_0-0000${i + 1}-of-00003.gguf`, part]));
    await start({ 'org/repo': { files } });
    const last = (await pull('hf:org/repo:Q8_0')).at(-1);
    expect(await Promise.all((last?.files ?? []).map((file) => readFile(file)))).toEqual(parts);
    expect(last?.totalBytes).toBe(24_000);
  });

  test('reads a list that comes in pages', async () => {
    await start({ 'org/repo': { files: { 'a.txt': bytes(1), 'b.txt': bytes(2), 'M-Q8_0.gguf': bytes(50) } } }, { pageSize: 1 });
    await pull('hf:org/repo:Q8_0');
    expect(await readFile(join(directory, 'M-Q8_0.gguf'))).toEqual(bytes(50));
  });

  test('takes another revision', async () => {
    await start({ 'org/repo': { files: { 'M-Q8_0.gguf': bytes(50) }, revisions: ['main', 'refs/pr/1'] } });
    await pull('hf:org/repo:Q8_0@refs/pr/1');
    expect(hub.requests.filter(({ host }) => host === 'hub').every(({ path }) => path.includes('refs/pr/1'))).toBe(true);
  });

  test('checks a small file by the checksum that git gives it', async () => {
    await start({ 'org/repo': { files: { 'tiny.gguf': bytes(90) }, small: ['tiny.gguf'] } });
    hub.corrupt.add('tiny.gguf');
    await expect(pull('hf:org/repo')).rejects.toMatchObject({ code: 'checksum_mismatch' });
    hub.corrupt.clear();
    await pull('hf:org/repo');
    expect(await readFile(join(directory, 'tiny.gguf'))).toEqual(bytes(90));
  });
});

describe('a download that does not get through', () => {
  test('goes on by itself where the connection was cut', async () => {
    await startOne();
    await arrive(100_000);
    hub.cuts.push(0, 0);
    await pull('hf:org/repo:Q4_K_M');
    expect(await holds('M-Q4_K_M.gguf', MODEL)).toBe(true);
    expect(hub.downloads.map(({ range }) => range)).toEqual([null, 'bytes=100000-', 'bytes=100000-', 'bytes=100000-']);
  });

  test('whatever the cuts, the file is right', async () => {
    await startOne();
    await fc.assert(
      // Two, as three in a row may bring no byte: what is cut off right behind a piece can take the piece with it.
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: MODEL.length - 1 }), { maxLength: 2 }), async (cuts) => {
        hub.cuts.splice(0, hub.cuts.length, ...cuts);
        await pull('hf:org/repo:Q4_K_M');
        expect(await holds('M-Q4_K_M.gguf', MODEL)).toBe(true);
        await rm(join(directory, 'M-Q4_K_M.gguf'));
      }),
      { numRuns: 20 },
    );
  });

  test('gives up after attempts that bring nothing, and the next pull goes on from there', async () => {
    await startOne();
    await arrive(120_000);
    hub.cuts.push(0, 0, 0);
    await expect(pull('hf:org/repo:Q4_K_M')).rejects.toMatchObject({ code: 'pull_failed', retryable: true });
    expect((await readFile(join(directory, await partName()))).length).toBe(120_000);
    await pull('hf:org/repo:Q4_K_M');
    expect(hub.downloads.at(-1)?.range).toBe('bytes=120000-');
    expect(await holds('M-Q4_K_M.gguf', MODEL)).toBe(true);
  });

  test('begins again with a server that knows no ranges', async () => {
    await startOne();
    await arrive(100_000);
    hub.ignoreRanges = true;
    await pull('hf:org/repo:Q4_K_M');
    expect(await holds('M-Q4_K_M.gguf', MODEL)).toBe(true);
  });

  test('never goes on with what is left of another version of the file', async () => {
    await startOne();
    await writeFile(join(directory, 'M-Q4_K_M.gguf.0123456789ab.part'), bytes(1000, 9));
    await pull('hf:org/repo:Q4_K_M');
    expect(hub.downloads[0]?.range).toBeNull();
    expect(await inDirectory()).toEqual(['M-Q4_K_M.gguf']);
  });

  test('stops when it is aborted, and keeps what has arrived', async () => {
    await startOne();
    hub.stallAfter = 100_000;
    const controller = new AbortController();
    const seen = async (): Promise<void> => {
      for await (const { doneBytes } of begin('hf:org/repo:Q4_K_M', { signal: controller.signal }))
        if (doneBytes === 100_000) controller.abort();
    };
    await expect(seen()).rejects.toMatchObject({ code: 'cancelled' });
    expect((await readFile(join(directory, await partName()))).length).toBe(100_000);
    expect(await inDirectory()).toHaveLength(1);
    hub.stallAfter = null;
    await pull('hf:org/repo:Q4_K_M');
    expect(hub.downloads.at(-1)?.range).toBe('bytes=100000-');
  });

  test('lets go of everything when the consumer leaves', async () => {
    await startOne();
    await arrive(100_000);
    expect(await inDirectory()).toEqual([await partName()]);
  });

  test('is not even begun when it is already aborted', async () => {
    await startOne();
    await expect(pull('hf:org/repo:Q4_K_M', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    expect(hub.requests).toEqual([]);
  });
});

describe('checksums', () => {
  test('a file that arrives changed is removed, with both checksums in the error', async () => {
    await startOne();
    hub.corrupt.add('M-Q4_K_M.gguf');
    const error = await pull('hf:org/repo:Q4_K_M').catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'checksum_mismatch',
      details: { expected: expect.any(String), actual: expect.any(String) },
    });
    expect(await inDirectory()).toEqual([]);
  });

  test('a file that is there already is checked instead of downloaded', async () => {
    await startOne();
    await pull('hf:org/repo:Q4_K_M');
    const progress = await pull('hf:org/repo:Q4_K_M');
    expect(hub.downloads).toHaveLength(1);
    expect(progress.map((one) => one.status)).toContain('present');
    expect(progress.at(-1)?.files).toEqual([join(directory, 'M-Q4_K_M.gguf')]);
  });

  test.each([
    ['another length', bytes(10)],
    ['other content', bytes(MODEL.length, 7)],
  ])('a file of the same name with %s is never overwritten', async (_, content) => {
    await startOne();
    await writeFile(join(directory, 'M-Q4_K_M.gguf'), content);
    await expect(pull('hf:org/repo:Q4_K_M')).rejects.toMatchObject({
      code: 'pull_failed',
      message: expect.stringContaining('exists'),
    });
    expect(await holds('M-Q4_K_M.gguf', content)).toBe(true);
  });
});

describe('the token', () => {
  test('opens a gated repository and goes to no other host', async () => {
    await start({ 'org/gated': { files: { 'M-Q8_0.gguf': bytes(50) }, access: 'gated' } });
    vi.stubEnv('HF_TOKEN', TOKEN);
    await pull('hf:org/gated:Q8_0');
    expect(hub.requests.map(({ host, authorization }) => [host, authorization])).toEqual([
      ['hub', `Bearer ${TOKEN}`],
      ['hub', `Bearer ${TOKEN}`],
      ['files', null],
    ]);
  });

  test('may stand in the older variable', async () => {
    await start({ 'org/gated': { files: { 'M-Q8_0.gguf': bytes(50) }, access: 'gated' } });
    vi.stubEnv('HF_TOKEN', '');
    vi.stubEnv('HUGGING_FACE_HUB_TOKEN', TOKEN);
    await expect(pull('hf:org/gated:Q8_0')).resolves.toBeDefined();
  });

  test.each([
    ['gated', 'upstream_unauthorized', 'accept its terms at'],
    ['private', 'model_not_found', 'If it is private, set HF_TOKEN'],
  ] as const)('without it a %s repository is an error that says what to do', async (access, code, part) => {
    await start({ 'org/closed': { files: { 'M-Q8_0.gguf': bytes(50) }, access } });
    vi.stubEnv('HF_TOKEN', '');
    vi.stubEnv('HUGGING_FACE_HUB_TOKEN', '');
    await expect(pull('hf:org/closed:Q8_0')).rejects.toMatchObject({ code, message: expect.stringContaining(part) });
  });
});

describe('what a hub may answer', () => {
  test.each([
    ['an unknown repository', 'hf:org/none', 'model_not_found', 'has no repository org/none'],
    ['an unknown revision', 'hf:org/repo@v9', 'model_not_found', 'has no revision v9'],
    ['an unknown quantisation', 'hf:org/repo:Q5_0', 'model_not_found', 'it has Q4_K_M, Q8_0'],
  ])('%s', async (_, reference, code, part) => {
    await startOne();
    await expect(pull(reference)).rejects.toMatchObject({ code, message: expect.stringContaining(part) });
  });

  test.each([
    [{ status: 401 }, { code: 'upstream_unauthorized', retryable: false }],
    [{ status: 403 }, { code: 'upstream_unauthorized', retryable: false }],
    [
      { status: 429, headers: { 'retry-after': '7' } },
      { code: 'upstream_rate_limited', retryAfter: 7 },
    ],
    [{ status: 503 }, { code: 'pull_failed', retryable: true }],
    [{ status: 200 }, { code: 'pull_failed', retryable: false }],
  ])('%o', async (refusal, error) => {
    await startOne();
    hub.refusals.push(refusal);
    await expect(pull('hf:org/repo')).rejects.toMatchObject(error);
  });

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/model'])('a redirect to %s is not followed', async (location) => {
    await startOne();
    hub.redirectTo = () => location;
    await expect(pull('hf:org/repo:Q8_0')).rejects.toMatchObject({ code: 'pull_failed', retryable: false });
  });

  test('redirects without end', async () => {
    await startOne();
    hub.redirectTo = (path) => `${hub.endpoint}/org/repo/resolve/main/${path}`;
    await expect(pull('hf:org/repo:Q8_0')).rejects.toMatchObject({ message: expect.stringContaining('redirects more than') });
  });

  test('nothing: the error says that it cannot be reached', async () => {
    await startOne();
    const endpoint = hub.endpoint;
    await hub[Symbol.asyncDispose]();
    await expect(pull('hf:org/repo', { endpoint })).rejects.toMatchObject({
      code: 'pull_failed',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('an endpoint that is no address is refused', async () => {
    await startOne();
    vi.stubEnv('HF_ENDPOINT', 'huggingface');
    const pulled = pullFromHub('hf:org/repo', { directory, signal: new AbortController().signal });
    await expect(Array.fromAsync(pulled)).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('the folder', () => {
  test('is made when it is missing', async () => {
    await startOne();
    directory = join(directory, 'models', 'new');
    await pull('hf:org/repo:Q8_0');
    expect(await inDirectory()).toEqual(['M-Q8_0.gguf']);
    directory = join(directory, '..', '..');
  });

  test('without room: nothing is downloaded, and the error has the numbers', async () => {
    await startOne();
    const freeBytes = (): Promise<number> => Promise.resolve(MODEL.length - 1);
    await expect(pull('hf:org/repo:Q4_K_M', { freeBytes })).rejects.toMatchObject({
      code: 'pull_failed',
      retryable: false,
      details: { needed_bytes: MODEL.length, free_bytes: MODEL.length - 1 },
    });
    expect(hub.downloads).toEqual([]);
  });

  test('with room for what is still missing is enough', async () => {
    await startOne();
    await arrive(200_000);
    await expect(pull('hf:org/repo:Q4_K_M', { freeBytes: () => Promise.resolve(100_000) })).resolves.toBeDefined();
  });

  test('that is a file is an error that names it', async () => {
    await startOne();
    await writeFile(join(directory, 'models'), '');
    await expect(pull('hf:org/repo:Q8_0', { directory: join(directory, 'models') })).rejects.toMatchObject({
      code: 'pull_failed',
      message: expect.stringContaining('models'),
    });
  });

  test('a file that is being pulled already is left to whoever pulls it', async () => {
    await startOne();
    hub.stallAfter = 100_000;
    const first = begin('hf:org/repo:Q4_K_M');
    while ((await first.next()).value?.doneBytes === 0);
    await expect(pull('hf:org/repo:Q4_K_M')).rejects.toMatchObject({
      code: 'pull_failed',
      message: expect.stringContaining('already'),
    });
    await first.return(undefined);
    hub.stallAfter = null;
    await expect(pull('hf:org/repo:Q4_K_M')).resolves.toBeDefined();
  });

  test('the lock of a process that is gone is taken over', async () => {
    await startOne();
    await mkdir(directory, { recursive: true });
    const NO_PROCESS = 2 ** 22 + 1; // above the largest process id
    await writeFile(join(directory, 'M-Q8_0.gguf.lock'), JSON.stringify({ pid: NO_PROCESS, host: hostname() }));
    await pull('hf:org/repo:Q8_0');
    expect(await inDirectory()).toEqual(['M-Q8_0.gguf']);
  });

  test('the lock of another machine is respected', async () => {
    await startOne();
    await writeFile(join(directory, 'M-Q8_0.gguf.lock'), JSON.stringify({ pid: 1, host: 'another' }));
    await expect(pull('hf:org/repo:Q8_0')).rejects.toMatchObject({
      code: 'pull_failed',
      message: expect.stringContaining('another'),
    });
  });
});
