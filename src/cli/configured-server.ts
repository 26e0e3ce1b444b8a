/** Where the config says that a server listens. Read on its own, because the whole config takes all of Tutti to understand. */
import { z } from 'zod';
import { loadConfig } from '../config/load.ts';
import { serverSchema } from '../server/schema.ts';

export interface ConfiguredServer {
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  /** A key that may do everything, when the config has one. */
  readonly key: string | undefined;
}

const serverOnly = z.looseObject({ server: serverSchema.prefault({}) });

/** Errors: those of the config, as far as it is about the server. */
export function configuredServer(file: string | undefined): ConfiguredServer {
  const { config } = loadConfig({ schema: serverOnly }, file === undefined ? {} : { file });
  const { api_keys } = config.server;
  const key = api_keys.find((entry) => entry.role === 'admin') ?? api_keys[0];
  return { url: reachableAt(config.server), key: key?.key };
}

/** The address for a client on this machine. */
export function reachableAt({ host, port }: { readonly host: string; readonly port: number }): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
