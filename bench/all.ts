/** `npm run bench -- all`: every benchmark, one after the other. */
import local from './local.ts';
import pool from './pool.ts';
import start from './start.ts';

export default async function all(args: readonly string[]): Promise<void> {
  await start(args);
  await local(args);
  await pool(args.includes('--json') ? ['--json'] : []);
}
