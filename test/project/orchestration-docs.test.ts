/** docs/orchestrations.md names every key of every strategy, with its default, and no other ones. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { collectKinds } from '../../src/composition/kinds.ts';
import { orchestrationCommon } from '../../src/composition/orchestration.ts';
import { memberConfig, memberSettings } from '../../src/contracts/member.ts';
import { readConfig } from '../../src/tutti.ts';

const text = readFileSync(new URL('../../docs/orchestrations.md', import.meta.url), 'utf8');

interface Json {
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Json[];
  readonly items?: Json;
  readonly additionalProperties?: Json | boolean;
  readonly default?: unknown;
}
/** A key with its default: `required`, a value as JSON, or null where it has none of its own. */
type Keys = Readonly<Record<string, string | null>>;

const toJson = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json;
/** What tells an entry that is a member: those have a table of their own. */
const member = 'model,instructions,name,consult';

/** Paths such as `stages[].expect.json` and `roles.<name>.model`. An object of fixed keys is told by these alone. */
function keysOf({ anyOf, ...own }: Json): Keys {
  const forms = anyOf ?? [own];
  const below = forms.flatMap((form): [string, string | null][] => {
    if (form.properties !== undefined) return Object.entries(form.properties).flatMap(([key, value]) => keyed(key, value, form));
    if (form.items !== undefined) return inside('[]', form.items);
    return typeof form.additionalProperties === 'object' ? inside('.<name>', form.additionalProperties) : [];
  });
  return Object.fromEntries(below);
}

function keyed(key: string, value: Json, { required = [], properties = {} }: Json): [string, string | null][] {
  const isSetting = 'temperature' in properties && Object.hasOwn(memberSettings.shape, key);
  if (key === 'strategy' || isSetting) return [];
  const inner = Object.entries(keysOf(value));
  const isFixed = value.properties !== undefined;
  const own = required.includes(key) ? 'required' : value.default === undefined ? null : plain(value.default);
  if (inner.map(([path]) => path).join() === member) return [[key, own]];
  const dotted = inner.map(([path, given]): [string, string | null] => [
    /^[[.]/.test(path) ? key + path : `${key}.${path}`,
    given,
  ]);
  return isFixed ? dotted : [[key, own], ...dotted];
}

function inside(mark: string, schema: Json): [string, string | null][] {
  const keys = keysOf(schema);
  return Object.keys(keys).join() === member ? [] : Object.entries(keys).map(([key, given]) => [`${mark}.${key}`, given]);
}

const plain = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

/** The rows of the first table below a heading that has defaults. */
function documented(heading: string): Record<string, string> {
  const [, section = ''] = text.split(`\n${heading}\n`);
  const [, rows = ''] =
    /\| key \| default \| meaning \|\n\|---\|---\|---\|\n((?:\|.*\n)*)/.exec(section.split(/^#{1,3} /m)[0] ?? '') ?? [];
  return Object.fromEntries(Array.from(rows.matchAll(/^\| `([^`]+)` \| (.*?) \|/gm), ([, key = '', given = '']) => [key, given]));
}

/** Defaults that a schema states must stand in the table as they are; others are told in words. */
function check(heading: string, keys: Keys): void {
  const rows = documented(heading);
  expect(Object.keys(rows).sort()).toEqual(Object.keys(keys).sort());
  const stated = Object.entries(keys).filter(([, given]) => given !== null);
  expect(rows).toMatchObject(Object.fromEntries(stated));
}

describe('docs/orchestrations.md', () => {
  const { strategies } = collectKinds([]);

  it.each([...strategies.keys()])('has the keys of %s', (name) => {
    const definition = strategies.get(name);
    if (definition !== undefined) check(`## ${name}`, keysOf(toJson(definition.config)));
    expect(text).toContain(`| [\`${name}\`](#${name}) |`);
  });

  it('has the keys of members, and those of every orchestration', () => {
    check('## Members', keysOf(toJson(memberConfig)));
    const common = z.strictObject(orchestrationCommon);
    check('### Keys of every orchestration', { strategy: 'required', ...keysOf(toJson(common)) });
  });

  it('shows a config that is good, as the readme does', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tutti-docs-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const file = join(directory, 'tutti.yaml');
    const readme =
      readFileSync(new URL('../../README.md', import.meta.url), 'utf8').split('\n## Models made of models\n')[1] ?? '';
    for (const page of [text, readme.split('\n## ')[0] ?? '']) {
      const blocks = Array.from(page.matchAll(/^```yaml\n([^]*?)^```/gm), ([, block = '']) => block);
      expect(blocks).not.toEqual([]);
      await writeFile(file, blocks.join('\n'));
      const { loaded } = await readConfig({ file, environment: {} });
      expect(Object.keys(loaded.config.orchestrations)).toContain('nested');
    }
  });

  it('names the settings of members', () => {
    for (const setting of Object.keys(memberSettings.shape)) expect(text).toContain(`\`${setting}\``);
  });
});
