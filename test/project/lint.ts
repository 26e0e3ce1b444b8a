/** Runs the repository's own lint configuration on a small tree of files, for the tests that prove its rules bite. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export const REPOSITORY = resolve(import.meta.dirname, '..', '..');

export interface Finding {
  readonly file: string;
  /** `tutti(direction)`, `typescript-eslint(no-explicit-any)` … */
  readonly rule: string;
  readonly message: string;
}

/** What lint says of a tree with these files (path → text), under the repository's configuration. */
export async function lintTree(files: Readonly<Record<string, string>>): Promise<readonly Finding[]> {
  const root = await mkdtemp(join(tmpdir(), 'tutti-lint-'));
  try {
    for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) await cp(join(REPOSITORY, name), join(root, name));
    await cp(join(REPOSITORY, 'scripts', 'lint'), join(root, 'scripts', 'lint'), { recursive: true });
    await symlink(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    const output = await runOxlint(root);
    const report = JSON.parse(output) as { diagnostics: { filename: string; code: string; message: string }[] };
    return report.diagnostics.map(({ filename, code, message }) => ({ file: filename, rule: code, message }));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Its exit status says only that something was found, so the report decides; no report at all is a failure. */
function runOxlint(root: string): Promise<string> {
  return new Promise((done, fail) => {
    const args = [join(REPOSITORY, 'node_modules', 'oxlint', 'bin', 'oxlint'), '--format=json', 'src', 'test', 'dashboard'];
    execFile(process.execPath, args, { cwd: root, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (stdout.includes('"diagnostics"')) done(stdout);
      else fail(new Error(`oxlint gave no report: ${stdout}${stderr}`, { cause: error }));
    });
  });
}
