import { createServer, type AddressInfo } from 'node:net';

/** A port on which nobody listens just now. Between this and the program's own start another may take it; that start then fails. */
export function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
