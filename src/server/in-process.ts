/** Requests without a socket, from programs in this process (the command line, when no server runs). */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';

export interface InProcessRequest extends Omit<InjectOptions, 'signal'> {
  /** Aborting it stops what the request started. */
  readonly signal?: AbortSignal | undefined;
}

const HEADER = 'x-tutti-in-process';

/**
 * Fastify's own `inject` does not tell the handler when a request is given up, so the signal is left here under a name
 * that travels with the request. A name that nobody left means nothing.
 */
export class InProcessRequests {
  readonly #signals = new Map<string, AbortSignal>();

  async inject(app: FastifyInstance, { signal, headers, ...options }: InProcessRequest): Promise<LightMyRequestResponse> {
    const name = randomUUID();
    if (signal !== undefined) this.#signals.set(name, signal);
    try {
      return await app.inject({
        ...options,
        headers: { host: '127.0.0.1', ...headers, [HEADER]: name },
        ...(signal && { signal }),
      });
    } finally {
      this.#signals.delete(name);
    }
  }

  /** Set while the request is being taken in; undefined for requests that came over a socket. */
  signalOf(headers: IncomingHttpHeaders): AbortSignal | undefined {
    const name = headers[HEADER];
    return typeof name === 'string' ? this.#signals.get(name) : undefined;
  }
}
