import { beforeAll, describe, expect, test } from 'vitest';
import { LAYERS, importProblem, pathProblem } from '../../scripts/lint/layers.ts';
import { lintTree, type Finding } from './lint.ts';

/** A file that exists in the planted tree, one for each part, so that imports resolve and types are known. */
const PARTS = {
  'src/contracts/model.ts': 'export interface Model { readonly id: string }\n',
  'src/errors/error.ts': 'export const code = 1;\n',
  'src/lib/clock.ts': 'export const tick = 1;\n',
  'src/config/load.ts': 'export const config = 1;\n',
  'src/registry/schema.ts': 'export const entry = 1;\n',
  'src/registry/registry.ts': 'export const registry = 1;\n',
  'src/runs/log.ts': 'export const runs = 1;\n',
  'src/storage/database.ts': 'export const storage = 1;\n',
  'src/hub/pull.ts': 'export const hub = 1;\n',
  'src/backends/ollama/backend.ts': 'export const ollama = 1;\n',
  'src/backends/openai-protocol/chat.ts': 'export const protocol = 1;\n',
  'src/knowledge/memory.ts': 'export const memory = 1;\n',
  'src/tools/calculator/calculator.ts': 'export const calculator = 1;\n',
  'src/tasks/queue.ts': 'export const queue = 1;\n',
  'src/pool/contract.ts': 'export interface Lease { readonly id: string }\n',
  'src/pool/pool.ts': 'export const pool = 1;\n',
  'src/router/router.ts': 'export const router = 1;\n',
  'src/answers/vote.ts': 'export const vote = 1;\n',
  'src/strategies/fallback.ts': 'export const fallback = 1;\n',
  'src/arbiter/arbiter.ts': 'export const arbiter = 1;\n',
  'src/eval/summary.ts': 'export const summary = 1;\n',
  'src/testing/fake-backend.ts': 'export const fake = 1;\n',
  'src/composition/media.ts': 'export const media = 1;\n',
  'src/server/app.ts': 'export const app = 1;\n',
  'src/server/wire/wire.ts': 'export interface Wire { readonly id: string }\n',
  'src/server/wire-types.ts': "export type { Wire } from './wire/wire.ts';\n",
  'src/cli/main.ts': 'export const main = 1;\n',
  'src/version.ts': "export const version = '1';\n",
  'src/tutti.ts': 'export const tutti = 1;\n',
  'src/index.ts': "export { tutti } from './tutti.ts';\n",
} as const;
type Part = keyof typeof PARTS;

const layerOf = (part: string): string => part.split('/')[1] ?? '';
const covers = (mayImport: readonly string[], part: Part): boolean =>
  [layerOf(part), part.slice('src/'.length), part.split('/')[2] ?? ''].some((name) => mayImport.includes(name));
