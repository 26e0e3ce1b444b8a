import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a `FakeHub` has under one name. */
export interface FakeHubRepository {
  /** Contents by path. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Paths of files that are kept in git itself: answered directly, with git's checksum. Default none. */
  readonly small?: readonly string[];
  /** Branches, tags and commits. Default `main`. */
  readonly revisions?: readonly string[];
  /** `gated`: only for tokens; `private`: as if it did not exist for others. Default open. */
  readonly access?: 'open' | 'gated' | 'private';
}

export interface FakeHubOptions {
  readonly repositories: Readonly<Record<string, FakeHubRepository>>;
  /** The token that opens what is gated or private. */
  readonly token?: string;
  /** How many files one page of the listing has. Default 1000. */
  readonly pageSize?: number;
}

/** A request as the hub, or the other host that large files come from, has seen it. */
export interface FakeHubRequest {
  readonly host: 'hub' | 'files';
  readonly path: string;
  readonly authorization: string | null;
  readonly range: string | null;
}

/**
 * A Hugging Face style hub on loopback: file lists, large files by redirect to another origin, ranges, checksums, gated
 * repositories, and faults on demand.
 *
 * @example await using hub = await FakeHub.start({ repositories: { 'org/repo': { files: { 'model-Q4_K_M.gguf': bytes } } } });
 */
export class FakeHub implements AsyncDisposable {
  readonly requests: FakeHubRequest[] = [];
  /** For each download to come: after how many bytes of its answer the connection is cut. */
  readonly cuts: number[] = [];
  /** After this many bytes of an answer nothing more comes; null: all comes. */
  stallAfter: number | null = null;
  /** Every download starts from the beginning, as servers without ranges do. */
  ignoreRanges = false;
  /** Paths whose bytes arrive changed. */
  readonly corrupt = new Set<string>();
  /** Statuses that the next requests to the hub itself are answered with. */
  readonly refusals: { readonly status: number; readonly headers?: Readonly<Record<string, string>> }[] = [];
  /** Where large files are redirected to. Default: another origin on loopback. */
  redirectTo: ((path: string) => string) | null = null;

  readonly #options: FakeHubOptions;
  readonly #hub: Server;
  readonly #files: Server;

  private constructor(options: FakeHubOptions) {
    this.#options = options;
    this.#hub = createServer((request, response) => this.#answer('hub', request, response));
    this.#files = createServer((request, response) => this.#answer('files', request, response));
  }

  /** Listens on two free ports. */
  static async start(options: FakeHubOptions): Promise<FakeHub> {
    const hub = new FakeHub(options);
    for (const server of [hub.#hub, hub.#files]) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    return hub;
  }

  get endpoint(): string {
    return addressOf(this.#hub);
  }

  /** The requests for bytes, without those for lists. */
  get downloads(): readonly FakeHubRequest[] {
    return this.requests.filter(({ host }) => host === 'files');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.#hub, this.#files]) {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    }
  }

  #answer(host: FakeHubRequest['host'], request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const path = decodeURIComponent(url.pathname);
    const authorization = request.headers.authorization ?? null;
    this.requests.push({ host, path: path + url.search, authorization, range: request.headers.range ?? null });
    if (host === 'files') return this.#sendFile(path.slice(1), request, response);
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return void response.writeHead(refusal.status, refusal.headers).end();
    const list = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([^/]+)$/.exec(url.pathname);
    const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const [, name = '', revision = '', rest = ''] = (list ?? file ?? []).map(decodeURIComponent);
    const problem = this.#problemWith(name, revision, authorization);
    if (problem !== null) {
      return void response
        .writeHead(problem === 'GatedRepo' ? 403 : problem === 'RepoNotFound' ? 401 : 404, { 'x-error-code': problem })
        .end();
    }
    if (list !== null) return this.#sendList(name, url, response);
    this.#resolve(name, rest, request, response);
  }

  #problemWith(name: string, revision: string, authorization: string | null): string | null {
    const repository = this.#options.repositories[name];
    const entitled = this.#options.token !== undefined && authorization === `Bearer ${this.#options.token}`;
    if (repository === undefined || (repository.access === 'private' && !entitled)) return 'RepoNotFound';
    if (repository.access === 'gated' && !entitled) return 'GatedRepo';
    return (repository.revisions ?? ['main']).includes(revision) ? null : 'RevisionNotFound';
  }

  #sendList(name: string, url: URL, response: ServerResponse): void {
    const { files = {}, small = [] } = this.#options.repositories[name] ?? {};
    const all = Object.entries(files).map(([path, content]) => ({
      type: 'file',
      path,
      size: content.length,
      oid: gitBlobId(content),
      ...(!small.includes(path) && { lfs: { oid: sha256(content), size: content.length, pointerSize: 134 } }),
    }));
    const start = Number(url.searchParams.get('cursor') ?? 0);
    const end = start + (this.#options.pageSize ?? 1000);
    const next = new URL(url.pathname + url.search, this.endpoint);
    next.searchParams.set('cursor', String(end));
    const headers = { 'content-type': 'application/json', ...(end < all.length && { link: `<${next.href}>; rel="next"` }) };
    response
      .writeHead(200, headers)
      .end(JSON.stringify([{ type: 'directory', path: 'folder', size: 0 }, ...all.slice(start, end)]));
  }

  #resolve(name: string, path: string, request: IncomingMessage, response: ServerResponse): void {
    const repository = this.#options.repositories[name];
    const content = repository?.files[path];
    if (content === undefined) return void response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    if (repository?.small?.includes(path) === true) return this.#sendFile(`${name}/${path}`, request, response);
    const location = this.redirectTo?.(path) ?? `${addressOf(this.#files)}/${name}/${path}`;
    response.writeHead(302, { location, 'x-linked-etag': `"${sha256(content)}"`, 'x-linked-size': String(content.length) }).end();
  }

  #sendFile(path: string, request: IncomingMessage, response: ServerResponse): void {
    const [owner = '', name = '', ...rest] = path.split('/');
    const content = this.#options.repositories[`${owner}/${name}`]?.files[rest.join('/')];
    if (content === undefined) return void response.writeHead(404).end();
    const bytes = this.corrupt.has(rest.join('/')) ? content.map((byte) => byte ^ 1) : content;
    const start = this.ignoreRanges ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (start >= bytes.length && start > 0)
      return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start, ...(start > 0 && range) });
    const cut = this.cuts.shift();
    const stop = cut ?? this.stallAfter;
    if (stop === null) return void response.end(bytes.subarray(start));
    response.flushHeaders();
    response.write(bytes.subarray(start, start + stop), () => {
      if (cut !== undefined) response.destroy();
    });
  }
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function gitBlobId(content: Uint8Array): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}
