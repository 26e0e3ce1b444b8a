import { once } from 'node:events';
import { connect } from 'node:net';
import type { Clock } from '../../contracts/clock.ts';
import { systemClock } from '../../lib/clock.ts';
import { asObject, asString, parseJson } from '../../lib/json-value.ts';
import { TuttiError } from '../../errors/error.ts';

const DEFAULT_PORT = 11_434;
/** A server on this machine or in this network answers sooner. */
const TIMEOUT_MS = 1000;

/**
 * The address that `OLLAMA_HOST` means, read as Ollama reads it: `host`, `host:port`, `:port` or a URL. The address to
 * listen on everywhere (`0.0.0.0`, `::`) is called at this machine.
 */
export function ollamaBaseUrl(host: string | undefined): string {
  const text = (host ?? '').trim();
  if (text === '') return `http://127.0.0.1:${DEFAULT_PORT}`;
  const scheme = /^(https?):\/\//.exec(text)?.[1];
  const rest = text.replace(/^https?:\/\//, '');
  const [authority = '', ...path] = rest.split('/');
  const [, name = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(authority) ?? ['', authority];
  const at = name === '' || name === '0.0.0.0' || name === '[::]' ? '127.0.0.1' : name;
  const defaultPort = scheme === 'https' ? 443 : scheme === 'http' ? 80 : DEFAULT_PORT;
  return `${scheme ?? 'http'}://${at}:${port ?? defaultPort}${path.length > 0 ? `/${path.join('/')}` : ''}`.replace(/\/$/, '');
}

export interface FoundOllama {
  readonly baseUrl: string;
  readonly version: string;
}

/** The Ollama server of this machine (or of `OLLAMA_HOST`), or null when none answers within a second. For use without a config. */
export async function findOllama(
  signal: AbortSignal,
  { host = process.env['OLLAMA_HOST'], clock = systemClock }: { host?: string | undefined; clock?: Clock } = {},
): Promise<FoundOllama | null> {
  const baseUrl = ollamaBaseUrl(host);
  try {
    if (!(await isListening(baseUrl, signal, clock))) return null;
    const { Upstream } = await import('../upstream/upstream.ts');
    await using upstream = new Upstream({ name: 'ollama', baseUrl, timeoutMs: TIMEOUT_MS, clock });
    using response = await upstream.request({ method: 'GET', path: '/api/version', signal });
    const version = asString(asObject(parseJson(await response.text(4096)))?.['version']);
    return response.status === 200 && version !== null ? { baseUrl, version } : null;
  } catch (error) {
    if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
    if (TuttiError.isInstance(error)) return null; // nothing there, or something else
    throw error;
  }
}

/** Asked first, because mostly nothing listens, and an HTTP client would cost every start 40 ms and 7 MB. */
async function isListening(baseUrl: string, signal: AbortSignal, clock: Clock): Promise<boolean> {
  const { protocol, hostname, port } = new URL(baseUrl);
  const late = new AbortController();
  using _timer = clock.after(TIMEOUT_MS, () => late.abort());
  const socket = connect({
    host: hostname.replaceAll(/[[\]]/g, ''),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  });
  try {
    await once(socket, 'connect', { signal: AbortSignal.any([signal, late.signal]) });
    return true;
  } catch {
    signal.throwIfAborted();
    return false; // refused, no such host, or too slow
  } finally {
    socket.destroy();
  }
}
