import { once } from 'node:events';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { TuttiError } from '../errors/error.ts';
import type { Transport } from './api.ts';

/** How long a server may take to say that it is there. Where none listens the answer comes at once. Milliseconds. */
const LOOK_MS = 3000;

/**
 * Speaks to a server that runs elsewhere. Node's own client: it is there without loading anything, and has no time limit
 * of its own, as a model may take minutes to load before the first byte. Errors: `server_unreachable`.
 */
export function httpTransport(baseUrl: string, key: string | undefined): Transport {
  const base = baseUrl.replace(/\/+$/, '');
  return {
    name: base,
    lasting: true,
    async send(method, path, body, signal) {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        ...(key !== undefined && key !== '' && { authorization: `Bearer ${key}` }),
        ...(payload !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
      };
      try {
        const request = await openRequest(base + path, { method, headers, ...(signal && { signal }) });
        request.end(payload);
        const response = await responseOf(request);
        return { status: response.statusCode ?? 0, headers: response.headers, body: bodyOf(response, base, signal) };
      } catch (cause) {
        if (signal?.aborted === true) throw TuttiError.from(signal.reason);
        throw unreachable(base, cause);
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

function unreachable(base: string, cause: unknown): TuttiError {
  // Both of `localhost`'s addresses refuse: the reasons are inside, and the outer error says nothing.
  const [first] = cause instanceof AggregateError ? (cause.errors as unknown[]) : [cause];
  const reason = first instanceof Error ? first.message : String(first);
  return new TuttiError(
    'server_unreachable',
    `No Tutti server answers at ${base} (${reason}). Start one with \`tutti serve\`, or leave out --url and TUTTI_URL.`,
    { cause },
  );
}

async function openRequest(url: string, options: RequestOptions): Promise<ClientRequest> {
  const { request } = url.startsWith('https:') ? await import('node:https') : await import('node:http');
  // A connection for each request: none is left that would keep the process alive.
  return request(url, { agent: false, ...options });
}

async function responseOf(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  // From now on errors come through the body.
  request.on('error', () => {});
  return response;
}

/** A connection that breaks ends the answer with an error that says so, never as if it were whole. */
async function* bodyOf(response: IncomingMessage, base: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    yield* response as AsyncIterable<Uint8Array>;
  } catch (cause) {
    if (signal?.aborted === true) throw TuttiError.from(signal.reason);
    throw new TuttiError('stream_truncated', `The server at ${base} broke off its answer.`, { cause });
  }
}

/** Whether a Tutti server answers there: a quick look, for commands without `--url`. */
export async function answers(baseUrl: string): Promise<boolean> {
  try {
    const request = await openRequest(`${baseUrl}/healthz`, { signal: AbortSignal.timeout(LOOK_MS) });
    request.end();
    const { statusCode, headers } = await responseOf(request);
    request.destroy();
    return statusCode === 200 && headers['x-tutti-version'] !== undefined;
  } catch {
    return false; // Refused, too slow or not HTTP: there is no server to use.
  }
}
