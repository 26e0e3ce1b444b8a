/** Puts Fastify together: how bodies are read, what every request passes, and where errors go. */
import type { Socket } from 'node:net';
import cors from '@fastify/cors';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Clock } from '../contracts/clock.ts';
import type { Logger } from '../contracts/logger.ts';
import { toErrorBody, TuttiError } from '../errors/error.ts';
import type { Tutti } from '../tutti.ts';
import { sendError, toTuttiError } from './errors.ts';
import type { InProcessRequests } from './in-process.ts';
import type { Inflight } from './inflight.ts';
import { parseJsonBody } from './json-body.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { Budgets } from './middleware/budget.ts';
import { authorise, installGate, requestId } from './middleware/gate.ts';
import type { Call, Route, Services } from './route.ts';
import { registerRoutes } from './routing.ts';
import type { ServerConfig } from './schema.ts';
import { validate } from './validate.ts';

export interface AppOptions {
  readonly routes: readonly Route[];
  readonly tutti: Tutti;
  readonly clock: Clock;
  readonly log: Logger;
  readonly inflight: Inflight;
  readonly inProcess: InProcessRequests;
  readonly config: () => ServerConfig;
  readonly budgets: Budgets;
  readonly metrics: Metrics | null;
}

export function createApp(options: AppOptions): FastifyInstance {
  const { routes, tutti, clock, log, inflight, inProcess, config, budgets, metrics } = options;
  const app = Fastify({
    logger: false,
    bodyLimit: Math.floor(config().max_body_mb * 1024 * 1024),
    // Time to send a request; answers may take as long as they like.
    requestTimeout: 300_000,
    genReqId: (raw) => requestId(raw.headers['x-request-id']),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024 },
    // Bodies are checked by zod: without Fastify's own two compilers the server takes 9 MB less and starts sooner.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    // Closing is `Inflight`'s: it finishes what runs before Fastify hears of it.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      const refusal = reply.header('x-request-id', request.id) as unknown as FastifyReply; // typed for a route of its own
      void sendError(refusal, toTuttiError(error));
    },
    clientErrorHandler: refuse,
  });
  const services: Services = {
    routes,
    tutti,
    clock,
    log,
    startedAt: clock.now(),
    config,
    stopping: inflight.stopping,
    isDraining: () => inflight.isDraining,
    metrics,
  };

  // Whatever a client calls it, a body is JSON: curl says form, some clients say nothing.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJsonBody(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
  app.register(cors, {
    delegator: (_request, done) => {
      const { origins } = config().cors;
      done(null, {
        origin: origins.includes('*') ? true : [...origins],
        methods: [...METHODS],
        exposedHeaders: EXPOSED_HEADERS,
        maxAge: 600,
        // OPTIONS that no page sent is a question like any other, not an error in a shape of its own.
        strictPreflight: false,
      });
    },
  });
  // After CORS, so that pages can read why they were refused.
  app.after(() => installGate(app, { config, budgets, inflight, inProcess, clock, log }));
  app.setErrorHandler((thrown, request, reply) => {
    const error = toTuttiError(thrown, request.running?.signal);
    if (error.code === 'internal_error') log.error({ err: thrown, id: request.id }, 'a bug: please report it');
    if (reply.raw.destroyed) return reply.hijack();
    return sendError(reply, error);
  });
  registerRoutes(app, routes, invoke);
  return app;

  async function invoke(entry: Route, params: Record<string, string>, request: FastifyRequest, reply: FastifyReply) {
    authorise(request.caller, entry.role);
    const call: Call = {
      services,
      principal: request.caller?.principal ?? { id: 'anonymous', role: 'user' },
      body: entry.body === undefined ? undefined : validate(entry.body, request.body),
      query: entry.query === undefined ? undefined : validate(entry.query, request.query),
      params,
      request,
      reply,
      signal: request.running?.signal ?? services.stopping,
    };
    return entry.handle(call);
  }
}

function noCompiler(): never {
  throw new TuttiError('internal_error', 'A route of this server cannot have a Fastify `schema`: check its input with zod.');
}

/** What is no HTTP is answered before Fastify sees it, and the connection closed. */
function refuse(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const reason = (error.code && REFUSALS[error.code]) ?? 'The request is not HTTP.';
  const body = JSON.stringify(toErrorBody(new TuttiError('invalid_request', reason)));
  const head = `HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`;
  socket.end(`${head}\r\n\r\n${body}`);
}

/** Why, by Node's codes. */
const REFUSALS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'The headers are too long.',
  ERR_HTTP_REQUEST_TIMEOUT: 'The request was not complete in time.',
};
const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'];
const EXPOSED_HEADERS = ['x-tutti-run-id', 'x-tutti-ignored', 'x-request-id', 'retry-after'];
