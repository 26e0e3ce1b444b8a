/** Requests to a hub: its token goes to the hub's own origin and to no other, however often it redirects. */
import { EnvHttpProxyAgent, request, type Dispatcher } from 'undici';
import { TuttiError } from '../errors/error.ts';

const MOST_REDIRECTS = 5;
/** Milliseconds without a byte after which a connection counts as dead. */
const SILENCE = 60_000;

export interface HubAccess {
  /** `https://huggingface.co`, without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | null;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
}

export interface HubResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Dispatcher.ResponseData['body'];
  /** SHA-256 of the whole file as the hub itself names it (`X-Linked-Etag`), also when another host sends the bytes. */
  readonly sha256: string | null;
}

/** Keeps connections; respects `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. To be destroyed by the caller. */
export function createDispatcher(): Dispatcher {
  return new EnvHttpProxyAgent({ headersTimeout: SILENCE, bodyTimeout: SILENCE });
}

/**
 * GETs a URL of the hub, following redirects by hand. The answer may have any status; its body must be read or destroyed.
 * Errors: `pull_failed` when no answer comes about, `cancelled`.
 */
export async function get(access: HubAccess, url: string, headers: Readonly<Record<string, string>> = {}): Promise<HubResponse> {
  const home = new URL(access.endpoint).origin;
  let target = new URL(url);
  let sha256: string | null = null;
  for (let redirects = 0; ; redirects++) {
    const isHome = target.origin === home;
    const authorization: Record<string, string> =
      isHome && access.token !== null ? { authorization: `Bearer ${access.token}` } : {};
    const response = await send(access, target, { ...headers, ...authorization });
    if (target.origin === home)
      sha256 ??= /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(headerOf(response, 'x-linked-etag') ?? '')?.[1] ?? null;
    const location = headerOf(response, 'location');
    if (response.status < 300 || response.status >= 400 || location === null) return { ...response, sha256 };
    response.body.destroy();
    const next = URL.parse(location, target);
    if (next === null || !/^https?:$/.test(next.protocol) || (target.protocol === 'https:' && next.protocol === 'http:')) {
      throw new TuttiError('pull_failed', `${target.host} redirects to an address that is not safe to follow: ${location}`, {
        retryable: false,
      });
    }
    if (redirects === MOST_REDIRECTS) {
      throw new TuttiError('pull_failed', `${home} redirects more than ${MOST_REDIRECTS} times.`, { retryable: false });
    }
    target = next;
  }
}

async function send(access: HubAccess, target: URL, headers: Record<string, string>): Promise<Omit<HubResponse, 'sha256'>> {
  try {
    const response = await request(target, {
      dispatcher: access.dispatcher,
      headers: { 'user-agent': 'tutti', 'accept-encoding': 'identity', ...headers },
      signal: access.signal,
    });
    // Destroying a body that is unfinished makes it emit an error that nobody is waiting for.
    response.body.on('error', () => {});
    return { status: response.statusCode, headers: response.headers, body: response.body };
  } catch (error) {
    throw transferError(error, target.host, access.signal);
  }
}

/** Something went wrong on the way: what to tell the caller. */
export function transferError(error: unknown, host: string, signal: AbortSignal): TuttiError {
  if (TuttiError.isInstance(error)) return error;
  if (signal.aborted)
    return new TuttiError('cancelled', 'The download was stopped. What has arrived is kept; pull again to go on.', {
      cause: error,
    });
  const reason = error instanceof Error ? error.message || Reflect.get(error, 'code') : String(error);
  return new TuttiError(
    'pull_failed',
    `The download from ${host} failed: ${String(reason)}. Pull again: it goes on where it stopped.`,
    { cause: error },
  );
}

export function headerOf(response: Pick<HubResponse, 'headers'>, name: string): string | null {
  const value = response.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
