/** The HTTP server: listens, and stops without cutting off what it can still finish. */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import type { Clock } from '../contracts/clock.ts';
import { SILENT_LOGGER, type Logger } from '../contracts/logger.ts';
import { TuttiError } from '../errors/error.ts';
import { systemClock } from '../lib/clock.ts';
import type { Tutti } from '../tutti.ts';
import { createApp } from './assemble.ts';
import { InProcessRequests, type InProcessRequest } from './in-process.ts';
import { Inflight } from './inflight.ts';
import { Metrics } from './metrics/metrics.ts';
import { Budgets } from './middleware/budget.ts';
import { isLoopback } from './middleware/local-requests.ts';
import type { Route } from './route.ts';
import type { ServerConfig } from './schema.ts';

export interface ServerOptions {
  /** Default: the real one. */
  readonly clock?: Clock;
  /** Gets a line for each request, and every error that is a bug. Default: nowhere. */
  readonly log?: Logger;
}

export interface TuttiServer {
  /** The Fastify instance, for routes of one’s own. */
  readonly app: FastifyInstance;
  /** A request without a socket. */
  inject(request: InProcessRequest): Promise<LightMyRequestResponse>;
  /** Errors: `listen_refused` (beyond loopback without a key), `port_in_use`. */
  listen(): Promise<{ readonly url: string }>;
  /**
   * Refuses new work (503 `shutting_down`), ends event streams, waits up to `graceMs` (default: the config’s
   * `grace_seconds`) for what runs, then aborts the rest and closes. Called again it can only hurry: the shortest time counts.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** After an abort: how long a run may take to end its own stream before the connection is simply closed. */
const ABORT_MS = 2000;

export function createHttpServer(
  routes: readonly Route[],
  tutti: Tutti,
  config: ServerConfig,
  options: ServerOptions,
): TuttiServer {
  const clock = options.clock ?? systemClock;
  const log = options.log ?? SILENT_LOGGER;
  const inflight = new Inflight();
  const inProcess = new InProcessRequests();
  let current = config;
  const reloaded = tutti.events.on('config.reloaded', () => (current = tutti.config.server));
  const budgets = new Budgets(tutti, clock);
  const metrics = config.metrics ? new Metrics(tutti) : null;
  const app = createApp({ routes, tutti, clock, log, inflight, inProcess, budgets, metrics, config: () => current });
  let closing: Promise<void> | null = null;
  /** Settles when what runs has had its time. */
  const patience = Promise.withResolvers<void>();
  const timers: Disposable[] = [];

  async function listen(): Promise<{ url: string }> {
    const { host, port, api_keys } = config;
    if (api_keys.length === 0 && !isLoopback(host)) {
      throw new TuttiError(
        'listen_refused',
        `Without an API key the server listens on loopback only, not on ${host}. Add one under \`server.api_keys\`, or set \`server.host: 127.0.0.1\`.`,
      );
    }
    try {
      await app.listen({ host, port });
    } catch (cause) {
      throw listenError(cause, host, port);
    }
    const address = app.server.address() as AddressInfo; // a TCP server that listens
    return { url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}` };
  }

  async function stop(): Promise<void> {
    inflight.drain();
    await Promise.race([inflight.idle(), patience.promise]);
    inflight.abort();
    await Promise.race([inflight.idle(), after(ABORT_MS)]);
    reloaded[Symbol.dispose]();
    budgets[Symbol.dispose]();
    metrics?.[Symbol.dispose]();
    app.server.closeAllConnections();
    await app.close();
    for (const timer of timers) timer[Symbol.dispose]();
  }

  function after(ms: number): Promise<void> {
    return new Promise((resolve) => timers.push(clock.after(ms, resolve)));
  }

  function close(graceMs: number): Promise<void> {
    if (graceMs <= 0) patience.resolve();
    else timers.push(clock.after(graceMs, patience.resolve));
    return (closing ??= stop());
  }

  return {
    app,
    inject: (request) => inProcess.inject(app, request),
    listen,
    close: ({ graceMs } = {}) => close(graceMs ?? current.grace_seconds * 1000),
  };
}

function listenError(cause: unknown, host: string, port: number): unknown {
  const { code } = cause as { code?: string };
  if (code === 'EADDRINUSE') {
    return new TuttiError('port_in_use', `Port ${port} of ${host} is in use by another program. Choose another with --port.`, {
      cause,
    });
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new TuttiError('listen_refused', `${host} is not an address of this machine.`, { cause });
  }
  if (code === 'EACCES') {
    return new TuttiError('listen_refused', `This user may not listen on port ${port}. Choose one above 1023.`, { cause });
  }
  return cause;
}
