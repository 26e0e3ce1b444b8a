/**
 * Run by `crash.test.ts` to be killed: records runs without end, and says after each batch what is in the database.
 * Arguments: the path of the database.
 */
import { writeSync } from 'node:fs';
import { SILENT_LOGGER } from '../../src/contracts/logger.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { createRuns } from '../../src/runs/runs.ts';
import { runsSchema } from '../../src/runs/schema.ts';
import { openStorage } from '../../src/storage/storage.ts';

const storage = openStorage({ path: process.argv[2] ?? '', log: SILENT_LOGGER, clock });
const runs = createRuns({ storage, clock, log: SILENT_LOGGER, config: runsSchema.parse({}) });

for (;;) {
  let id = '';
  for (let i = 0; i < 40; i++) {
    const recorder = runs.start({
      principal: 'local',
      operation: 'chat',
      target: 'auto',
      metadata: { filler: 'x'.repeat(2000) },
    });
    id = recorder.id;
    recorder.accept({ type: 'finish', step: 'root', choice: 0, reason: 'stop' });
    recorder.complete();
  }
  if (runs.flush()) writeSync(1, `${JSON.stringify({ run: id, runs: 40, event: runs.events.lastId })}\n`);
}
