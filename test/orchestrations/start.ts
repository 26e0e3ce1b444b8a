/** A Tutti on fake models, in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTutti, type Tutti, type TuttiOptions } from '../../src/tutti.ts';
import { EventMonitor } from '../../src/testing/event-monitor.ts';
import { FakeBackend, type FakeModelScript } from '../../src/testing/fake-backend.ts';

export interface Started extends AsyncDisposable {
  readonly tutti: Tutti;
  readonly backend: FakeBackend;
  readonly events: EventMonitor;
}

/** `models` are those of the backend `fake`. Dispose it at the end of the test. */
export async function start(models: Record<string, FakeModelScript>, options: TuttiOptions = {}): Promise<Started> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'tutti-orchestrations-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const backend = new FakeBackend({ models });
  const tutti = await createTutti({
    directory,
    environment: {},
    log: 'silent',
    discover: false,
    backends: [backend],
    ...options,
  });
  stack.use(tutti);
  await tutti.backends.settled();
  const events = stack.use(new EventMonitor(tutti.events));
  const owned = stack.move();
  return { tutti, backend, events, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
