/** What every command gets: how to speak, whom to speak to, and when to stop. */
import { TuttiError } from '../errors/error.ts';
import type { Settings } from '../tutti.ts';
import type { Api } from './api.ts';
import type { Output } from './output.ts';

export interface GlobalOptions {
  readonly config?: string;
  readonly url?: string;
  readonly key?: string;
  readonly local?: boolean;
  readonly json?: boolean;
}

/** What the command line adds to the config file. */
export interface ConfigSource {
  /** Keys that beat the file and the environment. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** Plug-ins beside those of the file. */
  readonly pluginSpecs?: readonly string[];
}

export interface CommandContext {
  readonly output: Output;
  readonly options: GlobalOptions;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
  /** Errors: those of the config. */
  loadConfig(more?: ConfigSource): Promise<Settings>;
  /**
   * The server that the command acts on: that of `--url` or `TUTTI_URL`; else the one that answers at the config's
   * address; else one made in this process (always with `--local`). A command that changes what a server holds in
   * memory says `lasting`: people are told when there is none for which the change would last.
   */
  connect(purpose?: { readonly lasting: boolean }): Promise<Api>;
}

export function createContext(output: Output, options: GlobalOptions, signal: AbortSignal): CommandContext {
  // What is heavy is loaded when a command needs it: `tutti --version` and commands with --url do not.
  const loadConfig: CommandContext['loadConfig'] = async (more = {}) => {
    const { readConfig } = await import('../tutti.ts');
    return readConfig({ ...(options.config !== undefined && { file: options.config }), ...more });
  };
  return {
    output,
    options,
    signal,
    loadConfig,
    async connect({ lasting } = { lasting: false }) {
      const { Api } = await import('./api.ts');
      const { answers, httpTransport } = await import('./http-transport.ts');
      const { url, key, local = false } = options;
      if (url !== undefined && url !== '' && !local) return new Api(httpTransport(checkedUrl(url), key), signal);
      const { configuredServer } = await import('./configured-server.ts');
      const server = configuredServer(options.config);
      if (!local && (await answers(server.url))) return new Api(httpTransport(server.url, key ?? server.key), signal);
      if (lasting) {
        const why = local ? 'With --local' : `No server runs at ${server.url}, so`;
        output.note(`${why} this lasts only until the command ends.`);
      }
      const settings = await loadConfig();
      const { localTransport } = await import('./local-transport.ts');
      return new Api(await localTransport(settings, output), signal);
    },
  };
}

function checkedUrl(url: string): string {
  const { protocol } = URL.canParse(url) ? new URL(url) : { protocol: '' };
  if (protocol === 'http:' || protocol === 'https:') return url;
  throw new TuttiError('invalid_request', `--url ${url} is not an address; write http://host:port.`);
}
