/** What a route is, and what its handler gets. The table of all routes is in `app.ts`. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { MediaAccess } from '../composition/media.ts';
import type { Clock } from '../contracts/clock.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Principal } from '../contracts/principal.ts';
import type { RunId } from '../contracts/vocabulary.ts';
import type { Tutti } from '../tutti.ts';
import type { TuttiError } from '../errors/error.ts';
import { errorEvent, toTuttiError } from './errors.ts';
import type { Metrics } from './metrics/metrics.ts';
import { ResponseStream, type ResponseStreamOptions } from './response-stream.ts';
import type { ServerConfig } from './schema.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
/** Who may call: anybody, any key, or keys with `role: admin`. Without keys everybody on this machine is an admin. */
export type Role = 'public' | 'user' | 'admin';

/** What every handler may use. */
export interface Services {
  /** The whole table. */
  readonly routes: readonly Route[];
  readonly tutti: Tutti;
  readonly clock: Clock;
  readonly log: Logger;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** The `server:` section as it is now: a reload of the config may change it. */
  readonly config: () => ServerConfig;
  /** Aborted when the server begins to stop: streams without an end of their own end then. */
  readonly stopping: AbortSignal;
  readonly isDraining: () => boolean;
  /** null when the config switches them off. */
  readonly metrics: Metrics | null;
}

/** One request. `body` and `query` are what their schemas made of them. */
export interface Call<B = unknown, Q = unknown> {
  readonly services: Services;
  readonly principal: Principal;
  readonly body: B;
  readonly query: Q;
  /** The `{names}` of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Aborted when the client leaves, or when the server can wait no longer. Its reason is a `TuttiError`. */
  readonly signal: AbortSignal;
}

export interface Route {
  readonly method: Method;
  /** `{model}` takes one or more segments (ids hold `/`), all other `{names}` exactly one. */
  readonly path: string;
  readonly role: Role;
  /** Whether it calls models, so that budgets are asked. Default false. */
  readonly spends?: boolean;
  /** One line, for `/openapi.json`. */
  readonly summary: string;
  readonly body?: z.ZodType;
  readonly query?: z.ZodType;
  /** The body of the 2xx answer, or the content type of one that is not JSON. */
  readonly response?: z.ZodType | `${string}/${string}`;
  /** What each event holds, where the answer can be streamed instead. */
  readonly events?: z.ZodType;
  /** Resolves to the body of the answer, or to `reply` when it was sent already. Throws `TuttiError`. */
  handle(call: Call): unknown;
}

interface RouteSpec<B, Q> extends Omit<Route, 'method' | 'path' | 'body' | 'query' | 'handle'> {
  readonly body?: z.ZodType<B>;
  readonly query?: z.ZodType<Q>;
  readonly handle: (call: Call<B, Q>) => unknown;
}

/** A row of the table; checks that the handler takes what the schemas give. */
export function route<B, Q>(method: Method, path: string, spec: RouteSpec<B, Q>): Route {
  return { method, path, ...spec, handle: spec.handle };
}

/** A streamed answer to this call. Nothing is sent until the first text is written. */
export function openStream(call: Call<unknown, unknown>, contentType: ResponseStreamOptions['contentType']): ResponseStream {
  const { clock, config } = call.services;
  const keepAliveMs = contentType === 'text/event-stream' ? config().keep_alive_seconds * 1000 : 0;
  return new ResponseStream(call.reply, { contentType, clock, keepAliveMs });
}

/** How a stream tells that it failed: with a last text, or, where its protocol has no word for it, by a cut connection. */
export interface Failing {
  /** The last text; default: an error event. */
  readonly tell?: (error: TuttiError) => string;
  /** Default false. */
  readonly cut?: boolean;
}

/**
 * Ends a streamed answer that failed. Before anything was sent the error is thrown on, and answered with its own status;
 * after that the error is the last thing that is sent, without what marks a complete answer: never as if complete.
 */
export function failStream(
  call: Call<unknown, unknown>,
  stream: ResponseStream,
  thrown: unknown,
  { tell = errorEvent, cut = false }: Failing = {},
): void {
  const error = toTuttiError(thrown, call.signal);
  if (!stream.isOpen) {
    stream.abandon();
    throw error;
  }
  if (error.code === 'internal_error') call.services.log.error({ err: thrown, id: call.request.id }, 'a bug: please report it');
  if (cut) stream.cut(tell(error));
  else stream.fail(tell(error));
}

/** Names the run in the answer, whatever becomes of it. */
export function nameRun(call: Call<unknown, unknown>, run: RunId): void {
  call.reply.header('x-tutti-run-id', run);
}

/** Which files of this machine a request may name: those inside `server.file_roots`. */
export function mediaAccess(call: Call<unknown, unknown>): MediaAccess {
  const { file_roots, max_body_mb } = call.services.config();
  return {
    roots: file_roots,
    directory: call.services.tutti.directory,
    maxBytes: Math.floor(max_body_mb * 1024 * 1024),
    offline: call.services.tutti.router.isLocalOnly,
    signal: call.signal,
  };
}
