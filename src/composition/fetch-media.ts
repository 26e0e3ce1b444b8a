/** Fetches sounds and files that a request names by address. */
import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import type { Dispatcher } from 'undici';
import { TuttiError } from '../errors/error.ts';

export interface FetchOptions {
  readonly maxBytes: number;
  /** Refuse addresses of this machine and of private networks: who asks over HTTP must not read what only we can reach. */
  readonly publicOnly: boolean;
  /** The field of the request, for errors. */
  readonly param: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Fetched {
  readonly bytes: Buffer;
  /** What the server says it is, unless that says nothing. */
  readonly mediaType: string | undefined;
  readonly name: string;
}

const TIMEOUT_MS = 30_000;
const MOST_REDIRECTS = 3;
const UNSPECIFIC = new Set(['application/octet-stream', 'binary/octet-stream', 'text/html']);

/** Errors: `file_not_found`, `file_not_allowed`, `body_too_large`, `cancelled`. */
export async function fetchMedia(url: string, options: FetchOptions): Promise<Fetched> {
  const { Agent } = await import('undici');
  const agent = new Agent({ connect: { lookup: options.publicOnly ? publicLookup : lookup } });
  try {
    return await read(agent, url, options);
  } catch (thrown) {
    throw problem(thrown, url, options);
  } finally {
    await agent.destroy();
  }
}

async function read(agent: Dispatcher, url: string, options: FetchOptions): Promise<Fetched> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  let target = new URL(url);
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    // A host that is an address is never looked up, so it is checked here.
    const host = target.hostname.replace(/^\[|\]$/g, '');
    if (options.publicOnly && isIP(host) !== 0 && isPrivate(host)) throw notPublic(host);
    const { statusCode, headers, body } = await agent.request({
      origin: target.origin,
      path: pathOf(target),
      method: 'GET',
      signal,
    });
    const { location } = headers;
    if (statusCode >= 300 && statusCode < 400 && typeof location === 'string') {
      await body.dump();
      target = new URL(location, target);
      if (!/^https?:$/.test(target.protocol)) break;
      continue;
    }
    if (statusCode !== 200) {
      await body.dump(); // a little at most: undici drops the connection of a longer one
      throw new TuttiError('file_not_found', `${url} answered ${statusCode}.`);
    }
    const type = String(headers['content-type'] ?? '')
      .replace(/;.*/, '')
      .trim();
    return {
      bytes: await readAll(body, options),
      mediaType: type === '' || UNSPECIFIC.has(type) ? undefined : type,
      name: nameOf(target),
    };
  }
  throw new TuttiError('file_not_found', `${url} leads on and on, or to no web address.`);
}

async function readAll(body: AsyncIterable<Buffer>, { maxBytes }: FetchOptions): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw new TuttiError('body_too_large', `It has more than the ${maxBytes} bytes that are read.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function pathOf({ pathname, search }: URL): string {
  return pathname + search;
}

function nameOf({ pathname }: URL): string {
  return decodeURIComponent(pathname.slice(pathname.lastIndexOf('/') + 1)) || 'data';
}

/** Every reason as ours, with the field that it is about. */
function problem(thrown: unknown, url: string, { param, signal }: FetchOptions): TuttiError {
  if (signal?.aborted) return TuttiError.from(signal.reason, 'cancelled');
  if (TuttiError.isInstance(thrown)) return new TuttiError(thrown.code, `${param}: ${thrown.message}`, { param, cause: thrown });
  const reason = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return new TuttiError('file_not_found', `${param}: ${url} cannot be read: ${reason}`, { param, cause: thrown });
}

// Source: the special-purpose address registries of IANA.
// Two lists: one alone would take every IPv4 address for the mapped IPv6 one.
const PRIVATE_4 = new BlockList();
const PRIVATE_6 = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  PRIVATE_4.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::', 96],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  PRIVATE_6.addSubnet(network, prefix, 'ipv6');

/** Whether an address is this machine's, a private network's, or stands for such a one. */
export function isPrivate(address: string): boolean {
  return isIP(address) === 6 ? PRIVATE_6.check(address, 'ipv6') : PRIVATE_4.check(address, 'ipv4');
}

function notPublic(host: string): TuttiError {
  return new TuttiError(
    'file_not_allowed',
    `${host} is an address of this machine or its network. Send the bytes as a data: URL.`,
  );
}

/** Checked when the connection is made, so that a name cannot mean another address by then. */
const publicLookup: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error !== null || first === undefined) return done(error, '', 0);
    if (addresses.some(({ address }) => isPrivate(address))) return done(notPublic(hostname), '', 0);
    if (options.all === true) return done(null, addresses);
    return done(null, first.address, first.family);
  });
};
