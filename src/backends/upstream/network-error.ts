import { TuttiError } from '../../errors/error.ts';
import { asObject, asString } from '../../lib/json-value.ts';

/** What Node and undici call the ways in which no connection comes about. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name could not be looked up just now',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no network to it',
  ETIMEDOUT: 'it did not take the connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'it did not take the connection in time',
  EPROTO: 'it does not speak TLS as expected',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate chain is self-signed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate cannot be verified',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/** A failure below HTTP. `request`: before the head of an answer; `body`: after it, so that an answer was cut. */
export function networkError(
  error: unknown,
  at: { readonly name: string; readonly url: string; readonly phase: 'request' | 'body' },
): TuttiError {
  if (TuttiError.isInstance(error)) return error;
  const code = codeOf(error) ?? '';
  const message = error instanceof Error ? error.message : String(error);
  const isNotHttp = error instanceof Error && error.name === 'HTTPParserError'; // undici gives it no code
  if (isNotHttp || code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new TuttiError('upstream_invalid', `${at.name} does not answer with HTTP (${at.url}): ${message}`, { cause: error });
  }
  if (at.phase === 'body') {
    return new TuttiError('stream_truncated', `${at.name} closed the connection in the middle of its answer.`, { cause: error });
  }
  const why = UNREACHABLE[code] ?? `the connection was closed before an answer (${code || message})`;
  return new TuttiError('upstream_unreachable', `${at.name} cannot be reached at ${at.url}: ${why}.`, {
    cause: error,
    ...(code !== '' && { details: { code } }),
  });
}

/** The code of an error, of its cause, or of the first of several attempts (`AggregateError`). */
function codeOf(error: unknown): string | null {
  const own = asString(asObject(error)?.['code']);
  if (own !== null) return own;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error instanceof Error && error.cause !== undefined ? codeOf(error.cause) : null;
}
