/** `tutti config show`: what counts in the end, after defaults, environment and flags. */
import { stringify } from 'yaml';
import type { CommandRun } from '../commands.ts';

const SECRET = /key|token|secret|password|authorization/i;
const HIDDEN = '(hidden)';

export const run: CommandRun = async ({ loadConfig, output }) => {
  const { config, file } = (await loadConfig()).loaded;
  const shown = withoutSecrets(config, '');
  if (output.json) output.data({ file, config: shown });
  else output.write(`# ${file ?? 'no config file'}\n${stringify(shown)}`);
};

/** Texts under a key that names a secret are replaced, and so are passwords in addresses; the names of API keys stay. */
export function withoutSecrets(value: unknown, name: string): unknown {
  if (typeof value === 'string') return SECRET.test(name) ? HIDDEN : withoutPassword(value);
  if (Array.isArray(value)) return name === 'api_keys' ? value.map((item) => withoutSecrets(item, '')) : words(value, name);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutSecrets(inner, key)]));
}

/** A list, perhaps the words of a command: `--api-key k` and `--api-key=k` name secrets, too. */
function words(list: readonly unknown[], name: string): unknown[] {
  return list.map((item, i) => {
    const before = list[i - 1];
    if (typeof item !== 'string') return withoutSecrets(item, name);
    if (typeof before === 'string' && /^--?[\w-]+$/.test(before) && SECRET.test(before)) return HIDDEN;
    const option = /^(--?[\w-]+=)./s.exec(item)?.[1];
    return option !== undefined && SECRET.test(option) ? option + HIDDEN : withoutSecrets(item, name);
  });
}

function withoutPassword(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/@:]*:)[^/@]*@/i, `$1${HIDDEN}@`);
}
