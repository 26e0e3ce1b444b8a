/** Every name of `rows.ts` exists, and every row has a test. What the names do is in the files beside this one. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/commands.ts';
import { configJsonSchema } from '../../src/tutti.ts';
import * as exported from '../../src/index.ts';
import { ROUTES } from '../../src/server/app.ts';
import { startServer } from '../server/harness.ts';
import { ROWS, type Row } from './rows.ts';

const rows = Object.entries(ROWS) as [string, Row][];
const all = (column: keyof Row) => [...new Set(rows.flatMap(([, row]) => row[column] ?? []))].sort();

describe('each name of the seed map', () => {
  it('is in the library', async () => {
    await using harness = await startServer();
    const missing = all('library').filter((name) => {
      if (name in exported) return false;
      let value: unknown = harness.tutti;
      for (const key of name.split('.')) value = (value as Record<string, unknown> | undefined)?.[key];
      return typeof value !== 'function' && typeof value !== 'object';
    });
    expect(missing).toEqual([]);
  });

  it('is a route', () => {
    const routes = new Set(ROUTES.map(({ method, path }) => `${method} ${path}`));
    expect(all('http').filter((name) => !routes.has(name))).toEqual([]);
  });

  it('is a command with these options', () => {
    const program = createProgram(async () => {});
    expect(all('cli').filter((name) => !hasCommand(program, name.split(' ')))).toEqual([]);
  });

  it('is a key of the config', async () => {
    const schema = (await configJsonSchema()) as Json;
    expect(all('config').filter((name) => !hasKey(schema, name.split('.')))).toEqual([]);
  });

  it('has one test, named after its row', () => {
    const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.test.ts') && file !== 'names.test.ts');
    const text = files.map((file) => readFileSync(`${import.meta.dirname}/${file}`, 'utf8')).join('\n');
    const tested = [...text.matchAll(/\brow\(\s*(?:'([^']+)'|`([^`]+)`)/g)].map(([, a, b]) => a ?? b ?? '');
    expect(tested.toSorted()).toEqual(Object.keys(ROWS).toSorted());
  });
});

/** `['models', 'add', '--device']` */
function hasCommand(program: Command, words: readonly string[]): boolean {
  let command: Command | undefined = program;
  for (const word of words.filter((word) => !word.startsWith('--'))) {
    command = command.commands.find((each) => each.name() === word);
    if (command === undefined) return false;
  }
  const options = command.options.map(({ long }) => long);
  return words.filter((word) => word.startsWith('--')).every((word) => options.includes(word));
}

interface Json {
  readonly properties?: Readonly<Record<string, Json>>;
  readonly additionalProperties?: Json | boolean;
  readonly anyOf?: readonly Json[];
  readonly oneOf?: readonly Json[];
  readonly allOf?: readonly Json[];
}

/** Whether some form of the schema has the key; the second name below a map stands for any. */
function hasKey(schema: Json, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return true;
  const forms = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  return forms.some((form) => {
    if (form !== schema && hasKey(form, [key, ...rest])) return true;
    const inner =
      form.properties?.[key] ?? (typeof form.additionalProperties === 'object' ? form.additionalProperties : undefined);
    return inner !== undefined && hasKey(inner, rest);
  });
}
