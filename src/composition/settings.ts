/** Reads the config with all that it needs to know: plug-ins first, because they bring kinds of backends and strategies. */
import { resolve } from 'node:path';
import type { Plugin } from '../contracts/plugin.ts';
import type { BackendId } from '../contracts/vocabulary.ts';
import { fromCamel } from '../config/camel.ts';
import { loadConfig, type LoadedConfig, type LoadOptions } from '../config/load.ts';
import { configSchema, configShape, type Kinds, type TuttiConfig } from './config-schema.ts';
import { collectKinds } from './kinds.ts';
import { checkPlugin, loadPlugin, type LoadedPlugin } from './plugins.ts';

export interface Settings {
  readonly loaded: LoadedConfig<TuttiConfig>;
  readonly kinds: Kinds;
  readonly plugins: readonly LoadedPlugin[];
  readonly dataDir: string;
  /** How to read the config again, for a reload. */
  readonly source: SettingsSource;
}

export interface SettingsSource extends LoadOptions {
  /** The names of backends that are made in code. */
  readonly backendIds?: readonly BackendId[];
  /** Plug-ins given in code. */
  readonly plugins?: readonly Plugin[];
  /** Plug-ins to load beside those that the config names: packages, or files relative to the config. */
  readonly pluginSpecs?: readonly string[];
}

/** Only what names the plug-ins is read at first: the rest may need them to be understood. */
const pluginsOnly = configSchema.pick({ plugins: true, data_dir: true }).loose();

/** Errors: those of the config; `plugin_invalid`. */
export async function readSettings(source: SettingsSource): Promise<Settings> {
  const first = loadConfig({ schema: pluginsOnly }, source);
  const given = (source.plugins ?? []).map((plugin): LoadedPlugin => ({
    spec: plugin.name,
    plugin: checkPlugin(plugin, plugin.name),
  }));
  const named: LoadedPlugin[] = [];
  for (const spec of new Set([...first.config.plugins, ...(source.pluginSpecs ?? [])]))
    named.push(await loadPlugin(spec, first.directory));
  const plugins = [...given, ...named];
  const kinds = collectKinds(plugins.map(({ plugin }) => plugin));
  const shape = configShape(kinds, {
    backends: source.backendIds ?? null,
    models: plugins.flatMap(({ plugin }) => plugin.models ?? []),
  });
  const overrides =
    source.overrides &&
    (fromCamel(shape.schema, source.overrides, (path, _value) => shape.entrySchema?.(path, source.overrides) ?? null) as Record<
      string,
      unknown
    >);
  const loaded = loadConfig(shape, { ...source, ...(overrides && { overrides }) });
  return { loaded, kinds, plugins, dataDir: resolve(loaded.directory, loaded.config.data_dir), source };
}
