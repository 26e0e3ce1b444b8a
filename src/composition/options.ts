/** What `createTutti` takes. */
import type { Backend } from '../contracts/backend.ts';
import type { Clock } from '../contracts/clock.ts';
import type { EventBus } from '../contracts/event.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Plugin } from '../contracts/plugin.ts';
import type { BackendId } from '../contracts/vocabulary.ts';
import type { LoadOptions } from '../config/load.ts';
import type { LogLevel } from './logger.ts';
import type { Settings, SettingsSource } from './settings.ts';

/**
 * The config in code, snake_case as in the file or camelCase, plus what only code can give. Config keys in code beat the
 * environment, which beats the file. The file is read when `file` or `TUTTI_CONFIG` names one, or no config key is given.
 */
export interface TuttiOptions {
  /** The config file. Default: `TUTTI_CONFIG`, else `tutti.yaml` in the working directory when there is one. */
  readonly file?: string;
  /** Default: `process.env`. */
  readonly environment?: LoadOptions['environment'];
  /** Where the config file is looked for, and where relative paths start without one. Default: the working directory. */
  readonly directory?: string;
  /** Settings that were read already, by `readConfig`. */
  readonly settings?: Settings;
  /** Gets every event, too. */
  readonly events?: EventBus;
  /** A logger, or the level of the own one. Default: `server.log`. */
  readonly log?: Logger | LogLevel;
  readonly clock?: Clock;
  /** Backends made in code, beside those of the config; or, as a map, the config's own `backends:`. */
  readonly backends?: readonly Backend[] | Readonly<Record<BackendId, object>>;
  /** Plug-ins, or specs of them as in the config. */
  readonly plugins?: readonly (Plugin | string)[];
  /** Use what is found when the config names no backends. Default true. */
  readonly discover?: boolean;
  /** Any key of the config. */
  readonly [key: string]: unknown;
}

/** Options that are no keys of the config. */
const CODE_ONLY = new Set(['file', 'environment', 'directory', 'settings', 'events', 'log', 'clock', 'discover']);

/** Where these options say that the config is. */
export function sourceOf(options: TuttiOptions): SettingsSource {
  const { file, environment, directory, backends, plugins = [], ...rest } = options;
  const config: Record<string, unknown> = Object.fromEntries(Object.entries(rest).filter(([key]) => !CODE_ONLY.has(key)));
  if (backends !== undefined && !Array.isArray(backends)) config.backends = backends;
  const specs = plugins.filter((plugin) => typeof plugin === 'string');
  if (specs.length > 0) config.plugins = specs;
  const inCode = Object.keys(config).length > 0 || Array.isArray(backends);
  const named = file ?? (environment ?? process.env).TUTTI_CONFIG;
  return {
    ...(named !== undefined && { file: named }),
    ...(environment && { environment }),
    ...(directory !== undefined && { directory }),
    ...(inCode && named === undefined && { data: {} }),
    overrides: config,
    ...(Array.isArray(backends) && { backendIds: (backends as readonly Backend[]).map(({ id }) => id) }),
    plugins: plugins.filter((plugin) => typeof plugin !== 'string'),
  };
}