const nameIn = (part: Part): string => /(?:const|interface|type {) (\w+)/.exec(PARTS[part])?.[1] ?? 'tutti';

const slug = (part: Part): string => part.replace(/^src\/|\.ts$/g, '').replace(/\W/g, '-');

/** `import` of one part from a file at `from`, as a person would write it. */
function importOf(part: Part, from: string): string {
  const up = '../'.repeat(from.split('/').length - 1);
  const type = /interface|export type/.test(PARTS[part]) ? 'type ' : '';
  return `import ${type}{ ${nameIn(part)} } from '${up}${part}';\nexport ${type ? `type Alias = ${nameIn(part)}` : `const copy = ${nameIn(part)}`};\n`;
}

/** One forbidden import for each pair of layers whose row does not name the other. */
const forbidden = Object.entries(LAYERS).flatMap(([layer, row]) => {
  const folder = ['backends', 'tools'].includes(layer) ? `src/${layer}/planted` : `src/${layer}`;
  return (Object.keys(PARTS) as Part[])
    .filter((part) => part !== 'src/index.ts' && layerOf(part) !== layer && !covers(row.mayImport, part))
    .map((part) => ({ layer, part, file: `${folder}/to-${slug(part)}.ts` }));
});
const allowed = Object.entries(LAYERS).flatMap(([layer, row]) =>
  (Object.keys(PARTS) as Part[])
    .filter((part) => covers(row.mayImport, part))
    .map((part) => ({ part, file: `src/${layer}/from-${slug(part)}.ts` })),
);

const clean: Record<string, string> = {
  ...PARTS,
  ...Object.fromEntries(allowed.map(({ file, part }) => [file, importOf(part, file)])),
  'src/backends/vllm/backend.ts': importOf('src/backends/openai-protocol/chat.ts', 'src/backends/vllm/backend.ts'),
  'src/backends/llama-cpp/runner.ts': "export const load = () => import('node-llama-cpp');\n",
  'src/pool/pool.test.ts': `import { test } from 'vitest';\n${importOf('src/testing/fake-backend.ts', 'src/pool/pool.test.ts')}void test;\n`,
  'dashboard/page.ts': importOf('src/server/wire-types.ts', 'dashboard/page.ts'),
};

const planted: Record<string, string> = {
  ...PARTS,
  ...Object.fromEntries(forbidden.map(({ file, part }) => [file, importOf(part, file)])),
  'src/router/public-face.ts': importOf('src/index.ts', 'src/router/public-face.ts'),
  'src/router/by-dynamic-import.ts': "export const load = () => import('../server/app.ts');\n",
  'src/router/by-type-import.ts': "export type Wire = import('../server/wire-types.ts').Wire;\n",
  'src/router/by-export.ts': "export { app } from '../server/app.ts';\nexport const other = 1;\n",
  'src/router/by-export-all.ts': "export * from '../server/app.ts';\nexport const other = 1;\n",
  'src/backends/vllm/backend.ts': importOf('src/backends/ollama/backend.ts', 'src/backends/vllm/backend.ts'),
  'src/backends/vllm/deep/part.ts': importOf('src/backends/ollama/backend.ts', 'src/backends/vllm/deep/part.ts'),
  'src/strategies/race.ts': importOf('src/strategies/fallback.ts', 'src/strategies/race.ts'),
  'src/novelty/novelty.ts': importOf('src/lib/clock.ts', 'src/novelty/novelty.ts'),
  'src/pool/heavy.ts': "export const load = () => import('node-llama-cpp');\n",
  'src/pool/tested.ts': "export { vi } from 'vitest';\nexport const other = 1;\n",
  'dashboard/page.ts': importOf('src/server/app.ts', 'dashboard/page.ts'),
  'src/pool/index.ts': 'export const barrel = 1;\n',
  'src/pool/everything.ts': "export { pool } from './pool.ts';\n",
  'src/pool/utils/clamp.ts': 'export const clamp = 1;\n',
  'src/pool/helpers.ts': 'export const help = 1;\n',
};

describe('direction rules', () => {
  let found: readonly Finding[];
  const messagesAt = (file: string): readonly string[] => found.filter((one) => one.file === file).map((one) => one.message);
  beforeAll(async () => {
    found = await lintTree(planted);
  });

  test('a tree that keeps to them has no finding', async () => {
    expect(await lintTree(clean)).toEqual([]);
  });

  test.each(Object.keys(LAYERS))('lint reports every import that %s may not make, with the reason', (layer) => {
    const mine = forbidden.filter((one) => one.layer === layer);
    expect(mine.length).toBeGreaterThan(0);
    for (const { part, file } of mine) {
      expect(messagesAt(file)).toEqual([`src/${layer} may not import ${part}: ${LAYERS[layer]?.because}`]);
    }
  });

  test('lint reports only what was planted', () => {
    expect(found.filter(({ file }) => file in PARTS)).toEqual([]);
  });

  test.each([
    ['src/router/public-face.ts', 'nothing inside src imports it'],
    ['src/router/by-dynamic-import.ts', 'src/router may not import src/server'],
    ['src/router/by-type-import.ts', 'src/router may not import src/server'],
    ['src/router/by-export.ts', 'src/router may not import src/server'],
    ['src/router/by-export-all.ts', 'src/router may not import src/server'],
    ['src/backends/vllm/backend.ts', 'siblings never import siblings'],
    ['src/backends/vllm/deep/part.ts', 'siblings never import siblings'],
    ['src/strategies/race.ts', 'siblings never import siblings'],
    ['src/novelty/novelty.ts', 'has no row in scripts/lint/layers.ts'],
    ['src/pool/heavy.ts', 'it enters under src/backends/llama-cpp only'],
    ['src/pool/tested.ts', 'only tests and src/testing may import it'],
    ['dashboard/page.ts', 'it may import src/server/wire-types.ts only'],
    ['src/pool/index.ts', 'no barrels'],
    ['src/pool/everything.ts', 'no barrels'],
    ['src/pool/utils/clamp.ts', 'no utils, helpers, shared or common'],
    ['src/pool/helpers.ts', 'no utils, helpers, shared or common'],
  ])('lint reports %s: %s', (file, reason) => {
    expect(messagesAt(file)).toEqual([expect.stringContaining(reason)]);
  });
});

describe('the table', () => {
  test('names only parts that have a row themselves, and the two files beside them', () => {
    const known = new Set([...Object.keys(LAYERS), 'tutti.ts', 'version.ts']);
    for (const row of Object.values(LAYERS)) {
      for (const entry of row.mayImport.filter((one) => one !== 'schema.ts')) expect(known).toContain(entry.split('/')[0]);
    }
  });

  test('has no circle of folders', () => {
    const reaches = (from: string, seen: readonly string[]): void => {
      expect(seen, `${[...seen, from].join(' → ')} is a circle`).not.toContain(from);
      for (const next of LAYERS[from]?.mayImport ?? []) reaches(next.split('/')[0] ?? next, [...seen, from]);
    };
    for (const layer of Object.keys(LAYERS)) reaches(layer, []);
  });

  test('lets the composition root see everything, and a test file the published fakes', () => {
    expect(importProblem('src/tutti.ts', 'src/pool/pool.ts')).toBeNull();
    expect(importProblem('src/composition/config-schema.ts', 'src/server/schema.ts')).toBeNull();
    expect(importProblem('src/pool/pool.test.ts', 'src/testing/fake-backend.ts')).toBeNull();
    expect(importProblem('src/pool/pool.ts', 'src/testing/fake-backend.ts')).not.toBeNull();
  });

  test('allows index.ts at the subpaths that the package declares', () => {
    expect(pathProblem('src/testing/index.ts', ['src/testing/index.ts'])).toBeNull();
    expect(pathProblem('src/testing/index.ts', [])).toContain('no barrels');
  });
});
