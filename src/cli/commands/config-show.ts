/** `tutti config show`: what counts in the end, after defaults, environment and flags. */
import { stringify } from 'yaml';
import type { CommandRun } from '../commands.ts';

const SECRET = /key|token|secret|password|authorization/i;

export const run: CommandRun = async ({ loadConfig, output }) => {
  const { config, file } = (await loadConfig()).loaded;
  const shown = withoutSecrets(config, '');
  if (output.json) output.data({ file, config: shown });
  else output.write(`# ${file ?? 'no config file'}\n${stringify(shown)}`);
};

/** Texts under a key that names a secret are replaced; the names of API keys stay. */
export function withoutSecrets(value: unknown, name: string): unknown {
  if (typeof value === 'string') return SECRET.test(name) ? '(hidden)' : value;
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, name === 'api_keys' ? '' : name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutSecrets(inner, key)]));
}
