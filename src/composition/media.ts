/** Reads the bytes of images, sounds and files that a request names, and says what they are. */
import { readFile, realpath } from 'node:fs/promises';
import { basename, resolve, sep } from 'node:path';
import type { ContentPart } from '../contracts/chat.ts';
import type { InputPart, MediaSource } from '../contracts/library.ts';
import { TuttiError } from '../errors/error.ts';
import { fetchMedia } from './fetch-media.ts';

export interface MediaAccess {
  /** Folders that paths must lie in; null: any path (the library and the command line). */
  readonly roots: readonly string[] | null;
  /** Most bytes of one file. */
  readonly maxBytes: number;
  /** Where relative paths and roots start. Default: the working directory. */
  readonly directory?: string;
  /** Fetch nothing that is named by address: `routing.privacy` is `local_only`. Default false. */
  readonly offline?: boolean;
  /** Stops fetching what is named by address. */
  readonly signal?: AbortSignal | undefined;
}

/** The library's own access: the caller may read what the process may. */
export const LOCAL_MEDIA: MediaAccess = { roots: null, maxBytes: 256 * 1024 * 1024 };

/** The part in the shape of Chat Completions. Errors: `file_not_found`, `file_not_allowed`, `body_too_large`, `invalid_request`. */
export async function toContentPart(part: InputPart, access: MediaAccess, param: string): Promise<ContentPart> {
  if (part.type === 'text') return { type: 'text', text: part.text };
  const given = [part.path, part.url, part.data].filter((source) => source !== undefined).length;
  if (given !== 1) {
    throw new TuttiError('invalid_request', `${param} (${part.type}) needs exactly one of path, url and data.`, { param });
  }
  // An image at an address is the model's to fetch: providers do, and so do local servers.
  if (part.type === 'image' && part.url !== undefined && !part.url.startsWith('data:')) {
    return { type: 'image_url', image_url: { url: part.url } };
  }
  const { bytes, mediaType, name } = await readMedia(part, access, param);
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  switch (part.type) {
    case 'image':
      return { type: 'image_url', image_url: { url: `data:${mediaType};base64,${base64}` } };
    case 'audio':
      return {
        type: 'input_audio',
        input_audio: { data: base64, format: mediaType.replace(/^audio\/(x-)?/, '').replace('mpeg', 'mp3') },
      };
    case 'file':
      return { type: 'file', file: { filename: name, file_data: `data:${mediaType};base64,${base64}` } };
  }
}

/** The error for a web address under `routing.privacy: local_only`. Asking there would tell that it was asked for, and by whom. */
export function staysHere(param: string): TuttiError {
  const message = `${param} is a web address, which is not asked: by \`routing.privacy: local_only\` nothing leaves this machine. Send the bytes as a data: URL.`;
  return new TuttiError('file_not_allowed', message, { param });
}

async function readMedia(
  source: MediaSource,
  access: MediaAccess,
  param: string,
): Promise<{ bytes: Uint8Array; mediaType: string; name: string }> {
  if (source.path !== undefined) {
    const path = await allowedPath(source.path, access, param);
    const bytes = await readFile(path).catch((cause: unknown) => {
      throw new TuttiError(
        'file_not_found',
        `${source.path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
        { param, cause },
      );
    });
    return checked(bytes, source, basename(path), access, param);
  }
  if (source.data !== undefined) {
    const bytes = typeof source.data === 'string' ? Buffer.from(source.data, 'base64') : source.data;
    return checked(bytes, source, 'data', access, param);
  }
  if (/^https?:/i.test(source.url ?? '')) {
    if (access.offline === true) throw staysHere(param);
    const { maxBytes, roots, signal } = access;
    const fetched = await fetchMedia(source.url ?? '', { maxBytes, publicOnly: roots !== null, param, signal });
    return checked(fetched.bytes, source, fetched.name, access, param, fetched.mediaType);
  }
  const data = /^data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,(.*)$/s.exec(source.url ?? '');
  if (data === null) {
    throw new TuttiError('invalid_request', `${param}: a url begins with https:, http: or data:.`, { param });
  }
  const [, type, , base64, body = ''] = data;
  const bytes = base64 === undefined ? percentDecoded(body) : Buffer.from(body, 'base64');
  return checked(bytes, { mediaType: type === '' ? undefined : type, ...source }, 'data', access, param);
}

/** As the standard has it: bytes, which need not be text, and a `%` that begins none is itself. */
function percentDecoded(body: string): Uint8Array {
  const bytes = Buffer.from(body).toString('latin1');
  const plain = bytes.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(plain, 'latin1');
}

function checked(bytes: Uint8Array, source: MediaSource, name: string, access: MediaAccess, param: string, said?: string) {
  if (bytes.length === 0) throw new TuttiError('invalid_request', `${param} is empty.`, { param });
  if (bytes.length > access.maxBytes) {
    throw new TuttiError('body_too_large', `${param} has ${bytes.length} bytes; at most ${access.maxBytes} are read.`, { param });
  }
  return { bytes, name, mediaType: source.mediaType ?? sniff(bytes) ?? said ?? typeOfName(name) ?? 'application/octet-stream' };
}

async function allowedPath(path: string, access: MediaAccess, param: string): Promise<string> {
  const { directory = '.' } = access;
  const absolute = resolve(directory, path);
  // Links are followed before the check, so that none inside a root leads out of it.
  const real = await realpath(absolute).catch((cause: unknown) => {
    // Whether a file outside the roots exists is nobody's business.
    if (access.roots !== null && !access.roots.some((root) => inside(absolute, resolve(directory, root)))) return absolute;
    throw new TuttiError('file_not_found', `${path} does not exist or cannot be read.`, { param, cause });
  });
  if (access.roots === null) return real;
  for (const root of access.roots) {
    const folder = resolve(directory, root);
    const realRoot = await realpath(folder).catch(() => folder); // a root that does not exist holds no file
    if (inside(real, realRoot)) return real;
  }
  throw new TuttiError(
    'file_not_allowed',
    `${path} lies outside server.file_roots. Send the bytes as a data: URL, or add its folder.`,
    { param },
  );
}

function inside(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

const SIGNATURES: readonly (readonly [type: string, offset: number, bytes: readonly number[]])[] = [
  ['image/png', 0, [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', 0, [0xff, 0xd8, 0xff]],
  ['image/gif', 0, [0x47, 0x49, 0x46, 0x38]],
  ['image/webp', 8, [0x57, 0x45, 0x42, 0x50]],
  ['audio/wav', 8, [0x57, 0x41, 0x56, 0x45]],
  ['audio/mpeg', 0, [0x49, 0x44, 0x33]],
  ['audio/mpeg', 0, [0xff, 0xfb]],
  ['audio/ogg', 0, [0x4f, 0x67, 0x67, 0x53]],
  ['audio/flac', 0, [0x66, 0x4c, 0x61, 0x43]],
  ['application/pdf', 0, [0x25, 0x50, 0x44, 0x46]],
];

/** The type that the first bytes tell, or null. */
export function sniff(bytes: Uint8Array): string | null {
  for (const [type, offset, signature] of SIGNATURES) {
    if (signature.every((byte, i) => bytes[offset + i] === byte)) return type;
  }
  return null;
}

function typeOfName(name: string): string | null {
  const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase();
  const types: Readonly<Record<string, string>> = {
    txt: 'text/plain',
    md: 'text/markdown',
    csv: 'text/csv',
    json: 'application/json',
    svg: 'image/svg+xml',
    m4a: 'audio/mp4',
    webm: 'audio/webm',
  };
  return ending === undefined ? null : (types[ending] ?? null);
}
