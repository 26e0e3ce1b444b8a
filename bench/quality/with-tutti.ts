import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTutti, type Tutti, type TuttiOptions } from '../../src/tutti.ts';

/** Work with a Tutti in a folder of its own, without anything of this machine. Both are gone afterwards. */
export async function withTutti<T>(options: TuttiOptions, work: (tutti: Tutti) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'tutti-bench-'));
  try {
    const settings = { directory, environment: {}, discover: false, log: 'error', data_dir: directory } as const;
    await using tutti = await createTutti({ ...settings, ...options });
    return await work(tutti);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
