import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SILENT_LOGGER } from '../../src/contracts/logger.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { readLines } from '../../src/lib/json-lines.ts';
import { createRuns } from '../../src/runs/runs.ts';
import { runsSchema } from '../../src/runs/schema.ts';
import { openStorage } from '../../src/storage/storage.ts';

interface Report {
  readonly run: string;
  readonly runs: number;
  readonly event: number;
}

/** Lets the writer commit so many batches and kills it in the middle of the next. */
async function killedAfter(batches: number, path: string): Promise<Report[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'endless-writer.ts'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const reports: Report[] = [];
  for await (const line of readLines(child.stdout)) {
    if (line.endsWith('}')) reports.push(JSON.parse(line) as Report);
    if (reports.length === batches) child.kill('SIGKILL');
  }
  expect(await exit).toEqual([null, 'SIGKILL']);
  return reports;
}

it('what was committed before a kill -9 is there afterwards, the database is whole, and ids go on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-crash-'));
  const path = join(folder, 'tutti.db');
  try {
    let committed = 0;
    let lastEvent = 0;
    for (const batches of [1, 7, 20]) {
      const reports = await killedAfter(batches, path);
      committed += reports.reduce((sum, { runs }) => sum + runs, 0);
      expect(reports[0]?.event).toBeGreaterThan(lastEvent);
      lastEvent = reports.at(-1)?.event ?? 0;

      using storage = openStorage({ path, log: SILENT_LOGGER, clock });
      using runs = createRuns({ storage, clock, log: SILENT_LOGGER, config: runsSchema.parse({}) });
      expect(storage.status).toMatchObject({ ok: true, movedAside: [] });
      expect(storage.check()).toEqual({ ok: true, message: 'ok' });
      for (const { run } of reports) expect(runs.get(run)?.status).toBe('completed');
      expect(runs.stats().totalExecutions).toBeGreaterThanOrEqual(committed);
      committed = runs.stats().totalExecutions;
      expect(runs.events.lastId).toBeGreaterThanOrEqual(lastEvent);
      const last = [...runs.events.replay(lastEvent - 1)].find(({ id }) => id === lastEvent);
      expect(last?.type).toBe('run.completed');
      lastEvent = runs.events.lastId;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
