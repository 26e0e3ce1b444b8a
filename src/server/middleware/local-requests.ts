/**
 * Without API keys everybody who can reach the server may do everything, so it must be certain that it is somebody on
 * this machine. Listening on loopback is not enough: a page in the browser of this machine can send requests there,
 * under its own name (its `Origin` tells), or after its name was made to point to 127.0.0.1 (its `Host` tells).
 */
import type { IncomingMessage } from 'node:http';
import { TuttiError } from '../../errors/error.ts';

/** Whether an address that a server listens on is reached from this machine only. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(name);
}

/**
 * Throws `forbidden` for a request from elsewhere (the last key may have been taken out of the config of a server that
 * listens beyond loopback), or one that a web page may have caused. `allowed`: the config's `cors.origins`.
 */
export function assertLocal({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>, allowed: readonly string[]): void {
  if (!isLoopback(socket.remoteAddress ?? '')) {
    throw new TuttiError(
      'forbidden',
      'Without API keys only requests from this machine are answered. Configure `server.api_keys`.',
    );
  }
  const host = headers.host ?? '';
  if (!isLoopback(hostname(host))) {
    throw new TuttiError(
      'forbidden',
      `Without API keys only requests to localhost are answered, and this one is to "${host}". Use http://localhost, or configure \`server.api_keys\`.`,
    );
  }
  const { origin } = headers;
  if (origin === undefined || origin === `http://${host}` || allowed.includes('*') || allowed.includes(origin)) return;
  throw new TuttiError(
    'forbidden',
    `The page at "${origin}" may not use this server. Add its origin to \`server.cors.origins\` if it should.`,
  );
}

/** `localhost` of `localhost:8000`; `::1` of `[::1]:8000`. */
function hostname(host: string): string {
  return (
    /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/
      .exec(host)
      ?.slice(1)
      .find((part) => part !== undefined) ?? ''
  );
}
