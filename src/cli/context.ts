/** What every command gets: how to speak, whom to speak to, and when to stop. */
import { TuttiError } from '../errors/error.ts';
import { readConfig, type Settings } from '../tutti.ts';
import { Api } from './api.ts';
import { answers, httpTransport } from './http-transport.ts';
import type { Output } from './output.ts';

export interface GlobalOptions {
  readonly config?: string;
  readonly url?: string;
  readonly key?: string;
  readonly local?: boolean;
  readonly json?: boolean;
}

export interface CommandContext {
  readonly output: Output;
  readonly options: GlobalOptions;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
  /** Errors: those of the config. */
  loadConfig(overrides?: Readonly<Record<string, unknown>>): Promise<Settings>;
  /**
   * The server that the command acts on: that of `--url` or `TUTTI_URL`; else the one that answers at the config's
   * address; else one made in this process (always with `--local`).
   */
  connect(): Promise<Api>;
}

export function createContext(output: Output, options: GlobalOptions, signal: AbortSignal): CommandContext {
  const loadConfig: CommandContext['loadConfig'] = (overrides) =>
    readConfig({ ...(options.config !== undefined && { file: options.config }), ...(overrides && { overrides }) });
  return {
    output,
    options,
    signal,
    loadConfig,
    async connect() {
      const url = options.url ?? process.env.TUTTI_URL;
      const key = options.key ?? process.env.TUTTI_API_KEY;
      if (url !== undefined && url !== '') {
        if (!URL.canParse(url))
          throw new TuttiError('invalid_request', `--url ${url} is not an address; write http://host:port.`);
        return new Api(httpTransport(url, key));
      }
      const settings = await loadConfig();
      const { host, port, api_keys } = settings.loaded.config.server;
      const address = `http://${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host}:${port}`;
      if (options.local !== true && (await answers(address))) {
        const admin = api_keys.find((entry) => entry.role === 'admin') ?? api_keys[0];
        return new Api(httpTransport(address, key ?? admin?.key));
      }
      const { localTransport } = await import('./local-transport.ts');
      return new Api(await localTransport(settings));
    },
  };
}
