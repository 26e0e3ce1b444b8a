import { createServer } from '../server/app.ts';
import { createTutti, type Settings } from '../tutti.ts';
import type { Transport } from './api.ts';

/** A whole Tutti in this process, spoken to without a socket. Its log is silent: the command's output is what counts. */
export async function localTransport(settings: Settings): Promise<Transport> {
  const tutti = await createTutti({ settings, log: 'warn' });
  // Commands look at all models at once, so the remote lists must be there, too.
  await tutti.backends.settled();
  const server = createServer(tutti, { ...settings.loaded.config.server, api_keys: [], host: '127.0.0.1' });
  return {
    name: 'this process',
    async send(method, path, body, signal) {
      const response = await server.app.inject({
        method,
        url: path,
        payloadAsStream: true,
        ...(signal && { signal }),
        headers: { host: '127.0.0.1' },
        ...(body !== undefined && { payload: body as object }),
      });
      return { status: response.statusCode, headers: response.headers, body: response.stream() };
    },
    async [Symbol.asyncDispose]() {
      await server.close({ graceMs: 0 });
      await tutti.close();
    },
  };
}
