import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from './lint.ts';

interface Entry {
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
const read = (name: string): unknown => JSON.parse(readFileSync(join(REPOSITORY, name), 'utf8'));
const { packages } = read('package-lock.json') as { packages: Record<string, Entry> };
const manifest = read('package.json') as {
  allowScripts: Record<string, boolean>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
};
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** npm looks for a dependency beside the package, then in each folder above it. */
function isLocked(from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in packages) return true;
    if (folder === '' || !folder.includes('/node_modules/')) return `node_modules/${name}` in packages;
  }
}

test('every optional dependency is in the lockfile, or `npm ci` refuses it', () => {
  const missing = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => !isLocked(path, name))
      .map((name) => `${nameOf(path)} → ${name}`),
  );
  expect(missing).toEqual([]);
});

test('the lockfile and package.json name the same dependencies', () => {
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  expect(packages['']).toMatchObject({ dependencies, devDependencies, optionalDependencies });
});

test('each package with an install script is approved or denied by name', () => {
  const undecided = Object.entries(packages)
    .filter(([path, entry]) => entry.hasInstallScript && !(nameOf(path) in manifest.allowScripts))
    .map(([path]) => nameOf(path));
  expect(undecided).toEqual([]);
});

test('only the pinned Node may run an install script', () => {
  expect(Object.keys(manifest.allowScripts).filter((name) => manifest.allowScripts[name])).toEqual(['node']);
});

test('the lockfile names no registry, so that any mirror serves', () => {
  expect(Object.values(packages).filter((entry) => entry.resolved !== undefined)).toEqual([]);
});

test('direct dependencies have exact versions', () => {
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
  }
});
