/** From whatever was thrown to the answer: status, headers and a body in OpenAI's shape. */
import type { FastifyReply } from 'fastify';
import type { RunDetails } from '../contracts/library.ts';
import { toErrorBody, TuttiError, type ErrorBody } from '../errors/error.ts';
import { toWireDetails } from './wire/answer.ts';

/** Errors of the framework become ours; `signal` knows better than an abort's error why it was aborted. */
export function toTuttiError(thrown: unknown, signal?: AbortSignal): TuttiError {
  if (signal?.aborted && TuttiError.isInstance(signal.reason)) return signal.reason;
  if (TuttiError.isInstance(thrown)) return thrown;
  const { code, statusCode, message } = thrown as { code?: unknown; statusCode?: unknown; message?: string };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new TuttiError('body_too_large', 'The body is larger than `server.max_body_mb` allows.', { cause: thrown });
  }
  if (typeof code === 'string' && code.startsWith('FST_') && typeof statusCode === 'number' && statusCode < 500) {
    return new TuttiError('invalid_request', message ?? code, { cause: thrown });
  }
  return TuttiError.from(thrown);
}

export function errorHeaders(error: TuttiError): Record<string, string> {
  return {
    // OpenAI's clients try 429 and 5xx again unless they are told that it is of no use.
    'x-should-retry': String(error.retryable),
    ...(error.retryAfter !== undefined && { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfter))) }),
    ...(error.code === 'unauthorized' && { 'www-authenticate': 'Bearer' }),
  };
}

export function sendError(reply: FastifyReply, error: TuttiError): FastifyReply {
  return reply
    .code(error.status)
    .headers(errorHeaders(error))
    .type('application/json; charset=utf-8')
    .send(toWireErrorBody(error));
}

/** The event that ends a stream which began well. */
export function errorEvent(error: TuttiError): string {
  return `data: ${JSON.stringify(toWireErrorBody(error))}\n\n`;
}

/** The error's body, with the `tutti` object of a failed orchestration in the wire's spelling. */
export function toWireErrorBody(error: TuttiError): ErrorBody {
  const details = error.tutti as RunDetails | undefined; // set by the engine alone
  return toErrorBody(details === undefined ? error : error.with({ tutti: toWireDetails(details) }));
}
