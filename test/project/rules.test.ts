import { beforeAll, describe, expect, test } from 'vitest';
import { lintTree, type Finding } from './lint.ts';

/** A violation of each convention that lint enforces beside the direction rules, and the same done well. */
const CASES: readonly { rule: string; file: string; bad: string; good: string }[] = [
  {
    rule: 'tutti(non-null-reason)',
    file: 'src/lib/first.ts',
    bad: 'export const first = (list: string[]) => list[0]!;\n',
    good: 'export const first = (list: string[]) => list[0]!; // callers never pass an empty one\n',
  },
  {
    rule: 'tutti(tutti-errors)',
    file: 'src/pool/refuse.ts',
    bad: "export function refuse(): never {\n  throw new Error('no');\n}\n",
    good: "import { TuttiError } from '../errors/error.ts';\nexport function refuse(): never {\n  throw new TuttiError('pool_closed', 'no');\n}\n",
  },
  {
    rule: 'tutti(silent-catch)',
    file: 'src/pool/quiet.ts',
    bad: 'export const quiet = async (work: Promise<void>) => work.catch(() => {});\n',
    good: 'export const quiet = async (work: Promise<void>) => work.catch(() => {}); // its owner reports it\n',
  },
  {
    rule: 'tutti(wire-details)',
    file: 'src/pool/full.ts',
    bad: "import { TuttiError } from '../errors/error.ts';\nexport const full = (maxModels: number) => new TuttiError('full', 'no', { details: { maxModels } });\n",
    good: "import { TuttiError } from '../errors/error.ts';\nexport const full = (maxModels: number) => new TuttiError('full', 'no', { details: { max_models: maxModels } });\n",
  },
  {
    rule: 'tutti(make-folder)',
    file: 'src/pool/folder.ts',
    bad: "import { mkdirSync } from 'node:fs';\nexport const make = (path: string) => mkdirSync(path, { recursive: true });\n",
    good: "import { mkdirSync } from 'node:fs';\nexport const make = (path: string) => mkdirSync(path);\n",
  },
  {
    rule: 'eslint(no-empty)',
    file: 'src/pool/empty.ts',
    bad: 'export function attempt(run: () => void): void {\n  try {\n    run();\n  } catch {}\n}\n',
    good: 'export function attempt(run: () => void): void {\n  try {\n    run();\n  } catch {\n    // its owner reports it\n  }\n}\n',
  },
  {
    rule: 'tutti(wait-for-events)',
    file: 'src/pool/slow.test.ts',
    bad: "import { test } from 'vitest';\ntest('x', () => new Promise((done) => setTimeout(done, 10)));\n",
    good: "import { test } from 'vitest';\ntest('x', () => Promise.resolve());\n",
  },
  {
    rule: 'vitest(no-disabled-tests)',
    file: 'src/pool/skipped.test.ts',
    bad: "import { test } from 'vitest';\ntest.skip('x', () => {});\n",
    good: "import { test } from 'vitest';\ntest('x', () => {});\n",
  },
  {
    rule: 'vitest(no-focused-tests)',
    file: 'src/pool/focused.test.ts',
    bad: "import { test } from 'vitest';\ntest.only('x', () => {});\n",
    good: "import { test } from 'vitest';\ntest('x', () => {});\n",
  },
  {
    rule: 'typescript(no-explicit-any)',
    file: 'src/lib/loose.ts',
    bad: 'export const loose = (value: any): unknown => value;\n',
    good: 'export const loose = (value: unknown): unknown => value;\n',
  },
  {
    rule: 'typescript(ban-ts-comment)',
    file: 'src/lib/hidden.ts',
    bad: "// @ts-expect-error it is a string\nexport const hidden: number = 'x';\n",
    good: 'export const hidden: number = 1;\n',
  },
  {
    rule: 'typescript(no-floating-promises)',
    file: 'src/lib/floating.ts',
    bad: 'export function start(run: () => Promise<void>): void {\n  run();\n}\n',
    good: 'export async function start(run: () => Promise<void>): Promise<void> {\n  await run();\n}\n',
  },
  {
    rule: 'typescript(no-misused-promises)',
    file: 'src/lib/misused.ts',
    bad: 'export const every = (list: string[], run: (one: string) => Promise<void>) => list.forEach(async (one) => run(one));\n',
    good: 'export const every = (list: string[], run: (one: string) => Promise<void>) => Promise.all(list.map(run));\n',
  },
  {
    rule: 'typescript(switch-exhaustiveness-check)',
    file: 'src/lib/switch.ts',
    bad: "export function say(word: 'a' | 'b'): void {\n  switch (word) {\n    case 'a':\n      console.log(word);\n  }\n}\n",
    good: "export function say(word: 'a' | 'b'): void {\n  switch (word) {\n    case 'a':\n    case 'b':\n      console.log(word);\n  }\n}\n",
  },
  {
    rule: 'typescript(consistent-type-imports)',
    file: 'src/lib/type.ts',
    bad: "import { Model } from '../contracts/model.ts';\nexport const of = (model: Model): string => model.id;\n",
    good: "import type { Model } from '../contracts/model.ts';\nexport const of = (model: Model): string => model.id;\n",
  },
  {
    rule: 'import(no-cycle)',
    file: 'src/registry/left.ts',
    bad: "import { right } from './right.ts';\nexport const left = (): unknown => right;\n",
    good: 'export const left = (): unknown => 1;\n',
  },
];

const SURROUNDINGS = {
  'src/contracts/model.ts': 'export interface Model { readonly id: string }\n',
  'src/errors/error.ts':
    'export class TuttiError extends Error {\n  constructor(code: string, message: string, _options: object = {}) {\n    super(`${code}: ${message}`);\n  }\n}\n',
  'src/registry/right.ts': "import { left } from './left.ts';\nexport const right = (): unknown => left;\n",
};

describe('lint', () => {
  let bad: readonly Finding[];
  let good: readonly Finding[];
  beforeAll(async () => {
    const tree = (kind: 'bad' | 'good'): Record<string, string> =>
      Object.fromEntries([...Object.entries(SURROUNDINGS), ...CASES.map((one) => [one.file, one[kind]] as const)]);
    bad = await lintTree(tree('bad'));
    good = await lintTree(tree('good'));
  });

  test.each(CASES)('$rule is reported', ({ rule, file }) => {
    expect(bad.filter((one) => one.file === file).map((one) => one.rule)).toContain(rule);
  });

  test('code that keeps to the conventions has no finding', () => {
    expect(good).toEqual([]);
  });
});
