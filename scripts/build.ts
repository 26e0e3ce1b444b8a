/** `npm run build`: the package's JavaScript and types in `dist/`, from nothing, with a command that can be run. */
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const command = join(root, 'dist', 'cli', 'main.js');

rmSync(join(root, 'dist'), { recursive: true, force: true });
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(1);
if (!readFileSync(command, 'utf8').startsWith('#!/usr/bin/env node\n')) {
  console.error('src/cli/main.ts must begin with "#!/usr/bin/env node": `bin` runs it as a program');
  process.exit(1);
}
chmodSync(command, 0o755);
