/**
 * `npm run bench -- <name> …` and `npm run example -- <name> …`: runs one file of a folder, on the unbuilt sources.
 * A file either does its work when it is loaded or exports a function of the arguments. Without a name, or with an unknown one, it lists what there is.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder = '', name = '', ...rest] = process.argv.slice(2);
const root = join(import.meta.dirname, '..', folder);
const names = readdirSync(root)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();

if (names.includes(name)) {
  const file = join(root, `${name}.ts`);
  process.argv.splice(1, Infinity, file, ...rest);
  const { default: main } = (await import(pathToFileURL(file).href)) as { default?: (args: readonly string[]) => unknown };
  await main?.(rest);
} else {
  console.error(`${name === '' ? 'Say which one' : `There is no "${name}"`} in ${folder}/: ${names.join(', ')}`);
  process.exitCode = 2;
}
