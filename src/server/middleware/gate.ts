/** What every request passes on its way to a handler: names, who asks, how often, and whether the server still takes work. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../contracts/clock.ts';
import type { Logger } from '../../contracts/logger.ts';
import { TuttiError } from '../../errors/error.ts';
import { newId } from '../../lib/id.ts';
import type { InProcessRequests } from '../in-process.ts';
import type { Inflight } from '../inflight.ts';
import type { Role } from '../route.ts';
import type { ServerConfig } from '../schema.ts';
import type { Budgets } from './budget.ts';
import { KeyRing, type Caller } from './keys.ts';
import { assertLocal } from './local-requests.ts';
import { RateLimiter } from './rate-limit.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** null on public paths. */
    caller: Caller | null;
    /** Aborted when the client leaves or the server stops; null on public paths. */
    running: AbortController | null;
  }
}

export interface GateOptions {
  readonly budgets: Budgets;
  readonly config: () => ServerConfig;
  readonly inflight: Inflight;
  readonly inProcess: InProcessRequests;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A client's own request id is kept when it is harmless in a header and in a log. */
export function requestId(sent: string | string[] | undefined): string {
  return typeof sent === 'string' && /^[\w.:-]{1,128}$/.test(sent) ? sent : newId('req');
}

export function installGate(app: FastifyInstance, { config, budgets, inflight, inProcess, clock, log }: GateOptions): void {
  let keys: readonly ServerConfig['api_keys'][number][] = [];
  let ring = new KeyRing(keys);
  const limiter = new RateLimiter(clock);
  app.decorateRequest('caller', null);
  app.decorateRequest('running', null);

  app.addHook('onRequest', (request, reply, done) => {
    try {
      admit(request, reply);
      done();
    } catch (error) {
      done(error as Error);
    }
  });

  function admit(request: FastifyRequest, reply: FastifyReply): void {
    logWhenClosed(request, reply);
    reply.header('x-request-id', request.id);
    const current = config();
    if (current.api_keys !== keys) {
      keys = current.api_keys;
      ring = new KeyRing(keys);
    }
    if (ring.isEmpty) assertLocal(request.raw, current.cors.origins);
    if ((request.routeOptions.config.role ?? 'public') === 'public') return;
    const caller = ring.recognise(request.headers.authorization);
    request.caller = caller;
    if (inflight.isDraining) reply.header('connection', 'close');
    const running = inflight.enter();
    request.running = running;
    const left = (): void => running.abort(new TuttiError('cancelled', 'The client has left.'));
    const givenUp = inProcess.signalOf(request.headers);
    if (givenUp?.aborted) left();
    givenUp?.addEventListener('abort', left, { once: true });
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) left();
      givenUp?.removeEventListener('abort', left);
      inflight.leave(running);
    });
    if (caller.key === null) return;
    if (request.routeOptions.config.spends) budgets.check(caller.key);
    if (caller.key.rpm !== undefined) {
      reply.header('x-ratelimit-limit-requests', caller.key.rpm);
      reply.header('x-ratelimit-remaining-requests', limiter.take(caller.key));
    }
  }

  function logWhenClosed(request: FastifyRequest, reply: FastifyReply): void {
    const start = clock.monotonic();
    reply.raw.once('close', () => {
      const line = request.caller === null ? log.debug : log.info; // probes come every few seconds
      line.call(
        log,
        {
          id: request.id,
          method: request.method,
          path: request.url.split('?', 1)[0],
          status: reply.raw.statusCode,
          complete: reply.raw.writableFinished,
          ms: Math.round(clock.monotonic() - start),
          key: request.caller?.principal.id,
          run: reply.getHeader('x-tutti-run-id'),
        },
        'request',
      );
    });
  }
}

/** Throws `forbidden` when the caller’s role does not allow what needs `role`. */
export function authorise(caller: Caller | null, role: Role): void {
  if (role === 'admin' && caller?.principal.role !== 'admin') {
    throw new TuttiError('forbidden', `The key "${caller?.principal.id ?? ''}" has the role user; this needs the role admin.`);
  }
}
