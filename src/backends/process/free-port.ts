import { createServer, type AddressInfo } from 'node:net';
import { TuttiError } from '../../errors/error.ts';

/**
 * A port on which nobody listens just now: the wanted one, or any. Between this and the program's own start another may
 * take it; that start then fails. Errors: `load_failed` when the wanted one is taken, as the health of whoever has it
 * would be mistaken for the program's.
 */
export function freePort(host: string, wanted?: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) =>
      reject(
        new TuttiError('load_failed', `Port ${wanted ?? 'of any number'} at ${host} cannot be used: ${error.message}.`, {
          cause: error,
        }),
      ),
    );
    server.listen(wanted ?? 0, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
