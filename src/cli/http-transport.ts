import { request } from 'undici';
import { TuttiError } from '../errors/error.ts';
import type { Transport } from './api.ts';

/** Speaks to a server that runs elsewhere. Errors: `server_unreachable`. */
export function httpTransport(baseUrl: string, key: string | undefined): Transport {
  const base = baseUrl.replace(/\/+$/, '');
  return {
    name: base,
    async send(method, path, body, signal) {
      try {
        const {
          statusCode,
          headers,
          body: stream,
        } = await request(base + path, {
          method,
          ...(signal && { signal }),
          // A model may take minutes to load before the first byte.
          headersTimeout: 0,
          bodyTimeout: 0,
          headers: {
            ...(key !== undefined && { authorization: `Bearer ${key}` }),
            ...(body !== undefined && { 'content-type': 'application/json' }),
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        return { status: statusCode, headers, body: stream };
      } catch (cause) {
        if (signal?.aborted === true) throw TuttiError.from(cause);
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new TuttiError(
          'server_unreachable',
          `No Tutti server answers at ${base} (${reason}). Start one with \`tutti serve\`, or leave --url out.`,
          { cause },
        );
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Whether a Tutti server answers there: a quick look, for commands without `--url`. */
export async function answers(baseUrl: string): Promise<boolean> {
  try {
    const { statusCode, body, headers } = await request(`${baseUrl}/healthz`, {
      headersTimeout: 500,
      signal: AbortSignal.timeout(500),
    });
    await body.dump();
    return statusCode === 200 && headers['x-tutti-version'] !== undefined;
  } catch {
    return false; // Refused, too slow or not HTTP: there is no server to use.
  }
}
