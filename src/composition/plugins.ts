/** Loads packages that add kinds of backends, models or strategies. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plugin } from '../contracts/plugin.ts';
import { TuttiError } from '../errors/error.ts';

export interface LoadedPlugin {
  readonly spec: string;
  readonly plugin: Plugin;
}

/**
 * `spec` is a package's name or a file (relative to `directory`). Its default export, or its export `plugin`, is the plug-in.
 * Errors: `plugin_invalid`.
 */
export async function loadPlugin(spec: string, directory: string): Promise<LoadedPlugin> {
  const module = await importFrom(spec, directory);
  const candidate: unknown = module.default ?? module.plugin;
  return { spec, plugin: checkPlugin(candidate, spec) };
}

/** Errors: `plugin_invalid`, which says what is missing. */
export function checkPlugin(candidate: unknown, spec: string): Plugin {
  const fail = (reason: string): never => {
    throw new TuttiError('plugin_invalid', `The plug-in ${spec} cannot be used: ${reason}`);
  };
  if (typeof candidate !== 'object' || candidate === null)
    return fail('it has no default export made by definePlugin({ apiVersion: 1, name, … }).');
  const { apiVersion, name, backends = [], models = [], strategies = [] } = candidate as Partial<Plugin>;
  if (apiVersion !== 1) return fail(`it is written for API version ${String(apiVersion)}; this is version 1.`);
  if (typeof name !== 'string' || name === '') return fail('it has no name.');
  if (![backends, models, strategies].every(Array.isArray)) return fail('backends, models and strategies must be lists.');
  if (!backends.every((backend) => typeof backend.type === 'string' && typeof backend.create === 'function')) {
    return fail('each of its backends needs `type`, `config` and `create`.');
  }
  if (!strategies.every((strategy) => typeof strategy.strategy === 'string' && typeof strategy.run === 'function')) {
    return fail('each of its strategies needs `strategy`, `config`, `describe` and `run`.');
  }
  return candidate as Plugin;
}

async function importFrom(spec: string, directory: string): Promise<Record<string, unknown>> {
  try {
    const url = spec.startsWith('file:') ? spec : pathToFileURL(locate(spec, directory)).href;
    return (await import(url)) as Record<string, unknown>;
  } catch (cause) {
    // Node adds to the first line which file asked for it, which was nobody but us.
    const [reason = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    throw new TuttiError('plugin_invalid', `The plug-in ${spec} cannot be loaded from ${directory}: ${reason}`, { cause });
  }
}

/** A file, or a package as it would be found by a program in `directory`. */
function locate(spec: string, directory: string): string {
  const file = isAbsolute(spec) ? spec : resolve(directory, spec);
  if (spec.startsWith('.') || isAbsolute(spec) || existsSync(file)) return file;
  return createRequire(join(directory, 'tutti.yaml')).resolve(spec);
}
